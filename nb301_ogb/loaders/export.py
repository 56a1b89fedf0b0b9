"""A dataset in the forms of others: the folder that OGB asks contributors for, or a table of comma-separated values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nb301_ogb._version import __version__
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.export_csv import write_csv
from nb301_ogb.loaders.labelled import Runs
from nb301_ogb.storage.folder import new_folder
from nb301_ogb.storage.read import DatasetFile

FORMATS = ("ogb", "csv")
MANIFEST = "export.json"
"""Tells what an export holds; only a folder with this file is ever replaced."""


def export(
    file: DatasetFile,
    form: str,
    output: str | Path,
    *,
    targets: tuple[str, ...] | None = None,
    runs: Runs = "mean",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a dataset as a folder of another format; the folder appears whole or not at all.

    Args:
        file: the dataset's file.
        form: `ogb`, which needs the package ogb and asks nothing, or `csv`.
        output: the folder; it must be absent, empty, or, with `overwrite`, an earlier export.
        targets: for `ogb`, the columns of the label matrix; by default the label alone.
        runs: for `ogb`, as in `PygGraphPropPredDataset`.
        overwrite: whether an earlier export is replaced.

    Returns:
        What the manifest holds: format, dataset, version, content_hash, architectures, created_with, files (bytes by
        name).

    Raises:
        ConfigError: for a format that does not exist, or targets and runs for `csv`, which holds all of them.
        DatasetNameError: for a target or a run that does not exist.
        OutputError: where the folder must not be replaced or cannot be written.
    """
    if form not in FORMATS:
        msg = f"there is no export format {form!r}; write {' or '.join(FORMATS)}."
        raise ConfigError(msg)
    if form == "csv" and (targets is not None or runs != "mean"):
        msg = "a csv export holds every target and every run; leave targets and runs out."
        raise ConfigError(msg)
    final = Path(output).expanduser().absolute()
    with new_folder(final, MANIFEST, overwrite) as folder:
        if form == "ogb":
            from nb301_ogb.loaders.export_ogb import write_ogb  # loads torch

            write_ogb(file, folder, final, targets or (file.header.label,), runs)
        else:
            write_csv(file, folder)
        found = manifest(file, form, folder)
        (folder / MANIFEST).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def manifest(file: DatasetFile, form: str, folder: Path) -> dict[str, Any]:
    """What is told of an export."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "format": form,
        "dataset": file.header.name,
        "version": file.header.version,
        "content_hash": file.content_hash,
        "architectures": file.num_graphs,
        "created_with": f"nb301-ogb {__version__}",
        "files": {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths},
    }
