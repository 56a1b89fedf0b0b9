"""Do optimisers behave on a surrogate as they do on real trainings? Section 5 of the NAS-Bench-301 paper.

Every optimiser runs many times on the truth and on the surrogate. The best error so far over simulated time is drawn
for both, and numbers say whether the optimisers come in the same order and whether what was found on the surrogate is
as good in truth. Either benchmark may be left out; then there is no comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.benchmark import Benchmark, TabularBenchmark
from nb301_ogb.errors import ConfigError
from nb301_ogb.experiments import curves
from nb301_ogb.experiments.luck import luck
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.search import Budget, History, Spec, jobs, parse_spec, search, tabulated
from nb301_ogb.search.books import Report

OPTIMISERS = ("rs", "de", "re", "ls", "bananas", "tpe")
"""Those of the paper that evaluate single architectures; `tpe` needs the extra `search`."""

CHECKPOINTS = (100, 300, 1000)

Found = dict[str, dict[str, list[History]]]
"""By benchmark, `truth` and `surrogate`, and by optimiser: the repeats."""


def run_searches(
    benchmarks: dict[str, Benchmark],
    optimisers: Sequence[str | Spec],
    evaluations: int,
    repeats: int,
    *,
    folder: Path,
    seed: int = 0,
    noise: bool = False,
    workers: int = 1,
    report: Callable[[str], Report] | None = None,
) -> Found:
    """Runs every optimiser on every benchmark; what lies in the folder already is not done again.

    Args:
        benchmarks: by a word that names the file of histories, `WORD.h5`.
        optimisers: as `nb301_ogb.search.parse_spec` reads them.
        evaluations: the budget of each repeat.
        repeats: with the seeds from `seed` on.
        folder: where the histories are kept.
        seed: of the first repeat.
        noise: whether optimisers are told single trainings.
        workers: processes.
        report: makes, for a benchmark's word, what is told how far the searches on it are.

    Raises:
        SearchError: where the folder holds searches on other benchmarks.
    """
    wanted = jobs([parse_spec(one) for one in optimisers], range(seed, seed + repeats))
    found: Found = {}
    for word, benchmark in benchmarks.items():
        histories = search(
            tabulated(benchmark),
            wanted,
            Budget(evaluations),
            noise=noise,
            workers=workers,
            path=folder / f"{word}.h5",
            report=None if report is None else report(word),
        )
        found[word] = {}
        for history in histories:
            found[word].setdefault(history.optimiser, []).append(history)
    return found


def trajectories(
    truth: Benchmark | None,
    surrogate: Benchmark | None,
    output: str | Path,
    *,
    optimisers: Sequence[str | Spec] = OPTIMISERS,
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
        ConfigError: where there is no benchmark, or the two answer for different spaces.
        OutputError: where the folder cannot be written.
    """
    from nb301_ogb.experiments.trajectories_page import write_page

    pairs = {"truth": truth, "surrogate": surrogate}
    benchmarks = {word: tabulated(one) for word, one in pairs.items() if one is not None}
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
        **measure(found, benchmarks.get("truth"), [one for one in checkpoints if one <= evaluations] or [evaluations]),
    }
    if isinstance(truth, TabularBenchmark) and "surrogate" in benchmarks:
        said = benchmarks["surrogate"].query_codes(truth.space.table()).mean
        numbers["luck"] = luck(truth.runs, said)
    return write_page(folder, numbers)


def measure(found: Found, judge: Benchmark | None, checkpoints: Sequence[int]) -> dict[str, Any]:
    """The numbers of the experiment.

    Args:
        found: the searches.
        judge: the truth, that judges what was found on the surrogate, or None.
        checkpoints: evaluations after which optimisers are compared.
    """
    names = list(next(iter(found.values())))
    at = {(word, name): curves.errors_at(found[word][name], checkpoints) for word in found for name in names}
    if judge is not None and "surrogate" in found:
        at |= {("transferred", name): curves.judged_at(found["surrogate"][name], checkpoints, judge) for name in names}
    words = list(dict.fromkeys(word for word, _ in at))
    table = []
    for place, count in enumerate(checkpoints):
        errors = {word: {name: at[word, name][:, place] for name in names} for word in words}
        entry: dict[str, Any] = {
            "evaluations": count,
            "errors": {
                name: {word: curves.mean_and_error(errors[word][name]) for word in words}
                | (_loss(errors, name) if "transferred" in words and "truth" in words else {})
                for name in names
            },
        }
        if {"truth", "surrogate"} <= set(words):
            entry["order"] = curves.order_agreement(errors["truth"], errors["surrogate"])
        table.append(entry)
    lines = {name: _lines({word: found[word][name] for word in found}, judge) for name in names}
    areas = {name: line["area"] for name, line in lines.items() if "area" in line}
    return {"checkpoints": table, "areas": areas, "curves": lines}


def _loss(errors: dict[str, dict[str, curves.Values]], name: str) -> dict[str, Any]:
    """By how much what was found on the surrogate is worse in truth than what was found on the truth, by seeds."""
    return {"loss": curves.mean_and_error(errors["transferred"][name] - errors["truth"][name])}


def _lines(histories: dict[str, list[History]], judge: Benchmark | None) -> dict[str, Any]:
    """An optimiser's curves over simulated seconds."""
    seconds = curves.times(list(histories.values()))
    found: dict[str, Any] = {"seconds": seconds.tolist()}
    for word, repeats in histories.items():
        found[word] = curves.band(curves.errors_over(repeats, seconds))
    if judge is not None and "surrogate" in histories:
        found["transferred"] = curves.band(curves.judged_over(histories["surrogate"], seconds, judge))
    if {"truth", "surrogate"} <= set(histories):
        found["area"] = curves.area_between(found["truth"]["mean"], found["surrogate"]["mean"])
        deviation = np.array([found[word]["std"] for word in ("truth", "surrogate")])
        found["area_of_deviations"] = curves.area_between(*deviation)
    return found
