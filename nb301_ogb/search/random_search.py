"""Random search: architectures drawn uniformly and independently."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nb301_ogb.search.interface import Optimiser, Values, at_least
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray


class RandomSearch(Optimiser):
    """Draws architectures uniformly, with replacement.

    Args:
        space: where to search.
        rng: the only source of chance.
        batch: how many are drawn and asked at once.
    """

    title: ClassVar[str] = "random search"

    def __init__(self, space: Space, rng: np.random.Generator, *, batch: int = 50) -> None:
        super().__init__(space, rng)
        self.batch = at_least("batch", batch, 1)

    def ask(self) -> CodeArray:
        """The next `batch` draws."""
        return self.space.sample(self.batch, self.rng)

    def tell(self, codes: CodeArray, values: Values) -> None:
        """Nothing is learnt from the answers."""
