"""What a benchmark answers: the interface that a surrogate and the table of measurements share."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray


@dataclass(frozen=True)
class Answer:
    """What a benchmark says of G architectures.

    Attributes:
        mean: float64 [G]; the expected accuracy in percent.
        std: float64 [G]; the standard deviation of one training's accuracy from `mean`, in points; a surrogate's also
            holds what it does not know of the mean. NaN where it is not known.
        value: float64 [G]; `mean`, or with noise one training's accuracy.
        runtime: float64 [G]; training time in seconds; NaN where it is not known.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    value: NDArray[np.float64]
    runtime: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.mean)


class Benchmark(abc.ABC):
    """A black box that answers for architectures in place of training them.

    Attributes:
        name: with a version, as a paper should name it.
        space: the search space it answers for.
    """

    name: str
    space: Space

    @abc.abstractmethod
    def query_codes(self, codes: CodeArray, noise: bool = False, rng: np.random.Generator | None = None) -> Answer:
        """Answers for a table of codes, uint8 [G, C].

        Args:
            codes: the architectures.
            noise: whether `value` is one training's accuracy in place of the mean.
            rng: where the noise comes from; needed if `noise`.
        """

    def query(self, architectures: Any, noise: bool = False, seed: int | None = None) -> Answer:
        """Answers for one architecture, or a list of them, in any form that the space reads.

        Args:
            architectures: one architecture, or a list of architectures.
            noise: whether `value` is one training's accuracy in place of the mean.
            seed: of the noise; the same seed draws the same numbers. None draws anew each time.

        Raises:
            ArchitectureError: naming the part that is wrong and what is allowed there.
        """
        rng = np.random.default_rng(seed) if noise else None
        return self.query_codes(self.codes(architectures), noise, rng)

    def codes(self, architectures: Any) -> CodeArray:
        """uint8 [G, C]: the codes of one architecture, or of a list of them.

        Raises:
            ArchitectureError: where one of them cannot be read; for a list, with its position.
        """
        if isinstance(architectures, np.ndarray) and architectures.ndim == 2:
            return self.space.check(architectures)
        try:
            return self.space.parse(architectures)[None]
        except ArchitectureError:
            if not isinstance(architectures, Sequence) or self._is_one(architectures):
                raise
        found = np.empty((len(architectures), self.space.code_length), dtype=np.uint8)
        for position, architecture in enumerate(architectures):
            try:
                found[position] = self.space.parse(architecture)
            except ArchitectureError as error:
                msg = f"architecture {position} of {len(architectures)}: {error}"
                raise ArchitectureError(msg) from None
        return found

    def _is_one(self, what: Sequence[Any]) -> bool:
        """Whether a sequence that no form reads was meant as one architecture: a text, a genotype, integers or ops."""
        if isinstance(what, str | bytes) or hasattr(what, "_fields"):
            return True
        integers = all(isinstance(one, int | np.integer) for one in what)
        return bool(what) and (integers or any(isinstance(one, str) and one in self.space.edge_types for one in what))


class TabularBenchmark(Benchmark):
    """The measurements themselves, for a space that a dataset holds completely.

    Args:
        dataset: its name, such as `nb201-cifar10`.
        root: a folder of datasets, or None.

    Raises:
        ArchitectureError: where the dataset does not hold every architecture of its space.
    """

    def __init__(self, dataset: str, root: Any = None) -> None:
        table = LabelledTable(dataset, root, runs="all")
        self.space = table.space
        self.name = f"{table.info.name}-v{table.info.version} table"
        runs = table.labels.astype(np.float64)
        codes = table.codes()
        if len(codes) != self.space.size:
            msg = f"{table.info.name} holds {len(codes):,} of {self.space.size:,} architectures: it is no full table."
            raise ArchitectureError(msg)
        order = np.argsort(self.space.index(codes))
        self._runs = runs[order]
        self._count = (~np.isnan(self._runs)).sum(axis=1)
        self._runtime: NDArray[np.float64] = np.asarray(
            np.nanmean(table.file.values("runtime")[order], axis=1, dtype=np.float64)
        )

    @property
    def runs(self) -> NDArray[np.float64]:
        """Every run, float64 [size, R], in the order of the space's table; NaN where there is none."""
        return self._runs

    def query_codes(self, codes: CodeArray, noise: bool = False, rng: np.random.Generator | None = None) -> Answer:
        """The mean over an architecture's runs, their unbiased standard deviation, and with noise one of the runs."""
        rows = self.space.index(codes)
        runs = self._runs[rows]
        mean = np.nanmean(runs, axis=1)
        value = mean
        if noise:
            draw = generator(rng).random(len(rows))
            value = runs[np.arange(len(rows)), (draw * self._count[rows]).astype(int)]
        return Answer(mean, np.nanstd(runs, axis=1, ddof=1), value, self._runtime[rows])


def generator(rng: np.random.Generator | None) -> np.random.Generator:
    """The generator that was passed in.

    Raises:
        ValueError: where there is none.
    """
    if rng is None:
        msg = "an answer with noise needs rng, a numpy.random.Generator."
        raise ValueError(msg)
    return rng
