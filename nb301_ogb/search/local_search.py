"""Local search (White, Nolen & Savani, "Local Search is State of the Art for NAS Benchmarks", 2020).

As in their algorithm 1, the whole neighbourhood is evaluated and the search moves to its best architecture, until none
is better than the present one: `improvement="best"`, the default. `improvement="first"` moves as soon as one is better
(their variant "query until lower is found"). Their code begins again from a new random architecture after a local
optimum, as `restarts=True` does.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nb301_ogb.search.interface import Optimiser, Values, at_least, merit, one_of
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

_TRIES = 100
"""Draws of a start that was not evaluated before; after so many, the space passes for exhausted."""


class LocalSearch(Optimiser):
    """Moves to better neighbours until there are none.

    No architecture is asked twice: of those known already the value is remembered.

    Args:
        space: where to search.
        rng: the only source of chance: the starts and the order in which neighbours are evaluated.
        improvement: `best` evaluates all neighbours before a move, `first` moves to the first that is better.
        restarts: whether a local optimum is followed by a new random start; if not, the search ends there.
        initial: random architectures evaluated for each start, which is the best of them.
    """

    title: ClassVar[str] = "local search"

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        improvement: str = "best",
        restarts: bool = True,
        initial: int = 1,
    ) -> None:
        super().__init__(space, rng)
        self.improvement = one_of("improvement", improvement, ("best", "first"))
        self.restarts = restarts
        self.initial = at_least("initial", initial, 1)
        self._known: dict[bytes, float] = {}
        self._here: CodeArray | None = None
        self._merit = -np.inf
        self._open = np.empty((0, space.code_length), dtype=np.uint8)
        """Neighbours of the present architecture that are still to be evaluated, in random order."""
        self._best: CodeArray | None = None
        """The best neighbour found so far that is better than the present architecture."""
        self._best_merit = -np.inf

    def ask(self) -> CodeArray:
        """The starts, or what is unknown of the neighbourhood: all of it, or one with `improvement="first"`."""
        while self._here is not None:
            if len(self._open):
                return self._open if self.improvement == "best" else self._open[:1]
            if self._best is None:
                # A local optimum.
                if not self.restarts:
                    return self._open
                self._here = None
            else:
                self._move(self._best, self._best_merit)
        return self._starts()

    def _starts(self) -> CodeArray:
        found: dict[bytes, CodeArray] = {}
        for _ in range(_TRIES):
            for code in self.space.sample(self.initial - len(found), self.rng):
                if code.tobytes() not in self._known:
                    found[code.tobytes()] = code
            if len(found) == self.initial:
                break
        return np.stack(list(found.values())) if found else self._open[:0]

    def tell(self, codes: CodeArray, values: Values) -> None:
        """Remembers the values; moves if it is time."""
        merits = merit(values)
        self._known.update((code.tobytes(), float(one)) for code, one in zip(codes, merits, strict=True))
        if self._here is None:
            best = int(merits.argmax())
            self._move(codes[best], float(merits[best]))
            return
        self._open = self._open[len(codes) :]
        for code, one in zip(codes, merits.tolist(), strict=True):
            if self._consider(code, one) and self.improvement == "first":
                self._open = self._open[:0]

    def _move(self, code: CodeArray, value: float) -> None:
        """Makes an architecture the present one and looks through its neighbours."""
        self._here, self._merit = code, value
        self._best, self._best_merit = None, -np.inf
        neighbours = self.rng.permutation(self.space.neighbours(code), axis=0)
        unknown = []
        for neighbour in neighbours:
            value = self._known.get(neighbour.tobytes(), np.nan)
            if np.isnan(value):
                unknown.append(neighbour)
            elif self._consider(neighbour, value) and self.improvement == "first":
                # Its turn comes after the unknown ones before it, as if it were evaluated now.
                break
        self._open = np.stack(unknown) if unknown else neighbours[:0]

    def _consider(self, code: CodeArray, value: float) -> bool:
        """Notes a neighbour if the search would move to it; whether it would."""
        least = self._merit if self.improvement == "first" else max(self._merit, self._best_merit)
        if value <= least:
            return False
        self._best, self._best_merit = code, value
        return True
