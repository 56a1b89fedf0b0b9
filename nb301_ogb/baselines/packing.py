"""From the runs of a model to a submission: what their folders hold, put together seed by seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from nb301_ogb._version import __version__
from nb301_ogb.baselines.finished import learned_the_label
from nb301_ogb.baselines.runs import Run, find_runs, read_run
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.submission.form import (
    PARTS,
    Environment,
    Exam,
    ExamHead,
    Head,
    PartPredictions,
    Predictions,
)
from nb301_ogb.evaluators.submission.key import code_text, numbers

_SAME = 1e-3
"""How far a model's predictions for one architecture may differ between rows, by rounding."""


@dataclass(frozen=True)
class Packed:
    """What the runs of a model say, before their authors have added who they are.

    Attributes:
        head: with everything that the run folders know.
        predictions: by exam and part.
    """

    head: Head
    predictions: Predictions


def pack_runs(folders: Sequence[Path]) -> Packed:
    """Puts the runs of one model together, whatever folders and jobs they come from.

    Args:
        folders: run folders, folders that hold runs, or folders that hold such folders (one for each dataset).

    Raises:
        ConfigError: for a folder that is no run.
        SubmissionError: where the runs are not those of one model with the same seeds on every dataset.
    """
    given = [inside for folder in folders for inside in _holders(Path(folder))]
    runs = [read_run(folder) for folder in find_runs(given)]
    exams: dict[Exam, dict[int, Run]] = {}
    faults: list[str] = []
    for run in runs:
        faults += _label_fault(run)
        seeds = exams.setdefault(Exam(run.info.dataset, run.info.split), {})
        if run.info.seed in seeds:
            other = seeds[run.info.seed].folder
            faults.append(f"{run.folder} and {other} both hold seed {run.info.seed}: give each seed once.")
        seeds[run.info.seed] = run
    models = {run.info.model: run.folder for run in runs}
    if len(models) > 1:
        listed = ", ".join(f"{model} ({folder})" for model, folder in sorted(models.items()))
        faults.append(f"the runs are of {len(models)} models, {listed}: a submission is of one model.")
    faults += _seed_faults(exams) + [fault for exam in exams for fault in _exam_faults(exam, exams[exam])]
    if faults:
        raise SubmissionError(*faults)
    order = sorted(next(iter(exams.values())))
    predictions: Predictions = {
        exam: {part: _part(exam, part, [found[seed] for seed in order]) for part in PARTS}
        for exam, found in sorted(exams.items())
    }
    return Packed(_head(exams, order, runs), predictions)


def _holders(folder: Path) -> list[Path]:
    """The folder itself, or those in it that hold runs where it holds none."""
    if (folder / "predictions.h5").is_file() or any(folder.glob("*/predictions.h5")):
        return [folder]
    found = {path.parents[1] for path in folder.glob("*/*/predictions.h5") if not path.parent.name.startswith(".")}
    return sorted(found) or [folder]


def _label_fault(run: Run) -> list[str]:
    if learned_the_label(run):
        return []
    return [
        f"{run.folder} predicts {', '.join(run.info.targets)} ({run.info.runs} of the runs), the leaderboard judges "
        f"{get_info(run.info.dataset).label} (mean of the runs): train with the default label."
    ]


def _seed_faults(exams: dict[Exam, dict[int, Run]]) -> list[str]:
    every = {seed for found in exams.values() for seed in found}
    faults = []
    for exam, found in sorted(exams.items()):
        missing = sorted(every - set(found))
        if missing:
            faults.append(
                f"{exam} has {len(found)} of {len(every)} seeds, the first that is missing is {missing[0]}: give the "
                "same seeds for every dataset."
            )
    return faults


def _exam_faults(exam: Exam, found: dict[int, Run]) -> list[str]:
    first = next(iter(found.values()))
    faults = []
    for run in found.values():
        if run.info.content_hash != first.info.content_hash:
            faults.append(
                f"{run.folder} and {first.folder} were trained on different versions of {exam.dataset}: use one."
            )
        if run.config != first.config:
            faults.append(f"{run.folder} and {first.folder} were trained with different settings on {exam}: use one.")
    return faults[:1]


def _part(exam: Exam, part: str, runs: Sequence[Run]) -> PartPredictions:
    """The matrix of one part: an architecture that has several rows has one prediction."""
    (ids, *others) = numbers(*(run.predictions[part].codes for run in runs))
    _, first = np.unique(ids, return_index=True)
    columns = []
    for run, own in zip(runs, (ids, *others), strict=True):
        known, where, back = np.unique(own, return_index=True, return_inverse=True)
        if not np.array_equal(known, np.unique(ids)):
            msg = f"{run.folder} and {runs[0].folder} predict different architectures of the {part} part of {exam}."
            raise SubmissionError(msg)
        values = run.predictions[part].y_pred[:, 0]
        apart = np.abs(values - values[where][back.ravel()]) > _SAME
        if apart.any():
            row = int(np.argmax(apart))
            msg = (
                f"{run.folder}: {np.count_nonzero(apart):,} rows of the {part} part have another prediction than a row "
                f"of the same architecture, the first is row {row} "
                f"(architecture {code_text(run.predictions[part].codes[row])}): predict by architecture."
            )
            raise SubmissionError(msg)
        columns.append(values[where])
    return PartPredictions(runs[0].predictions[part].codes[first], np.stack(columns, axis=1).astype(np.float32))


def _head(exams: dict[Exam, dict[int, Run]], seeds: Sequence[int], runs: Sequence[Run]) -> Head:
    environments, commands = [], []
    for run in runs:
        said = _environment(run.folder)
        command = said.pop("command", "")
        environments.append(_converted(said, run.folder))
        if command:
            commands.append(command)
    unique = [one for position, one in enumerate(environments) if one not in environments[:position]]
    heads = [
        ExamHead(exam.dataset, exam.split, next(iter(found.values())).info.content_hash)
        for exam, found in sorted(exams.items())
    ]
    return Head(
        model=runs[0].info.model,
        num_params=max(run.info.num_params for run in runs),
        seeds=tuple(seeds),
        exams=tuple(heads),
        hardware="; ".join(dict.fromkeys(one.gpu or one.processor for one in unique if one.gpu or one.processor)),
        commands=tuple(dict.fromkeys(commands)),
        package_version=__version__,
        environments=tuple(unique),
    )


def _converted(said: dict[str, Any], folder: Path) -> Environment:
    try:
        return msgspec.convert(said, Environment)
    except msgspec.ValidationError as error:
        msg = f"{folder / 'environment.json'} is not as `nb301-ogb train` writes it ({error}); train the run again."
        raise SubmissionError(msg) from error


def _environment(folder: Path) -> dict[str, Any]:
    path = folder / "environment.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read ({error}); give a run folder as `nb301-ogb train` left it."
        raise SubmissionError(msg) from error
    if not isinstance(said, dict):
        msg = f"{path} holds no environment; give a run folder as `nb301-ogb train` left it."
        raise SubmissionError(msg)
    return said
