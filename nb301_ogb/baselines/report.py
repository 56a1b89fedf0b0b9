"""The report of one or several runs: a page with a table, the learning curves, and predicted against true."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from nb301_ogb.baselines.runs import PARTS, Run
from nb301_ogb.baselines.settings import LAST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c8551b", "#8a8f98"
_METRIC_NAMES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "kendall_tau": "Kendall τ",
    "sparse_kendall_tau": "sparse Kendall τ",
    "spearman": "Spearman ρ",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .3rem .9rem; border-bottom: 1px solid #d9dce1; }
td { text-align: right; font-variant-numeric: tabular-nums; } th[scope=row] { text-align: left; font-weight: normal; }
svg { max-width: 100%; height: auto; } figure { margin: 1.5rem 0; } figcaption, .quiet { color: #5a6069; }
code { background: #f2f3f5; padding: .1rem .3rem; border-radius: 3px; }
"""


def write_report(path: Path, runs: Sequence[Run]) -> None:
    """Writes the page, with its figures inside; without matplotlib it holds the table alone and says why.

    Args:
        path: of the HTML file.
        runs: of one model on one split.
    """
    info = runs[0].info
    seeds = ", ".join(str(run.info.seed) for run in runs)
    title = f"{info.model} on {info.dataset}, split {info.split}"
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{len(runs)} seed{'s' if len(runs) > 1 else ''} ({seeds}), {info.num_params:,} parameters, label "
        f"{html.escape(', '.join(info.targets))} ({html.escape(str(info.runs))} of the runs).{_chosen(runs)}</p>",
        _table(runs),
        *_figures(runs),
        f'<p class="quiet">Dataset content hash <code>{info.content_hash}</code>.</p>',
    ]
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n'
    )
    path.write_text(page + "\n".join(body) + "\n</body></html>\n", encoding="utf-8")


def mean_and_std(values: Sequence[float], digits: int = 4) -> str:
    """`mean ± std` with the unbiased standard deviation, or the value alone where there is one."""
    mean = f"{fmean(values):.{digits}f}"
    return f"{mean} ± {stdev(values):.{digits}f}" if len(values) > 1 else mean


def _table(runs: Sequence[Run]) -> str:
    rows = []
    for metric in runs[0].metrics["test"]:
        cells = "".join(f"<td>{mean_and_std([run.metrics[part][metric] for run in runs])}</td>" for part in PARTS)
        rows.append(f'<tr><th scope="row">{_METRIC_NAMES.get(metric, metric)}</th>{cells}</tr>')
    head = '<tr><th scope="col">metric</th><th scope="col">validation</th><th scope="col">test</th></tr>'
    note = "mean ± unbiased standard deviation over the seeds; " if len(runs) > 1 else ""
    return (
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
        f'<p class="quiet">{note}RMSE and MAE in the label\'s unit, computed by the official evaluator.</p>'
    )


def _chosen(runs: Sequence[Run]) -> str:
    """What validation chose, as a sentence; nothing where it chose nothing."""
    best = [str(run.best) for run in runs if run.best and getattr(run.config, "select", "") != LAST]
    return f" The epoch, or the number of trees, was chosen by validation: {', '.join(best)}." if best else ""


def _figures(runs: Sequence[Run]) -> list[str]:
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return ["<p>Figures need matplotlib: <code>pip install 'nb301-ogb[plots]'</code>.</p>"]
    found, chosen = [], any(run.best for run in runs)
    for draw, caption, label in (
        (_curves, "Learning curves" + ("; the dot marks what validation chose." if chosen else "."), "learning curves"),
        (_scatter, "Predicted against true label on the test part, first seed.", "predicted against true"),
    ):
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        draw(figure, runs)
        stream = io.StringIO()
        # Without a date, and with ids that do not depend on chance, the page is the same for the same run.
        with rc_context({"svg.hashsalt": "nb301-ogb"}):
            figure.savefig(stream, format="svg", metadata={"Date": None})
        svg = stream.getvalue()
        svg = svg[svg.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
        found.append(f"<figure>{svg}<figcaption>{caption}</figcaption></figure>")
    return found


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)


def _curves(figure: Any, runs: Sequence[Run]) -> None:
    axes = figure.add_subplot()
    for number, run in enumerate(runs):
        epochs = [record["epoch"] for record in run.records]
        valid = [record["valid"]["rmse"] for record in run.records]
        axes.plot(epochs, valid, color=_BLUE, alpha=0.9, linewidth=1.4, label="validation" if number == 0 else None)
        if "train_rmse" in run.records[0]:
            train = [record["train_rmse"] for record in run.records]
            axes.plot(epochs, train, color=_GREY, linewidth=1.2, label="training, running" if number == 0 else None)
        best = [record["valid"]["rmse"] for record in run.records if record["epoch"] == run.best]
        if run.best and best:
            axes.plot([run.best], best, "o", color=_ORANGE, label="chosen" if number == 0 else None)
    axes.set(xlabel="epoch or trees", ylabel="RMSE (label's unit)", yscale="log")
    for which in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        which("{x:g}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    _plain(axes)


def _scatter(figure: Any, runs: Sequence[Run]) -> None:
    found = runs[0].predictions["test"]
    true, predicted = found.y_true[:, 0], found.y_pred[:, 0]
    known = ~np.isnan(true)
    true, predicted = true[known], predicted[known]
    whole, close = figure.subplots(1, 2)
    low = float(np.quantile(true, 0.5))
    for axes, start in ((whole, float(min(true.min(), predicted.min()))), (close, low)):
        end = float(max(true.max(), predicted.max()))
        margin = 0.03 * (end - start) or 1.0
        axes.plot([start, end], [start, end], color=_GREY, linewidth=1)
        axes.plot(true, predicted, ".", color=_BLUE, markersize=4, alpha=0.5, rasterized=len(true) > 20_000)
        limits = (start - margin, end + margin)
        axes.set(xlim=limits, ylim=limits, xlabel="true", ylabel="predicted")
        axes.set_aspect("equal")
        _plain(axes)
    whole.set_title("all")
    close.set_title("the better half")
