"""The page of the experiment `ensembles`: scores over the number of members, reliability, error against deviation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import BLUE, GREY, INK, ORANGE, log_ticks, plain
from nb301_ogb.experiments.report import Draw, drawn, write_report
from nb301_ogb.experiments.run_scores import cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _ROW = 9.6, 2.5
_STYLES: dict[str, dict[str, Any]] = {
    "raw": {"color": ORANGE, "linestyle": "--", "marker": "s"},
    "calibrated": {"color": BLUE, "linestyle": "-", "marker": "o"},
}
_PANELS = {
    "rmse": "RMSE",
    "kendall_tau": "Kendall τ",
    "nll": "negative log likelihood",
    "coverage_95": "coverage of 95%",
}
_OF_DEVIATION = ("nll", "coverage_95")
_WANTED = 0.95
_ROOM = 4.0
"""How many times the calibrated likelihoods' range its panel may show of the others."""


def write_page(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them."""
    datasets = numbers["datasets"]
    height = _ROW * len(datasets) + 0.6
    lines, trust = over_sizes(datasets), reliability(datasets)
    trust_height = 3.6 * len(datasets) + 0.4
    sections = [
        _overview(numbers),
        _figure(datasets, lines, height),
        _trust(numbers, trust, trust_height),
        *(_dataset(name, one) for name, one in datasets.items()),
    ]
    title = "Ensembles on " + ", ".join(name.removeprefix("ogbg-") for name in datasets)
    return write_report(folder, title, sections, numbers)


def over_sizes(datasets: dict[str, Any]) -> Draw:
    """RMSE, Kendall's tau, likelihood and coverage on test over the number of members; a row for each dataset."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(datasets), len(_PANELS), squeeze=False, sharex=True)
        for row, (name, one) in zip(axes, datasets.items(), strict=True):
            for panel, (metric, title) in zip(row, _PANELS.items(), strict=True):
                for kind, style in _STYLES.items() if metric in _OF_DEVIATION else ():
                    _line(panel, one["sizes"], kind, metric, style)
                if metric not in _OF_DEVIATION:
                    _line(panel, one["sizes"], "calibrated", metric, {"color": INK, "marker": "o"})
                if metric == "coverage_95":
                    panel.axhline(_WANTED, color=GREY, linewidth=1, linestyle=":")
                if metric == "nll":
                    _limit(panel, one["sizes"])
                panel.set_title(title + (f" ({one['unit']})" if metric == "rmse" else ""), fontsize=9.5, loc="left")
                panel.xaxis.get_major_locator().set_params(integer=True)
                plain(panel)
            row[0].set_ylabel(name.removeprefix("ogbg-"), fontsize=10)
        for panel in axes[-1]:
            panel.set_xlabel("members")
        handles, labels = axes[0, -1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, fontsize=9.5)

    return draw


def _line(panel: Axes, sizes: list[dict[str, Any]], kind: str, metric: str, style: dict[str, Any]) -> None:
    found = [(one["size"], one[kind][metric]) for one in sizes if metric in one[kind]]
    members = [size for size, _ in found]
    mean, std = (np.array([values[key] for _, values in found], dtype=float) for key in ("mean", "std"))
    if np.isfinite(std).all():
        panel.fill_between(members, mean - std, mean + std, color=style["color"], alpha=0.16, linewidth=0)
    panel.plot(members, mean, label=kind, linewidth=1.7, markersize=3.5, **style)


def _limit(panel: Axes, sizes: list[dict[str, Any]]) -> None:
    """Leaves out of the panel what would press the calibrated likelihoods into one line."""
    means = np.array([one["calibrated"]["nll"]["mean"] for one in sizes])
    span = max(float(np.ptp(means)), 0.1)
    low, high = panel.get_ylim()
    panel.set_ylim(max(low, means.min() - 0.2 * span), min(high, means.max() + _ROOM * span))


def reliability(datasets: dict[str, Any]) -> Draw:
    """Expected against observed coverage, and error against deviation, of all members; a row for each dataset."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(datasets), 2, squeeze=False)
        for (left, right), (name, one) in zip(axes, datasets.items(), strict=True):
            left.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
            for kind, style in _STYLES.items():
                left.plot(one["reliability"]["expected"], one["reliability"][kind], label=kind, markersize=3.5, **style)
            left.set(xlim=(0, 1), ylim=(0, 1), xlabel="expected coverage", ylabel="observed coverage")
            found = one["error_by_std"]
            ends = [min(*found["std"], *found["rmse"]), max(*found["std"], *found["rmse"])]
            right.plot(ends, ends, color=GREY, linewidth=1, linestyle=":")
            right.plot(found["std"], found["rmse"], "o", color=INK, markersize=5)
            right.set(xscale="log", yscale="log", ylabel=f"RMSE ({one['unit']})")
            right.set_xlabel(f"calibrated deviation ({one['unit']})")
            for axis, limits in ((right.xaxis, right.get_xlim()), (right.yaxis, right.get_ylim())):
                log_ticks(axis, *limits)
            left.set_title(name.removeprefix("ogbg-"), fontsize=10.5, loc="left")
            for panel in (left, right):
                panel.set_box_aspect(1)
                plain(panel)
        axes[0, 0].legend(frameon=False, fontsize=9.5)

    return draw


def _overview(numbers: dict[str, Any]) -> Section:
    blocks: list[Block] = [
        Text(
            "Each ensemble is cut to its first member, its first two, and so on. The prediction is the mean of the "
            "members. Raw is the standard deviation between them; calibrated is what validation makes of it, anew for "
            "every size: slope and floor by likelihood, then a stretch by which 95% of the validation labels are "
            "within 1.96 deviations. A single member has no deviation between members; calibrated, it gets one that "
            "is the same for every architecture. All scores are on test, which no fit and no calibration has seen."
        )
    ]
    for name, one in numbers["datasets"].items():
        seeds = ", ".join(map(str, one["seeds"]))
        blocks.append(
            Text(
                f"{name}, split {one['split']}: {one['model']} of {one['members']} members, seed {seeds}; "
                f"{one['rows']['valid']:,} architectures in valid, {one['rows']['test']:,} in test; the label is "
                f"{one['label']} in {one['unit']}."
            )
        )
    return Section("What was looked at", blocks)


def _figure(datasets: dict[str, Any], draw: Draw, height: float) -> Section:
    told = []
    for name, one in datasets.items():
        first, last = one["sizes"][0]["calibrated"], one["sizes"][-1]["calibrated"]
        told.append(
            f"{name}: RMSE from {first['rmse']['mean']:.3f} with one member to {last['rmse']['mean']:.3f} with "
            f"{one['members']}, Kendall's tau from {first['kendall_tau']['mean']:.3f} to "
            f"{last['kendall_tau']['mean']:.3f}, coverage {last['coverage_95']['mean']:.3f}"
        )
    caption = (
        "Test scores over the number of members, mean and one standard deviation over the seeds. The dotted line is "
        "the coverage that is wanted. Likelihoods far from the calibrated ones are outside of their panel; the table "
        "has them."
    )
    alt = f"Four lines for each dataset over the number of members. {'; '.join(told)}."
    return Section("Over the number of members", drawn(draw, alt, caption, _WIDTH, height, "ensembles"))


def _trust(numbers: dict[str, Any], draw: Draw, height: float) -> Section:
    told, words = [], []
    for name, one in numbers["datasets"].items():
        gaps = {
            kind: float(np.abs(np.subtract(one["reliability"][kind], one["reliability"]["expected"])).mean())
            for kind in _STYLES
        }
        told.append(f"{name}: observed coverage {gaps['raw']:.3f} off raw, {gaps['calibrated']:.3f} off calibrated")
        words.append(
            f"{name}: observed and expected coverage differ by {gaps['raw']:.3f} on average raw and by "
            f"{gaps['calibrated']:.3f} calibrated; the rank correlation of absolute error and calibrated deviation is "
            f"{cell(one['error_std_spearman'], 2)}."
        )
    caption = (
        "All members. Left: the share of test labels within the central interval of a level, over that level. Right: "
        f"the test architectures in {numbers['bins']} groups of equal size by their calibrated deviation, the root "
        "mean square of it and of the error; on the dotted line they are equal. Both are means over the seeds."
    )
    alt = f"Reliability curves and points along a diagonal. {'; '.join(told)}."
    return Section(
        "Can the deviation be trusted?", [*drawn(draw, alt, caption, 7.6, height, "reliability"), *map(Text, words)]
    )


def _dataset(name: str, one: dict[str, Any]) -> Section:
    last = one["sizes"][-1]["calibrated"]
    rows = [
        (str(entry["size"]), *(cell(entry["calibrated"][metric]) for metric in ("rmse", "mae", "r2", "kendall_tau")))
        for entry in one["sizes"]
    ]
    blocks: list[Block] = [Table("The mean of the members", ("members", "RMSE", "MAE", "R²", "Kendall τ"), rows)]
    metrics = {"nll": "nll", "coverage_95": "coverage 95%", "sharpness": "sharpness", "kl": "KL"}
    metrics = {key: title for key, title in metrics.items() if key in last}
    for kind in _STYLES:
        rows = [
            (str(entry["size"]), *(cell(entry[kind][key]) for key in metrics))
            for entry in one["sizes"]
            if "nll" in entry[kind]
        ]
        if rows:
            blocks.append(Table(f"The deviation, {kind}", ("members", *metrics.values()), rows))
    words = f"Sharpness is the mean predicted deviation, in {one['unit']}; nll and KL are in nats."
    if "kl" in last:
        left_out = last["kl_left_out"]["mean"]
        words += (
            " KL(measured || surrogate) is the mean over the architectures with two or more runs that differ; "
            f"{left_out:,.0f} of {one['rows']['test']:,} are left out."
        )
    return Section(name, [*blocks, Text(words)])
