"""`nb301-ogb query`: what a benchmark says of architectures, one or a file of millions."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    RootOption,
    ThreadsOption,
    print_json,
    print_table,
    progress_bar,
)
from nb301_ogb.errors import ArchitectureError, ConfigError, OutputError
from nb301_ogb.storage.whole import Temporary

if TYPE_CHECKING:
    from nb301_ogb.baselines.benchmark import Answer, Benchmark
    from nb301_ogb.spaces.graphs import CodeArray

EXAMPLE = "Example: nb301-ogb query 333132 --benchmark table:nb201-cifar10"

_CHUNK = 8192
_COLUMNS = ("architecture", "accuracy", "std", "value", "runtime")


def run(
    architectures: Annotated[list[str] | None, typer.Argument(help="Architectures, in any text form.")] = None,
    benchmark: Annotated[
        str, typer.Option(help="A surrogate's name or folder, or table:DATASET for the measurements.")
    ] = "table:nb201-cifar10",
    file: Annotated[
        Path | None, typer.Option(help="A text file with an architecture a line (- for standard input); streamed.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where the CSV for --file goes; by default standard output.")
    ] = None,
    noise: Annotated[bool, typer.Option("--noise", help="Draw one training's accuracy as `value`.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the noise.")] = None,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 1,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a surrogate, or the table of measurements: accuracy (percent), its deviation, training time (seconds)."""
    import numpy as np

    from nb301_ogb.baselines.surrogate import open_benchmark

    if bool(architectures) == bool(file):
        msg = "query takes architectures, or --file with one a line."
        raise ConfigError(msg)
    for given, other, words in (
        (output is not None, file is not None, "--output goes with --file"),
        (as_json, file is None, "--json goes with architectures; --file gives CSV"),
        (seed is not None, noise, "--seed is the noise's; say --noise with it"),
    ):
        if given and not other:
            msg = f"{words}."
            raise ConfigError(msg)
    asked = open_benchmark(benchmark, root, device, threads)
    rng = np.random.default_rng(seed) if noise else None
    if file is not None:
        _stream(asked, file, output, rng)
        return
    assert architectures is not None
    codes = asked.codes(architectures)
    answer = asked.query_codes(codes, noise, rng)
    rows = list(_rows(asked, codes, answer))
    if as_json:
        answers = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        print_json({"benchmark": asked.name, "answers": answers})
        return
    # Of a model that knows no deviation, and where a single training was measured, there is none.
    shown = [
        (row[0], *("-" if math.isnan(value) else f"{value:.4f}" for value in row[1:4]), f"{row[4]:,.1f}")
        for row in rows
    ]
    print_table(asked.name, ("architecture", "accuracy %", "std", "value %", "runtime s"), shown)


def _rows(asked: Benchmark, codes: CodeArray, answer: Answer) -> Iterator[tuple[str, float, float, float, float]]:
    columns = (answer.mean, answer.std, answer.value, answer.runtime)
    for position, code in enumerate(codes):
        mean, std, value, runtime = (float(column[position]) for column in columns)
        yield str(asked.space.genotype(code)), mean, std, value, runtime


def _stream(asked: Benchmark, file: Path, output: Path | None, rng: object) -> None:
    """Reads a chunk, answers it, writes it: memory stays the same however long the file is."""
    with contextlib.ExitStack() as stack:
        source = sys.stdin if str(file) == "-" else stack.enter_context(_open(file))
        target = sys.stdout if output is None else stack.enter_context(_renamed(output))
        bar = stack.enter_context(progress_bar(quiet=output is None))
        task = bar.add_task("architectures", total=None, note="")
        writer = csv.writer(target)
        writer.writerow(_COLUMNS)
        lines = ((number, line.strip()) for number, line in enumerate(source, start=1))
        texts = ((number, line) for number, line in lines if line)
        while chunk := list(itertools.islice(texts, _CHUNK)):
            answer = asked.query_codes(_parsed(asked, chunk, file), rng is not None, rng)  # type: ignore[arg-type]
            columns = (answer.mean, answer.std, answer.value, answer.runtime)
            numbers = zip(*(column.round(6).tolist() for column in columns), strict=True)
            writer.writerows((text, *row) for (_, text), row in zip(chunk, numbers, strict=True))
            bar.advance(task, len(chunk))


def _open(file: Path) -> TextIO:
    try:
        # What is no text is no architecture either, and is told with its line.
        return file.open(encoding="utf-8", errors="replace")
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}); give a text file with an architecture a line."
        raise ConfigError(msg) from error


def _parsed(asked: Benchmark, chunk: list[tuple[int, str]], file: Path) -> CodeArray:
    import numpy as np

    found = np.empty((len(chunk), asked.space.code_length), dtype=np.uint8)
    for position, (number, text) in enumerate(chunk):
        try:
            found[position] = asked.space.parse(text)
        except ArchitectureError as error:
            msg = f"{file}, line {number}: {error}"
            raise ArchitectureError(msg) from None
    return found


@contextlib.contextmanager
def _renamed(path: Path) -> Iterator[TextIO]:
    """A temporary file that gets its name when all of it is written."""
    try:
        with Temporary(path.expanduser().absolute()) as temporary:
            stream = io.TextIOWrapper(temporary.stream, encoding="utf-8", newline="", write_through=True)
            yield stream
            stream.flush()
            stream.detach()
            temporary.keep()
    except OSError as error:
        raise OutputError.of(path, error, "place") from error
