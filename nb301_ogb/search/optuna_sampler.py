"""The samplers of Optuna as optimisers (the extra `search`)."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from nb301_ogb.errors import missing_extra
from nb301_ogb.search.choices import Choices
from nb301_ogb.search.interface import Optimiser, Values, at_least, one_of
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler", "nsga2": "NSGAIISampler"}


class OptunaSampler(Optimiser):
    """Optuna's choice among the values of each choice, as categorical parameters.

    Args:
        space: where to search.
        rng: the only source of chance; Optuna's sampler gets its seed from it.
        sampler: `tpe` (tree-structured Parzen estimator, Bergstra et al. 2011), `random`, or `nsga2` (a genetic
            algorithm).
        batch: architectures asked at once; 1 is the sequential algorithm.

    Raises:
        MissingExtraError: where Optuna is not installed, with the command that installs it.
    """

    title: ClassVar[str] = "Optuna"

    def __init__(self, space: Space, rng: np.random.Generator, *, sampler: str = "tpe", batch: int = 1) -> None:
        super().__init__(space, rng)
        self.sampler = one_of("sampler", sampler, tuple(SAMPLERS))
        self.batch = at_least("batch", batch, 1)
        try:
            import optuna
        except ImportError:
            raise missing_extra("Optuna", "search", "this optimiser") from None
        self._choices = Choices(space)
        categories = optuna.distributions.CategoricalDistribution
        self._distributions: dict[str, Any] = {
            name: categories(range(limit))
            for name, limit in zip(self._choices.names, self._choices.limits.tolist(), strict=True)
        }
        self._failed = optuna.trial.TrialState.FAIL
        make = getattr(optuna.samplers, SAMPLERS[sampler])
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            seed = int(rng.integers(2**31))
            self._study = optuna.create_study(sampler=make(seed=seed), direction="maximize")
        finally:
            optuna.logging.set_verbosity(level)
        self._trials: list[Any] = []

    def ask(self) -> CodeArray:
        """The next trials."""
        self._trials = [self._study.ask(self._distributions) for _ in range(self.batch)]
        chosen = [[trial.params[name] for name in self._choices.names] for trial in self._trials]
        return self._choices.codes(np.array(chosen, dtype=np.int64))

    def tell(self, codes: CodeArray, values: Values) -> None:
        """Ends the trials; one without an answer as a failed trial."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for trial, value in zip(self._trials, values.tolist(), strict=True):
                if np.isnan(value):
                    self._study.tell(trial, state=self._failed)
                else:
                    self._study.tell(trial, value)
