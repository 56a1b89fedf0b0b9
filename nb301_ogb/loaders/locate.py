"""Where the file of a dataset is, or how it comes here."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.errors import OfflineError


def folder_name(info: DatasetInfo) -> str:
    """The dataset's folder under a root, as OGB names it (hyphens become underscores)."""
    return info.name.replace("-", "_")


def dataset_path(info: DatasetInfo, root: str | Path | None = None) -> Path:
    """The dataset's file, which is there when this returns.

    Looked for, in this order: `root/<folder>/<file>` if a root is given, the files inside the package.

    Args:
        info: the catalogue's entry.
        root: a folder of datasets as OGB lays it out, or None.

    Raises:
        OfflineError: where the file is not here; the message says which file to put where.
    """
    candidates = [] if root is None else [Path(root).expanduser() / folder_name(info) / info.filename]
    if info.embedded:
        candidates.append(Path(str(resources.files("nb301_ogb") / "data" / info.filename)))
    for path in candidates:
        if path.is_file():
            return path
    there = candidates[0] if candidates else Path(folder_name(info)) / info.filename
    msg = f"{info.name} is not on this machine; put its file at {there}."
    raise OfflineError(msg)
