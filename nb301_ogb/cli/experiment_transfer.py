"""`nb301-ogb experiment transfer`: surrogates that have not seen the kind of data an optimiser produces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from nb301_ogb.cli.common import DeviceOption, JsonOption, NoteOption, RootOption, progress_bar, remarks
from nb301_ogb.cli.experiment_search import parse_counts, show_report
from nb301_ogb.cli.search import shown_on
from nb301_ogb.cli.search_options import (
    CheckpointsOption,
    EvaluationsOption,
    OutputOption,
    RepeatsOption,
    SearchWorkersOption,
    SeedOption,
)

EXAMPLES = {
    "transfer": "Example: nb301-ogb experiment transfer --dataset nb201-cifar10 --optimizer re "
    "--output reports/transfer",
}


def transfer(
    context: typer.Context,
    output: OutputOption,
    dataset: Annotated[str, typer.Option(help="With origin groups, or with every architecture.")] = "nb201-cifar10",
    optimiser: Annotated[
        str, typer.Option("--optimizer", "--optimiser", help="The one under test, whose kind of data is left out.")
    ] = "re",
    others: Annotated[str, typer.Option(help="What it is held against, with spaces between them.")] = "rs de ls",
    group: Annotated[
        str | None, typer.Option(help="The origin group of its data; by default that of its name.")
    ] = None,
    records: Annotated[
        int, typer.Option(min=1, help="Its searches that tell what it visits, where the dataset has no groups.")
    ] = 5,
    model: Annotated[str, typer.Option(help="The accuracy model: a configuration of the package, or a TOML file.")] = (
        "lightgbm"
    ),
    runtime: Annotated[str, typer.Option(help="The runtime model: likewise.")] = "runtime",
    fit_seed: Annotated[int, typer.Option(min=0, help="Of the fits.")] = 0,
    evaluations: EvaluationsOption = 1000,
    repeats: RepeatsOption = 50,
    checkpoints: CheckpointsOption = "100,300,1000",
    seed: SeedOption = 0,
    workers: SearchWorkersOption = 1,
    note: NoteOption = "",
    device: DeviceOption = "auto",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run an optimiser on surrogates fitted with and without its kind of data: does the one without judge it fairly?

    Surrogates and searches are kept in the folder; the same command goes on there.
    """
    from nb301_ogb.experiments import transfer as experiment

    with progress_bar(quiet=as_json) as bar:

        def fitting(word: str) -> Callable[[dict[str, Any]], None]:
            task = bar.add_task(f"fitting {word}", total=None, note="")
            return lambda record: bar.update(
                task, advance=1, note=f"validation RMSE {record['valid']['rmse']:.4f}" if "valid" in record else ""
            )

        numbers = experiment.transfer(
            dataset,
            output,
            optimiser=optimiser,
            others=others.split(),
            group=group,
            records=records,
            models=experiment.Models(model, runtime, fit_seed, device, fitting),
            evaluations=evaluations,
            repeats=repeats,
            checkpoints=parse_counts("--checkpoints", checkpoints),
            seed=seed,
            workers=workers,
            root=root,
            remarks=remarks(context, note),
            report=lambda benchmark: shown_on(bar, benchmark),
        )
    show_report(numbers, output, as_json)
