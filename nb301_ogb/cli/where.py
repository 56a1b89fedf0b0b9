"""What `nb301-ogb info --where` shows: the folders in which files are looked for, and the way to the network."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.cli.common import console, print_table
from nb301_ogb.errors import Nb301OgbError


def whereabouts(infos: Sequence[DatasetInfo], root: Path | None = None) -> dict[str, Any]:
    """Where the files of some datasets are looked for and which are there; nothing is changed, nobody is asked.

    Returns:
        What `nb301_ogb.loaders.fetch.doctor` gives for the datasets' files and for what they are built from.
    """
    from nb301_ogb.loaders.dataset_path import dataset_path
    from nb301_ogb.loaders.fetch import Cache, doctor
    from nb301_ogb.loaders.locate import dataset_resource
    from nb301_ogb.loaders.obtain import Means
    from nb301_ogb.loaders.resources import NB301_DATASET, SPLIT_LISTS

    cache = Cache.from_environment() if root is None else Cache([root, *Cache.from_environment().folders])
    means = Means(cache, offline=True)
    built = [info for info in infos if not info.embedded]
    wanted = [dataset_resource(info) for info in built]
    if built:
        wanted.append(NB301_DATASET.listing(means.api))
        with contextlib.suppress(Nb301OgbError):  # without the listing the archive's name is not known
            wanted += means.article(NB301_DATASET)
        wanted += SPLIT_LISTS.values() if any("default" in info.splits for info in built) else ()
    found = doctor(wanted, cache=cache)
    inside = [(info, dataset_path(info, root)) for info in infos if info.embedded]
    embedded = [{"name": info.filename, "path": str(path), "size": path.stat().st_size} for info, path in inside]
    return found | {"files": embedded + found["files"]}


def show_whereabouts(found: dict[str, Any]) -> None:
    """Prints them as tables."""
    rows = [
        (
            escape(one["path"]),
            "there" if one["exists"] else "not there yet" if one["writable"] else "not there",
            "yes" if one["writable"] else "no",
            f"{one['free_bytes'] / 2**30:,.1f} GiB" if one["free_bytes"] is not None else "-",
        )
        for one in found["folders"]
    ]
    print_table("Folders, in the order in which they are searched", ("folder", "", "writable", "free"), rows, left=3)
    receives = found["receives"] or "no folder: none can be written, set NB301_OGB_HOME to one that can"
    for title, text in (
        ("what is new goes to", receives),
        ("the network", "must not be used (NB301_OGB_OFFLINE)" if found["offline"] else "may be used"),
        ("mirrors", ", ".join(found["mirrors"]) or "none (NB301_OGB_MIRROR)"),
        ("figshare's interface", found["figshare"]),
        ("proxies", ", ".join(f"{kind} {url}" for kind, url in found["proxies"].items()) or "none"),
        ("variables that are set", ", ".join(found["environment"]) or "none"),
    ):
        console.print(f"  {title}: {text}", highlight=False, markup=False, soft_wrap=True)
    console.print()
    print_table("Files", ("file", "where", "bytes"), _file_rows(found["files"]), left=2)


def _file_rows(files: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """A row a file; the split lists, of which there are many, in one."""
    lists = [one for one in files if re.search("/data_splits/", one["name"])]
    rows = [
        (one["name"], escape(one["path"] or "not here"), f"{one['size']:,}" if one["path"] else "-")
        for one in files
        if one not in lists
    ]
    if lists:
        here = [one for one in lists if one["path"]]
        size = sum(one["size"] for one in here)
        rows.append(
            ("nasbench301/data_splits/*", f"{len(here)} of {len(lists)} are here", f"{size:,}" if here else "-")
        )
    return rows
