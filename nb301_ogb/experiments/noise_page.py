"""The page of the experiment `noise`: the table, what each ingredient adds, and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import GREY, INK, LINE_COLOURS, plain
from nb301_ogb.experiments.report import Draw, drawn, write_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 8.4, 4.0
_MARKERS = "osD^v<>"

_BASES = {
    "class_mean": "tabular",
    "plain": "tabular",
    "plain_over_class": "plain",
    "single": "plain_over_class",
    "ensemble": "single",
    "apart": "ensemble",
    "surrogate": "class_mean",
}
"""What each method is held against."""


def titles(numbers: dict[str, Any]) -> dict[str, str]:
    """The methods for people."""
    settings = numbers["settings"]
    one, model, members = settings["plain"], settings["model"], settings["members"]
    return {
        "tabular": "tabular: the run itself",
        "class_mean": "class mean",
        "plain": f"{one} on single runs",
        "plain_over_class": f"{one}, averaged over the class",
        "single": f"{model} on class means",
        "ensemble": f"ensemble of {members}",
        "apart": "members without the class",
        "surrogate": "members without the class + class mean",
    }


def write_page(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them."""
    draw = dots(numbers)
    sections = [_answer(numbers), _rule(numbers), _table(numbers), _figure(numbers, draw), _details(numbers)]
    title = f"{numbers['dataset']}: a surrogate against a table of single runs"
    return write_report(folder, title, sections, numbers)


def verdict(ratio: float, paper: float, lowest: float) -> str:
    """What a mean ratio says beside the paper's and the one that cannot be passed."""
    if ratio < lowest:
        return f"That is below {lowest:.3f}, where a leak is to be looked for."
    side = "no higher" if ratio <= paper else "higher"
    return f"That is {side} than the {paper:.2f} that the paper reached on NAS-Bench-101."


def dots(numbers: dict[str, Any]) -> Draw:
    """A row a method: the ratio of each run's turn, and a bar at their mean."""
    names = titles(numbers)
    methods = numbers["methods"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, found in enumerate(methods.values()):
            mean = found["mean"]["ratio"]
            axes.plot([mean, mean], [place - 0.3, place + 0.3], color=INK, linewidth=2.2, zorder=3)
            for turn, one in enumerate(found["turns"]):
                colour = LINE_COLOURS[turn % len(LINE_COLOURS)]
                marker = _MARKERS[turn % len(_MARKERS)]
                label = f"run {turn}" if place == 0 else None
                axes.plot(one["ratio"], place, marker, color=colour, markersize=6, alpha=0.85, label=label)
        for value, text in ((numbers["floor"], "perfect"), (numbers["paper"], "paper"), (1.0, "tabular")):
            axes.axvline(value, color=GREY, linestyle="--", linewidth=1.2, zorder=1)
            above = axes.get_xaxis_transform()
            axes.text(value, 1.01, f"{text}\n{value:.3g}", fontsize=9, va="bottom", ha="center", transform=above)
        axes.set_yticks(range(len(methods)), [names[name] for name in methods])
        axes.set_ylim(len(methods) - 0.4, -0.6)
        axes.set_xlabel("MAE / MAE of the tabular benchmark")
        plain(axes, "x")
        figure.legend(loc="outside upper right", ncols=len(numbers["turns"]), frameon=False, fontsize=9.5)

    return draw


def _answer(numbers: dict[str, Any]) -> Section:
    found = numbers["methods"][numbers["surrogate"]]
    ratios = ", ".join(f"{one['ratio']:.3f}" for one in found["turns"])
    mean = found["mean"]["ratio"]
    return Section(
        "The answer",
        [
            Text(
                f"The surrogate's mean absolute error is {mean:.3f} of that of a table that holds one run of every "
                f"architecture (by the run that is learned from: {ratios}). "
                + verdict(mean, numbers["paper"], numbers["floor"])
            )
        ],
    )


def _rule(numbers: dict[str, Any]) -> Section:
    runs = numbers["runs"]
    rows = [
        (
            str(one["run"]), f"{one['learned_from']:,}", f"{one['different_runs']:,}", f"{one['classes']:,}",
            f"{one['candidates']:,}", f"{one['judged']:,}",
        )
        for one in numbers["turns"]
    ]  # fmt: skip
    columns = ("run", "rows learned from", "different runs", "classes", "with all runs", "judged")
    least = numbers["settings"]["least"]
    return Section(
        "How it is judged",
        [
            Text(
                "One run of every architecture is learned from; predictions are judged by the mean of the "
                f"architecture's other runs, where it has all {runs}. Every run takes its turn. Architectures with a "
                f"run under {least:g} {numbers['unit']} are left out, as in the paper. Runs are copied between "
                "architectures: a row is not judged where any run that it would be judged by is learned from, in "
                "whatever row. Nothing is fitted, stopped, weighed or chosen here by a run that is judged by; the "
                "models' other settings are the package's configurations, chosen earlier on the validation part of a "
                "split whose labels are means over all runs."
            ),
            Table("Rows and classes, by the run that is learned from", columns, rows),
            Text(
                f"No predictor is expected below {numbers['floor']:.3f} = 1/sqrt({runs}): with equal Gaussian noise of "
                f"standard deviation s, the mean of {runs - 1} runs lies s sqrt(1/{runs - 1}) from the expected "
                f"accuracy, which a perfect predictor tells, and s sqrt(1 + 1/{runs - 1}) from another run."
            ),
        ],
    )


def _table(numbers: dict[str, Any]) -> Section:
    names, methods = titles(numbers), numbers["methods"]
    rows = []
    for name, found in methods.items():
        base = _BASES.get(name)
        change = "" if base is None else f"{found['mean']['ratio'] - methods[base]['mean']['ratio']:+.3f}"
        ratio = f"{found['mean']['ratio']:.3f}" + (f" ± {found['mean']['standard_error']:.3f}" if base else "")
        errors = [f"{one['mae']:.4f} ({one['ratio']:.3f})" for one in found["turns"]]
        rows.append((names[name], *errors, ratio, change, "" if base is None else names[base]))
    every = range(numbers["runs"])
    columns = (
        "predictor",
        *(f"run {turn}" for turn in every),
        "mean ratio",
        "change",
        "against",
    )
    caption = f"MAE in {numbers['unit']} (ratio to tabular), by the run that is learned from"
    settings = numbers["settings"]
    folds = settings["members"]
    words: list[Block] = [
        Table(caption, columns, rows),
        Text(
            "Mean ratio: over the turns, with the mean of their standard errors, which are taken over components "
            "(rows that are equivalent or share a run). Class mean: the mean of the runs that are learned from over "
            "all equivalent architectures, each different run once. "
            f"{settings['plain']} on single runs: a row an architecture, its label its run. {settings['model']} on "
            "class means: a row a class, its label the class mean. Both learn from everything and keep the epoch that "
            f"fits it best. Ensemble: the mean of {folds} members, each of which is fitted without one of {folds} "
            "folds of components and keeps its last epoch. Members without the class: for each class the one member "
            "that has seen none of its runs, nor a copy of them."
        ),
    ]
    if "surrogate" in methods:
        ratios = ", ".join(f"{one['ratio_of_variances']:g}" for one in numbers["turns"])
        words.append(
            Text(
                "Members without the class + class mean: what that member foretells and the class mean, weighed by "
                "their variances: the class mean of n different runs gets n r / (1 + n r), r the variance of the "
                "member's error over that of a run. r is chosen by how well runs that are learned from are foretold "
                f"from the others of their class: {ratios}."
            )
        )
    else:
        words.append(
            Text(
                "No class has two different runs to learn from, so that nothing tells how to weigh a prediction and "
                "a run; the ensemble is the surrogate."
            )
        )
    return Section("What each ingredient adds", words)


def _figure(numbers: dict[str, Any], draw: Draw) -> Section:
    names = titles(numbers)
    told = "; ".join(f"{names[name]} {found['mean']['ratio']:.3f}" for name, found in numbers["methods"].items())
    caption = (
        "MAE over that of the tabular benchmark, a mark for each run that is learned from, a bar at their mean; the "
        "lines: the tabular benchmark, the paper's surrogate on NAS-Bench-101, a perfect predictor."
    )
    return Section("The ratios", drawn(draw, f"Mean ratios: {told}.", caption, _WIDTH, _HEIGHT, "noise"))


def _details(numbers: dict[str, Any]) -> Section:
    names = titles(numbers)
    shown = [name for name in numbers["methods"] if name != "tabular"]
    rows = []
    for one in numbers["by_different_runs"]:
        low, high = one["from"], one["to"]
        runs = f"{low} or more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        ratios = (f"{one['mae'][name] / one['mae']['tabular']:.3f}" for name in shown)
        rows.append((runs, f"{one['judged']:,}", f"{one['mae']['tabular']:.4f}", *ratios))
    columns = ("runs of the class", "judged", "tabular MAE", *(names[name] for name in shown))
    blocks: list[Block] = [
        Table("Ratio to tabular by the different runs of the class that are learned from, all turns", columns, rows)
    ]
    choices = [one["choice"] for one in numbers["turns"]]
    if all(choices):
        lines = [
            (f"{some[0]['ratio']:g}", *(f"{one['error']:.4f}" for one in some)) for some in zip(*choices, strict=True)
        ]
        caption = f"Error, in {numbers['unit']}, of runs that are learned from, foretold from the others, by r"
        blocks.append(Table(caption, ("r", *(f"run {one['run']}" for one in numbers["turns"])), lines))
    return Section("Details", blocks)
