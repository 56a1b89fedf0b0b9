"""What the figures share: colours, axes, SVG text, and a scale on which good accuracies are not crowded."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, INK = "#1f5fa8", "#c8551b", "#8a8f98", "#1c2024"
LINE_COLOURS = ("#1f5fa8", "#c8551b", "#2f7d4f", "#7a3fa0", "#8a6d00", "#b3264a")
LINE_STYLES = ("-", "--", ":")
"""A line has one of each, so that it is known without colours too."""

_ERRORS = (99, 95, 90, 80, 70, 60, 50, 40, 30, 20, 15, 10, 8, 7, 6, 5, 4, 3, 2, 1)
_SMALLEST_ERROR = 0.05
_MOST_TICKS = 9
_LETTERS = 11
"""Of a note, in an inch of a figure."""

_WORDS = {"val_accuracy": "validation accuracy", "num_params": "parameters"}

Values = NDArray[np.float64]


def words(name: str) -> str:
    """A target's name for people."""
    return _WORDS.get(name, name.replace("_", " "))


class Scale:
    """How a column is drawn: percentages so that equal steps are equal factors of what is missing to 100.

    Args:
        name: of the column.
        unit: `percent` for such a scale; any other unit is drawn as it is.
    """

    def __init__(self, name: str, unit: str) -> None:
        self.title = f"{words(name)} ({unit})"
        self.stretched = unit == "percent"

    def __call__(self, values: Any) -> Values:
        """Values as they are drawn."""
        numbers = np.asarray(values, dtype=np.float64)
        return -np.log10(np.maximum(100 - numbers, _SMALLEST_ERROR)) if self.stretched else numbers

    def ticks(self, axis: Any, low: float, high: float) -> None:
        """Labels an axis that shows the values from `low` to `high`."""
        axis.set_label_text(self.title)
        if not self.stretched:
            return
        inside: list[float] = [100 - error for error in _ERRORS if low <= 100 - error <= high]
        step = -(-len(inside) // _MOST_TICKS) or 1
        shown = inside[::-1][::step][::-1] or [round(low, 1), round(high, 1)]
        axis.set_ticks([float(self(value)) for value in shown], [f"{value:g}" for value in shown])


def svg_of(draw: Callable[[Figure], None], width: float = 9.6, height: float = 4.2) -> str:
    """The SVG of a figure; the same bytes for the same drawing.

    Args:
        draw: draws on the figure it is given.
        width: in inches, as is `height`.
        height: see `width`.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Letters stay text, so that the page can be searched; ids do not depend on chance.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "nb301-ogb", "font.family": "sans-serif", "font.size": 10.5}
    stream = io.StringIO()
    with mpl.rc_context(settings):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def plain(axes: Axes, grid: str = "both") -> None:
    """Takes away what only decorates."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(axis=grid, color="#e6e8eb", linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Labels a logarithmic axis at 1, 2 and 5 times powers of ten between `low` and `high`, both above 0."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    inside = [digit * 10.0**power for power in powers for digit in (1, 2, 5) if low <= digit * 10.0**power <= high]
    axis.set_ticks(inside, [f"{one:g}" for one in inside])
    axis.set_ticks([], minor=True)


def noted(draw: Callable[[Figure], None], note: str) -> Callable[[Figure], None]:
    """The drawing with a note at its foot, for figures that travel without their page."""

    def draw_with_note(figure: Figure) -> None:
        draw(figure)
        if not note:
            return
        lines = textwrap.wrap(note, int(_LETTERS * figure.get_figwidth()))
        foot = (0.08 + 0.18 * len(lines)) / figure.get_figheight()
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0, foot, 1, 1 - foot))  # type: ignore[call-arg]
        text = "\n".join(lines)
        figure.text(0.5, foot / 2, text, color=ORANGE, weight="bold", ha="center", va="center", fontsize=10)

    return draw_with_note


def density(axes: Axes, x: Values, y: Values) -> Any:
    """Counts of points in hexagons, on a logarithmic scale of colours."""
    return axes.hexbin(x, y, gridsize=(38, 24), bins="log", mincnt=1, cmap="Blues", vmin=0.5, linewidths=0.2)


def running_median(x: Values, y: Values, bins: int = 20) -> tuple[Values, Values]:
    """The median of y in bins of x that hold equally many rows; bins of one x are joined."""
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)))
    which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(0, len(edges) - 2))
    there = np.unique(which)
    middle = [float(np.median(x[which == one])) for one in there]
    return np.array(middle), np.array([float(np.median(y[which == one])) for one in there])


def boxes(axes: Axes, groups: Sequence[Values], places: Sequence[float], scale: Callable[[Any], Values]) -> None:
    """For each group of values a line from the 5% to the 95% quantile, a bar over the middle half, a dot: median."""
    for place, values in zip(places, groups, strict=True):
        low, first, median, third, high = (scale(one) for one in np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))
        axes.plot([place, place], [low, high], color=BLUE, linewidth=1.4)
        axes.plot([place, place], [first, third], color=BLUE, linewidth=9, alpha=0.45, solid_capstyle="butt")
        axes.plot([place], [median], "o", color=ORANGE, markersize=6)
