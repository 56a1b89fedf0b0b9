"""`nb301-ogb download`: datasets to this machine, so that no network is needed later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from nb301_ogb.catalog import dataset_names, get_info
from nb301_ogb.cli.common import JsonOption, RootOption, console, errors, print_json, print_table
from nb301_ogb.errors import ConfigError, Nb301OgbError, NoRecordError

_NUMBERS = ("architectures", "bytes")

EXAMPLE = "Example: nb301-ogb download nb301, or nb301-ogb download --all on a login node"


def run(
    names: Annotated[list[str] | None, typer.Argument(help="Datasets' names, such as nb301.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dataset of the catalogue.")] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Get datasets into the cache, ready to open: downloaded, checked, and built where no finished file is published.

    What is there already is not asked for again. With --all, a dataset that cannot be had does not keep the others
    from coming, and the exit status is then 1; a dataset that the public archive does not hold is told and no failure.
    """
    if everything == bool(names):
        msg = "say which datasets to download, or --all; `nb301-ogb datasets` lists them."
        raise ConfigError(msg)
    wanted = dataset_names() if everything else [get_info(name).name for name in names or ()]
    found = [_get(name, root, keep_going=everything) for name in dict.fromkeys(wanted)]
    if as_json:
        print_json(found)
    else:
        _show(found)
    if any("error" in one for one in found):
        raise typer.Exit(1)


def _get(name: str, root: Path | None, keep_going: bool) -> dict[str, Any]:
    from nb301_ogb.loaders.dataset_path import dataset_path
    from nb301_ogb.storage.read import DatasetFile

    info = get_info(name)
    try:
        path = dataset_path(info, root)
    except Nb301OgbError as error:
        if not keep_going:
            raise
        errors.print(f"nb301-ogb: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        return {"name": name, "absent" if isinstance(error, NoRecordError) else "error": str(error)}
    file = DatasetFile(path)
    return {
        "name": name,
        "file": str(path),
        "bytes": path.stat().st_size,
        "architectures": file.num_graphs,
        "content_hash": file.content_hash,
        "embedded": info.embedded,
    }


def _place(one: dict[str, Any]) -> str:
    if "error" in one:
        return "cannot be had, see above"
    if "absent" in one:
        return "the public archive does not hold it"
    return "inside the package" if one["embedded"] else str(one["file"])


def _show(found: list[dict[str, Any]]) -> None:
    rows = [
        (one["name"], escape(_place(one)), *(f"{one[key]:,}" if key in one else "-" for key in _NUMBERS))
        for one in found
    ]
    print_table("Datasets on this machine", ("name", "file", "architectures", "bytes"), rows, left=2)
    if not any("error" in one for one in found):
        console.print("\nWith NB301_OGB_OFFLINE=1 they open without any network.", highlight=False)
