"""Does the lead of local search on small tables carry over to a large space? Section 6 of the NAS-Bench-301 paper.

Local search is held against other optimisers on a small space, with its measurements, and on a large one, with its
surrogate: the lead is the error of the best of the others minus that of the best local search, after so many
evaluations. Of a small space the whole landscape is told besides: how many local optima, and where starts lead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.benchmark import Benchmark
from nb301_ogb.errors import ConfigError
from nb301_ogb.experiments import curves
from nb301_ogb.experiments.comparison import Found, run_searches, within
from nb301_ogb.experiments.landscape import landscape
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.search import OptimiserLike, parse_spec, tabulated
from nb301_ogb.search.books import Report

LOCAL = ("ls", "ls-once", "ls:improvement=first")
OTHERS = ("rs", "re", "de")
CHECKPOINTS = (50, 100, 200, 300, 500, 1000)

_STEPS = 120


def local_search(
    small: Benchmark | None,
    large: Benchmark | None,
    output: str | Path,
    *,
    local: Sequence[OptimiserLike] = LOCAL,
    others: Sequence[OptimiserLike] = OTHERS,
    evaluations: int = 1000,
    repeats: int = 50,
    checkpoints: Sequence[int] = CHECKPOINTS,
    seed: int = 0,
    noise: bool = False,
    workers: int = 1,
    remarks: Remarks = NO_REMARKS,
    report: Callable[[str], Report] | None = None,
) -> dict[str, Any]:
    """Runs the experiment; writes `report.html`, `.md` and `.json`, `local_search.svg` and `.pdf`, and the histories.

    Args:
        small: a benchmark of a small space, the truth where there is one; or None.
        large: a benchmark of a large space, or None.
        output: the folder; histories that lie there are not made again.
        local: the local searches.
        others: what they are held against.
        evaluations: the budget of each repeat.
        repeats: of each optimiser on each benchmark.
        checkpoints: evaluations after which the lead is told.
        seed: of the first repeat.
        noise: whether optimisers are told single trainings.
        workers: processes.
        remarks: what the report says beside its numbers.
        report: makes, for a benchmark's word, what is told how far the searches on it are.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where there is no benchmark, or nothing to hold local search against.
        OutputError: where the folder cannot be written.
    """
    from nb301_ogb.experiments.local_search_page import write_page

    benchmarks = {word: tabulated(one) for word, one in (("small", small), ("large", large)) if one is not None}
    searches, rest = [[parse_spec(one) for one in given] for given in (local, others)]
    if not benchmarks or not searches or not rest:
        msg = "the experiment needs a small or a large benchmark, a local search, and an optimiser to hold it against."
        raise ConfigError(msg)
    folder = Path(output).expanduser()
    found = run_searches(
        benchmarks, [*searches, *rest], evaluations, repeats,
        folder=folder, seed=seed, noise=noise, workers=workers, report=report,
    )  # fmt: skip
    checkpoints = within(checkpoints, evaluations)
    names, other_names = [str(one) for one in searches], [str(one) for one in rest]
    numbers = {
        "experiment": "local_search",
        **remarks.told(),
        "benchmarks": {word: {"name": one.name, "space": one.space.name} for word, one in benchmarks.items()},
        "local": names,
        "others": other_names,
        "optimisers": {str(one): one.title for one in (*searches, *rest)},
        "evaluations": evaluations,
        "repeats": repeats,
        "seed": seed,
        "noise": noise,
        "found": {word: measure(found, word, names, other_names, checkpoints, evaluations) for word in found},
        "landscape": {word: landscape(one) for word, one in benchmarks.items()},
    }
    return write_page(folder, numbers)


def measure(
    found: Found, word: str, local: Sequence[str], others: Sequence[str], checkpoints: Sequence[int], evaluations: int
) -> dict[str, Any]:
    """The errors of each optimiser on one benchmark, and the lead of local search.

    Args:
        found: the searches.
        word: the benchmark's.
        local: the local searches.
        others: what they are held against.
        checkpoints: evaluations after which the lead is told.
        evaluations: the budget.
    """
    errors = {name: curves.errors_at(histories, checkpoints) for name, histories in found[word].items()}
    table = []
    for place, count in enumerate(checkpoints):
        now = {name: one[:, place] for name, one in errors.items()}
        first, best = (curves.ranks({name: now[name] for name in names})[0] for names in (local, others))
        lead = curves.mean_and_error(now[best] - now[first])
        table.append(
            {
                "evaluations": count,
                "errors": {name: curves.mean_and_error(one) for name, one in now.items()},
                "best_local": first,
                "best_other": best,
                "lead": lead,
                "leads": {name: curves.mean_and_error(now[best] - now[name]) for name in local},
                "clear": bool(abs(lead["mean"]) > 2 * lead["standard_error"]),
            }
        )
    steps = np.unique(np.geomspace(1, evaluations, _STEPS).round().astype(int))
    lines = {name: curves.band(curves.errors_at(one, steps.tolist())) for name, one in found[word].items()}
    spent = {name: [len(one) for one in found[word][name]] for name in local}
    return {
        "checkpoints": table,
        "evaluations": steps.tolist(),
        "curves": lines,
        "mean_evaluations": {name: float(np.mean(one)) for name, one in spent.items()},
    }
