"""Do optimisers behave on a surrogate as they do on real trainings? Section 5 of the NAS-Bench-301 paper.

Every optimiser runs many times on the truth and on the surrogate. The best error so far over simulated time is drawn
for both, and numbers say whether the optimisers come in the same order and whether what was found on the surrogate is
as good in truth. Either benchmark may be left out; then there is no comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nb301_ogb.baselines.benchmark import Benchmark, TabularBenchmark
from nb301_ogb.errors import ConfigError
from nb301_ogb.experiments.comparison import CHECKPOINTS, Found, compare, run_searches, within
from nb301_ogb.experiments.luck import luck
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.search import OptimiserLike, parse_spec, tabulated
from nb301_ogb.search.books import Report

OPTIMISERS = ("rs", "de", "re", "ls", "bananas", "tpe")
"""Those of the paper that evaluate single architectures; `tpe` needs the extra `search`."""


def trajectories(
    truth: Benchmark | None,
    surrogate: Benchmark | None,
    output: str | Path,
    *,
    optimisers: Sequence[OptimiserLike] = OPTIMISERS,
    evaluations: int = 1000,
    repeats: int = 50,
    checkpoints: Sequence[int] = CHECKPOINTS,
    seed: int = 0,
    noise: bool = False,
    workers: int = 1,
    remarks: Remarks = NO_REMARKS,
    report: Callable[[str], Report] | None = None,
) -> dict[str, Any]:
    """Runs the experiment; writes `report.html`, `.md` and `.json`, `trajectories.svg` and `.pdf`, and the histories.

    Args:
        truth: the measurements, or None where there is no table of them.
        surrogate: what is held against it, or None.
        output: the folder; histories that lie there are not made again.
        optimisers: as `nb301_ogb.search.parse_spec` reads them.
        evaluations: the budget of each repeat.
        repeats: of each optimiser on each benchmark.
        checkpoints: evaluations after which optimisers are compared.
        seed: of the first repeat.
        noise: whether optimisers are told single trainings.
        workers: processes.
        remarks: what the report says beside its numbers.
        report: makes, for a benchmark's word, what is told how far the searches on it are.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where there is no benchmark or no optimiser, or the two benchmarks answer for different spaces.
        OutputError: where the folder cannot be written.
    """
    from nb301_ogb.experiments.trajectories_page import write_page

    pairs = {"truth": truth, "surrogate": surrogate}
    benchmarks = {word: tabulated(one) for word, one in pairs.items() if one is not None}
    if not optimisers:
        msg = "trajectories need an optimiser."
        raise ConfigError(msg)
    if not benchmarks or len({one.space.name for one in benchmarks.values()}) > 1:
        msg = "trajectories need the truth, a surrogate, or both of one search space."
        raise ConfigError(msg)
    folder = Path(output).expanduser()
    found = run_searches(
        benchmarks, optimisers, evaluations, repeats,
        folder=folder, seed=seed, noise=noise, workers=workers, report=report,
    )  # fmt: skip
    numbers = {
        "experiment": "trajectories",
        **remarks.told(),
        "benchmarks": {word: one.name for word, one in benchmarks.items()},
        "space": next(iter(benchmarks.values())).space.name,
        "optimisers": {str(spec): spec.title for spec in map(parse_spec, optimisers)},
        "evaluations": evaluations,
        "repeats": repeats,
        "seed": seed,
        "noise": noise,
        **measure(found, benchmarks.get("truth"), within(checkpoints, evaluations)),
    }
    if isinstance(truth, TabularBenchmark) and "surrogate" in benchmarks:
        said = benchmarks["surrogate"].query_codes(truth.space.table()).mean
        numbers["luck"] = luck(truth.runs, said)
    return write_page(folder, numbers)


def measure(found: Found, judge: Benchmark | None, checkpoints: Sequence[int]) -> dict[str, Any]:
    """The numbers of the experiment, as `compare` gives them.

    Errors are by the `truth` and by the `surrogate`; `transferred` is the true error of what was found on the
    surrogate, and `loss` by how much it is above that of what was found on the truth.

    Args:
        found: the searches.
        judge: the truth, or None.
        checkpoints: evaluations after which optimisers are compared.
    """
    both = {"truth", "surrogate"} <= set(found)
    return compare(
        found,
        checkpoints,
        reference="truth",
        judge=judge,
        judged={"surrogate": "transferred"} if both else {},
        gaps={"loss": ("transferred", "truth")} if both else {},
    )
