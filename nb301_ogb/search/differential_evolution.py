"""Differential evolution (Storn & Price 1997) on architectures, as Awad, Mallik & Hutter 2020 apply it to NAS.

Individuals are points of the unit cube with an axis for each choice of a code and are rounded to an architecture for
evaluation alone. Strategy rand/1/bin; population 20, F = 0.5 and CR = 0.5 are the defaults of Awad et al.,
"Differential Evolution for Neural Architecture Search" (2020).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nb301_ogb.search.choices import Choices
from nb301_ogb.search.interface import Optimiser, Values, at_least, merit, within
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray


class DifferentialEvolution(Optimiser):
    """A generation at a time: every individual has a trial, which takes its place if it is not worse.

    Args:
        space: where to search.
        rng: the only source of chance.
        population: the individuals, at least 4.
        scale: F, the factor of the difference of two individuals.
        crossover: CR, the probability with which a coordinate of the trial comes from the mutant.
    """

    title: ClassVar[str] = "differential evolution"

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        population: int = 20,
        scale: float = 0.5,
        crossover: float = 0.5,
    ) -> None:
        super().__init__(space, rng)
        self.population = at_least("population", population, 4)
        self.scale = within("scale", scale, 0.0, 2.0)
        self.crossover = within("crossover", crossover, 0.0, 1.0)
        self._choices = Choices(space)
        self._trials: Values = rng.random((population, len(self._choices)))
        self._points: Values = self._trials
        self._merits: Values | None = None

    def ask(self) -> CodeArray:
        """The generation's trials, [population, C]."""
        if self._merits is not None:
            self._trials = self._trial_points()
        return self._choices.decode(self._trials)

    def tell(self, codes: CodeArray, values: Values) -> None:
        """Trials that are not worse replace their individuals."""
        merits = merit(values)
        if self._merits is None:
            self._points, self._merits = self._trials, merits
            return
        better = merits >= self._merits
        self._points = np.where(better[:, None], self._trials, self._points)
        self._merits = np.where(better, merits, self._merits)

    def _trial_points(self) -> Values:
        count, axes = self._points.shape
        # Three individuals for each, different from it and from each other.
        others = self.rng.random((count, count - 1)).argsort(axis=1)[:, :3]
        others += others >= np.arange(count)[:, None]
        first, second, third = (self._points[others[:, one]] for one in range(3))
        mutants = first + self.scale * (second - third)
        # A coordinate that leaves the cube is drawn anew, as in Awad et al.
        outside = (mutants < 0) | (mutants > 1)
        mutants = np.where(outside, self.rng.random(mutants.shape), mutants)
        taken = self.rng.random(mutants.shape) < self.crossover
        taken[np.arange(count), self.rng.integers(axes, size=count)] = True
        return np.where(taken, mutants, self._points)
