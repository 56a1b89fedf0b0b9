"""The page of the experiment `surrogates`: scores with their spread, what validation prefers, and what models cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.baselines.runs import Run
from nb301_ogb.experiments.page import Block, Section, Table, Text
from nb301_ogb.experiments.plots import BLUE, GREY, INK, ORANGE, Scale, density, plain
from nb301_ogb.experiments.report import Draw, drawn, error_ticks, write_report
from nb301_ogb.experiments.run_scores import METRIC_TITLES, cell, count, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLES = {"gnn": (BLUE, "o"), "ensemble": (INK, "D"), "trees": (ORANGE, "s"), "mlp": (GREY, "^"), "svr": (GREY, "v")}
_KINDS = {
    "gnn": "graph network",
    "ensemble": "ensemble",
    "trees": "trees",
    "mlp": "plain network",
    "svr": "support vectors",
}
_SHOWN = ("rmse", "mae", "r2", "kendall_tau", "sparse_kendall_tau")
_WIDTH = 9.6


def write_page(folder: Path, numbers: dict[str, Any], shown: Mapping[str, tuple[str, Run]]) -> dict[str, Any]:
    """Writes the report; the numbers as JSON holds them.

    Args:
        folder: made if it is missing.
        numbers: of the experiment.
        shown: for datasets a model's name, and the run whose predictions are drawn.
    """
    there = {name: one for name, one in numbers["datasets"].items() if one["models"]}
    sections = [_overview(numbers)]
    if there:
        order = _order(there)
        draw = dots(there, order)
        height = 2 * (0.62 + 0.235 * len(order)) + 0.9
        sections.append(_figure(there, draw, height))
    for name, one in there.items():
        sections.append(_dataset(name, one))
    if shown:
        drawn_runs = {name: (title, run, there[name]["unit"]) for name, (title, run) in shown.items()}
        draw = scatter(drawn_runs)
        height = 0.7 + _WIDTH / max(2, len(shown))
        sections.append(_predicted(shown, draw, height))
    missing = _missing(numbers)
    if missing is not None:
        sections.append(missing)
    title = "Surrogates on " + ", ".join(name.removeprefix("ogbg-") for name in numbers["datasets"])
    return write_report(folder, title, sections, numbers)


def _order(datasets: Mapping[str, Any]) -> list[str]:
    """The models, the best by validation RMSE on the first dataset that has it above."""
    place: dict[str, float] = {}
    for one in datasets.values():
        for name, model in one["models"].items():
            place.setdefault(name, model["valid"]["rmse"]["mean"])
    return sorted(place, key=lambda name: place[name])


def dots(datasets: Mapping[str, Any], order: list[str]) -> Draw:
    """Test RMSE and Kendall's tau of every model: mean and deviation over the seeds, and each seed as a faint dot."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, len(datasets), squeeze=False, sharey=True)
        kinds: dict[str, Any] = {}
        for column, (name, one) in enumerate(datasets.items()):
            for panel, metric in zip(axes[:, column], ("rmse", "kendall_tau"), strict=True):
                for height, model in enumerate(order):
                    if model in one["models"]:
                        kind = one["models"][model]["kind"]
                        kinds[kind] = _dot(panel, one["models"][model]["test"][metric], height, _STYLES[kind])
                plain(panel)
                panel.tick_params(axis="y", length=0)
                panel.xaxis.get_major_locator().set_params(nbins=5)
                unit = f" ({one['unit']})" if metric == "rmse" else ""
                panel.set_xlabel(f"test {METRIC_TITLES[metric]}{unit}")
            axes[0, column].set_title(name.removeprefix("ogbg-"), fontsize=10.5, loc="left")
            panel = axes[0, column]
            panel.set_xscale("log")
            low, high = panel.get_xlim()
            error_ticks(panel.xaxis, low, high, most=6)
        for panel in axes[:, 0]:
            panel.set_yticks(range(len(order)), order)
            panel.set_ylim(len(order) - 0.5, -0.5)
        labels = [_KINDS[kind] for kind in kinds]
        figure.legend(list(kinds.values()), labels, loc="outside upper left", ncols=5, frameon=False, fontsize=9.5)

    return draw


def _dot(panel: Axes, values: dict[str, Any], height: float, style: tuple[str, str]) -> Any:
    colour, marker = style
    std = values["std"] if values["std"] == values["std"] else 0.0
    panel.plot(values["values"], [height] * len(values["values"]), marker, color=colour, alpha=0.3, markersize=4,
               markeredgewidth=0)  # fmt: skip
    (handle,) = panel.plot(values["mean"], height, marker, color=colour, markersize=5.5)
    low, high = values["mean"] - std, values["mean"] + std
    panel.plot([max(low, 1e-3), high], [height, height], color=colour, linewidth=1.6)
    return handle


def scatter(shown: Mapping[str, tuple[str, Run, str]]) -> Draw:
    """Predicted against measured label on test, for each dataset; darker where there are more architectures."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for panel, (name, (model, run, unit)) in zip(panels, shown.items(), strict=True):
            found = run.predictions["test"]
            scale = Scale("label", unit)
            true, predicted = (values[:, 0].astype(np.float64) for values in (found.y_true, found.y_pred))
            known = ~np.isnan(true)
            true, predicted = true[known], predicted[known]
            low, high = (float(edge(np.r_[true, predicted])) for edge in (np.min, np.max))
            panel.plot(*[[float(scale(low)), float(scale(high))]] * 2, color=GREY, linewidth=1)
            density(panel, scale(true), scale(predicted))
            for axis, word in ((panel.xaxis, "measured"), (panel.yaxis, "predicted")):
                scale.ticks(axis, low, high)
                axis.set_label_text(f"{word} ({unit})")
            panel.tick_params(axis="x", rotation=90)
            panel.set_title(f"{name.removeprefix('ogbg-')}, {model}", fontsize=10.5, loc="left")
            panel.set_box_aspect(1)
            plain(panel)

    return draw


def _overview(numbers: dict[str, Any]) -> Section:
    seeds = numbers["seeds"]
    listed = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds ({seeds[0]} to {seeds[-1]})"
    text = (
        f"Each model was fitted on the training part of the split {numbers['split']}, chosen and stopped by its "
        f"validation part, with {listed}. Scores are those of the official evaluator; mean ± unbiased standard "
        "deviation over the seeds. RMSE and MAE are in the label's unit."
    )
    blocks: list[Block] = [Text(text)]
    blocks += [
        Text(
            f"{name}: {one['rows']['train']:,} architectures in train, {one['rows']['valid']:,} in valid, "
            f"{one['rows']['test']:,} in test; the label is {one['label']} in {one['unit']}."
        )
        for name, one in numbers["datasets"].items()
    ]
    return Section("What was fitted", blocks)


def _figure(datasets: Mapping[str, Any], draw: Draw, height: float) -> Section:
    told = []
    for name, one in datasets.items():
        values = ", ".join(
            f"{model} {found['test']['rmse']['mean']:.3f} and {found['test']['kendall_tau']['mean']:.3f}"
            for model, found in one["models"].items()
        )
        told.append(f"{name}: {values}")
    alt = f"Dots with bars. Test RMSE and Kendall's tau of each model. {'; '.join(told)}."
    caption = (
        "Test RMSE (logarithmic, left is better) and Kendall's tau (right is better): the mean over the seeds with one "
        "standard deviation to either side, and faintly every seed. Models in the order of their validation RMSE."
    )
    return Section("All models", drawn(draw, alt, caption, _WIDTH, height, "surrogates"))


def _dataset(name: str, one: dict[str, Any]) -> Section:
    models = one["models"]
    blocks: list[Block] = []
    for part, word in (("test", "Test"), ("valid", "Validation")):
        rows = [(model, *(cell(found[part][metric]) for metric in _SHOWN)) for model, found in models.items()]
        blocks.append(Table(f"{word} part", ("model", *(METRIC_TITLES[metric] for metric in _SHOWN)), rows))
    timed = any("query" in found for found in models.values())
    columns = ["model", "fit (s)"]
    columns += ["one query (ms)", "queries a second"] if timed else []
    columns += ["parameters", "training rows", "seeds"]
    rows = []
    for model, found in models.items():
        query = found.get("query")
        times = [f"{query['one_ms']:.2f}", f"{query['per_second']:,.0f}"] if query else ["-", "-"]
        fit = duration(found["fit_seconds"]["mean"])
        rest = (count(found["num_params"]), f"{found['num_train']:,}", str(len(found["seeds"])))
        rows.append((model, fit, *(times if timed else []), *rest))
    blocks.append(Table("What the models cost", columns, rows))
    blocks.append(Text(_cost_words(models, timed)))
    return Section(name, blocks)


def _cost_words(models: Mapping[str, Any], timed: bool) -> str:
    words = (
        "The time of a fit is the mean over the seeds, as the machine that trained them told it; a dash where a run "
        "does not tell."
    )
    if not timed:
        return words
    single, bulk = next((found["query"]["single"], found["query"]["bulk"]) for found in models.values())
    return (
        f"{words} Queries were timed on this machine's CPU with the first seed's run: the median over {single} "
        f"architectures asked one by one, and {bulk:,} asked together."
    )


def _predicted(shown: Mapping[str, tuple[str, Run]], draw: Draw, height: float) -> Section:
    which = "; ".join(f"{name}: {model}, seed {run.info.seed}" for name, (model, run) in shown.items())
    caption = (
        "Predicted against measured label on test, of the model that has the lowest mean validation RMSE; darker where "
        f"there are more architectures. {which}."
    )
    alt = "Clouds along the diagonal, a panel for each dataset."
    return Section("Predicted against measured", drawn(draw, alt, caption, _WIDTH, height, "predicted"))


def _missing(numbers: dict[str, Any]) -> Section | None:
    rows = [
        (name, model, ", ".join(map(str, seeds)))
        for name, one in numbers["datasets"].items()
        for model, seeds in one["missing"].items()
    ]
    if not rows:
        return None
    return Section("Missing", [Table("Runs that are not there", ("dataset", "model", "seeds"), rows, left=3)])
