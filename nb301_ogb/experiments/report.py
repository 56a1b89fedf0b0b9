"""A report on an experiment in a folder: a page, the same as Markdown, the numbers as JSON, figures for print."""

from __future__ import annotations

import importlib.util
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb301_ogb._version import __version__
from nb301_ogb.experiments.page import Block, Figure, Section, Text, to_html, to_markdown
from nb301_ogb.experiments.plots import noted
from nb301_ogb.jsonable import finite
from nb301_ogb.storage.whole import write_bytes

if TYPE_CHECKING:
    from matplotlib import figure

Draw = Callable[["figure.Figure"], None]

PAGE, TEXT, NUMBERS = "report.html", "report.md", "report.json"

LEAST_ERROR = 0.01
"""The smallest error, in percent, that a logarithmic axis shows: one of 10,000 images."""

_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "nb301-ogb",
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
    "font.size": 10.5,
}
"""Letters stay letters, in the page and in print; nothing depends on chance."""


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def image(draw: Draw, kind: str, width: float, height: float) -> bytes:
    """A figure as `svg`, `pdf` or `png`; the same bytes for the same drawing.

    Args:
        draw: draws on the figure it is given.
        kind: the format.
        width: in inches, as is `height`.
        height: see `width`.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    stream = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        canvas = Canvas(figsize=(width, height), layout="constrained")
        draw(canvas)
        undated = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
        canvas.savefig(stream, format=kind, metadata=undated[kind], dpi=150)
    return stream.getvalue()


@dataclass(frozen=True)
class Remarks:
    """What a report says beside its numbers.

    Attributes:
        note: a sentence to show above everything, such as what the data is not.
        command: that makes the report, or nothing where it was made from Python.
    """

    note: str = ""
    command: str = ""

    def told(self) -> dict[str, str]:
        """As the numbers of a report hold them."""
        return asdict(self)


NO_REMARKS = Remarks()


@dataclass(frozen=True, kw_only=True)
class Drawn(Figure):
    """A figure of a page that `write_report` also writes to files of its own.

    Attributes:
        draw: draws it.
        width: in inches.
        height: in inches.
    """

    draw: Draw
    width: float
    height: float


def drawn(draw: Draw, alt: str, caption: str, width: float, height: float, name: str) -> list[Block]:
    """The block of a figure, or a sentence in its place where matplotlib is not installed.

    Args:
        draw: draws it.
        alt: what it shows, for those who do not see it.
        caption: below it.
        width: in inches.
        height: in inches.
        name: of its files beside the page, without their endings.
    """
    if not can_draw():
        return [Text("There is no figure here: it needs matplotlib (pip install 'nb301-ogb[plots]').")]
    svg = image(draw, "svg", width, height).decode()
    shown = svg[svg.index("<svg") :]
    return [Drawn(shown, alt, caption, file=f"{name}.svg", draw=draw, width=width, height=height)]


def write_report(
    folder: Path,
    title: str,
    sections: Sequence[Section],
    numbers: dict[str, Any],
) -> dict[str, Any]:
    """Writes the files of a report, each whole or not at all.

    Args:
        folder: made if it is missing.
        title: of the page.
        sections: of the page; each figure that `drawn` made is written beside it, as SVG, which Markdown shows, and as
            PDF, with the note at its foot.
        numbers: for JSON; of the `Remarks` in it the note stands above everything on the page, the command at its end.

    Returns:
        The numbers as JSON holds them: NaN is None.

    Raises:
        OutputError: where the folder cannot be written.
    """
    numbers = finite(numbers | {"created_with": f"nb301-ogb {__version__}"})
    note = str(numbers.get("note") or "")
    command = f" ({numbers['command']})" if numbers.get("command") else ""
    footer = f"Written by nb301-ogb {__version__}{command}."
    write_bytes(folder / PAGE, to_html(title, sections, note, footer).encode())
    write_bytes(folder / TEXT, to_markdown(title, sections, note, footer).encode())
    write_bytes(folder / NUMBERS, (json.dumps(numbers, indent=1, ensure_ascii=False) + "\n").encode())
    for figure in (block for section in sections for block in section.blocks if isinstance(block, Drawn)):
        for kind in ("svg", "pdf"):
            data = image(noted(figure.draw, note), kind, figure.width, figure.height)
            write_bytes((folder / figure.file).with_suffix(f".{kind}"), data)
    return numbers


def with_error(values: dict[str, float], digits: int = 2) -> str:
    """Mean and standard error for a table."""
    if values["mean"] != values["mean"]:
        return "-"
    if values["standard_error"] != values["standard_error"]:
        return f"{values['mean']:.{digits}f}"
    return f"{values['mean']:.{digits}f} ± {values['standard_error']:.{digits}f}"


def error_ticks(axis: Any, low: float, high: float, most: int = 7) -> None:
    """Labels a logarithmic axis of errors, in percent, with numbers that people read."""
    steps = (0.05, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
    inside = [one for one in steps if low <= one <= high]
    if len(inside) < 3:
        # A narrow range: even steps of a size that leaves a few.
        sizes = [digit * 10**power for power in range(-6, 2) for digit in (1, 2, 5)]
        size = next(step for step in sizes if (high - low) / step <= most)
        inside = [round(size * one, 6) for one in range(math.ceil(low / size), math.floor(high / size) + 1)]
        inside = inside or [float(f"{low:.6g}")]
    every = -(-len(inside) // most)
    axis.set_ticks(inside[::every], [f"{one:g}" for one in inside[::every]])
    axis.set_ticks([], minor=True)
