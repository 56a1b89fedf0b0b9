"""The page of the experiment `parameter_free`: a panel an op, and tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import BLUE, ORANGE, plain
from nb301_ogb.experiments.report import LEAST_ERROR, Draw, drawn, error_ticks, write_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 9.6, 3.8
_STYLES: dict[str, dict[str, Any]] = {
    "truth": {"color": BLUE, "linestyle": "-", "marker": "o"},
    "surrogate": {"color": ORANGE, "linestyle": "--", "marker": "s"},
}


def write_page(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them."""
    draw = panels(numbers)
    both = " and ".join(numbers["benchmarks"].values())
    sections = [_overview(numbers), _figure(numbers, draw), _tables(numbers)]
    return write_report(folder, f"Ops without parameters on {both}", sections, numbers)


def panels(numbers: dict[str, Any]) -> Draw:
    """The error over the share of edges that hold an op, a panel for each op; the error is logarithmic."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(numbers["ops"]), squeeze=False, sharey=True)[0]
        bounds: list[float] = []
        for panel, (op, found) in zip(axes, numbers["ops"].items(), strict=True):
            share = [one["share"] for one in found["shares"]]
            for word, style in _STYLES.items():
                if word not in numbers["benchmarks"]:
                    continue
                mean, low, high = (
                    np.maximum(np.array([one[word][key] for one in found["shares"]], dtype=float), LEAST_ERROR)
                    for key in ("mean_error", "q05", "q95")
                )
                panel.fill_between(share, low, high, color=style["color"], alpha=0.15, linewidth=0)
                panel.plot(share, mean, label=word, linewidth=1.9, markersize=4.5, **style)
                bounds += [float(np.nanmin(low)), float(np.nanmax(high))]
            panel.set_title(op.replace("_", " ").replace(" 3x3", ""), fontsize=10, loc="left")
            panel.set_xlabel("share of the cell's edges")
            panel.set_xlim(-0.04, 1.04)
            panel.xaxis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "¼", "½", "¾", "1"])
            plain(panel)
        axes[0].set_yscale("log")
        bottom, top = 0.97 * min(bounds), min(100.0, 1.05 * max(bounds))
        axes[0].set_ylim(bottom, top)
        error_ticks(axes[0].yaxis, bottom, top)
        axes[0].set_ylabel("error (percent)")
        if len(numbers["benchmarks"]) > 1:
            handles, labels = axes[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, fontsize=9.5)

    return draw


def _overview(numbers: dict[str, Any]) -> Section:
    named = "; ".join(f"{word}: {name}" for word, name in numbers["benchmarks"].items())
    cell = "normal cell" if numbers["space"] == "darts" else "cell"
    return Section(
        "What was asked",
        [
            Text(
                f"{named}. Of the {numbers['edges']} ops in the {cell} of an architecture, none to all are one op "
                "without parameters, on edges drawn at random; the others are convolutions, everything else is drawn "
                f"uniformly. Up to {numbers['architectures']:,} architectures for each op and share (all of them "
                "where there are no more), the same on every benchmark. The error is 100 minus the validation "
                "accuracy in percent."
            )
        ],
    )


def _figure(numbers: dict[str, Any], draw: Draw) -> Section:
    ends = []
    for op, found in numbers["ops"].items():
        for word in numbers["benchmarks"]:
            first, last = (found["shares"][place][word]["mean_error"] for place in (0, -1))
            ends.append(f"{op}, {word}: from {first:.1f} to {last:.1f}")
    alt = f"Mean error over the share of the op, a panel for each op. {'; '.join(ends)}."
    caption = (
        "Mean error over the share of edges that hold the op, with the 5% and 95% quantiles; the error is logarithmic."
    )
    return Section("Error over the share", drawn(draw, alt, caption, _WIDTH, _HEIGHT, "parameter_free"))


def _tables(numbers: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    words = list(numbers["benchmarks"])
    for op, found in numbers["ops"].items():
        columns = ["share", "architectures"]
        for word in words:
            columns += [f"{word}: mean error", "5%", "95%", "mean runtime (s)"]
        rows = []
        for one in found["shares"]:
            row = [f"{one['share']:.3g}", f"{one['architectures']:,}"]
            for word in words:
                values = (one[word][key] for key in ("mean_error", "q05", "q95"))
                row += [*(f"{value:.2f}" for value in values), f"{one[word]['mean_runtime']:,.0f}"]
            rows.append(row)
        blocks.append(Table(f"{op}: error in percent", columns, rows))
        if "agreement" in found:
            facts = found["agreement"]
            side = "above" if facts["surrogate_minus_truth"] > 0 else "below"
            blocks.append(
                Text(
                    f"{op}: the accuracies that the surrogate tells of all these architectures are "
                    f"{facts['mean_absolute_difference']:.2f} points from the true ones in the mean, on balance "
                    f"{abs(facts['surrogate_minus_truth']):.2f} points {side} them; Kendall's tau of the means over "
                    f"the shares is {facts['kendall_tau_of_means']:.2f}."
                )
            )
    return Section("Numbers", blocks)
