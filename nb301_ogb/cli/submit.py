"""`nb301-ogb submit`: the runs of a model, or predictions of any framework, as one file for the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from nb301_ogb.cli.common import JsonOption, RootOption, console, mean_cell, print_json, print_table
from nb301_ogb.errors import SubmissionError

if TYPE_CHECKING:
    from nb301_ogb.evaluators.submission.form import Head, Predictions
    from nb301_ogb.leaderboard.scores import Judged

EXAMPLE = "Example: nb301-ogb submit runs/gin --output gin.submission"

_TABLES = (".csv", ".npz")


def run(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders, or folders of them; or one .csv or .npz file of predictions; or a .submission to check."
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="The file to write; by default MODEL.submission.")] = None,
    model: Annotated[str | None, typer.Option(help="The name that the leaderboard shows.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="An author; several times for several.")] = None,
    contact: Annotated[str | None, typer.Option(help="An address for questions.")] = None,
    paper: Annotated[str | None, typer.Option(help="A link to the paper.")] = None,
    code: Annotated[str | None, typer.Option(help="A link to the code.")] = None,
    hardware: Annotated[str | None, typer.Option(help="What it ran on; runs of this package know it.")] = None,
    external_data: Annotated[
        str | None, typer.Option(help="What was used beyond the training part; `none` if nothing was.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Anything else that readers should know.")] = None,
    command: Annotated[
        list[str] | None, typer.Option(help="A command that made the predictions; runs of this package know theirs.")
    ] = None,
    num_params: Annotated[int | None, typer.Option(help="Parameters; runs of this package know them.")] = None,
    dataset: Annotated[str | None, typer.Option(help="For a table of predictions that names no dataset.")] = None,
    split: Annotated[str | None, typer.Option(help="For a table of predictions that names no split.")] = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pack predictions for the leaderboard, check them, and show what they are worth.

    A submission holds the predictions for valid and test of every seed, keyed by architecture, and who made them how.
    It is checked against the dataset: the version, the split, every architecture exactly once. Scores are computed
    from the predictions.
    """
    from msgspec.structs import replace

    from nb301_ogb.evaluators.submission.file import from_bytes, read, to_bytes, write
    from nb301_ogb.evaluators.submission.form import SUFFIX
    from nb301_ogb.leaderboard.exam_data import opener
    from nb301_ogb.leaderboard.scores import judge

    open_exam = opener(root)
    given: dict[str, Any] = {
        "model": model,
        "authors": tuple(author) if author else None,
        "contact": contact,
        "paper": paper,
        "code": code,
        "hardware": hardware,
        "external_data": external_data,
        "note": note,
        "commands": tuple(command) if command else None,
        "num_params": num_params,
    }
    given = {name: value for name, value in given.items() if value is not None}
    for option, value in (("--dataset", dataset), ("--split", split)):
        if value is not None and sources[0].suffix.lower() not in _TABLES:
            msg = f"{option} {value} is of use for a CSV or NPZ table alone; {sources[0]} says itself what it is of."
            raise SubmissionError(msg)
    if len(sources) == 1 and sources[0].suffix == SUFFIX:
        if given or output is not None:
            msg = f"{sources[0]} is packed already and is only checked; pack the runs anew to change what it says."
            raise SubmissionError(msg)
        path = sources[0]
        judged = judge(read(path), open_exam, path.name)
    else:
        head, predictions = _collect(sources, given, dataset, split, open_exam)
        head = replace(head, **given)
        path = (output or Path(f"{_file_name(head.model)}{SUFFIX}")).expanduser()
        if path.suffix != SUFFIX:
            msg = f"--output {path} does not end with {SUFFIX}, by which a leaderboard finds its submissions."
            raise SubmissionError(msg)
        data = to_bytes(head, predictions)
        judged = judge(from_bytes(data, str(path)), open_exam, path.name)
        write(path, data)
    if as_json:
        print_json(_summary(judged, path))
        return
    _show(judged, path)


def _collect(
    sources: list[Path], given: dict[str, Any], dataset: str | None, split: str | None, open_exam: Any
) -> tuple[Head, Predictions]:
    """The head and the predictions of runs or of a table."""
    tables = [path for path in sources if path.suffix.lower() in _TABLES]
    if not tables:
        from nb301_ogb.baselines.packing import pack_runs

        packed = pack_runs(sources)
        return packed.head, packed.predictions
    if len(sources) > 1:
        msg = f"{tables[0]} and {len(sources) - 1} more were given: put all predictions of a model into one table."
        raise SubmissionError(msg)
    missing = [f"--{name.replace('_', '-')}" for name in ("model", "num_params") if name not in given]
    if missing:
        msg = f"{tables[0]} does not say what made the predictions; add {' and '.join(missing)}."
        raise SubmissionError(msg)
    return _from_table(tables[0], dataset, split, open_exam)


def _from_table(path: Path, dataset: str | None, split: str | None, open_exam: Any) -> tuple[Head, Predictions]:
    from nb301_ogb._version import __version__
    from nb301_ogb.evaluators.submission.check import unknown_exam
    from nb301_ogb.evaluators.submission.form import ExamHead, Head
    from nb301_ogb.evaluators.submission.table_csv import read_csv
    from nb301_ogb.evaluators.submission.table_npz import read_npz

    reader = read_csv if path.suffix.lower() == ".csv" else read_npz
    seeds, predictions = reader(path, dataset, split)
    unknown = [fault for exam in predictions if (fault := unknown_exam(exam))]
    if unknown:
        raise SubmissionError(*unknown)
    with_std = {part.y_std is not None for parts in predictions.values() for part in parts.values()}
    if len(with_std) > 1:
        msg = f"{path} holds standard deviations for some parts and not for others; give all or none."
        raise SubmissionError(msg)
    head = Head(
        model="unnamed",
        num_params=0,
        seeds=seeds,
        exams=tuple(
            ExamHead(exam.dataset, exam.split, open_exam(exam).key.content_hash) for exam in sorted(predictions)
        ),
        with_std=with_std == {True},
        package_version=__version__,
    )
    return head, predictions


def _file_name(model: str) -> str:
    kept = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "-" for one in model)
    return kept.strip(".-") or "model"


def _summary(judged: Judged, path: Path) -> dict[str, Any]:
    from nb301_ogb.leaderboard.boards import boards_of
    from nb301_ogb.leaderboard.scores import spread
    from nb301_ogb.leaderboard.suspicion import suspicions

    exams = []
    for exam, scores in judged.exams.items():
        found: dict[str, Any] = {"dataset": exam.dataset, "split": exam.split}
        for part, values in scores.values.items():
            spreads = {metric: spread(value) for metric, value in values.items()}
            found[part] = {metric: {"mean": one.mean, "std": one.std} for metric, one in spreads.items()}
        exams.append(found)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "sha256": judged.digest,
        "model": judged.head.model,
        "num_params": judged.head.num_params,
        "seeds": list(judged.head.seeds),
        "exams": exams,
        "boards": [{"name": board.name, "official": board.official} for board in boards_of(frozenset(judged.exams))],
        "unofficial": list(judged.shortfalls),
        "suspicions": list(suspicions(judged, ())),
    }


def _show(judged: Judged, path: Path) -> None:
    from nb301_ogb.evaluators.submission.form import OFFICIAL_SEEDS

    found = _summary(judged, path)
    rows = []
    for exam in found["exams"]:
        cells = [mean_cell(exam[part][metric]) for part in ("valid", "test") for metric in ("rmse", "kendall_tau")]
        rows.append((exam["dataset"], exam["split"], *cells))
    columns = ("dataset", "split", "valid RMSE", "valid Kendall", "test RMSE", "test Kendall")
    title = f"{escape(judged.head.model)}: {len(judged.head.seeds)} seed(s), {judged.head.num_params:,} parameters"
    print_table(title, columns, rows, left=2)
    boards = ", ".join(f"{one['name']}{' (official)' if one['official'] else ''}" for one in found["boards"])
    console.print(f"\nboards: {boards}", highlight=False, markup=False)
    for one in found["suspicions"]:
        console.print(f"flagged: {one}", highlight=False, markup=False, soft_wrap=True)
    if judged.shortfalls:
        lacking = ", ".join(judged.shortfalls)
        console.print(f"not official yet: {lacking}", highlight=False, markup=False, soft_wrap=True)
        if len(judged.shortfalls) > (len(judged.head.seeds) < OFFICIAL_SEEDS):
            console.print("  (see --author, --contact, --external-data, --code, --paper, --hardware, --command)")
    console.print(f"\n{path} ({found['bytes']:,} bytes) is without a fault.", highlight=False, markup=False)
