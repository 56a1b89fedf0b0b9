"""Regularized evolution (Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019)."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import numpy as np

from nb301_ogb.search.interface import Optimiser, Values, at_least, merit
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray


class RegularizedEvolution(Optimiser):
    """Evolution in which the oldest dies, not the worst.

    The best of a tournament, drawn from the population with replacement, is mutated by one change of an op or of an
    edge; the child joins the population and its oldest member leaves.

    Args:
        space: where to search.
        rng: the only source of chance.
        population: the architectures alive; the first ones are drawn at random. The default is that of NAS-Bench-301.
        tournament: how many of them each parent is the best of; the default is that of NAS-Bench-301.
        batch: children asked at once, as by so many workers that start together; 1 is the sequential algorithm.
    """

    title: ClassVar[str] = "regularized evolution"

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        population: int = 50,
        tournament: int = 10,
        batch: int = 1,
    ) -> None:
        super().__init__(space, rng)
        self.population = at_least("population", population, 1)
        self.tournament = at_least("tournament", tournament, 1)
        self.batch = at_least("batch", batch, 1)
        # Ages stand in their order, so that the oldest is on the left.
        self._codes: deque[CodeArray] = deque(maxlen=population)
        self._merits: deque[float] = deque(maxlen=population)

    def ask(self) -> CodeArray:
        """First the random population, then children."""
        if not self._codes:
            return self.space.sample(self.population, self.rng)
        drawn = self.rng.integers(len(self._codes), size=(self.batch, self.tournament)).tolist()
        parents = [self._codes[max(one, key=self._merits.__getitem__)] for one in drawn]
        return self.space.mutate(np.stack(parents), self.rng)

    def tell(self, codes: CodeArray, values: Values) -> None:
        """The children join; as many of the oldest leave."""
        self._codes.extend(codes)
        self._merits.extend(merit(values).tolist())
