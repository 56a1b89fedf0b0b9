"""The page of the experiment `data_size`: errors over the size of the training part, and the lines around them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import GREY, INK, LINE_COLOURS, log_ticks, plain
from nb301_ogb.experiments.report import Draw, drawn, write_report
from nb301_ogb.experiments.run_scores import cell, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _ROW = 9.6, 3.9
_MARKERS = "osD^vP"
_LEVELS = {
    "constant": ("constant prediction", {"color": GREY, "linestyle": ":"}),
    "tabular": ("one measured run", {"color": INK, "linestyle": "--"}),
    "noise": ("noise of the label", {"color": INK, "linestyle": "-."}),
}


def write_page(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them."""
    datasets = numbers["datasets"]
    draw = lines(datasets)
    height = _ROW * len(datasets) + 0.5
    sections = [
        _overview(numbers),
        _figure(datasets, draw, height),
        *(_dataset(name, one) for name, one in datasets.items()),
    ]
    title = "Error over training rows on " + ", ".join(name.removeprefix("ogbg-") for name in datasets)
    return write_report(folder, title, sections, numbers)


def lines(datasets: dict[str, Any]) -> Draw:
    """Test RMSE, both axes logarithmic, and Kendall's tau over the training rows; a row of panels for each dataset."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(datasets), 2, squeeze=False)
        for (left, right), (name, one) in zip(axes, datasets.items(), strict=True):
            for panel, metric in ((left, "rmse"), (right, "kendall_tau")):
                for place, (model, entries) in enumerate(one["models"].items()):
                    _line(panel, model, entries, metric, place)
                for key, level in _levels(one, metric).items():
                    title, style = _LEVELS[key]
                    panel.axhline(level, label=title, linewidth=1.4, **style)
                panel.set_xscale("log")
                panel.set_xticks(one["sizes"], [f"{size:,}" for size in one["sizes"]], rotation=45)
                panel.set_xticks([], minor=True)
                plain(panel)
            left.set_yscale("log")
            log_ticks(left.yaxis, *left.get_ylim())
            left.set_ylabel(f"test RMSE ({one['unit']})")
            right.set_ylabel("test Kendall τ")
            left.set_title(name.removeprefix("ogbg-"), fontsize=10.5, loc="left")
        for panel in axes[-1]:
            panel.set_xlabel("training rows")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=6, frameon=False, fontsize=9.5)

    return draw


def _line(panel: Axes, model: str, entries: list[dict[str, Any]], metric: str, place: int) -> None:
    there = [one for one in entries if one["scores"] is not None]
    if not there:
        return
    rows = [one["rows"] for one in there]
    mean, std = (
        np.array([one["scores"]["test"][metric][key] for one in there], dtype=float) for key in ("mean", "std")
    )
    colour = LINE_COLOURS[place % len(LINE_COLOURS)]
    std = np.nan_to_num(std)
    low = np.maximum(mean - std, mean / 2) if metric == "rmse" else mean - std
    panel.fill_between(rows, low, mean + std, color=colour, alpha=0.18, linewidth=0)
    marker = _MARKERS[place % len(_MARKERS)]
    panel.plot(rows, mean, label=model, color=colour, marker=marker, markersize=4.5, linewidth=1.8)


def _levels(one: dict[str, Any], metric: str) -> dict[str, float]:
    found = {"constant": one["constant"][metric]}
    if one["tabular"] is not None:
        found |= {"tabular": one["tabular"][metric], "noise": one["tabular"][f"noise_{metric}"]}
    return found


def _overview(numbers: dict[str, Any]) -> Section:
    seeds = ", ".join(map(str, numbers["seeds"]))
    blocks: list[Block] = [
        Text(
            "Each model was fitted on the first rows of one random order of the training part, so that a larger "
            "training part holds the smaller ones; validation and test part stay whole. "
            f"Seeds of the models: {seeds}; the order of the rows is the same for all of them, so the deviation is "
            "that of the fit and not of the choice of rows."
        )
    ]
    for name, one in numbers["datasets"].items():
        blocks.append(
            Text(
                f"{name}, split {one['split']}: {one['rows']['train']:,} architectures in train, "
                f"{one['rows']['valid']:,} in valid, {one['rows']['test']:,} in test; the label is {one['label']} in "
                f"{one['unit']}."
            )
        )
    return Section("What was fitted", blocks)


def _figure(datasets: dict[str, Any], draw: Draw, height: float) -> Section:
    told = []
    for name, one in datasets.items():
        for model, entries in one["models"].items():
            there = [entry for entry in entries if entry["scores"] is not None]
            if there:
                first, last = (entry["scores"]["test"]["rmse"]["mean"] for entry in (there[0], there[-1]))
                told.append(
                    f"{name}, {model}: RMSE from {first:.2f} with {there[0]['rows']:,} rows to {last:.2f} with "
                    f"{there[-1]['rows']:,}"
                )
    caption = (
        "Test RMSE (both axes logarithmic) and Kendall's tau over the training rows: mean and one standard deviation "
        "over the seeds. Constant prediction: the mean of all training labels. One measured run: a run against the "
        "mean of the architecture's other runs. Noise of the label: what a model would have that knows every expected "
        "accuracy. The last two are told where architectures were trained more than once; their sections say on how "
        "many test architectures."
    )
    alt = f"Falling lines of error and rising lines of Kendall's tau over training rows. {'; '.join(told)}."
    return Section("Error over training rows", drawn(draw, alt, caption, _WIDTH, height, "data_size"))


def _dataset(name: str, one: dict[str, Any]) -> Section:
    tabular = one["tabular"]
    blocks: list[Block] = []
    for model, entries in one["models"].items():
        columns = ["training rows", "RMSE", "MAE", "R²", "Kendall τ", "validation RMSE", "fit (s)", "seeds"]
        if tabular is not None:
            columns.insert(2, "RMSE, repeated")
        rows = []
        for entry in entries:
            scores = entry["scores"]
            if scores is None:
                rows.append([f"{entry['rows']:,}", *["-"] * (len(columns) - 2), "0"])
                continue
            row = [cell(scores["test"][metric]) for metric in ("rmse", "mae", "r2", "kendall_tau")]
            if tabular is not None:
                row.insert(1, cell(scores["test_repeated"]["rmse"]))
            row += [cell(scores["valid"]["rmse"]), duration(scores["fit_seconds"]["mean"]), str(len(scores["seeds"]))]
            rows.append([f"{entry['rows']:,}", *row])
        blocks.append(Table(f"{model}, test part", columns, rows, left=0))
        missing = [f"{entry['rows']:,} (seed {', '.join(map(str, entry['missing']))})" for entry in entries
                   if entry["missing"]]  # fmt: skip
        if missing:
            blocks.append(Text(f"Runs of {model} that are not there: {'; '.join(missing)}."))
    constant = (f"{one['constant'][metric]:.4f}" for metric in ("rmse", "kendall_tau"))
    around = [("constant prediction", *constant, "all")]
    if tabular is None:
        words = "Too few architectures of test were trained more than once, so their noise is not known here."
    else:
        used = f"{tabular['rows_used']:,} of {tabular['rows']:,}"
        around.append(("one measured run", f"{tabular['rmse']:.4f}", f"{tabular['kendall_tau']:.4f}", used))
        around.append(
            ("noise of the label", f"{tabular['noise_rmse']:.4f}", f"{tabular['noise_kendall_tau']:.4f}", used)
        )
        words = (
            "These architectures were trained more than once, by runs that are no copies of others; the column RMSE, "
            "repeated, judges the models on them alone. A single run is held against the mean of the others, models "
            "against the mean of all runs, which is nearer to the expected accuracy."
        )
    levels = ("what", "RMSE", "Kendall τ", "test architectures")
    return Section(name, [*blocks, Table("The lines around the models", levels, around), Text(words)])
