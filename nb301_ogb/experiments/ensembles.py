"""The experiment `ensembles`: what each further member brings, and how far the predicted deviation can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nb301_ogb.baselines.calibration import Calibration, calibrate
from nb301_ogb.baselines.finished import require_contents
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.evaluator import Evaluator
from nb301_ogb.experiments.ensemble_source import Source
from nb301_ogb.experiments.report import NO_REMARKS, Remarks
from nb301_ogb.experiments.run_scores import over_seeds
from nb301_ogb.loaders.labelled import LabelledTable

Values = NDArray[np.float64]

LEVELS = np.round(np.arange(0.05, 0.96, 0.05), 2)
"""Shares of a normal distribution that its central intervals hold."""
BINS = 10
"""Groups of equally many architectures, by their predicted deviation."""
RAW, CALIBRATED = "raw", "calibrated"


@dataclass(frozen=True, eq=False)
class Part:
    """The rows of a part that have a label.

    Attributes:
        label: float64 [B].
        runs: float64 [B, R], NaN where there is no run.
        members: float64 [K, B], every member's prediction.
    """

    label: Values
    runs: Values
    members: Values


def ensembles(
    sources: Sequence[Source], output: str | Path, *, root: Path | None = None, remarks: Remarks = NO_REMARKS
) -> dict[str, Any]:
    """Writes `report.html`, `report.md`, `report.json` and two figures about fitted ensembles.

    The figures are `ensembles` and `reliability`, each as `.svg` and `.pdf`.

    Args:
        sources: ensembles; those of one dataset are told together, each as a seed.
        output: the folder.
        root: a folder of datasets, or None.
        remarks: what the report says beside its numbers.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: where there is no ensemble, two of one dataset do not belong together, or one was fitted on
            another version of its dataset.
        OutputError: where the folder cannot be written.
    """
    from nb301_ogb.experiments.ensembles_page import write_page

    by_dataset: dict[str, list[Source]] = {}
    for source in sources:
        by_dataset.setdefault(source.dataset, []).append(source)
    if not by_dataset:
        msg = "there is no ensemble to look at; give --source, or the folder of runs that holds one."
        raise ConfigError(msg)
    datasets = {}
    for name, of_one in by_dataset.items():
        kinds = {(source.split, source.model.name, len(source.model.members)) for source in of_one}
        if len(kinds) > 1:
            msg = f"the ensembles of {name} differ in split, model or size; give those of one kind together."
            raise ConfigError(msg)
        datasets[name] = _of_dataset(of_one, LabelledTable(name, root))
    numbers = {"experiment": "ensembles", **remarks.told(), "bins": BINS, "datasets": datasets}
    return write_page(Path(output).expanduser(), numbers)


def _of_dataset(sources: Sequence[Source], table: LabelledTable) -> dict[str, Any]:
    first = sources[0]
    measured = [measure(*_parts(source, table), table.info.name) for source in sources]
    entries = []
    for place, size in enumerate(range(1, len(first.model.members) + 1)):
        alike = [one["sizes"][place] for one in measured]
        entries.append(
            {"size": size, "calibrations": [one["calibration"] for one in alike]}
            | {
                kind: {metric: over_seeds(one[kind][metric] for one in alike) for metric in alike[0][kind]}
                for kind in (RAW, CALIBRATED)
            }
        )
    split = table.split(first.split)
    return {
        "sources": [source.name for source in sources],
        "model": first.model.name,
        "members": len(first.model.members),
        "split": first.split,
        "seeds": [source.seed for source in sources],
        "rows": {"valid": len(split.valid), "test": len(split.test)},
        "label": table.info.label,
        "unit": table.file.target(table.info.label).unit,
        "sizes": entries,
        "reliability": _mean_lists([one["reliability"] for one in measured]),
        "error_by_std": _mean_lists([one["error_by_std"] for one in measured]),
        "error_std_spearman": over_seeds(one["error_std_spearman"] for one in measured),
    }


def _parts(source: Source, table: LabelledTable) -> tuple[Part, Part]:
    """Validation and test part of a source.

    Raises:
        ConfigError: where it was fitted on another version of the dataset, or not on all of the training part.
    """
    require_contents(table, source.content_hash, source.name)
    runs, split, codes = (
        table.file.values(table.info.label).astype(np.float64),
        table.split(source.split),
        table.codes(),
    )
    if source.num_train not in (None, len(split.train)):
        msg = f"{source.name} learned {source.num_train:,} of {len(split.train):,} training rows; give one of all."
        raise ConfigError(msg)
    found = []
    for rows in (split.valid, split.test):
        rows = rows[~np.isnan(table.labels[rows, 0])]
        label = table.labels[rows, 0].astype(np.float64)
        found.append(Part(label, runs[rows], source.model.member_predictions(codes[rows])))
    return found[0], found[1]


def measure(valid: Part, test: Part, dataset: str) -> dict[str, Any]:
    """The test scores of the first member, the first two, and so on, and the deviation of all of them.

    The deviation between members is judged as it is (`raw`), and calibrated on the validation part for each size anew.
    A single member has none; calibrated, it gets one that is the same for all architectures.

    Args:
        valid: calibrates.
        test: judges.
        dataset: its name, for the evaluator.

    Returns:
        `sizes`: for each size the metrics `raw` and `calibrated`, and the `calibration`; `reliability`: for the levels
        of `LEVELS` the share of test labels within the central interval; `error_by_std`: for groups of rows by their
        calibrated deviation its mean and the RMSE; `error_std_spearman`: of absolute error and calibrated deviation.
    """
    sizes = []
    for size in range(1, len(valid.members) + 1):
        mean, spread = _mean_and_spread(valid.members[:size])
        calibration = calibrate(valid.label, mean, spread)
        mean, spread = _mean_and_spread(test.members[:size])
        stds = {RAW: Calibration().std(spread), CALIBRATED: calibration.std(spread)}
        entry: dict[str, Any] = {"size": size, "calibration": asdict(calibration)}
        for kind, std in stds.items():
            entry[kind] = _scores(test, mean, std if size > 1 or kind == CALIBRATED else None, dataset)
        sizes.append(entry)
    error = np.abs(test.label - mean)
    return {
        "sizes": sizes,
        "reliability": {"expected": LEVELS.tolist()} | {kind: observed(error, std) for kind, std in stds.items()},
        "error_by_std": by_deviation(error, stds[CALIBRATED]),
        "error_std_spearman": float(stats.spearmanr(error, stds[CALIBRATED]).statistic),
    }


def _mean_and_spread(members: Values) -> tuple[Values, Values]:
    if len(members) == 1:
        return members[0], np.zeros(members.shape[1])
    return members.mean(axis=0), members.std(axis=0, ddof=1)


def _scores(part: Part, mean: Values, std: Values | None, dataset: str) -> dict[str, float]:
    given: dict[str, Any] = {"y_true": part.label[:, None], "y_pred": mean[:, None]}
    if std is not None:
        given["y_std"] = std[:, None]
        if (np.nanmax(part.runs, axis=1) > np.nanmin(part.runs, axis=1)).any():
            given["y_runs"] = part.runs
    found = Evaluator(dataset, num_tasks=1).eval(given)
    return found if std is None else found | {"sharpness": float(std.mean())}


def observed(error: Values, std: Values) -> list[float]:
    """For the levels of `LEVELS` the share of absolute errors, [B], within the central interval of N(0, std^2)."""
    reach = stats.norm.ppf((1 + LEVELS) / 2)
    return (error[None, :] <= reach[:, None] * std[None, :]).mean(axis=1).tolist()


def by_deviation(error: Values, std: Values) -> dict[str, list[float]]:
    """The rows in `BINS` groups of equal size by their deviation: its root mean square, and that of the errors."""
    groups = np.array_split(np.argsort(std, kind="stable"), min(BINS, len(std)))
    root = [[float(np.sqrt(np.mean(np.square(values[group])))) for group in groups] for values in (std, error)]
    return {"std": root[0], "rmse": root[1]}


def _mean_lists(found: Sequence[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Lists of equal length by name, averaged over the seeds."""
    return {name: np.mean([one[name] for one in found], axis=0).tolist() for name in found[0]}
