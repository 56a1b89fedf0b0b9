"""What an optimiser is: it asks for architectures and is told how good they are."""

from __future__ import annotations

import abc
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import SearchError
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

Values = NDArray[np.float64]


class Optimiser(abc.ABC):
    """One search, from its first to its last question; it sees codes and values, never the benchmark.

    `ask` and `tell` alternate. What is asked depends on the generator and on what was told, and on nothing else: so the
    same seed and the same answers give the same search, and a longer budget goes on where a shorter one ended.

    Args:
        space: where to search.
        rng: the only source of chance.

    Attributes:
        title: the optimiser's name for people.
    """

    title: ClassVar[str]

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self.space = space
        self.rng = rng

    @abc.abstractmethod
    def ask(self) -> CodeArray:
        """The codes to evaluate next, uint8 [n, C], every one valid.

        n is 1 where each question depends on the answer to the last, and 0 when there is nothing left to ask.
        """

    @abc.abstractmethod
    def tell(self, codes: CodeArray, values: Values) -> None:
        """Takes the answers to the last `ask`.

        Args:
            codes: what was asked, in that order, uint8 [n, C].
            values: float64 [n], higher is better; NaN where the benchmark has no answer. An architecture may come
                with another value than the last time.
        """


def merit(values: Values) -> Values:
    """float64 [n]: the values for comparisons, in which no answer is worse than every answer."""
    return np.where(np.isnan(values), -np.inf, values)


def at_least(name: str, value: int, least: int) -> int:
    """The value of an optimiser's setting.

    Raises:
        SearchError: where it is no integer or below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        msg = f"the setting {name} is an integer of at least {least}, not {value!r}."
        raise SearchError(msg)
    return value


def within(name: str, value: float, low: float, high: float) -> float:
    """The value of an optimiser's setting.

    Raises:
        SearchError: where it is no number from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        msg = f"the setting {name} is a number from {low:g} to {high:g}, not {value!r}."
        raise SearchError(msg)
    return float(value)


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value of an optimiser's setting.

    Raises:
        SearchError: where it is none of `allowed`.
    """
    if value not in allowed:
        msg = f"the setting {name} is one of {', '.join(allowed)}, not {value!r}."
        raise SearchError(msg)
    return value
