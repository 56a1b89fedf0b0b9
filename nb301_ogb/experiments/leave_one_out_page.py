"""The page of the experiment `leave_one_out`: scores by the group that was left out, and predicted against measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.baselines.runs import Run
from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import GREY, LINE_COLOURS, Scale, density, plain
from nb301_ogb.experiments.report import Draw, drawn, error_ticks, write_report
from nb301_ogb.experiments.run_scores import METRIC_TITLES, cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 9.6
_MARKERS = "osD^vP"
_SHOWN = ("rmse", "r2", "kendall_tau", "sparse_kendall_tau")


def write_page(folder: Path, numbers: dict[str, Any], shown: Mapping[str, Run]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them.

    Args:
        folder: made if it is missing.
        numbers: of the experiment.
        shown: for groups a run that left it out, whose predictions are drawn.
    """
    groups = {name: one for name, one in numbers["groups"].items() if one["models"]}
    sections = [_overview(numbers)]
    if groups:
        draw = dots(numbers, groups)
        height = 1.3 + 0.3 * len(groups) + 0.02 * len(groups) * len(numbers["models"])
        sections.append(_figure(numbers, groups, draw, height))
    sections.append(_tables(numbers))
    if shown:
        draw = scatter(shown, numbers["unit"])
        height = 2.6 * math.ceil(len(shown) / _columns(len(shown))) + 0.9
        sections.append(_predicted(shown, draw, height))
    missing = [
        (group, model, ", ".join(map(str, seeds)))
        for group, one in numbers["groups"].items()
        for model, seeds in one["missing"].items()
    ]
    missing += [("none", model, ", ".join(map(str, seeds))) for model, seeds in numbers["missing_compared"].items()]
    if missing:
        table = Table("Runs that are not there", ("left out", "model", "seeds"), missing, left=3)
        sections.append(Section("Missing", [table]))
    title = f"One group left out, on {numbers['dataset'].removeprefix('ogbg-')}"
    return write_report(folder, title, sections, numbers)


def dots(numbers: dict[str, Any], groups: Mapping[str, Any]) -> Draw:
    """RMSE and rank correlation on each group: filled where it was left out, hollow where it was not."""
    models = numbers["models"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, 2, sharey=True)
        for panel, metric in zip(axes, ("rmse", "sparse_kendall_tau"), strict=True):
            for place, model in enumerate(models):
                colour, marker = LINE_COLOURS[place % len(LINE_COLOURS)], _MARKERS[place % len(_MARKERS)]
                style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "", "markersize": 5.5}
                for filled, key in ((True, "models"), (False, "seen")):
                    found = [
                        (height + 0.24 * (place - (len(models) - 1) / 2), one[key][model])
                        for height, one in enumerate(groups.values())
                        if model in one.get(key, {})
                    ]
                    if not found:
                        continue
                    values = [(one["test"] if filled else one)[metric] for _, one in found]
                    means = [one["mean"] for one in values]
                    stds = [0.0 if math.isnan(one["std"]) else one["std"] for one in values]
                    label = f"{model}, {'left out' if filled else 'seen in training'}"
                    face = colour if filled else "white"
                    heights = [height for height, _ in found]
                    panel.plot(means, heights, label=label, markerfacecolor=face, zorder=3, **style)
                    panel.errorbar(means, heights, xerr=stds, fmt="none", ecolor=colour, elinewidth=1.3)
            plain(panel)
        axes[0].set_yticks(range(len(groups)), list(groups))
        axes[0].set_ylim(len(groups) - 0.5, -0.5)
        axes[0].set_xscale("log")
        error_ticks(axes[0].xaxis, *axes[0].get_xlim())
        axes[0].set_xlabel(f"RMSE ({numbers['unit']})")
        axes[1].set_xlabel(METRIC_TITLES["sparse_kendall_tau"])
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False, fontsize=9.5)

    return draw


def _columns(count: int) -> int:
    return min(4, count)


def scatter(shown: Mapping[str, Run], unit: str) -> Draw:
    """Predicted against measured label of the group that was left out, a panel for each; all axes are the same."""

    def draw(figure: Figure) -> None:
        columns = _columns(len(shown))
        axes = figure.subplots(math.ceil(len(shown) / columns), columns, squeeze=False, sharex=True, sharey=True)
        scale = Scale("label", unit)
        parts = {group: _pairs(run) for group, run in shown.items()}
        low, high = (float(edge([edge(one) for one in parts.values()])) for edge in (np.min, np.max))
        for place, panel in enumerate(axes.flat):
            panel.set_visible(place < len(shown))
            panel.tick_params(axis="x", rotation=90, labelbottom=place + columns >= len(shown))
        for panel, (group, pair) in zip(axes.flat, parts.items(), strict=False):
            panel.plot(*[[float(scale(low)), float(scale(high))]] * 2, color=GREY, linewidth=1)
            density(panel, *(scale(values) for values in pair))
            for axis in (panel.xaxis, panel.yaxis):
                scale.ticks(axis, low, high)
                axis.set_label_text("")
            panel.set_title(f"{group} ({pair.shape[1]:,})", fontsize=9.5, loc="left")
            panel.set_box_aspect(1)
            plain(panel)
        for place, panel in enumerate(axes.flat):
            panel.set_xlabel(f"measured ({unit})" if place + columns >= len(shown) else "")
        for panel in axes[:, 0]:
            panel.set_ylabel(f"predicted ({unit})")

    return draw


def _pairs(run: Run) -> Any:
    """float64 [2, B]: measured and predicted labels of the test part."""
    found = run.predictions["test"]
    pair = np.stack([found.y_true[:, 0], found.y_pred[:, 0]]).astype(np.float64)
    return pair[:, ~np.isnan(pair[0])]


def _overview(numbers: dict[str, Any]) -> Section:
    seeds = numbers["seeds"]
    blocks: list[Block] = [
        Text(
            f"Each of {len(numbers['groups'])} groups of {numbers['dataset']} was left out in its turn: the models "
            "were fitted and chosen on the other groups, and judged on all of the group's listed architectures. "
            f"{'Seeds' if len(seeds) > 1 else 'Seed'} {', '.join(map(str, seeds))}; mean ± unbiased standard deviation "
            f"over the seeds. The label is {numbers['label']} in {numbers['unit']}."
        )
    ]
    if numbers["compared_with"]:
        blocks.append(
            Text(
                f"To compare, the same models were fitted on the split {numbers['compared_with']}, which leaves no "
                "group out, and judged on those architectures of each group that are in its test part: fewer, and "
                "others than those above."
            )
        )
    return Section("What was fitted", blocks)


def _figure(numbers: dict[str, Any], groups: Mapping[str, Any], draw: Draw, height: float) -> Section:
    told = []
    for group, one in groups.items():
        values = ", ".join(
            f"{model} {found['test']['rmse']['mean']:.3f} and {found['test']['sparse_kendall_tau']['mean']:.2f}"
            for model, found in one["models"].items()
        )
        told.append(f"{group}: {values}")
    seen = "; hollow: the group was seen in training" if any(one.get("seen") for one in groups.values()) else ""
    caption = (
        "RMSE (logarithmic, left is better) and sparse Kendall's tau (right is better) on each group that was left "
        f"out{seen}. The bars are one standard deviation over the seeds."
    )
    alt = f"Dots, a line for each group. RMSE and sparse Kendall's tau. {'; '.join(told)}."
    return Section("Groups that were left out", drawn(draw, alt, caption, _WIDTH, height, "leave_one_out"))


def _tables(numbers: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for model in numbers["models"]:
        rows = []
        for group, one in numbers["groups"].items():
            if model in one["models"]:
                scores = one["models"][model]
                rows.append((group, f"{one['rows']['test']:,}", *(cell(scores["test"][metric]) for metric in _SHOWN)))
        if rows:
            columns = ("left out", "architectures", *(METRIC_TITLES[metric] for metric in _SHOWN))
            blocks.append(Table(f"{model}, on the group that was left out", columns, rows))
        rows = [
            (group, f"{seen['rows']:,}", *(cell(seen[metric]) for metric in _SHOWN))
            for group, one in numbers["groups"].items()
            if (seen := one.get("seen", {}).get(model)) is not None
        ]
        if rows:
            columns = ("group", "architectures", *(METRIC_TITLES[metric] for metric in _SHOWN))
            caption = f"{model}, on the group's test architectures of the split {numbers['compared_with']}"
            blocks.append(Table(caption, columns, rows))
    rows = [
        (group, one["split"], *(f"{one['rows'][part]:,}" for part in ("train", "valid", "test")),
         f"{one['label']['mean']:.2f}", f"{one['label']['std']:.2f}")
        for group, one in numbers["groups"].items()
    ]  # fmt: skip
    columns = ("left out", "split", "train", "valid", "test", "mean label", "its deviation")
    blocks.append(Table("The groups", columns, rows, left=2))
    blocks.append(
        Text(
            "R² compares the error with the spread of the group's own labels, so it is low, or far below 0, on a group "
            "whose labels are close to each other, even where the RMSE is small."
        )
    )
    return Section("Numbers", blocks)


def _predicted(shown: Mapping[str, Run], draw: Draw, height: float) -> Section:
    first = next(iter(shown.values()))
    caption = (
        f"Predicted against measured label of the group that was left out, by {first.info.model}, seed "
        f"{first.info.seed}, the model with the lowest validation RMSE; in brackets the architectures. Points off the "
        "grey line are predicted too high (above) or too low (below)."
    )
    alt = "Clouds of points, a panel for each group."
    return Section("Predicted against measured", drawn(draw, alt, caption, _WIDTH, height, "left_out"))
