"""The options of every verb that trains many runs: where they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nb301_ogb.sweeps.engine import Engine

EngineOption = Annotated[str, typer.Option(help="local for this machine, ray for a Ray cluster.")]
AddressOption = Annotated[
    str | None, typer.Option(help="Of a running Ray cluster (HOST:PORT, or auto); by default one is started here.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, help="Runs at a time; by default 1 on this machine, every CPU of a Ray cluster."),
]


def open_engine(
    engine: str = "local",
    workers: int | None = None,
    address: str | None = None,
    threads: int = 1,
    device: str = "auto",
) -> Engine:
    """The engine that the options name; on Ray a run has `threads` CPUs, and a GPU of its own where `device` is cuda.

    Raises:
        ConfigError: for an unknown name, or options that exclude each other.
        MissingExtraError: where Ray is not installed, with the command that installs it.
    """
    from nb301_ogb.errors import ConfigError
    from nb301_ogb.sweeps.engines import make_engine

    if engine == "ray" and device not in ("auto", "cpu", "cuda"):
        msg = f"--device {device}: Ray gives each run a GPU of its own, which has no number; write --device cuda."
        raise ConfigError(msg)

    return make_engine(engine, workers, address, threads, float(device.startswith("cuda")))
