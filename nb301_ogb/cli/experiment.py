"""`nb301-ogb experiment`: tables and figures, each a command of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nb301_ogb.cli import experiment_models, experiment_noise, experiment_search, experiment_transfer
from nb301_ogb.cli.common import (
    DatasetArgument,
    JsonOption,
    NoteOption,
    RootOption,
    console,
    errors,
    open_dataset,
    print_json,
)

EXAMPLE = "Example: nb301-ogb experiment dataset nb201-cifar10 --output reports/nb201-cifar10"

app = typer.Typer(
    help="Tables and figures about datasets and models.", no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE
)


@app.callback()
def _root() -> None:
    """Tables and figures about datasets and models."""


@app.command(epilog=EXAMPLE)
def dataset(
    name: DatasetArgument,
    output: Annotated[Path, typer.Option(help="The folder; earlier reports in it are replaced.")],
    note: NoteOption = "",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse a dataset file: a page with figures and tables, the same as Markdown, the numbers as JSON."""
    from nb301_ogb.experiments.dataset import NUMBERS, PAGE, TEXT, write_report

    file = open_dataset(name, root)
    with errors.status(f"analysing {file.num_graphs:,} architectures ..."):
        numbers = write_report(file, output, note)
    if as_json:
        print_json(numbers)
        return
    for path, what in ((PAGE, "figures and tables"), (TEXT, "the tables as Markdown"), (NUMBERS, "the numbers")):
        console.print(f"{output / path}   {what}", highlight=False, soft_wrap=True)


for module, commands in (
    (experiment_search, ("trajectories", "local_search", "parameter_free")),
    (experiment_transfer, ("transfer",)),
    (experiment_noise, ("noise",)),
    (experiment_models, ("surrogates", "ensembles", "data_size", "leave_one_out")),
):
    for command in commands:
        app.command(name=command.replace("_", "-"), epilog=module.EXAMPLES[command])(getattr(module, command))
