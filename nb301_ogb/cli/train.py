"""`nb301-ogb train`: a reference model on a dataset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    RootOption,
    ThreadsOption,
    configuration,
    console,
    parse_seeds,
    print_json,
    print_table,
    progress_bar,
)
from nb301_ogb.cli.engine_options import AddressOption, EngineOption, WorkersOption, open_engine

EXAMPLE = "Example: nb301-ogb train --dataset nb201-cifar10 --gnn gin --seeds 0-9 --output runs/gin"

_OVER = "Overrides the configuration."


def run(
    dataset: Annotated[str, typer.Option(help="A dataset's name.")] = "ogbg-nb201-cifar10",
    gnn: Annotated[
        str | None,
        typer.Option(
            "--gnn",
            "--model",
            help="A configuration of the package (gin, gcn-virtual, lightgbm, ...).",
            show_default="gin",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file, in place of a configuration of the package.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="A split's name; by default the dataset's default split.")] = None,
    seeds: Annotated[str, typer.Option("--seeds", "--seed", help="7, 0-9 or 0,3,5: a run for each.")] = "0",
    output: Annotated[Path | None, typer.Option(help="The folder for the runs; by default runs/MODEL-DATASET.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace runs that are there.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after an interruption; runs that are finished stay.")
    ] = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    root: RootOption = None,
    target: Annotated[list[str] | None, typer.Option(help="A target; several times for several.")] = None,
    runs: Annotated[str, typer.Option(help="The label: mean over the runs, all, or one run's number.")] = "mean",
    num_layer: Annotated[int | None, typer.Option("--num_layer", "--num-layer", min=1, help=_OVER)] = None,
    emb_dim: Annotated[int | None, typer.Option("--emb_dim", "--emb-dim", min=1, help=_OVER)] = None,
    drop_ratio: Annotated[float | None, typer.Option("--drop_ratio", "--drop-ratio", min=0, max=1, help=_OVER)] = None,
    batch_size: Annotated[int | None, typer.Option("--batch_size", "--batch-size", min=1, help=_OVER)] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help=_OVER)] = None,
    num_workers: Annotated[int | None, typer.Option("--num_workers", "--num-workers", min=0, help=_OVER)] = None,
    graph: Annotated[str | None, typer.Option(help="raw, or canonical. " + _OVER)] = None,
    feature: Annotated[str | None, typer.Option(help="full, or simple for types alone. " + _OVER)] = None,
    loader: Annotated[str | None, typer.Option(help="fast, or pyg for PyG's DataLoader. " + _OVER)] = None,
    lr: Annotated[float | None, typer.Option(min=0, help=_OVER)] = None,
    loss: Annotated[str | None, typer.Option(help="l1, mse, huber, l1+hinge, log_error+hinge, ... " + _OVER)] = None,
    grad_clip: Annotated[
        float | None, typer.Option("--grad_clip", "--grad-clip", help="Largest norm of the gradients. " + _OVER)
    ] = None,
    amp: Annotated[
        bool, typer.Option("--amp", help="Mixed precision: bfloat16, or float16 on GPUs that lack it.")
    ] = False,
    filename: Annotated[
        Path | None, typer.Option(help="Also write OGB's summary (Val, Test, Train, BestTrain) as JSON.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a reference model, choose its epoch on validation, judge it on test.

    Each seed leaves a run folder: config.toml, metrics.jsonl, predictions.h5, the weights, environment.json and
    report.html. Over all seeds there are summary.json and report.html.

    Several GPUs share the work under torchrun: torchrun --nproc-per-node 4 -m nb301_ogb.cli train ...
    """
    from nb301_ogb.baselines.config import change, load_config
    from nb301_ogb.baselines.summary import summarise
    from nb301_ogb.baselines.training import Job
    from nb301_ogb.catalog import get_info
    from nb301_ogb.errors import ConfigError
    from nb301_ogb.jsonable import finite
    from nb301_ogb.storage.whole import write_bytes

    info = get_info(dataset)
    name = configuration(config, gnn, "gin")
    if filename is not None and not filename.expanduser().absolute().parent.is_dir():
        msg = f"--filename {filename}: there is no folder {filename.parent}; make it first."
        raise ConfigError(msg)
    given: dict[str, Any] = {
        "num_layer": num_layer,
        "emb_dim": emb_dim,
        "drop_ratio": drop_ratio,
        "batch_size": batch_size,
        "epochs": epochs,
        "num_workers": num_workers,
        "graph": graph,
        "feature": feature,
        "loader": loader,
        "lr": lr,
        "loss": loss,
        "grad_clip": grad_clip,
        "amp": "auto" if amp else None,
    }
    settings = change(load_config(config or name, info.space), given, "the command line")
    job = Job(
        dataset=info.name,
        config=settings,
        split=split,
        root=root,
        device=device,
        threads=threads,
        targets=tuple(target) if target else (info.label,),
        runs=int(runs) if runs.isdigit() else runs,
    )
    wanted = parse_seeds(seeds)
    folder = output or Path("runs") / f"{config.stem if config else name}-{info.name.removeprefix('ogbg-')}"
    place = open_engine(engine, workers, address, threads, job.device)
    if engine == "local" and (workers or 1) == 1:
        finished = train_with_progress(job, wanted, folder, overwrite, quiet=as_json, resume=resume)
    else:
        finished = train_apart(job, wanted, folder, place, overwrite, quiet=as_json, resume=resume)
    if not finished:  # one of several processes, but not the one that writes
        return
    summary = summarise(finished)
    if filename is not None:
        text = json.dumps(finite(ogb_summary(finished[0])), allow_nan=False)
        write_bytes(filename, f"{text}\n".encode())
    if as_json:
        print_json(summary | {"output": str(folder)})
        return
    show_summaries(f"{summary['model']} on {info.name}, split {summary['split']}", [summary])
    console.print(f"\nruns and report: {folder}/ (open {folder}/report.html)", highlight=False, soft_wrap=True)


def train_with_progress(
    job: Any, seeds: list[int], folder: Path, overwrite: bool, quiet: bool = False, resume: bool = False
) -> list[Any]:
    """Trains with a progress bar for each seed on a terminal."""
    from nb301_ogb.baselines.training import train

    sizes = (getattr(job.config, name, 0) for name in ("epochs", "rounds", "size"))
    total = next((size for size in sizes if size), 1)
    with progress_bar(quiet) as bar:
        tasks: dict[int, Any] = {}

        def show(seed: int, record: dict[str, Any]) -> None:
            if seed not in tasks:
                tasks[seed] = bar.add_task(f"seed {seed}", total=total, note="")
            note = f"validation RMSE {record['valid']['rmse']:.4f}"
            bar.update(tasks[seed], completed=record["epoch"], note=note)

        return train(job, seeds, folder, overwrite, show, resume)


def train_apart(
    job: Any, seeds: list[int], folder: Path, engine: Any, overwrite: bool, quiet: bool = False, resume: bool = False
) -> list[Any]:
    """Trains several seeds at a time, with a progress bar over them on a terminal.

    Raises:
        ConfigError: where torchrun has started this process, for then the processes share each run.
    """
    from nb301_ogb.baselines.distributed import launched
    from nb301_ogb.errors import ConfigError
    from nb301_ogb.sweeps.trials import train_seeds

    if launched().size > 1:
        msg = "under torchrun the processes share each run; leave --workers and --engine away, or torchrun."
        raise ConfigError(msg)
    with trials_bar(len(seeds), quiet) as show:
        return train_seeds(job, seeds, folder, engine, overwrite, resume, show)


@contextmanager
def trials_bar(count: int, quiet: bool = False) -> Iterator[Callable[[Any, Any], None]]:
    """A progress bar over trials; what it gives is the `progress` of `nb301_ogb.sweeps.trials.run_trials`."""
    with progress_bar(quiet) as bar:
        task = bar.add_task("runs", total=count, note="")

        def show(trial: Any, run: Any) -> None:
            if run is None:
                bar.update(task, note=f"{trial.output.name}, seed {trial.seed} begun")
            else:
                note = f"{trial.output.name}, seed {trial.seed}: validation RMSE {run.metrics['valid']['rmse']:.4f}"
                bar.update(task, advance=1, note=note)

        yield show


def show_summaries(title: str, summaries: list[dict[str, Any]]) -> None:
    """A table of models with validation and test scores, mean and standard deviation over the seeds."""
    rows = []
    for one in summaries:
        cells = [_cell(one[part][metric]) for part in ("valid", "test") for metric in ("rmse", "kendall_tau")]
        rows.append((one["model"], *cells, f"{one['num_params']:,}", str(len(one["seeds"]))))
    columns = ("model", "valid RMSE", "valid Kendall", "test RMSE", "test Kendall", "parameters", "seeds")
    print_table(title, columns, rows)


def _cell(values: dict[str, Any]) -> str:
    several = len(values["values"]) > 1
    return f"{values['mean']:.4f} ± {values['std']:.4f}" if several else f"{values['mean']:.4f}"


def ogb_summary(run: Any) -> dict[str, float]:
    """What OGB's examples write to `--filename`: the deciding metric at the epoch that validation chose.

    `BestTrain` is the lowest RMSE of the predictions made while training, over all epochs.
    """
    return {
        "Val": run.metrics["valid"]["rmse"],
        "Test": run.metrics["test"]["rmse"],
        "Train": run.metrics["train"]["rmse"],
        "BestTrain": run.best_train,
    }
