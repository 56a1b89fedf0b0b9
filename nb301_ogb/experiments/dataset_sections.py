"""The text, the tables and the figures of the report on a dataset, in the order of the page."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from nb301_ogb.errors import missing_extra
from nb301_ogb.experiments import dataset_figures as draw
from nb301_ogb.experiments import plots
from nb301_ogb.experiments.dataset_facts import Columns, examples
from nb301_ogb.experiments.dataset_noise import Noise
from nb301_ogb.experiments.page import Block, Figure, Section, Table, Text

_QUANTILES = ("min", "q05", "q25", "median", "q75", "q95", "max")
_QUANTILE_TITLES = ("min", "5%", "25%", "median", "75%", "95%", "max")
_STRETCHED = "Accuracy axes are stretched: equal steps are equal factors of the error."


def sections(found: Columns, noise: Noise | None, numbers: dict[str, Any], figures: bool) -> list[Section]:
    """All sections that the dataset has something to say on.

    Args:
        found: the dataset's columns.
        noise: where architectures were trained more than once.
        numbers: what `nb301_ogb.experiments.dataset.analyse` gives.
        figures: whether to draw figures, which needs matplotlib.

    Raises:
        MissingExtraError: where figures are wanted and matplotlib is not installed.
    """
    if figures and importlib.util.find_spec("matplotlib") is None:
        raise missing_extra("matplotlib", "plots", "a page with figures")
    page = _Page(found, noise, numbers, figures)
    parts = [page.overview(), page.distribution(), page.validation_test(), page.against(), page.depth(), page.ops()]
    parts += [page.noise(), page.twins(), page.drawings()]
    return [part for part in parts if part is not None]


class _Page:
    def __init__(self, found: Columns, noise: Noise | None, numbers: dict[str, Any], figures: bool) -> None:
        self.found = found
        self.measured = noise
        self.numbers = numbers
        self.figures = figures
        self.label = plots.words(numbers["dataset"]["label"])
        self.title = f"{self.label.capitalize()} ({numbers['dataset']['unit']})"
        self.unit = "points" if numbers["dataset"]["unit"] == "percent" else numbers["dataset"]["unit"]

    def figure(self, drawing: draw.Draw, alt: str, caption: str, height: float = 4.2) -> Iterator[Block]:
        """A figure, where figures are wanted."""
        if self.figures:
            yield Figure(plots.svg_of(drawing, height=height), alt, caption)

    def overview(self) -> Section:
        head = self.numbers["dataset"]
        blocks: list[Block] = [
            Text(
                f"{head['architectures']:,} architectures of the search space {head['space']}, "
                f"{head['with_a_label']:,} of them with a label: the mean {self.label} ({head['unit']}) over an "
                f"architecture's runs. Version {head['version']} of the dataset; license of the measurements: "
                f"{head['license']}."
            ),
            _summaries("Targets, the mean over the runs of each architecture", "target", self.numbers["targets"], True),
        ]
        if not self.figures:
            blocks.append(Text("There are no figures: they need matplotlib (pip install 'nb301-ogb[plots]')."))
        return Section("Overview", blocks)

    def distribution(self) -> Section:
        groups, all_ = self.numbers["groups"], self.numbers["label"]
        alt = (
            f"Curves that rise from 0 to 1: the share of architectures up to each {self.label}. Of all, a quarter is "
            f"up to {all_['q25']:.2f}, half up to {all_['median']:.2f}, the best at {all_['max']:.2f}."
        )
        caption = f"Empirical distribution of the {self.label}{', by group' if groups else ''}. {_STRETCHED}"
        blocks = list(self.figure(draw.distribution(self.found, list(groups)), alt, caption))
        if groups:
            blocks.append(_summaries(self.title, "group", {"all": all_, **groups}))
        return Section("Label distribution", blocks)

    def validation_test(self) -> Section | None:
        one = self.numbers["validation_against_test"]
        if not one or "spearman" not in one:
            return None
        text = (
            f"Over {one['rows']:,} architectures the ranks by validation and by test accuracy agree with Kendall's tau "
            f"{one['kendall_tau']:.3f} (Spearman's rho {one['spearman']:.3f}); validation minus test is "
            f"{one['mean_difference']:+.3f} points on average."
        )
        blocks: list[Block] = [Text(text)]
        drawing = draw.validation_against_test(self.found, "val_accuracy", "test_accuracy")
        caption = f"Test against validation accuracy; darker where there are more architectures. {_STRETCHED}"
        blocks += self.figure(drawing, f"Two clouds of points along the line of equal values. {text}", caption)
        return Section("Validation against test accuracy", blocks)

    def against(self) -> Section | None:
        known = {name: one for name, one in self.numbers["against"].items() if "spearman" in one}
        names = [name for name in ("num_params", "runtime", "latency") if name in known]
        names += [name for name in known if name not in (*names, "test_accuracy")]
        if not names:
            return None
        told = ", ".join(f"{known[name]['spearman']:.2f} with {plots.words(name)}" for name in names)
        rows = [
            (name, f"{known[name]['rows']:,}", f"{known[name]['spearman']:.3f}", f"{known[name]['kendall_tau']:.3f}")
            for name in names
        ]
        caption = (
            f"The {self.label} against {', '.join(plots.words(name) for name in names)}; darker where there are "
            f"more architectures, the line is the median. {_STRETCHED}"
        )
        alt = f"Clouds of points. Spearman's rho of the {self.label} is {told}."
        blocks = list(self.figure(draw.against(self.found, names), alt, caption))
        blocks.append(Table(f"Rank correlation with the {self.label}", ("target", "rows", "Spearman", "Kendall"), rows))
        return Section("Accuracy against size and time", blocks)

    def depth(self) -> Section:
        depth = self.numbers["depth"]
        rows = [
            (cell, kind if kind != "0" else "no path", f"{one['count']:,}", *(f"{one[key]:.2f}" for key in _QUANTILES))
            for cell, kinds in depth.items()
            for kind, one in kinds.items()
        ]
        medians = "; ".join(
            f"{cell}: " + ", ".join(f"depth {kind} median {one['median']:.2f}" for kind, one in kinds.items())
            for cell, kinds in depth.items()
        )
        caption = (
            f"The {self.label} by cell depth: the line spans 5% to 95%, the bar the middle half, the dot is the "
            f"median. {_STRETCHED}"
        )
        text = "Depth counts the nodes on the longest path from an input to the output of a cell, both ends included."
        blocks: list[Block] = [Text(text)]
        blocks += self.figure(draw.depths(self.found), f"Quantiles for each depth. {medians}.", caption, 3.8)
        titles = ("cell", "depth", "architectures", *_QUANTILE_TITLES)
        blocks.append(Table(f"{self.title} by cell depth", titles, rows, left=2))
        return Section("Accuracy against cell depth", blocks)

    def ops(self) -> Section:
        shares, extreme = self.numbers["ops"], self.numbers["extreme_share"]
        rows = [
            (cell, op, *(f"{100 * one[who]:.1f}" for who in ("best", "all", "worst")))
            for cell, ops in shares.items()
            for op, one in ops.items()
        ]
        told = "; ".join(
            f"{op} in the {cell}: best {100 * one['best']:.0f}%, worst {100 * one['worst']:.0f}%"
            for cell, ops in shares.items()
            for op, one in ops.items()
        )
        caption = (
            f"The share of each op among the edges of the best {extreme:.0%}, of all, and of the worst {extreme:.0%}."
        )
        height = 1.2 + 0.45 * max(len(ops) for ops in shares.values())
        blocks = list(self.figure(draw.ops(shares), f"Bars for each op. {told}.", caption, height))
        titles = ("cell", "op", f"best {extreme:.0%}", "all", f"worst {extreme:.0%}")
        blocks.append(Table("Share of each op among the edges, percent", titles, rows, left=2))
        return Section("Ops among the best and the worst", blocks)

    def noise(self) -> Section | None:
        if self.measured is None:
            return None
        one = self.measured.facts
        spread = one["spread"]
        text = (
            f"The file holds {one['entries']:,} runs. {one['copied_entries']:,} of them stand at several places, in "
            "other architectures or twice in one; such copied runs are left out here, because they would make runs "
            "look more alike than they are and because it is not known which of their architectures was trained. "
            f"{one['rows']:,} architectures have two or more runs of their own; the standard deviation between them is "
            f"{spread['median']:.3f} {self.unit} in the median, {spread['mean']:.3f} in the mean and "
            f"{spread['max']:.2f} at most."
        )
        rows = [
            (
                f"{kind}, {runs} runs",
                f"{entry['rows']:,}",
                f"{entry['mae_of_one_run']:.4f}",
                f"{entry['mean_spread']:.4f}",
                f"{entry['kendall_tau']:.3f}" if "kendall_tau" in entry else "-",
            )
            for kind, key in (("own runs", "by_runs"), ("with copied runs", "with_copies"))
            for runs, entry in one[key].items()
        ]
        titles = (
            "architectures with", "number", "MAE of one run against the mean of the others", "mean standard deviation",
            "Kendall's tau of the first run",
        )  # fmt: skip
        caption = (
            "The standard deviation between an architecture's own runs: how it is distributed, and by tenths of the "
            f"{self.label} (line 5% to 95%, bar the middle half, dot the median)."
        )
        blocks: list[Block] = [Text(text)]
        alt = f"A curve that rises steeply, and quantiles for ten parts of the {self.label}. {text}"
        blocks += self.figure(draw.noise(self.found, self.measured), alt, caption, 3.8)
        blocks.append(Table(f"Noise of one run ({self.unit})", titles, rows))
        return Section("Noise between runs", blocks)

    def twins(self) -> Section:
        one = self.numbers["twins"]
        text = (
            f"The {one['rows']:,} rows have {one['different_codes']:,} different codes and stand for "
            f"{one['classes']:,} different networks (equal canonical keys); {one['rows_with_a_twin']:,} rows have a "
            f"twin, the largest class has {one['largest_class']:,}. The {one['entries']:,} runs are "
            f"{one['different_runs']:,} different trainings; {one['rows_with_a_shared_run']:,} rows hold a run that "
            f"stands elsewhere too. Joined by either, the rows make {one['components']:,} components."
        )
        keys = ("num_train", "num_valid", "num_test")
        leaks = ("test_equal_in_train", "test_equivalent_in_train", "test_run_in_train")
        rows = []
        for name, split in self.numbers["splits"].items():
            share = [f"{split[key]:,} ({100 * split[key] / max(1, split['num_test']):.1f}%)" for key in leaks]
            rows.append((name, split["source"], *(f"{split[key]:,}" for key in keys), *share))
        titles = ("split", "source", "train", "valid", "test", "equal in train", "equivalent in train", "run in train")
        blocks: list[Block] = [
            Text(text),
            Table(
                "Splits, and the test rows of which train holds an equal code, a twin, or a run", titles, rows, left=2
            ),
        ]
        return Section("Twins, and leaks by split", blocks)

    def drawings(self) -> Section:
        blocks: list[Block] = []
        for what, place in examples(self.found).items():
            one = self.numbers["examples"][what]
            words = {"best": "The best", "median": "The median", "worst": "The worst whose cells have a path"}[what]
            code = self.found.contents.code[self.found.rows[place]]
            caption = f"{words}: {self.label} {one['label']:.2f}, row {one['row']:,}."
            blocks.append(Figure(self.found.space.drawing(code), "", caption, one["genotype"]))
        return Section("Architectures drawn", blocks)


def _summaries(caption: str, first: str, values: dict[str, dict[str, Any]], units: bool = False) -> Table:
    """A row of quantiles for each summary; with its unit in a column where they differ."""
    rows = []
    for name, one in values.items():
        quantiles = [_short(one[key]) if key in one else "-" for key in ("mean", *_QUANTILES)]
        rows.append((name, *([one["unit"]] if units else []), f"{one['count']:,}", *quantiles))
    titles = (first, *(["unit"] if units else []), "architectures", "mean", *_QUANTILE_TITLES)
    return Table(caption, titles, rows, left=2 if units else 1)


def _short(value: float) -> str:
    """Two places behind the point, or four significant ones of a small number; none of a large one."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 or value == 0 else f"{value:.3g}"
