"""A dataset file analysed: a page with figures and tables, the same as Markdown, and the numbers as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nb301_ogb._version import __version__
from nb301_ogb.errors import MissingExtraError, OutputError
from nb301_ogb.experiments import dataset_facts as facts
from nb301_ogb.experiments import dataset_noise
from nb301_ogb.experiments.dataset_sections import sections
from nb301_ogb.experiments.page import to_html, to_markdown
from nb301_ogb.jsonable import finite
from nb301_ogb.storage.folder import make_folder
from nb301_ogb.storage.read import DatasetFile

PAGE, TEXT, NUMBERS = "report.html", "report.md", "report.json"


def analyse(found: facts.Columns, noise: dataset_noise.Noise | None) -> dict[str, Any]:
    """The numbers of the report, as JSON can hold them (NaN is None)."""
    contents = found.contents
    head, label = contents.header, contents.header.label
    others = [name for name in contents.targets if name != label]
    pair = accuracies(contents.targets)
    places = facts.examples(found)
    return {
        "dataset": {
            "name": head.name,
            "version": head.version,
            "space": head.space,
            "architectures": len(contents.code),
            "with_a_label": len(found.rows),
            "label": label,
            "unit": contents.targets[label].unit,
            "sources": list(head.sources),
            "license": head.license,
        },
        "label": facts.summary(found.label),
        "groups": facts.by_group(found),
        "targets": {
            name: {"unit": one.unit, "description": one.description, **facts.summary(found.means[name])}
            for name, one in contents.targets.items()
        },
        "validation_against_test": facts.agreement(*(found.means[name] for name in pair)) if pair else None,
        "against": {name: facts.agreement(found.label, found.means[name]) for name in others},
        "depth": facts.by_depth(found),
        "ops": facts.op_shares(found),
        "extreme_share": facts.EXTREME_SHARE,
        "noise": None if noise is None else noise.facts,
        "twins": facts.twins(found),
        "splits": facts.split_facts(found),
        "examples": {
            what: {
                "row": int(found.rows[place]),
                "label": float(found.label[place]),
                "genotype": str(found.space.genotype(contents.code[found.rows[place]])),
            }
            for what, place in places.items()
        },
    }


def accuracies(targets: Iterable[str]) -> tuple[str, str] | None:
    """The names of the validation and the test accuracy, where there are both."""
    pair = ("val_accuracy", "test_accuracy")
    return pair if set(pair) <= set(targets) else None


def write_report(file: DatasetFile, output: str | Path, note: str = "") -> dict[str, Any]:
    """Writes `report.html`, `report.md` and `report.json` into a folder.

    Without matplotlib the page holds the tables and the drawings alone and says why.

    Args:
        file: any dataset file.
        output: the folder, made if it is missing; earlier reports in it are replaced.
        note: a sentence to show above everything, such as what the file is not.

    Returns:
        What `report.json` holds.

    Raises:
        OutputError: where the folder cannot be written.
    """
    folder = Path(output).expanduser()
    make_folder(folder)
    found = facts.columns(file.contents())
    label = found.contents.targets[found.contents.header.label]
    noise = dataset_noise.measure(label.values, found.contents.run_id)
    numbers = {
        "note": note,
        "content_hash": file.content_hash,
        "created_with": f"nb301-ogb {__version__}",
        **analyse(found, noise),
    }
    numbers = finite(numbers)
    title = f"{found.contents.header.name}: the dataset in figures"
    footer = (
        f"Content hash {file.content_hash}; written by nb301-ogb {__version__} "
        f"(nb301-ogb experiment dataset {found.contents.header.name.removeprefix('ogbg-')})."
    )
    try:
        parts = sections(found, noise, numbers, figures=True)
    except MissingExtraError:
        parts = sections(found, noise, numbers, figures=False)
    _replace_all(
        folder,
        {
            PAGE: to_html(title, parts, note, footer),
            TEXT: to_markdown(title, parts, note, footer),
            NUMBERS: json.dumps(numbers, indent=1, ensure_ascii=False) + "\n",
        },
    )
    return numbers


def _replace_all(folder: Path, texts: dict[str, str]) -> None:
    """Writes all texts beside their places, then moves each to its own."""
    try:
        with tempfile.TemporaryDirectory(prefix=".report.", suffix=".part", dir=folder) as work:
            for name, text in texts.items():
                (Path(work) / name).write_text(text, encoding="utf-8")
            for name in texts:
                os.replace(Path(work) / name, folder / name)
    except OSError as error:
        raise OutputError.of(folder, error, "folder") from error
