"""The page of the experiment `local_search`: a panel a benchmark, the lead in numbers, the landscape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import LINE_COLOURS, plain
from nb301_ogb.experiments.report import LEAST_ERROR, Draw, drawn, error_ticks, with_error, write_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 9.6, 4.6
_STYLES: tuple[Any, ...] = ("-", ":", (0, (7, 1.5)), "--", "-.", (0, (1, 1.2, 4, 1.2)))
"""One for each optimiser, so that it is known without colours too."""


def write_page(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them."""
    draw = panels(numbers)
    sections = [_overview(numbers), *_leads(numbers), _figure(numbers, draw), *_landscapes(numbers)]
    return write_report(folder, "Local search on small and large spaces", sections, numbers)


def panels(numbers: dict[str, Any]) -> Draw:
    """Best error so far over evaluations, both logarithmic, a panel for each benchmark."""

    def draw(figure: Figure) -> None:
        words = list(numbers["found"])
        axes = figure.subplots(1, len(words), squeeze=False)[0]
        for panel, word in zip(axes, words, strict=True):
            found = numbers["found"][word]
            lowest, highest = np.inf, 0.0
            for place, (name, line) in enumerate(found["curves"].items()):
                mean = np.maximum(np.array(line["mean"], dtype=float), LEAST_ERROR)
                error = np.array(line["std"], dtype=float) / np.sqrt(numbers["repeats"])
                colour = LINE_COLOURS[place % len(LINE_COLOURS)]
                style = _STYLES[place % len(_STYLES)]
                low = np.maximum(mean - 2 * error, mean / 2)
                panel.fill_between(found["evaluations"], low, mean + 2 * error, color=colour, alpha=0.15, linewidth=0)
                title = numbers["optimisers"][name]
                panel.plot(found["evaluations"], mean, linestyle=style, color=colour, linewidth=1.9, label=title)
                late = mean[np.array(found["evaluations"]) >= 10]
                ends = late[~np.isnan(late)]
                if len(ends):
                    lowest, highest = min(lowest, float(ends.min())), max(highest, float(ends.max()))
            panel.set(xscale="log", yscale="log", xlim=(min(10, numbers["evaluations"] / 2), numbers["evaluations"]))
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            if lowest < highest:
                panel.set_ylim(0.985 * lowest, 1.02 * highest)
                error_ticks(panel.yaxis, 0.985 * lowest, 1.02 * highest)
            panel.set_title(f"{word}: {numbers['benchmarks'][word]['name']}", fontsize=9.5, loc="left")
            panel.set_xlabel("evaluations")
            plain(panel)
        axes[0].set_ylabel("best error so far (percent)")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9.5)

    return draw


def _overview(numbers: dict[str, Any]) -> Section:
    named = "; ".join(f"{word}: {one['name']} ({one['space']})" for word, one in numbers["benchmarks"].items())
    told = "single trainings" if numbers["noise"] else "means over trainings"
    return Section(
        "What was run",
        [
            Text(
                f"{named}. Each optimiser ran {numbers['repeats']} times, seeds from {numbers['seed']} on, for "
                f"{numbers['evaluations']:,} evaluations and was told {told}. Local search evaluates all neighbours "
                "and moves to the best of them (White et al. 2020, algorithm 1), or with `improvement first` to the "
                "first that is better; it begins anew after a local optimum, or ends there where it is without "
                "restarts."
            )
        ],
    )


def _leads(numbers: dict[str, Any]) -> list[Section]:
    blocks: list[Block] = [Text(verdict(numbers))]
    for word, found in numbers["found"].items():
        rows: list[tuple[str, ...]] = [
            (
                f"{entry['evaluations']:,}",
                entry["best_local"],
                entry["best_other"],
                with_error(entry["errors"][entry["best_local"]], 3),
                with_error(entry["errors"][entry["best_other"]], 3),
                with_error(entry["lead"], 3),
                "yes" if entry["clear"] else "no",
            )
            for entry in found["checkpoints"]
        ]
        caption = (
            f"On the {word} space: error in percent, mean and standard error, and the lead of local search in points"
        )
        columns: tuple[str, ...] = (
            "evaluations",
            "best local search",
            "best other",
            "its error",
            "other's error",
            "lead",
            "clear",
        )
        blocks.append(Table(caption, columns, rows, left=3))
        columns = ("local search", *(f"{one['evaluations']:,}" for one in found["checkpoints"]))
        rows = [
            (numbers["optimisers"][name], *(with_error(one["leads"][name], 3) for one in found["checkpoints"]))
            for name in numbers["local"]
        ]
        blocks.append(Table(f"On the {word} space: each one's lead over the best other, in points", columns, rows))
    blocks.append(
        Text("The lead is of repeats with the same seed; it is clear where it is more than two standard errors from 0.")
    )
    errors: list[Block] = []
    for word, found in numbers["found"].items():
        names = list(numbers["optimisers"])
        rows = [
            (numbers["optimisers"][name], *(with_error(one["errors"][name], 3) for one in found["checkpoints"]))
            for name in names
        ]
        columns = ("optimiser", *(f"{one['evaluations']:,}" for one in found["checkpoints"]))
        errors.append(Table(f"On the {word} space: error in percent after so many evaluations", columns, rows))
    return [Section("The lead of local search", blocks), Section("All optimisers", errors)]


def verdict(numbers: dict[str, Any]) -> str:
    """What the leads say, in words."""
    words = []
    for word, found in numbers["found"].items():
        ahead = [f"{one['evaluations']:,}" for one in found["checkpoints"] if one["clear"] and one["lead"]["mean"] > 0]
        behind = [f"{one['evaluations']:,}" for one in found["checkpoints"] if one["clear"] and one["lead"]["mean"] < 0]
        parts = []
        if ahead:
            parts.append(f"clearly ahead after {', '.join(ahead)} evaluations")
        if behind:
            parts.append(f"clearly behind after {', '.join(behind)} evaluations")
        words.append(f"On the {word} space local search is {' and '.join(parts) or 'nowhere clearly ahead or behind'}.")
    if {"small", "large"} <= set(numbers["found"]):
        counts = [one["evaluations"] for one in numbers["found"]["small"]["checkpoints"]]
        kept = []
        for place, count in enumerate(counts):
            pair = [numbers["found"][word]["checkpoints"][place] for word in ("small", "large")]
            if pair[0]["clear"] and pair[0]["lead"]["mean"] > 0:
                kept.append((count, pair[1]["clear"] and pair[1]["lead"]["mean"] > 0))
        if kept:
            carried = [f"{count:,}" for count, there in kept if there]
            words.append(
                f"Of the {len(kept)} budget{'s' * (len(kept) > 1)} at which it leads clearly on the small space, it "
                f"also does on the large one at {len(carried)}{': ' + ', '.join(carried) if carried else ''}."
            )
        else:
            words.append("There is no clear lead on the small space that could carry over.")
    return " ".join(words)


def _figure(numbers: dict[str, Any], draw: Draw) -> Section:
    ends = []
    for word, found in numbers["found"].items():
        last = (
            f"{numbers['optimisers'][name]} {line['mean'][-1]:.2f}"
            for name, line in found["curves"].items()
            if line["mean"][-1] == line["mean"][-1]
        )
        ends.append(f"on the {word} space {', '.join(last)}")
    alt = f"Falling curves of the best error so far over evaluations. At the end: {'; '.join(ends)}."
    caption = (
        f"Best error so far over evaluations, mean and 2 standard errors over {numbers['repeats']} repeats; both axes "
        "are logarithmic."
    )
    return Section("Trajectories", drawn(draw, alt, caption, _WIDTH, _HEIGHT, "local_search"))


def _landscapes(numbers: dict[str, Any]) -> list[Section]:
    blocks: list[Block] = []
    for word, facts in numbers["landscape"].items():
        spent = numbers["found"][word]["mean_evaluations"].get("ls-once")
        if facts is None:
            text = f"The {word} space is too large to be enumerated."
        else:
            text = (
                f"The {word} space has {facts['architectures']:,} architectures with {facts['neighbours']} neighbours "
                f"each, {facts['local_optima']:,} of them local optima. From {100 * facts['share_to_the_best']:.1f}% "
                f"of all starts local search without restarts ends at the best architecture (error "
                f"{facts['lowest_error']:.2f}%), from {100 * facts['share_within_0.1']:.1f}% within 0.1 points of it, "
                f"from {100 * facts['share_within_0.5']:.1f}% within 0.5; it takes {facts['mean_moves']:.1f} moves in "
                f"the mean and ends at {facts['mean_error_reached']:.2f}%."
            )
        if spent is not None:
            text += f" Without restarts local search evaluated {spent:,.0f} architectures in the mean."
        blocks.append(Text(text))
    return [Section("The landscape", blocks)]
