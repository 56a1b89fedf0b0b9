"""`nb301-ogb tune`: better settings for a reference model, by validation data alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    RootOption,
    ThreadsOption,
    configuration,
    console,
    print_json,
    print_table,
    progress_bar,
)
from nb301_ogb.cli.engine_options import AddressOption, EngineOption, WorkersOption, open_engine

EXAMPLE = "Example: nb301-ogb tune --dataset nb201-cifar10 --model lightgbm --trials 40 --output runs/tune/lightgbm"

_SHOWN = 5


def run(
    dataset: Annotated[str, typer.Option(help="A dataset's name.")] = "ogbg-nb201-cifar10",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "--gnn",
            help="A configuration of the package, with which the search begins.",
            show_default="lightgbm",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file, in place of a configuration of the package.")
    ] = None,
    ranges: Annotated[
        Path | None, typer.Option(help="A TOML file with the ranges of the settings, in place of the package's.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="A split's name; by default the dataset's default split.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Settings to try, those tried before included.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the search, and of every fit.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(help="The folder for journal, winner and tables; by default runs/tune/MODEL-DATASET."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where a journal is there.")] = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search better settings for a model: Optuna proposes, Kendall's tau on the validation part decides.

    Leaves best.toml, which `train --config` takes, trials.md and trials.json. Each finished trial is kept at once in
    trials.jsonl, and the same command goes on where it ends. The test part is not looked at.
    """
    from nb301_ogb.baselines.config import load_config
    from nb301_ogb.catalog import get_info
    from nb301_ogb.sweeps.ranges import as_text, load_ranges
    from nb301_ogb.sweeps.tuning import Search, Tried, ranked, tune
    from nb301_ogb.sweeps.tuning_page import PAGE, WINNER, write_results

    info = get_info(dataset)
    named = configuration(config, model, "lightgbm")
    begin = load_config(config or named, info.space)
    name = config.stem if config else named
    search = Search(
        dataset=info.name,
        config=begin,
        ranges=load_ranges(begin, ranges),
        seed=seed,
        split=split or info.default_split,
        root=root,
        device=device,
        threads=threads,
    )
    folder = output or Path("runs") / "tune" / f"{name}-{info.name.removeprefix('ogbg-')}"
    place = open_engine(engine, workers, address, threads, search.device)
    with progress_bar(quiet=as_json) as bar:
        task, best = bar.add_task("trials", total=trials, note=""), [-math.inf]

        def show(tried: Tried) -> None:
            best.append(max(best.pop(), -math.inf if tried.value is None else tried.value))
            bar.update(task, advance=1, note=f"best Kendall's tau on validation {best[0]:.4f}")

        tried = tune(search, trials, folder, place, overwrite, show)
    facts = write_results(folder, name, search, tried)
    if as_json:
        print_json(facts | {"output": str(folder)})
        return
    rows = [
        (str(one.number), f"{one.value:.4f}", f"{one.valid['rmse']:.4f}", f"{one.seconds:.1f}", as_text(one.settings))
        for one in ranked(tried)[:_SHOWN]
        if one.value is not None
    ]
    columns = ("trial", "valid Kendall", "valid RMSE", "seconds", "settings")
    print_table(f"{name} on {info.name}, split {search.split}: the best of {len(tried)} trials", columns, rows)
    began = facts["begin"]["valid"]["kendall_tau"]
    for line in (
        f"\ntrial 0, {name} as it is: {began:.4f}; all trials: {folder}/{PAGE}",
        f"train the best: nb301-ogb train --dataset {info.name} --config {folder}/{WINNER}",
    ):
        console.print(line, highlight=False, soft_wrap=True)
