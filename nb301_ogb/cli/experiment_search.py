"""`nb301-ogb experiment trajectories`, `local-search` and `parameter-free`: the experiments that search or ask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    NoteOption,
    RootOption,
    console,
    errors,
    print_json,
    progress_bar,
    remarks,
)
from nb301_ogb.cli.search import shown_on
from nb301_ogb.cli.search_options import (
    CheckpointsOption,
    EvaluationsOption,
    NoiseOption,
    OutputOption,
    RepeatsOption,
    SearchWorkersOption,
    SeedOption,
)
from nb301_ogb.errors import ConfigError

if TYPE_CHECKING:
    from nb301_ogb.baselines.benchmark import Benchmark

EXAMPLES = {
    "trajectories": "Example: nb301-ogb experiment trajectories --truth table:nb201-cifar10 "
    "--surrogate surrogates/nb201-cifar10 --output reports/trajectories",
    "local_search": "Example: nb301-ogb experiment local-search --small table:nb201-cifar10 "
    "--output reports/local-search",
    "parameter_free": "Example: nb301-ogb experiment parameter-free --truth table:nb201-cifar10 "
    "--output reports/parameter-free",
}

_BENCHMARK = "a surrogate's name or folder, or table:DATASET"
_TABLE = "table:nb201-cifar10"

_Truth = Annotated[str | None, typer.Option(help=f"The true benchmark: {_BENCHMARK}.")]
_Surrogate = Annotated[str | None, typer.Option(help=f"What is held against it: {_BENCHMARK}.")]
_Optimisers = Annotated[str, typer.Option("--optimizers", "--optimisers", help="With spaces between them.")]


def trajectories(
    context: typer.Context,
    output: OutputOption,
    truth: _Truth = None,
    surrogate: _Surrogate = None,
    optimisers: _Optimisers = "rs de re ls bananas tpe",
    evaluations: EvaluationsOption = 1000,
    repeats: RepeatsOption = 50,
    checkpoints: CheckpointsOption = "100,300,1000",
    seed: SeedOption = 0,
    noise: NoiseOption = False,
    workers: SearchWorkersOption = 1,
    note: NoteOption = "",
    device: DeviceOption = "cpu",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run optimisers on the truth and on a surrogate: do the trajectories, and the order of the optimisers, agree?

    With neither --truth nor --surrogate the truth is table:nb201-cifar10.
    """
    from nb301_ogb.experiments import trajectories as experiment

    if truth is None and surrogate is None:
        truth = _TABLE
    with progress_bar(quiet=as_json) as bar:
        numbers = experiment.trajectories(
            _opened(truth, root, device),
            _opened(surrogate, root, device),
            output,
            optimisers=optimisers.split(),
            evaluations=evaluations,
            repeats=repeats,
            checkpoints=parse_counts("--checkpoints", checkpoints),
            seed=seed,
            noise=noise,
            workers=workers,
            remarks=remarks(context, note),
            report=lambda benchmark: shown_on(bar, benchmark),
        )
    show_report(numbers, output, as_json)


def local_search(
    context: typer.Context,
    output: OutputOption,
    small: Annotated[str, typer.Option(help=f"A benchmark of a small space: {_BENCHMARK}; none for none.")] = _TABLE,
    large: Annotated[str | None, typer.Option(help=f"A benchmark of a large space: {_BENCHMARK}.")] = None,
    local: Annotated[str, typer.Option(help="The local searches, with spaces between them.")] = (
        "ls ls-once ls:improvement=first"
    ),
    others: Annotated[str, typer.Option(help="The optimisers that they are held against.")] = "rs re de",
    evaluations: EvaluationsOption = 1000,
    repeats: RepeatsOption = 50,
    checkpoints: CheckpointsOption = "50,100,200,300,500,1000",
    seed: SeedOption = 0,
    noise: NoiseOption = False,
    workers: SearchWorkersOption = 1,
    note: NoteOption = "",
    device: DeviceOption = "cpu",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold local search against other optimisers on a small and on a large space: does its lead carry over?"""
    from nb301_ogb.experiments import local_search as experiment

    with progress_bar(quiet=as_json) as bar:
        numbers = experiment.local_search(
            None if small == "none" else _opened(small, root, device),
            _opened(large, root, device),
            output,
            local=local.split(),
            others=others.split(),
            evaluations=evaluations,
            repeats=repeats,
            checkpoints=parse_counts("--checkpoints", checkpoints),
            seed=seed,
            noise=noise,
            workers=workers,
            remarks=remarks(context, note),
            report=lambda benchmark: shown_on(bar, benchmark),
        )
    show_report(numbers, output, as_json)


def parameter_free(
    context: typer.Context,
    output: OutputOption,
    truth: _Truth = None,
    surrogate: _Surrogate = None,
    architectures: Annotated[int, typer.Option(min=2, help="For each op and share.")] = 500,
    seed: SeedOption = 0,
    note: NoteOption = "",
    device: DeviceOption = "cpu",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask what happens where skip connections or pooling fill a cell, from none of its edges to all.

    With neither --truth nor --surrogate the truth is table:nb201-cifar10.
    """
    from nb301_ogb.experiments import parameter_free as experiment

    if truth is None and surrogate is None:
        truth = _TABLE
    one, other = _opened(truth, root, device), _opened(surrogate, root, device)
    with errors.status("asking ..."):
        numbers = experiment.parameter_free(
            one, other, output, n=architectures, seed=seed, remarks=remarks(context, note)
        )
    show_report(numbers, output, as_json)


def _opened(name: str | None, root: Path | None, device: str) -> Benchmark | None:
    from nb301_ogb.baselines.surrogate import open_benchmark

    return None if name is None else open_benchmark(name, root, device)


def parse_counts(option: str, text: str) -> list[int]:
    """Counts from `100,300`, ascending, each once.

    Raises:
        ConfigError: for anything else.
    """
    parts = text.replace(" ", "").split(",")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        msg = f"{option} {text!r} is not understood; write 100,300,1000."
        raise ConfigError(msg)
    return sorted({int(part) for part in parts})


def show_report(numbers: dict[str, Any], output: Path, as_json: bool, figures: Sequence[str] = ()) -> None:
    """Prints the numbers as JSON, or which files of a report are there; `figures` are those beside the main one."""
    if as_json:
        print_json(numbers)
        return
    found = {"report.html": "figures and tables", "report.md": "the tables as Markdown", "report.json": "the numbers"}
    kinds = {"svg": "a figure", "pdf": "a figure for print"}
    named, folder = (numbers["experiment"], *figures), output.expanduser()
    found |= {f"{figure}.{kind}": what for figure in named for kind, what in kinds.items()}
    for name, what in found.items():
        if (folder / name).exists():
            console.print(f"{output / name}   {what}", highlight=False, soft_wrap=True)
