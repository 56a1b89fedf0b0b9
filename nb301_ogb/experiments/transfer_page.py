"""The page of the experiment `transfer`: what was left out, how it is predicted, and where the searches lead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import BLUE, LINE_COLOURS, ORANGE
from nb301_ogb.experiments.report import Draw, drawn, with_error, write_report
from nb301_ogb.experiments.trajectories_page import columns_of, panels

_WIDTH, _ROW_HEIGHT = 9.6, 3.2
_SKIP = 0.2
"""The share of the logarithm of time that is not drawn: the first evaluations, in which all draw at random."""
_GREEN = LINE_COLOURS[2]
_WORDS = {
    "truth": "truth",
    "with": "surrogate with such data",
    "without": "surrogate without",
    "with_judged": "found on the one with, judged",
    "without_judged": "found on the one without, judged",
}
_LINES = {
    "truth": {"color": BLUE, "linestyle": "-"},
    "with": {"color": _GREEN, "linestyle": "--"},
    "with_judged": {"color": _GREEN, "linestyle": ":"},
    "without": {"color": ORANGE, "linestyle": "-."},
    "without_judged": {"color": ORANGE, "linestyle": ":"},
}
_STYLES = {word: {"label": _WORDS[word], "linewidth": 1.8} | style for word, style in _LINES.items()}
_METRICS = {
    "rmse": ("RMSE", 3), "r2": ("R2", 3), "kendall_tau": ("Kendall tau", 3), "sparse_kendall_tau": ("sparse tau", 3),
    "bias": ("bias", 3),
}  # fmt: skip


def write_page(folder: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them."""
    names = [name for name in numbers["optimisers"] if numbers["curves"][name]["seconds"]]
    draw = panels(numbers, names, _STYLES, errors=True, skip=_SKIP)
    height = _ROW_HEIGHT * -(-len(names) // (columns_of(names) or 1)) + 0.5
    sections = [
        Section("What was found", [Text(verdict(numbers))]), _overview(numbers), _predictions(numbers),
        _figure(numbers, names, draw, height), _errors(numbers), *_order(numbers),
    ]  # fmt: skip
    title = f"A surrogate that has seen nothing of {numbers['optimiser']}, {numbers['dataset']}"
    return write_report(folder, title, sections, numbers)


def verdict(numbers: dict[str, Any]) -> str:
    """What the searches of the optimiser under test say, in words."""
    name, judge = numbers["optimiser"], numbers["judge"]
    by = "in truth" if judge == "truth" else "by the surrogate with such data"
    words = []
    for entry in numbers["checkpoints"]:
        price, count = entry["errors"][name]["price"], f"{entry['evaluations']:,}"
        if price["mean"] != price["mean"]:
            words.append(f"After {count} evaluations there is nothing to compare.")
            continue
        size = f"{abs(price['mean']):.3f} ± {price['standard_error']:.3f} points"
        if abs(price["mean"]) > 2 * price["standard_error"]:
            side = "worse" if price["mean"] > 0 else "better"
            words.append(f"After {count} evaluations what {name} found without its kind of data is {size} {side} {by}.")
        else:
            words.append(
                f"After {count} evaluations what {name} found without its kind of data is not clearly worse or better "
                f"{by} ({with_error(price, 3)} points)."
            )
    other = "the one with such data" if judge == "truth" else "the other surrogate"
    told = f" It is held against what the same seeds found on {other}, mean and standard error."
    if judge != "truth":
        told += (
            " That one is the judge too, and favours what it led to: even a surrogate that knew the truth would look "
            "worse by it."
        )
    return " ".join(words) + told


def _overview(numbers: dict[str, Any]) -> Section:
    fits, name = numbers["fits"], numbers["optimiser"]
    if numbers["left_out"] == "group":
        how = (
            f"The one without was fitted on a split that leaves the optimiser's group out ({fits['left_out_rows']:,} "
            "records of the default split's training and validation parts are of it)."
        )
    else:
        how = (
            f"{numbers['records']} searches of {name} on the measurements, with seeds after those of the repeats, tell "
            f"what it visits; with the architectures that are equivalent these are {fits['left_out_rows']:,} of the "
            "training and validation parts, and they are left out. Networks without a path from input to output stay. "
            "The surrogate with such data lost as much: for each class of equivalent architectures one of the same "
            "size, drawn at random."
        )
    rows = [
        (_WORDS[word], fit["what"], f"{fit['train']:,}", f"{fit['valid']:,}", f"{100 * fit['best_seen']:.1f}%",
         fit["surrogate"])
        for word, fit in fits.items() if isinstance(fit, dict)
    ]  # fmt: skip
    columns = ("", "fitted", "training rows", "validation rows", "of the best 1% seen", "name")
    told = (
        f"Each optimiser ran {numbers['repeats']} times on each benchmark, seeds from {numbers['seed']} on, for "
        f"{numbers['evaluations']:,} evaluations, and was told means. Standard errors are over these repeats; each "
        "surrogate was fitted once, and another fit seed tells how much hangs on that. The error is 100 minus the "
        "validation accuracy in percent; what was found on a surrogate is judged once more by "
        + ("the truth." if numbers["judge"] == "truth" else "the surrogate that was fitted with such data.")
    )
    return Section("What was run", [Text(how), Table("The two surrogates", columns, rows, left=2), Text(told)])


def _predictions(numbers: dict[str, Any]) -> Section:
    kinds = {"such": f"what {numbers['optimiser']} produces", "others": "other architectures"}
    rows = []
    for kind, title in kinds.items():
        found = numbers["predictions"][kind]
        rows += [
            (title, _WORDS[word], f"{found['rows']:,}", *(f"{found[word][key]:.{digits}f}"
             for key, (_, digits) in _METRICS.items()))
            for word in ("with", "without") if word in found
        ]  # fmt: skip
    if not rows:
        return Section("Predictions", [Text("Of such data no rows are left that neither surrogate has seen.")])
    columns = ("rows of test", "predicted by", "rows", *(title for title, _ in _METRICS.values()))
    table = Table("Rows that neither surrogate has seen; RMSE and bias in points", columns, rows, left=2)
    bias = "The bias is the mean of prediction minus measurement: above 0 where a surrogate promises too much."
    return Section("Predictions", [table, Text(bias)])


def _figure(numbers: dict[str, Any], names: list[str], draw: Draw, height: float) -> Section:
    if not names:
        return Section("Trajectories", [Text("No optimiser has an answer in every repeat, so nothing is drawn.")])
    ends = []
    for name in names:
        lines = numbers["curves"][name]
        last = (f"{_WORDS[word]} {lines[word]['mean'][-1]:.2f}" for word in _LINES if word in lines)
        ends.append(f"{numbers['optimisers'][name]}: {', '.join(last)}")
    alt = "Falling curves of the best error so far, a panel for each optimiser. At the end: " + "; ".join(ends) + "."
    caption = (
        f"Best error so far over simulated time, mean and 2 standard errors over {numbers['repeats']} repeats, "
        "without the first fifth of the logarithm of time; both axes are logarithmic. Dotted: what was found on a "
        "surrogate, as the judge sees it."
    )
    rows = [(numbers["optimisers"][name], *(f"{area:.3f}" for area in numbers["curves"][name]["areas"].values()))
            for name in names]  # fmt: skip
    words = [_WORDS[word] for word in numbers["curves"][names[0]]["areas"]]
    title = _WORDS[numbers["judge"]]
    areas = Table(
        f"Area between a surrogate's mean curve and that of the {title}, per unit of logarithmic time, in points",
        ("optimiser", *words), rows,
    )  # fmt: skip
    return Section("Trajectories", [*drawn(draw, alt, caption, _WIDTH, height, "transfer"), areas])


def _errors(numbers: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for entry in numbers["checkpoints"]:
        words = [word for word in _WORDS if word in next(iter(entry["errors"].values()))]
        rows = [
            (numbers["optimisers"][name], *(with_error(values[word], 3) for word in (*words, "price")))
            for name, values in entry["errors"].items()
        ]
        caption = f"Error after {entry['evaluations']:,} evaluations, percent, mean and standard error"
        blocks.append(Table(caption, ("optimiser", *(_WORDS[word] for word in words), "price"), rows))
    blocks.append(
        Text(
            "The price is how much worse the judge finds what was found without such data than what was found with it, "
            "by seeds; below 0 where the surrogate without led to the better architecture."
        )
    )
    return Section("Errors", blocks)


def _order(numbers: dict[str, Any]) -> list[Section]:
    if len(numbers["optimisers"]) < 2:
        return []
    rows, name = [], numbers["optimiser"]
    for entry in numbers["checkpoints"]:
        orders = {numbers["judge"]: next(iter(entry["order"].values()))["truth"]}
        orders |= {word: order["surrogate"] for word, order in entry["order"].items()}
        for word, order in orders.items():
            swaps = entry["order"][word]["swapped"] if word in entry["order"] else []
            told = [f"{' and '.join(one['pair'])}{'' if one['clear'] else ' (not clear)'}" for one in swaps]
            rows.append((f"{entry['evaluations']:,}", _WORDS[word], " ".join(order), f"{order.index(name) + 1}",
                         ", ".join(told) or "-"))  # fmt: skip
    columns = ("evaluations", "on", "optimisers, the best first", f"place of {name}", "change places")
    table = Table("Optimisers by mean error", columns, rows, left=3)
    quiet = (
        f"Against the order on the {_WORDS[numbers['judge']]}. A change is clear where both gaps are more than two "
        "standard errors of repeats with the same seed."
    )
    return [Section(f"Where {name} stands among the others", [table, Text(quiet)])]
