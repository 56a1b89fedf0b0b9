"""A small ensemble of neural networks that predicts, while a search runs, how good an architecture is.

The members are multilayer perceptrons, trained by Adam on the squared error, all of them at once as stacked matrices.
They start from different weights and see different minibatches; where they disagree, the data says little. Trained in
rounds: each goes on from the last. In numpy, so that a search needs no torch.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

Matrix = NDArray[np.float32]

_BETAS = (0.9, 0.99)
_EPSILON = np.float32(1e-8)


def normal_scores(values: NDArray) -> Matrix:
    """float32 [n]: the standard normal quantiles of the ranks.

    Accuracies are crowded near their maximum with a long tail below; on the scale of ranks all are equally apart, and
    the unit of the benchmark does not matter.
    """
    return ndtri((rankdata(values) - 0.5) / len(values)).astype(np.float32)


class Ensemble:
    """Stacked perceptrons with two hidden layers of ReLU units.

    Args:
        inputs: F, the features.
        rng: the source of the weights and minibatches.
        members: how many networks.
        hidden: units of each hidden layer.
        minibatch: rows in a step, for each member.
        rate: Adam's learning rate.
        decay: weight decay, decoupled.
    """

    def __init__(
        self,
        inputs: int,
        rng: np.random.Generator,
        *,
        members: int = 5,
        hidden: int = 48,
        minibatch: int = 64,
        rate: float = 0.01,
        decay: float = 0.1,
    ) -> None:
        self.rng = rng
        self.members = members
        self.minibatch = minibatch
        self.rate = rate
        self.decay = decay
        sizes = (inputs, hidden, hidden, 1)
        self._weights: list[Matrix] = []
        for wide, narrow in itertools.pairwise(sizes):
            # He et al. 2015, for ReLU units.
            scale = np.float32(np.sqrt(2.0 / wide))
            self._weights.append(rng.standard_normal((members, wide, narrow), dtype=np.float32) * scale)
            self._weights.append(np.zeros((members, 1, narrow), dtype=np.float32))
        self._first = [np.zeros_like(one) for one in self._weights]
        self._second = [np.zeros_like(one) for one in self._weights]
        self._step = 0

    def fit(self, x: Matrix, y: Matrix, steps: int) -> None:
        """Trains on; the learning rate falls to 0 over the steps.

        Args:
            x: features, [n, F].
            y: targets, [n].
            steps: of the optimiser.
        """
        size = min(self.minibatch, len(x))
        for number in range(steps):
            rows = self.rng.integers(len(x), size=(self.members, size))
            self._adam(self._gradients(x[rows], y[rows][..., None]), self.rate * (1 - number / steps))

    def predict(self, x: Matrix) -> Matrix:
        """float32 [members, n]."""
        return self._layers(x)[-1][..., 0]

    def _layers(self, x: Matrix) -> list[Matrix]:
        found = [x]
        for number in range(0, len(self._weights), 2):
            out = found[-1] @ self._weights[number] + self._weights[number + 1]
            last = number == len(self._weights) - 2
            found.append(out if last else np.maximum(out, 0))
        return found

    def _gradients(self, x: Matrix, y: Matrix) -> list[Matrix]:
        layers = self._layers(x)
        found: list[Matrix] = []
        error = 2 * (layers[-1] - y) / y.shape[1]
        for number in range(len(self._weights) - 2, -1, -2):
            below = layers[number // 2]
            found[:0] = [below.transpose(0, 2, 1) @ error, error.sum(axis=1, keepdims=True)]
            if number:
                error = (error @ self._weights[number].transpose(0, 2, 1)) * (below > 0)
        return found

    def _adam(self, gradients: list[Matrix], rate: float) -> None:
        self._step += 1
        one, two = (np.float32(beta) for beta in _BETAS)
        correction = np.float32(rate * np.sqrt(1 - _BETAS[1] ** self._step) / (1 - _BETAS[0] ** self._step))
        shrink = np.float32(1 - rate * self.decay)
        for weight, gradient, first, second in zip(self._weights, gradients, self._first, self._second, strict=True):
            first *= one
            first += (1 - one) * gradient
            second *= two
            second += (1 - two) * gradient * gradient
            weight *= shrink
            weight -= correction * first / (np.sqrt(second) + _EPSILON)
