"""What the verbs share: consoles, tables, JSON, and the arguments that several of them take."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nb301_ogb.catalog import get_info
from nb301_ogb.errors import ConfigError, FileFormatError
from nb301_ogb.jsonable import finite
from nb301_ogb.storage.read import DatasetFile

if TYPE_CHECKING:
    from nb301_ogb.experiments.report import Remarks

_PIPE_WIDTH = 160

# A pipe has no width: tables then are as wide as they need rather than folded at 80.
console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
errors = Console(stderr=True)


def _device(text: str) -> str:
    """The device as models take it; a word that names none is told even where no network runs and nobody would ask."""
    found = re.fullmatch(r"auto|cpu|(?:cuda(?::\d+)?)|(?P<number>\d+)", text)
    if found is None:
        msg = f"there is no device {text!r}; write auto, cpu, cuda or cuda:N."
        raise ConfigError(msg)
    return f"cuda:{text}" if found["number"] else text


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
RootOption = Annotated[
    Path | None,
    typer.Option(help="A folder of datasets as OGB lays it out; by default the user's cache and the embedded files."),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        help="For networks: auto, cpu, cuda, cuda:N, or a GPU's number.",
        callback=_device,
    ),
]
ThreadsOption = Annotated[int, typer.Option(min=0, help="CPU threads for a model; 0 leaves the number to its library.")]
NoteOption = Annotated[str, typer.Option(help="A sentence to show above everything, such as what the data is not.")]
DatasetArgument = Annotated[str, typer.Argument(help="A dataset's name, such as nb201-cifar10, or an HDF5 file.")]


_NOT_TOLD = {"as_json", "note", "workers"}
"""What changes nothing in a report, or stands on it already."""


def remarks(context: typer.Context, note: str) -> Remarks:
    """What a report says beside its numbers: a note, and the command that is running."""
    from nb301_ogb.experiments.report import Remarks

    return Remarks(note, command_line(context))


def command_line(context: typer.Context) -> str:
    """The command that is running, with those options whose values were given and decide what it says."""
    words = context.command_path.split()
    for parameter in sorted(context.command.params, key=lambda one: one.name == "output"):  # where it goes, last
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in _NOT_TOLD:
            continue
        value = context.params[name]
        if parameter.param_type_name == "argument":
            words.append(str(value))
        elif isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            for one in value if isinstance(value, list | tuple) else (value,):
                words += [parameter.opts[0], str(one)]
    return shlex.join(words)


def print_json(value: Any) -> None:
    """Prints a value as JSON on standard output; NaN and infinity become null."""
    typer.echo(json.dumps(finite(value), indent=1))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Prints a table whose first `left` columns are texts and whose others are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def open_dataset(name: str, root: Path | None = None) -> DatasetFile:
    """The file of a dataset, by its name or its path.

    Raises:
        DatasetNameError: for a name that does not exist.
        FileFormatError: for a path where no dataset file lies.
    """
    return DatasetFile(dataset_file(name, root))


def configuration(config: Path | None, name: str | None, default: str) -> str:
    """The name of the configuration that is meant.

    Raises:
        ConfigError: where a file is given beside it, and one of the two would be passed over.
    """
    if config is not None and name is not None:
        msg = f"--config {config} stands in place of the configuration {name}; leave one of them out."
        raise ConfigError(msg)
    return name or default


def given(context: typer.Context, *names: str) -> list[str]:
    """Those of some options that the command line gives, as they are written there."""
    found = []
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            found.append(f"--{name.replace('_', '-')}")
    return found


def names_a_file(name: str) -> bool:
    """Whether a dataset is given as a path and not by its name."""
    return name.endswith((".h5", ".hdf5")) or "/" in name


def dataset_file(name: str, root: Path | None = None) -> Path:
    """The path of a dataset's file, by the dataset's name or as given."""
    from nb301_ogb.loaders.dataset_path import dataset_path

    if names_a_file(name):
        if not os.path.isfile(name):  # Path.is_file raises where a folder may not be entered
            msg = f"there is no file {name}; give a dataset's name or an HDF5 file."
            raise FileFormatError(msg)
        if not os.access(name, os.R_OK):
            msg = f"{name} may not be read; change its permissions, or give another file."
            raise FileFormatError(msg)
        return Path(name)
    return dataset_path(get_info(name), root)


def parse_seeds(text: str) -> list[int]:
    """Seeds from `7`, `0-9`, `0,3,5` or mixtures.

    Raises:
        ConfigError: for anything else, or a seed that stands twice.
    """
    seeds: list[int] = []
    for part in text.replace(" ", "").split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if found is None or (found[2] is not None and int(found[2]) < int(found[1])):
            msg = f"--seeds {text!r} is not understood; write 7, 0-9 or 0,3,5."
            raise ConfigError(msg)
        seeds += range(int(found[1]), int(found[2] or found[1]) + 1)
    if len(set(seeds)) != len(seeds):
        msg = f"--seeds {text!r} names a seed twice; each seed is one run."
        raise ConfigError(msg)
    return seeds


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Progress]:
    """A progress display on standard error; nothing is shown where that is no terminal, or if `quiet`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=errors, disable=quiet or not errors.is_terminal, transient=True) as progress:
        yield progress


def mean_cell(values: dict[str, Any]) -> str:
    """Mean and standard deviation for a table; the mean alone where there is no deviation."""
    return f"{values['mean']:.4f}" if values["std"] is None else f"{values['mean']:.4f} ± {values['std']:.4f}"
