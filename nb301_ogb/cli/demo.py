"""`nb301-ogb demo`: the main job in a few minutes, on real measurements."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from nb301_ogb.cli.common import DeviceOption, console
from nb301_ogb.cli.train import show_summaries, train_with_progress

EXAMPLE = "Example: nb301-ogb demo --output runs/demo"

_MODELS = ("gin", "lightgbm")


def run(
    output: Annotated[
        Path, typer.Option(help="The folder for the runs; what the last demo left there is replaced.")
    ] = Path("runs/demo"),
    dataset: Annotated[str, typer.Option(help="A dataset's name.")] = "ogbg-nb201-cifar10",
    epochs: Annotated[int | None, typer.Option(help="Epochs of the GIN; by default as its configuration says.")] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train a GIN and a tree ensemble on 15,625 measured architectures, and judge both on the fixed split."""
    from nb301_ogb.baselines.config import change, load_config
    from nb301_ogb.baselines.models import make_model
    from nb301_ogb.baselines.summary import summarise
    from nb301_ogb.baselines.training import Job
    from nb301_ogb.catalog import get_info

    info = get_info(dataset)
    for model in _MODELS:  # a library that is missing is told now, not when the first model is trained
        make_model(load_config(model, info.space), info.space)
    summaries = []
    for model in _MODELS:
        console.print(f"training {model} on {info.name} ...", highlight=False)
        settings = load_config(model, info.space)
        if model == "gin":
            settings = change(settings, {"epochs": epochs}, "--epochs")
        started = time.perf_counter()
        finished = train_with_progress(Job(info.name, settings, device=device), [0], output / model, overwrite=True)
        summaries.append(summarise(finished))
        console.print(f"  {time.perf_counter() - started:.0f} s", highlight=False)
    show_summaries(f"\n{info.name}, split {info.default_split} (accuracies in percent)", summaries)
    console.print(f"\nresults: {output.resolve()}", highlight=False, soft_wrap=True)
    for model in _MODELS:
        console.print(
            f"  {output}/{model}/report.html   table, learning curve, predicted against true", highlight=False
        )
