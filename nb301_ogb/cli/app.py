"""The verbs together."""

from __future__ import annotations

from typing import Annotated

import typer

from nb301_ogb._version import __version__
from nb301_ogb.cli import (
    build,
    datasets,
    demo,
    download,
    evaluate,
    experiment,
    export,
    info,
    leaderboard,
    query,
    reproduce,
    search,
    submit,
    surrogate,
    train,
    tune,
    verify,
)

app = typer.Typer(
    name="nb301-ogb",
    help="Neural architectures as graph datasets: fixed splits, an official evaluator, reference models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    datasets, download, info, verify, build, export, train, tune, evaluate, submit, leaderboard, reproduce,
    surrogate, query, search, demo,
):  # fmt: skip
    app.command(name=module.__name__.rsplit(".", 1)[1], epilog=module.EXAMPLE)(module.run)
app.add_typer(experiment.app, name="experiment")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nb301-ogb {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Neural architectures as graph datasets: fixed splits, an official evaluator, reference models."""
