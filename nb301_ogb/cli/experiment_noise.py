"""`nb301-ogb experiment noise`: a surrogate against a table of single runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    NoteOption,
    RootOption,
    ThreadsOption,
    console,
    print_json,
    print_table,
    progress_bar,
    remarks,
)
from nb301_ogb.cli.engine_options import AddressOption, EngineOption, WorkersOption, open_engine
from nb301_ogb.cli.experiment_search import show_report

if TYPE_CHECKING:
    from nb301_ogb.experiments.noise_fits import Fit

EXAMPLES = {"noise": "Example: nb301-ogb experiment noise --dataset nb201-cifar10 --output reports/noise"}


def noise(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="The folder for the report; fits that lie in it are not made again.")],
    dataset: Annotated[str, typer.Option(help="Its name; its architectures have several runs.")] = "nb201-cifar10",
    plain: Annotated[str, typer.Option(help="A configuration, fitted on single runs.")] = "gin",
    model: Annotated[str, typer.Option(help="The configuration of the surrogate's members.")] = "gin-canonical",
    members: Annotated[int, typer.Option(min=2, help="Of the surrogate, each without a fold.")] = 5,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of networks; overrides the configurations.")] = None,
    least: Annotated[float, typer.Option(help="Architectures with a run under it, in percent, are left out.")] = 50.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the folds and the fits.")] = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    note: NoteOption = "",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit on one run of every architecture and judge by the mean of the others: is that better than the run itself?

    What each ingredient adds is told: the mean over equivalent architectures, an ensemble, and both together.
    """
    from nb301_ogb.experiments import noise as experiment
    from nb301_ogb.experiments.noise_page import titles

    settings = experiment.Settings(plain, model, members, epochs, least, seed, device, threads)
    numbers = experiment.noise(
        dataset, output, settings,
        root=root, engine=open_engine(engine, workers, address, threads, device), remarks=remarks(context, note),
        bar=lambda count: _bar(count, as_json),
    )  # fmt: skip
    if as_json:
        print_json(numbers)
        return
    names = titles(numbers)
    rows = [
        (names[name], *(f"{one['mae']:.4f}" for one in found["turns"]), f"{found['mean']['ratio']:.3f}")
        for name, found in numbers["methods"].items()
    ]
    columns = ("predictor", *(f"run {turn}" for turn in range(numbers["runs"])), "mean ratio")
    print_table(f"MAE in {numbers['unit']} by the run that is learned from", columns, rows)
    console.print()
    show_report(numbers, output, as_json)


@contextmanager
def _bar(count: int, quiet: bool) -> Iterator[Callable[[Fit], None]]:
    with progress_bar(quiet) as bar:
        task = bar.add_task("fits", total=count, note="")
        yield lambda fit: bar.update(task, advance=1, note=f"run {fit.turn}, {fit.path.stem}")
