"""`nb301-ogb verify`: whether a dataset file is what it should be."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.markup import escape

from nb301_ogb.cli.common import (
    DatasetArgument,
    JsonOption,
    RootOption,
    console,
    dataset_file,
    names_a_file,
    print_json,
)
from nb301_ogb.storage.verify import verify

EXAMPLE = "Example: nb301-ogb verify nb201-cifar10"


def run(name: DatasetArgument, root: RootOption = None, as_json: JsonOption = False) -> None:
    """Check a dataset file: bytes, structure, ranges, every graph derived again from its code, splits.

    The exit status is 1 if any check fails.
    """
    path = _as_it_lies(name, root) or dataset_file(name, root)
    checks = verify(path)
    if as_json:
        print_json({"file": str(path), "ok": all(c.ok for c in checks), "checks": [vars(check) for check in checks]})
    else:
        console.print(str(path), highlight=False, markup=False, soft_wrap=True)
        for check in checks:
            mark = "[green]ok  [/green]" if check.ok else "[bold red]FAIL[/bold red]"
            console.print(f"  {mark} {check.name}: {escape(check.detail)}", highlight=False, soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _as_it_lies(name: str, root: Path | None) -> Path | None:
    """The file of a dataset by its name, whole or damaged; opening a dataset would pass over a damaged one."""
    from nb301_ogb.catalog import get_info
    from nb301_ogb.loaders.fetch.cache import Cache
    from nb301_ogb.loaders.locate import dataset_resource

    if names_a_file(name) or get_info(name).embedded:
        return None
    folders = Cache.from_environment().folders
    return Cache([root, *folders] if root is not None else folders).find(dataset_resource(get_info(name)).name)
