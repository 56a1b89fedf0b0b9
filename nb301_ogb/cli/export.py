"""`nb301-ogb export`: a dataset in the forms of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nb301_ogb.cli.common import DatasetArgument, JsonOption, RootOption, console, errors, open_dataset, print_json

EXAMPLE = "Example: nb301-ogb export nb201-cifar10 --format csv --output nb201-csv"


def run(
    name: DatasetArgument,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="ogb: the folder and meta_dict of OGB's contribution guide. csv: a table and a README."
        ),
    ],
    output: Annotated[Path, typer.Option(help="The folder to write.")],
    target: Annotated[
        list[str] | None, typer.Option(help="For ogb, a column of the labels; several times for several.")
    ] = None,
    runs: Annotated[
        str, typer.Option(help="For ogb, the label: mean over the runs, all, or one run's number.")
    ] = "mean",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a dataset as the folder that OGB asks contributors for, or as a table of comma-separated values."""
    from nb301_ogb.loaders.export import export

    file = open_dataset(name, root)
    with errors.status(f"writing {file.num_graphs:,} architectures ..."):
        found = export(
            file,
            form,
            output,
            targets=tuple(target) if target else None,
            runs=int(runs) if runs.isdigit() else runs,
            overwrite=overwrite,
        )
    if as_json:
        print_json(found | {"folder": str(output)})
        return
    console.print(f"{output}/", highlight=False, markup=False, soft_wrap=True)
    for path, size in found["files"].items():
        console.print(f"  {path}  ({size:,} bytes)", highlight=False, markup=False, soft_wrap=True)
    if form == "ogb":
        from nb301_ogb.loaders.export_ogb import UNSAFE_LOAD

        console.print(
            f"\nTo load it with ogb on torch >= 2.6, set {UNSAFE_LOAD} (its files are pickles: set it for files you "
            f"trust). {output}/README.md shows how.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
