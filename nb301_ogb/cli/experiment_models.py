"""`nb301-ogb experiment surrogates`, `ensembles`, `data-size` and `leave-one-out`: the experiments on fitted models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    NoteOption,
    RootOption,
    ThreadsOption,
    errors,
    given,
    parse_seeds,
    remarks,
)
from nb301_ogb.cli.engine_options import AddressOption, EngineOption, WorkersOption, open_engine
from nb301_ogb.cli.experiment_search import parse_counts, show_report
from nb301_ogb.cli.train import trials_bar

if TYPE_CHECKING:
    from nb301_ogb.experiments.trained import Trainings

EXAMPLES = {
    "surrogates": "Example: nb301-ogb experiment surrogates --runs runs/reference --output reports/surrogates",
    "ensembles": "Example: nb301-ogb experiment ensembles --source surrogates/nb201-cifar10 --output reports/ensembles",
    "data_size": "Example: nb301-ogb experiment data-size --runs runs/reference --output reports/data-size",
    "leave_one_out": "Example: nb301-ogb experiment leave-one-out --runs runs/reference --output reports/leave-one-out",
}

_NB201 = "nb201-cifar10 nb201-cifar100 nb201-imagenet16"

_Output = Annotated[Path, typer.Option(help="The folder for the report.")]
_Runs = Annotated[
    Path, typer.Option(help="The folder of all runs, RUNS/SPLIT/MODEL/DATASET/seed-N; finished runs in it are used.")
]
_Datasets = Annotated[str, typer.Option(help="Their names, with spaces between them.")]
_Models = Annotated[str, typer.Option(help="Configurations of the package, with spaces between them.")]
_Seeds = Annotated[str, typer.Option("--seeds", "--seed", help="7, 0-9 or 0,3,5: a run for each.")]
_Existing = Annotated[bool, typer.Option("--existing", help="Train nothing; missing runs are listed in the report.")]
_Epochs = Annotated[int | None, typer.Option(min=1, help="Of networks; overrides the configurations.")]
_Rounds = Annotated[int | None, typer.Option(min=1, help="Of trees; overrides the configurations.")]
_Members = Annotated[int | None, typer.Option(min=2, help="Of ensembles; overrides the configurations.")]


def surrogates(
    context: typer.Context,
    output: _Output,
    runs: _Runs = Path("runs/reference"),
    datasets: _Datasets = _NB201,
    split: Annotated[str, typer.Option(help="A split that all datasets have.")] = "equivalence",
    models: Annotated[
        str | None,
        typer.Option(
            help="Configurations of the package, with spaces between them; by default all whose library is installed, "
            "but for gin-canonical and diffpool."
        ),
    ] = None,
    seeds: _Seeds = "0-9",
    existing: _Existing = False,
    query_time: Annotated[
        bool, typer.Option("--query-time/--no-query-time", help="Whether a run of each model is loaded and timed.")
    ] = True,
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    epochs: _Epochs = None,
    rounds: _Rounds = None,
    members: _Members = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    note: NoteOption = "",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Hold every model against every other: scores over the seeds, the time of a fit and of a query."""
    from nb301_ogb.experiments import surrogates as experiment

    named = datasets.split()
    trainings = _trainings(
        runs, seeds, existing, (engine, workers, address), root, device, threads, as_json,
        epochs=epochs, rounds=rounds, size=members,
    )  # fmt: skip
    chosen = _installed(experiment.MODELS, named) if models is None else models.split()
    numbers = experiment.surrogates(
        trainings, output, datasets=named, models=chosen, split=split, query_time=query_time,
        remarks=remarks(context, note),
        report=None if as_json else lambda what: errors.print(f"timing {what}", style="dim", highlight=False),
    )  # fmt: skip
    show_report(numbers, output, as_json, ("predicted",))


def ensembles(
    context: typer.Context,
    output: _Output,
    source: Annotated[
        list[str] | None,
        typer.Option(help="A run or several below one folder, or a surrogate's folder or name; may be given again."),
    ] = None,
    runs: _Runs = Path("runs/reference"),
    datasets: Annotated[str, typer.Option(help="Without --source: their names, with spaces between them.")] = _NB201,
    split: Annotated[str, typer.Option(help="Without --source: a split that all datasets have.")] = "equivalence",
    model: Annotated[str, typer.Option(help="Without --source: an ensemble's configuration.")] = "ensemble",
    seeds: _Seeds = "0",
    existing: _Existing = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    epochs: _Epochs = None,
    members: _Members = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    note: NoteOption = "",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what each further member of an ensemble brings, and how far its deviation can be trusted."""
    from nb301_ogb.baselines.config import EnsembleConfig
    from nb301_ogb.errors import ConfigError
    from nb301_ogb.experiments import ensembles as experiment
    from nb301_ogb.experiments.ensemble_source import open_sources
    from nb301_ogb.experiments.trained import missing_seeds

    places: Sequence[str | Path] = source or ()
    if places:
        training = "runs datasets split model seeds existing device epochs members engine workers address"
        if for_training := given(context, *training.split()):
            msg = f"--source gives trained ensembles; leave {', '.join(for_training)} out, which train them."
            raise ConfigError(msg)
    if not places:
        trainings = _trainings(
            runs, seeds, existing, (engine, workers, address), root, device, threads, as_json,
            epochs=epochs, size=members,
        )  # fmt: skip
        plan = {name: trainings.trials(name, split, model) for name in datasets.split()}
        if not all(isinstance(one.job.config, EnsembleConfig) for group in plan.values() for one in group):
            msg = f"--model {model} is no ensemble and has no members; name an ensemble's configuration."
            raise ConfigError(msg)
        found = trainings.gather(plan)
        for name, group in found.items():
            if missing := missing_seeds(group, trainings.seeds):
                seeds_text = ", ".join(map(str, missing))
                errors.print(f"{name}: seed {seeds_text} of {model} is not there and is left out", highlight=False)
        places = [run.folder for group in found.values() for run in group if run is not None]
    with errors.status("asking every member ..."):
        opened = [one for place in places for one in open_sources(place, "cpu", threads)]
        numbers = experiment.ensembles(opened, output, root=root, remarks=remarks(context, note))
    show_report(numbers, output, as_json, ("reliability",))


def data_size(
    context: typer.Context,
    output: _Output,
    runs: _Runs = Path("runs/reference"),
    datasets: _Datasets = "nb201-cifar10",
    split: Annotated[str | None, typer.Option(help="By default each dataset's default split.")] = None,
    models: _Models = "lightgbm gin",
    sizes: Annotated[
        str, typer.Option(help="Training rows, as 100,1000,10000; by default 64, 128, and so on, and all.")
    ] = "",
    seeds: _Seeds = "0-2",
    existing: _Existing = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    epochs: _Epochs = None,
    rounds: _Rounds = None,
    members: _Members = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    note: NoteOption = "",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how the error falls as the training part grows, beside what one measured run would be wrong by."""
    from nb301_ogb.experiments import data_size as experiment

    trainings = _trainings(
        runs, seeds, existing, (engine, workers, address), root, device, threads, as_json,
        epochs=epochs, rounds=rounds, size=members,
    )  # fmt: skip
    numbers = experiment.data_size(
        trainings, output, datasets=datasets.split(), models=models.split(), split=split,
        sizes=parse_counts("--sizes", sizes) if sizes else (), remarks=remarks(context, note),
    )  # fmt: skip
    show_report(numbers, output, as_json)


def leave_one_out(
    context: typer.Context,
    output: _Output,
    runs: _Runs = Path("runs/reference"),
    dataset: Annotated[str, typer.Option(help="A dataset that has splits leave_out_<group>.")] = "nb301",
    models: _Models = "lightgbm gin",
    groups: Annotated[str, typer.Option(help="Those to leave out, with spaces between them; by default all.")] = "",
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Whether to fit the models on the default split too.")
    ] = True,
    seeds: _Seeds = "0",
    existing: _Existing = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    epochs: _Epochs = None,
    rounds: _Rounds = None,
    members: _Members = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    note: NoteOption = "",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leave out one group of architectures after the other: how good are models on what they have seen none of?"""
    from nb301_ogb.experiments import leave_one_out as experiment

    trainings = _trainings(
        runs, seeds, existing, (engine, workers, address), root, device, threads, as_json,
        epochs=epochs, rounds=rounds, size=members,
    )  # fmt: skip
    numbers = experiment.leave_one_out(
        trainings,
        output,
        dataset=dataset,
        models=models.split(),
        groups=groups.split(),
        compare=compare,
        remarks=remarks(context, note),
    )
    show_report(numbers, output, as_json, ("left_out",))


def _trainings(
    runs: Path,
    seeds: str,
    existing: bool,
    engine: tuple[str, int | None, str | None],
    root: Path | None,
    device: str,
    threads: int,
    quiet: bool,
    **overrides: int | None,
) -> Trainings:
    """The runs that the shared options ask for; `engine` is its name, its workers and its address."""
    from nb301_ogb.experiments.trained import Trainings

    chosen = None if existing else open_engine(*engine, threads, device)
    return Trainings(
        runs, parse_seeds(seeds), chosen, root, device, threads, overrides, lambda count: trials_bar(count, quiet=quiet)
    )


def _installed(models: Sequence[str], datasets: Sequence[str]) -> list[str]:
    """Those whose library is here; the others are told."""
    from nb301_ogb.experiments.trained import installed

    told = installed(models, datasets)
    for model, sentence in told.items():
        if sentence:
            errors.print(f"{model} is left out: {sentence}", highlight=False, soft_wrap=True)
    return [model for model, sentence in told.items() if not sentence]
