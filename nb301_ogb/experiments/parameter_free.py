"""What a benchmark says where ops without parameters take over: skip connections and pooling, from none to all.

Architectures are drawn whose normal cell (in nasbench201, whose cell) holds one such op on k of its edges and
convolutions on the others. Real networks get much worse at the end of this road, where searches lead astray that share
weights; few training data lie there. Section 5 of the NAS-Bench-301 paper.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.benchmark import Answer, Benchmark
from nb301_ogb.errors import ConfigError
from nb301_ogb.experiments.curves import kendall
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

ARCHITECTURES = 500


@dataclass(frozen=True)
class Cell:
    """The ops of a cell that the experiment changes.

    Attributes:
        columns: of a code, that hold the ops of its edges.
        free: names of the ops without parameters, with their numbers.
        convolutions: numbers of the ops that fill the other edges.
    """

    columns: tuple[int, ...]
    free: dict[str, int]
    convolutions: tuple[int, ...]


CELLS = {
    "darts": Cell(tuple(range(8)), {"max_pool_3x3": 0, "avg_pool_3x3": 1, "skip_connect": 2}, (3, 4, 5, 6)),
    "nasbench201": Cell(tuple(range(6)), {"avg_pool_3x3": 4, "skip_connect": 1}, (2, 3)),
}
"""By the name of the search space."""


def cell_of(space: Space) -> Cell:
    """The cell of a space.

    Raises:
        ConfigError: for a space of which it is not known.
    """
    if space.name not in CELLS:
        msg = f"the ops without parameters of the space {space.name} are not known; there are {', '.join(CELLS)}."
        raise ConfigError(msg)
    return CELLS[space.name]


def architectures(space: Space, op: int, count: int, n: int, rng: np.random.Generator) -> CodeArray:
    """Codes whose cell holds an op on `count` edges and convolutions on the others, uint8 [m, C].

    Where a code is nothing but this cell and there are at most n of them, all of them, each once; else n draws, in
    which everything besides these ops is uniform.

    Args:
        space: the search space.
        op: the op's number.
        count: the edges that hold it.
        n: how many are wanted.
        rng: the source of chance.
    """
    cell = cell_of(space)
    edges, kinds = len(cell.columns), len(cell.convolutions)
    all_of_them = math.comb(edges, count) * kinds ** (edges - count)
    if edges == space.code_length and all_of_them <= n:
        filled = itertools.product((op, *cell.convolutions), repeat=edges)
        table = np.array(list(filled), dtype=np.uint8)
        return table[(table == op).sum(axis=1) == count]
    codes = space.sample(n, rng)
    ops = rng.choice(np.array(cell.convolutions, dtype=np.uint8), size=(n, edges))
    chosen = rng.random((n, edges)).argsort(axis=1) < count
    ops[chosen] = op
    codes[:, list(cell.columns)] = ops
    return codes


def parameter_free(
    truth: Benchmark | None,
    surrogate: Benchmark | None,
    output: str | Path,
    *,
    n: int = ARCHITECTURES,
    seed: int = 0,
    remarks: Remarks = NO_REMARKS,
) -> dict[str, Any]:
    """Runs the experiment; writes `report.html`, `.md` and `.json`, `parameter_free.svg` and `.pdf`.

    Args:
        truth: the measurements, or None where there is no table of them.
        surrogate: what is held against it, or None.
        output: the folder.
        n: architectures for each op and share.
        seed: of the draws.
        remarks: what the report says beside its numbers.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where there is no benchmark, the two answer for different spaces, or for one that is not known.
        OutputError: where the folder cannot be written.
    """
    from nb301_ogb.experiments.parameter_free_page import write_page

    benchmarks = {word: one for word, one in (("truth", truth), ("surrogate", surrogate)) if one is not None}
    if not benchmarks or len({one.space.name for one in benchmarks.values()}) > 1:
        msg = "the experiment needs the truth, a surrogate, or both of one search space."
        raise ConfigError(msg)
    space = next(iter(benchmarks.values())).space
    numbers = {
        "experiment": "parameter_free",
        **remarks.told(),
        "benchmarks": {word: one.name for word, one in benchmarks.items()},
        "space": space.name,
        "edges": len(cell_of(space).columns),
        "architectures": n,
        "seed": seed,
        "ops": {name: measure(benchmarks, op, n, seed) for name, op in cell_of(space).free.items()},
    }
    return write_page(Path(output).expanduser(), numbers)


def measure(benchmarks: dict[str, Benchmark], op: int, n: int, seed: int) -> dict[str, Any]:
    """Errors and runtimes as an op takes over, the same architectures on every benchmark.

    Args:
        benchmarks: by a word.
        op: the op's number.
        n: architectures for each share.
        seed: of the draws.
    """
    space = next(iter(benchmarks.values())).space
    edges = len(cell_of(space).columns)
    rng = np.random.default_rng([seed, op])
    shares: list[dict[str, Any]] = []
    answers: list[dict[str, Answer]] = []
    for count in range(edges + 1):
        codes = architectures(space, op, count, n, rng)
        answers.append({word: one.query_codes(codes) for word, one in benchmarks.items()})
        words = {word: _summary(answer) for word, answer in answers[-1].items()}
        shares.append({"share": count / edges, "architectures": len(codes), **words})
    found: dict[str, Any] = {"shares": shares}
    if len(benchmarks) > 1:
        joined = {word: np.concatenate([one[word].mean for one in answers]) for word in benchmarks}
        means = {word: [one[word]["mean_error"] for one in shares] for word in benchmarks}
        there = ~np.isnan(joined["truth"]) & ~np.isnan(joined["surrogate"])
        difference = (joined["surrogate"] - joined["truth"])[there]
        found["agreement"] = {
            "mean_absolute_difference": float(np.abs(difference).mean()),
            "surrogate_minus_truth": float(difference.mean()),
            "kendall_tau_of_means": kendall(means["truth"], means["surrogate"]),
        }
    return found


def _summary(answer: Answer) -> dict[str, float]:
    errors = 100.0 - answer.mean[~np.isnan(answer.mean)]
    runtimes = answer.runtime[~np.isnan(answer.runtime)]
    low, median, high = np.quantile(errors, [0.05, 0.5, 0.95]) if len(errors) else (np.nan, np.nan, np.nan)
    return {
        "mean_error": float(errors.mean()) if len(errors) else np.nan,
        "std_error": float(errors.std(ddof=1)) if len(errors) > 1 else np.nan,
        "q05": float(low),
        "median": float(median),
        "q95": float(high),
        "mean_runtime": float(runtimes.mean()) if len(runtimes) else np.nan,
    }
