"""The page of the experiment `trajectories`: a panel an optimiser, and tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import BLUE, INK, ORANGE, plain
from nb301_ogb.experiments.report import LEAST_ERROR, Draw, drawn, error_ticks, with_error, write_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _ROW_HEIGHT = 9.6, 3.0
_STYLES: dict[str, dict[str, Any]] = {
    "truth": {"color": BLUE, "linestyle": "-", "linewidth": 2.0},
    "surrogate": {"color": ORANGE, "linestyle": "--", "linewidth": 2.0},
    "transferred": {"color": INK, "linestyle": ":", "linewidth": 2.0},
}
_SHORT = {
    "truth": "truth",
    "surrogate": "surrogate",
    "transferred": "found on the surrogate, true error",
    "loss": "loss",
}
Styles = Mapping[str, Mapping[str, Any]]
"""How the line of each word is drawn; a word's label is its key `label`."""


def write_page(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them."""
    names = [name for name in numbers["optimisers"] if numbers["curves"][name]["seconds"]]
    draw = panels(numbers, names)
    height = _ROW_HEIGHT * -(-len(names) // (columns_of(names) or 1)) + 0.5
    sections = [_overview(numbers), _figure(numbers, names, draw, height), *_tables(numbers)]
    both = " and ".join(numbers["benchmarks"].values())
    return write_report(folder, f"Search trajectories on {both}", sections, numbers)


def columns_of(names: list[str]) -> int:
    """How many panels stand side by side."""
    return len(names) // 2 if len(names) in (2, 4) else min(3, len(names))


def panels(
    numbers: dict[str, Any], names: list[str], styles: Styles | None = None, errors: bool = False, skip: float = 0.0
) -> Draw:
    """Best error so far over simulated time, both logarithmic, a panel for each optimiser.

    Args:
        numbers: with `curves`, titles of `optimisers`, and `repeats`.
        names: the optimisers that have curves.
        styles: of the lines; a band of two deviations is drawn around those that are not dotted.
        errors: whether the bands show two standard errors in place of deviations.
        skip: the share of the logarithm of time that is left out at the beginning.
    """
    styles = styles or {word: style | {"label": _SHORT[word]} for word, style in _STYLES.items()}

    def draw(figure: Figure) -> None:
        columns = columns_of(names)
        axes = figure.subplots(-(-len(names) // columns), columns, squeeze=False, sharex=True, sharey=True)
        lowest, highest = np.inf, 0.0
        for place, name in enumerate(names):
            panel, lines = axes.flat[place], numbers["curves"][name]
            start = int(skip * len(lines["seconds"]))
            hours = np.array(lines["seconds"])[start:] / 3600
            for word, style in ((word, style) for word, style in styles.items() if word in lines):
                mean = np.maximum(lines[word]["mean"][start:], LEAST_ERROR)
                width = 2 * np.array(lines[word]["std"][start:]) / (np.sqrt(numbers["repeats"]) if errors else 1)
                # A logarithmic axis has no place for what two deviations below a small mean can be.
                low = np.maximum(mean - width, mean / 2)
                if style["linestyle"] != ":":
                    panel.fill_between(hours, low, mean + width, color=style["color"], alpha=0.16, linewidth=0)
                panel.plot(hours, mean, **style)
                lowest, highest = min(lowest, float(mean.min())), max(highest, float(mean.max()))
            panel.set_title(numbers["optimisers"][name], fontsize=9.5, loc="left")
            plain(panel)
        for place, panel in enumerate(axes.flat):
            panel.set_visible(place < len(names))
            panel.tick_params(labelbottom=place + columns >= len(names))
        first = axes.flat[0]
        first.set_xscale("log")
        first.set_yscale("log")
        first.set_ylim(0.95 * lowest, 1.05 * highest)
        error_ticks(first.yaxis, 0.95 * lowest, 1.05 * highest)
        first.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        figure.supxlabel("simulated training time (hours)", fontsize=10.5)
        figure.supylabel("best error so far (percent)", fontsize=10.5)
        handles, labels = first.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=min(3, len(labels)), frameon=False, fontsize=9.5)

    return draw


def _overview(numbers: dict[str, Any]) -> Section:
    named = "; ".join(f"{word}: {name}" for word, name in numbers["benchmarks"].items())
    told = "single trainings" if numbers["noise"] else "means over trainings"
    blocks: list[Block] = [
        Text(
            f"{named}. Each optimiser ran {numbers['repeats']} times, seeds from {numbers['seed']} on, for "
            f"{numbers['evaluations']:,} evaluations in the search space {numbers['space']} and was told {told}. The "
            "error is 100 minus the validation accuracy in percent, by the benchmark's mean. Simulated time is the sum "
            "of the training times that the benchmark tells."
        )
    ]
    if "bananas" in {name.partition(":")[0] for name in numbers["optimisers"]}:
        blocks.append(
            Text(
                "The predictor inside the BANANAS-style search is an ensemble of perceptrons on features of the code; "
                "a surrogate of that family would favour it."
            )
        )
    return Section("What was run", blocks)


def _figure(numbers: dict[str, Any], names: list[str], draw: Draw, height: float) -> Section:
    if not names:
        return Section("Trajectories", [Text("No optimiser has an answer in every repeat, so nothing is drawn.")])
    ends = []
    for name in names:
        last = {word: numbers["curves"][name][word]["mean"][-1] for word in _STYLES if word in numbers["curves"][name]}
        ends.append(f"{numbers['optimisers'][name]}: " + ", ".join(f"{word} {one:.2f}" for word, one in last.items()))
    alt = "Falling curves of the best error so far, a panel for each optimiser. At the end: " + "; ".join(ends) + "."
    caption = (
        f"Best error so far over simulated time, mean and 2 standard deviations over {numbers['repeats']} repeats; "
        "both axes are logarithmic. Curves begin where every repeat has an answer and end where the first one's "
        "budget does."
    )
    return Section("Trajectories", drawn(draw, alt, caption, _WIDTH, height, "trajectories"))


def _tables(numbers: dict[str, Any]) -> list[Section]:
    blocks: list[Block] = []
    for entry in numbers["checkpoints"]:
        words = [word for word in _SHORT if word in next(iter(entry["errors"].values()))]
        rows = [
            (numbers["optimisers"][name], *(with_error(values[word], 3) for word in words))
            for name, values in entry["errors"].items()
        ]
        caption = f"Error after {entry['evaluations']:,} evaluations, percent, mean and standard error"
        blocks.append(Table(caption, ("optimiser", *(_SHORT[word] for word in words)), rows))
    if any("loss" in one for entry in numbers["checkpoints"] for one in entry["errors"].values()):
        blocks.append(
            Text(
                "The loss is the true error of what was found on the surrogate minus the error of what was found on "
                "the truth with the same seed; negative where the surrogate led to the better architecture."
            )
        )
    sections = [Section("Errors", blocks)]
    if {"truth", "surrogate"} <= set(numbers["benchmarks"]):
        sections += [_order(numbers), _areas(numbers)]
    if numbers.get("luck"):
        sections.append(_luck(numbers["luck"]))
    return sections


def _order(numbers: dict[str, Any]) -> Section:
    rows, words = [], []
    for entry in numbers["checkpoints"]:
        order = entry["order"]["surrogate"]
        same = "yes" if order["same"] else "no"
        taus = (order["kendall_tau"], order["kendall_tau_of_truth_halves"])
        shown = tuple(f"{tau:.2f}" if tau == tau else "-" for tau in taus)
        rows.append((f"{entry['evaluations']:,}", " ".join(order["truth"]), " ".join(order["surrogate"]), same, *shown))
        for swap in order["swapped"]:
            one, other = swap["pair"]
            open_ = [
                word
                for word in ("truth", "surrogate")
                if abs(swap[f"{word}_gap"]["mean"]) <= 2 * swap[f"{word}_gap"]["standard_error"]
            ]
            why = (
                f"on the {' and on the '.join(open_)} within two standard errors, where repeats do not tell the two "
                "apart"
                if open_
                else "both gaps are more than two standard errors: the surrogate misjudges these two"
            )
            words.append(
                f"After {entry['evaluations']:,} evaluations {one} and {other} change places: error of {one} minus "
                f"that of {other} is {with_error(swap['truth_gap'], 3)} on the truth and "
                f"{with_error(swap['surrogate_gap'], 3)} on the surrogate; {why}."
            )
    columns = ("evaluations", "on the truth", "on the surrogate", "same", "Kendall tau", "tau of truth's halves")
    table = Table("Optimisers by mean error, the best first", columns, rows, left=4)
    quiet = (
        "The order is the same where no two change places. The last column holds the truth against itself, one half of "
        "its repeats against the other."
    )
    return Section("Order of the optimisers", [table, Text(quiet), *map(Text, words)])


def _areas(numbers: dict[str, Any]) -> Section:
    rows = [
        (numbers["optimisers"][name], f"{lines['areas']['surrogate']:.3f}") for name, lines in numbers["curves"].items()
    ]
    caption = "Area between the mean curves on truth and surrogate, per unit of logarithmic time, in points of error"
    return Section("Area between the curves", [Table(caption, ("optimiser", "area"), rows)])


def _luck(found: dict[str, Any]) -> Section:
    words = ("promised", "truth", "surrogate")
    rows = [(f"{turn['run']}", *(f"{turn[word]:.3f}" for word in words)) for turn in found["turns"]]
    rows.append(("mean", *(f"{found['mean'][word]:.3f}" for word in words)))
    gap = found["mean"]["surrogate"] - found["mean"]["truth"]
    text = (
        "The best of many measured means was partly lucky, and what is found on the surrogate is held against it. Here "
        "the best architecture is chosen by all runs but one and judged by that run, which had no part in the choice; "
        f"every run has its turn, among the {found['architectures']:,} architectures with {found['runs']} runs. The "
        "truth's best then is worse than the other runs promise by "
        f"{found['mean']['truth'] - found['mean']['promised']:.3f} points, and the surrogate's best, which is the same "
        f"in every turn, is {abs(gap):.3f} points {'worse' if gap > 0 else 'better'} than the truth's, as a mean "
        "over the few runs. (A surrogate knows the runs of the architectures that it was fitted on.)"
    )
    columns = ("run left out", "promised by the others", "the truth's best", "the surrogate's best")
    return Section("How much of the truth's lead is luck", [Text(text), Table("Error, percent", columns, rows)])
