"""The figures of the report on a dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.experiments.dataset_facts import Columns, Values
from nb301_ogb.experiments.dataset_noise import Noise
from nb301_ogb.experiments.plots import (
    BLUE,
    GREY,
    INK,
    LINE_COLOURS,
    LINE_STYLES,
    ORANGE,
    Scale,
    boxes,
    density,
    plain,
    running_median,
    words,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[["Figure"], None]

_DECILES = 10
_MANY = 100_000


def scale_of(found: Columns, name: str) -> Scale:
    """How a target is drawn."""
    return Scale(name, found.contents.targets[name].unit)


def label_scale(found: Columns) -> Scale:
    """How the label is drawn."""
    return scale_of(found, found.contents.header.label)


def distribution(found: Columns, groups: list[str]) -> Draw:
    """The empirical distribution of the label: of all rows, and of each group."""
    scale = label_scale(found)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        names = found.contents.groups
        series: list[tuple[str, Values]] = [("all", found.label)]
        if found.group is not None and len(groups) > 1:
            series += [(name, found.label[found.group == names.index(name)]) for name in groups]
        for number, (name, values) in enumerate(series):
            ordered = np.sort(values)
            picked = np.unique(np.linspace(0, len(ordered) - 1, 400).round().astype(int))
            share = (picked + 1) / len(ordered)
            style: dict[str, Any] = {"color": INK, "linewidth": 2.4}
            if number:
                style = {
                    "color": LINE_COLOURS[(number - 1) % len(LINE_COLOURS)],
                    "linestyle": LINE_STYLES[(number - 1) // len(LINE_COLOURS) % len(LINE_STYLES)],
                    "linewidth": 1.5,
                }
            axes.plot(scale(ordered[picked]), share, label=f"{name} ({len(values):,})", **style)
        scale.ticks(axes.xaxis, float(found.label.min()), float(found.label.max()))
        axes.set(ylabel="share of architectures up to it", ylim=(0, 1.01))
        plain(axes)
        if len(series) > 1:
            figure.legend(loc="outside right upper", frameon=False, fontsize=9.5)

    return draw


def against(found: Columns, names: list[str]) -> Draw:
    """The label against other targets, a panel each, with the running median."""
    scale = label_scale(found)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        shades = []
        for axes, name in zip(panels, names, strict=True):
            known = ~np.isnan(found.means[name])
            x, y, unit = found.means[name][known], scale(found.label[known]), found.contents.targets[name].unit
            if unit == "count" and np.median(x) >= _MANY:
                x, unit = x / 1e6, "millions"
            shades.append(density(axes, x, y))
            axes.plot(*running_median(x, y), color=ORANGE, linewidth=2, label="median")
            axes.set_xlabel(f"{words(name)} ({unit})")
            plain(axes)
        scale.ticks(panels[0].yaxis, float(found.label.min()), float(found.label.max()))
        panels[0].legend(frameon=False, loc="lower right", fontsize=9.5)
        figure.colorbar(shades[0], ax=panels, label="architectures", pad=0.01, aspect=30)

    return draw


def validation_against_test(found: Columns, validation: str, test: str) -> Draw:
    """Test against validation accuracy: all rows, and the better half of them."""
    across, up = scale_of(found, validation), scale_of(found, test)

    def draw(figure: Figure) -> None:
        x, y = found.means[validation], found.means[test]
        known = ~(np.isnan(x) | np.isnan(y))
        x, y = x[known], y[known]
        panels = figure.subplots(1, 2)
        shades = []
        for axes, title, rows in zip(panels, ("all", "the better half"), (x == x, x >= np.median(x)), strict=True):
            shades.append(density(axes, across(x[rows]), up(y[rows])))
            low = min(x[rows].min(), y[rows].min())
            high = max(x[rows].max(), y[rows].max())
            axes.plot(across([low, high]), up([low, high]), color=GREY, linewidth=1.2, label="equal")
            across.ticks(axes.xaxis, float(x[rows].min()), float(x[rows].max()))
            up.ticks(axes.yaxis, float(y[rows].min()), float(y[rows].max()))
            axes.set_title(title, fontsize=10.5)
            plain(axes)
        panels[0].legend(frameon=False, loc="lower right", fontsize=9.5)
        figure.colorbar(shades[0], ax=panels, label="architectures", pad=0.01, aspect=30)

    return draw


def depths(found: Columns) -> Draw:
    """The label by the depth of each cell."""
    scale = label_scale(found)

    def draw(figure: Figure) -> None:
        cells = found.space.cells
        panels = figure.subplots(1, len(cells), sharey=True, squeeze=False)[0]
        for axes, cell, depth in zip(panels, cells, found.depth.T, strict=True):
            kinds, counts = np.unique(depth, return_counts=True)
            places = list(range(len(kinds)))
            boxes(axes, [found.label[depth == kind] for kind in kinds], [float(place) for place in places], scale)
            names = [f"{kind if kind else 'no path'}\n{count:,}" for kind, count in zip(kinds, counts, strict=True)]
            axes.set_xticks(places, names)
            axes.set(xlim=(-0.6, len(kinds) - 0.4), xlabel=f"depth of the {_cell(cell)}; below it, architectures")
            plain(axes, "y")
        scale.ticks(panels[0].yaxis, float(found.label.min()), float(found.label.max()))

    return draw


def _cell(name: str) -> str:
    return name if name == "cell" else f"{name} cell"


def ops(shares: dict[str, dict[str, dict[str, float]]]) -> Draw:
    """The share of each op among the best, all and the worst rows, a panel a cell."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(shares), sharey=True, sharex=True, squeeze=False)[0]
        for axes, (cell, one) in zip(panels, shares.items(), strict=True):
            rows = np.arange(len(one))
            for shift, who, colour, hatch in (
                (-0.27, "best", BLUE, ""),
                (0, "all", "#c3c8d0", ""),
                (0.27, "worst", ORANGE, "//"),
            ):
                widths = [100 * share[who] for share in one.values()]
                axes.barh(
                    rows + shift, widths, 0.25, color=colour, hatch=hatch, edgecolor="white", linewidth=0, label=who
                )
            axes.set_yticks(rows, list(one))
            axes.set_xlabel(f"share of the {_cell(cell)}'s edges (percent)")
            plain(axes, "x")
        panels[0].invert_yaxis()
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=3, frameon=False, fontsize=9.5)

    return draw


def noise(found: Columns, measured: Noise) -> Draw:
    """The standard deviation between runs: its distribution, and by tenths of the label."""
    label = found.contents.header.label
    unit = "points" if found.contents.targets[label].unit == "percent" else found.contents.targets[label].unit

    def draw(figure: Figure) -> None:
        whole, tenths = figure.subplots(1, 2)
        ordered = np.sort(measured.spread)
        picked = np.unique(np.linspace(0, len(ordered) - 1, 300).round().astype(int))
        whole.plot(ordered[picked], (picked + 1) / len(ordered), color=BLUE, linewidth=2)
        whole.set(xlabel=f"standard deviation between runs ({unit})", ylabel="share of architectures up to it")
        whole.set(xlim=(0, float(np.quantile(ordered, 0.98)) or 1.0), ylim=(0, 1.01))
        plain(whole)
        edges = np.quantile(measured.level, np.linspace(0, 1, _DECILES + 1))
        which = np.clip(np.searchsorted(edges, measured.level, side="right") - 1, 0, _DECILES - 1)
        there = np.unique(which)
        boxes(tenths, [measured.spread[which == one] for one in there], [float(one) for one in there], np.asarray)
        names = [f"{np.median(measured.level[which == one]):.1f}" for one in there]
        tenths.set_xticks(there, names, rotation=45)
        tenths.set(xlabel=f"{words(label)} (median of each tenth)", ylabel=f"standard deviation ({unit})")
        tenths.set_ylim(0, None)
        plain(tenths, "y")

    return draw
