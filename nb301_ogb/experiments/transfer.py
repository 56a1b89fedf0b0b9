"""Does a surrogate judge an optimiser fairly that it has not seen before? Section 5 of the NAS-Bench-301 paper.

There, data of one optimiser are left out of the fit and the optimiser is run on the surrogate ("leave one optimizer
out"): this is what somebody does who tries a new optimiser on a finished benchmark. The same searches run on a
surrogate that was fitted with such data and, where every architecture was measured, on the truth; so it is seen what
the left-out data are worth, and what is lost by a surrogate at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nb301_ogb.baselines.benchmark import Benchmark, TabularBenchmark
from nb301_ogb.baselines.config import Config, load_config
from nb301_ogb.baselines.model import Observer
from nb301_ogb.baselines.surrogate import Surrogate
from nb301_ogb.baselines.surrogate_file import MARK
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.experiments.comparison import CHECKPOINTS, Found, compare, run_searches, within
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.experiments.transfer_data import Fit, Material, group_material, visited_material
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.search import Budget, OptimiserLike, jobs, parse_spec, search, tabulated
from nb301_ogb.search.books import Report
from nb301_ogb.spaces.graphs import IntArray

OTHERS = ("rs", "de", "ls")
RECORDS = 5
FITS = ("with", "without")
SURROGATES, RECORDED = "surrogates", "recorded.h5"
METRICS = ("rmse", "r2", "kendall_tau", "sparse_kendall_tau")


@dataclass(frozen=True)
class Models:
    """How surrogates are fitted.

    Attributes:
        accuracy: the accuracy model's configuration, or its name.
        runtime: the runtime model's.
        seed: of the fits.
        device: for networks.
        observer: makes, for `with` and `without`, what is called with the records of a fit; or None.
    """

    accuracy: Config | str = "lightgbm"
    runtime: Config | str = "runtime"
    seed: int = 0
    device: str = "auto"
    observer: Callable[[str], Observer] | None = None


def transfer(
    dataset: str,
    output: str | Path,
    *,
    optimiser: OptimiserLike = "re",
    others: Sequence[OptimiserLike] = OTHERS,
    group: str | None = None,
    records: int = RECORDS,
    models: Models | None = None,
    evaluations: int = 1000,
    repeats: int = 50,
    checkpoints: Sequence[int] = CHECKPOINTS,
    seed: int = 0,
    workers: int = 1,
    root: Path | None = None,
    remarks: Remarks = NO_REMARKS,
    report: Callable[[str], Report] | None = None,
) -> dict[str, Any]:
    """Runs the experiment; writes `report.html`, `.md` and `.json`, `transfer.svg` and `.pdf`, and what they come from.

    Args:
        dataset: its name. With origin groups, the optimiser's group is left out by a split; without them it must hold
            every architecture, and what the optimiser visits is left out.
        output: the folder; surrogates and histories that lie there are not made again.
        optimiser: the one under test, as `nb301_ogb.search.parse_spec` reads it.
        others: optimisers that it is held against on each benchmark.
        group: the origin group of its data; by default that of its own name. For datasets with groups.
        records: searches of it that tell what it visits, with the seeds after those of the repeats. For others.
        models: how the surrogates are fitted.
        evaluations: the budget of each repeat and of each recorded search.
        repeats: of each optimiser on each benchmark.
        checkpoints: evaluations after which optimisers are compared.
        seed: of the first repeat.
        workers: processes.
        root: a folder of datasets, or None.
        remarks: what the report says beside its numbers.
        report: makes, for a benchmark's word, what is told how far the searches on it are.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where the dataset has neither the group nor every architecture, or the folder holds surrogates
            that were fitted in another way.
        OutputError: where the folder cannot be written.
    """
    from nb301_ogb.experiments.transfer_page import write_page

    folder, models = Path(output).expanduser(), models or Models()
    spec = parse_spec(optimiser)
    specs = list(dict.fromkeys([spec, *map(parse_spec, others)]))
    data = LabelledTable(dataset, root)
    benchmarks: dict[str, Benchmark] = {}
    if data.file.groups() is not None:
        material = group_material(data, group or spec.name)
    else:
        benchmarks["truth"] = truth = tabulated(TabularBenchmark(dataset, root))
        after = range(seed + repeats, seed + repeats + records)
        recorded = search(
            truth, jobs(spec, after), Budget(evaluations), workers=workers, path=folder / RECORDED,
            report=None if report is None else report("recorded"),
        )  # fmt: skip
        material = visited_material(data, recorded, seed)
    fitted = {word: _fitted(data, fit, folder / SURROGATES / word, word, models, root)
              for word, fit in material.fits.items()}  # fmt: skip
    benchmarks |= {word: tabulated(one) for word, one in fitted.items()}
    found = run_searches(
        benchmarks, specs, evaluations, repeats, folder=folder, seed=seed, workers=workers, report=report
    )
    numbers = {
        "experiment": "transfer",
        **remarks.told(),
        "dataset": f"{data.info.name}-v{data.info.version}",
        "space": data.space.name,
        "optimiser": str(spec),
        "left_out": "group" if "truth" not in benchmarks else "visited",
        "records": 0 if "truth" not in benchmarks else records,
        "benchmarks": {word: one.name for word, one in benchmarks.items()},
        "optimisers": {str(one): one.title for one in specs},
        "evaluations": evaluations,
        "repeats": repeats,
        "seed": seed,
        "fits": fits(data, material, fitted),
        "predictions": predictions(data, material, fitted),
        **measure(found, benchmarks, within(checkpoints, evaluations)),
    }
    return write_page(folder, numbers)


def _fitted(data: LabelledTable, fit: Fit, folder: Path, word: str, models: Models, root: Path | None) -> Surrogate:
    """The surrogate that lies in the folder, or a new one that is written to it.

    Raises:
        ConfigError: where that in the folder was fitted in another way.
    """
    space = data.space.name
    named = {"accuracy": models.accuracy, "runtime": models.runtime}
    configs = {name: load_config(one, space) if isinstance(one, str) else one for name, one in named.items()}
    if (folder / MARK).is_file():
        there = Surrogate.load(folder)
        wanted = (data.file.content_hash, fit.name, models.seed, configs)
        if (there.info.content_hash, there.info.split, there.info.seed, there.configs) != wanted:
            msg = f"{folder} holds a surrogate that was fitted in another way; choose another --output, or remove it."
            raise ConfigError(msg)
        return there
    made = Surrogate.fit(
        data.info.name, accuracy=configs["accuracy"], runtime=configs["runtime"], split=fit.name, rows=fit.split,
        seed=models.seed, root=root, device=models.device,
        observer=None if models.observer is None else models.observer(word),
    )  # fmt: skip
    made.save(folder)
    # Read back, so that the first call and a later one ask the same surrogate on the same device.
    return Surrogate.load(folder)


def fits(data: LabelledTable, material: Material, fitted: dict[str, Surrogate]) -> dict[str, Any]:
    """What each surrogate was fitted on; `best_seen` is the share of the best hundredth that it was trained on."""
    best = np.argsort(-data.labels[:, 0], kind="stable")[: max(1, np.isfinite(data.labels[:, 0]).sum() // 100)]
    return {
        word: {
            "what": fit.what,
            "split": fit.name,
            "surrogate": fitted[word].name,
            "train": len(fit.split.train),
            "valid": len(fit.split.valid),
            "best_seen": float(np.isin(best, fit.split.train).mean()),
        }
        for word, fit in material.fits.items()
    } | {"left_out_rows": material.left_out}


def predictions(data: LabelledTable, material: Material, fitted: dict[str, Surrogate]) -> dict[str, Any]:
    """How each surrogate predicts rows that no fit has seen: those of the optimiser's kind, and others."""
    return {
        kind: {"rows": len(rows)} | {word: _judged(data, rows, one) for word, one in fitted.items() if len(rows) > 1}
        for kind, rows in (("such", material.such), ("others", material.others))
    }


def _judged(data: LabelledTable, rows: IntArray, surrogate: Surrogate) -> dict[str, float]:
    truth = data.labels[rows]
    mean = surrogate.accuracy.predict(data.codes()[rows])
    scores = Evaluator(data.info.name).eval({"y_true": truth, "y_pred": mean})
    bias = float((mean.astype(np.float64) - truth).mean())
    return {metric: scores[metric] for metric in METRICS} | {"bias": bias}


def measure(found: Found, benchmarks: dict[str, Benchmark], checkpoints: Sequence[int]) -> dict[str, Any]:
    """The numbers of the searches, as `compare` gives them.

    Errors are by the benchmark that led the search (`with`), and of what was found on a surrogate also by the judge
    (`with_judged`): the truth, or without one the surrogate that was fitted with such data. `with_loss` is by how much
    that is above the error of what was found on the judge, and `price` what the surrogate without such data costs.

    Args:
        found: the searches.
        benchmarks: by the same words.
        checkpoints: evaluations after which optimisers are compared.
    """
    judge = "truth" if "truth" in benchmarks else "with"
    judged = {word: f"{word}_judged" for word in FITS if word != judge}
    gaps = {f"{word}_loss": (told, judge) for word, told in judged.items()}
    gaps["price"] = ("without_judged", judged.get("with", "with"))
    compared = compare(found, checkpoints, reference=judge, judge=benchmarks[judge], judged=judged, gaps=gaps)
    return {"judge": judge, **compared}
