"""A search led by a predictor, in the manner of BANANAS (White, Neiswanger & Savani, AAAI 2021).

As there, an ensemble of small neural networks on a path encoding is trained on what was evaluated, candidates are
mutations of the best architectures, and independent Thompson sampling chooses among them. Unlike there, the networks go
on training from round to round, fit the ranks of the values, and candidates are also drawn at random.

The networks are multilayer perceptrons on features of the code (`nb301_ogb.search.features`), not the graph networks
or trees that surrogate benchmarks are made of. Who puts another model in their place names it with every result.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nb301_ogb.search.choices import Choices
from nb301_ogb.search.features import features
from nb301_ogb.search.interface import Optimiser, Values, at_least
from nb301_ogb.search.predictor import Ensemble, normal_scores
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

_FIRST_STEPS, _STEPS = 200, 40
_MOST_MOVES = 3
_LEAST_TO_FIT = 4


class Bananas(Optimiser):
    """Asks for what an ensemble of perceptrons, trained on the answers so far, takes for good.

    No architecture is asked twice as long as there are others.

    Args:
        space: where to search.
        rng: the only source of chance.
        initial: random architectures evaluated before the first training.
        batch: architectures chosen after each training.
        members: networks of the ensemble.
        parents: how many of the best architectures are mutated.
        mutations: candidates made of each parent, by one to three moves.
        random: candidates drawn at random.
    """

    title: ClassVar[str] = "BANANAS-style predictor search"

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        initial: int = 20,
        batch: int = 10,
        members: int = 5,
        parents: int = 10,
        mutations: int = 20,
        random: int = 50,
    ) -> None:
        super().__init__(space, rng)
        self.initial = at_least("initial", initial, 1)
        self.batch = at_least("batch", batch, 1)
        self.members = at_least("members", members, 2)
        self.parents = at_least("parents", parents, 1)
        self.mutations = at_least("mutations", mutations, 1)
        self.random = at_least("random", random, 1)
        self._choices = Choices(space)
        self._codes = np.empty((0, space.code_length), dtype=np.uint8)
        self._values: Values = np.empty(0)
        self._features = features(space, self._choices, self._codes)
        self._asked: set[bytes] = set()
        self._ensemble: Ensemble | None = None

    def ask(self) -> CodeArray:
        """First random architectures, then the choice among the candidates."""
        if not self._asked:
            return self.space.sample(self.initial, self.rng)
        if len(self._values) < _LEAST_TO_FIT:
            # Too few answers to learn from.
            return self._new(self.space.sample(self.batch, self.rng))
        self._train()
        candidates = self._new(self._candidates())
        seen = features(self.space, self._choices, candidates)
        predicted = self._ensemble.predict(seen).astype(np.float64)  # type: ignore[union-attr]
        drawn = self.rng.normal(predicted.mean(axis=0), predicted.std(axis=0))
        return candidates[np.argsort(-drawn, kind="stable")[: self.batch]]

    def tell(self, codes: CodeArray, values: Values) -> None:
        """Remembers the answers; architectures without one are not learnt from."""
        self._asked.update(code.tobytes() for code in codes)
        there = ~np.isnan(values)
        self._codes = np.concatenate([self._codes, codes[there]])
        self._values = np.concatenate([self._values, values[there]])
        self._features = np.concatenate([self._features, features(self.space, self._choices, codes[there])])

    def _train(self) -> None:
        steps = _STEPS
        if self._ensemble is None:
            self._ensemble = Ensemble(self._features.shape[1], self.rng, members=self.members)
            steps = _FIRST_STEPS
        self._ensemble.fit(self._features, normal_scores(self._values), steps)

    def _candidates(self) -> CodeArray:
        best = self._codes[np.argsort(-self._values, kind="stable")[: self.parents]]
        moved = np.repeat(best, self.mutations, axis=0)
        moves = self.rng.integers(1, _MOST_MOVES + 1, size=len(moved))
        for number in range(_MOST_MOVES):
            rows = moves > number
            moved[rows] = self.space.mutate(moved[rows], self.rng)
        return np.concatenate([moved, self.space.sample(self.random, self.rng)])

    def _new(self, codes: CodeArray) -> CodeArray:
        """Those that were not asked yet, each once; all of them where there are none."""
        found = {code.tobytes(): code for code in codes if code.tobytes() not in self._asked}
        return np.stack(list(found.values())) if found else codes
