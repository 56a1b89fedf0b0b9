"""`nb301-ogb verify`: whether a dataset file is what it should be."""

from __future__ import annotations

import typer

from nb301_ogb.cli.common import DatasetArgument, JsonOption, RootOption, console, dataset_file, print_json
from nb301_ogb.storage.verify import verify

EXAMPLE = "Example: nb301-ogb verify nb201-cifar10"


def run(name: DatasetArgument, root: RootOption = None, as_json: JsonOption = False) -> None:
    """Check a dataset file: bytes, structure, ranges, every graph derived again from its code, splits.

    The exit status is 1 if any check fails.
    """
    path = dataset_file(name, root)
    checks = verify(path)
    if as_json:
        print_json({"file": str(path), "ok": all(c.ok for c in checks), "checks": [vars(check) for check in checks]})
    else:
        console.print(str(path), highlight=False, soft_wrap=True)
        for check in checks:
            mark = "[green]ok  [/green]" if check.ok else "[bold red]FAIL[/bold red]"
            console.print(f"  {mark} {check.name}: {check.detail}", highlight=False, soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
