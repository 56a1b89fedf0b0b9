"""`nb301-ogb search`: an optimiser on a benchmark."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    RootOption,
    console,
    errors,
    print_json,
    print_table,
    progress_bar,
)
from nb301_ogb.errors import ConfigError

if TYPE_CHECKING:
    from nb301_ogb.baselines.benchmark import Benchmark
    from nb301_ogb.search import History, Progress

EXAMPLE = "Example: nb301-ogb search --benchmark table:nb201-cifar10 --optimizer re --budget 300 --repeats 5"

_OPTIMISERS = "rs, re, ls, ls-once, de, bananas; with the extra `search` tpe, optuna-random, optuna-nsga2"
_DEFAULTS = {"nasbench201": "table:nb201-cifar10"}
"""The benchmark of a space where none is named."""

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_SHARES = 1000
_LONGEST = 100


def run(
    optimizer: Annotated[
        str,
        typer.Option(
            "--optimizer", "--optimiser", help=f"{_OPTIMISERS}; settings follow a colon: re:population=100,tournament=5"
        ),
    ] = "re",
    benchmark: Annotated[
        str | None,
        typer.Option(
            help="A surrogate's name or folder, or table:DATASET for the measurements; by default table:nb201-cifar10."
        ),
    ] = None,
    space: Annotated[str | None, typer.Option(help="The search space; the benchmark must answer for it.")] = None,
    budget: Annotated[
        str,
        typer.Option(help="Of each repeat: 300 evaluations, or simulated time as 5e5s, 20h, 3d, or both: 300,20h."),
    ] = "300",
    repeats: Annotated[int, typer.Option(min=1, help="Repeats, with the seeds that follow --seed.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the first repeat.")] = 0,
    noise: Annotated[bool, typer.Option("--noise", help="Tell the optimiser single trainings in place of means.")] = (
        False
    ),
    output: Annotated[
        Path | None,
        typer.Option(
            help="The HDF5 file with every query; by default runs/search-OPTIMIZER-BENCHMARK.h5. A search goes on "
            "where its file ends. The drawing lies beside it."
        ),
    ] = None,
    table: Annotated[Path | None, typer.Option("--csv", help="Also write every query to this CSV file.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where the file exists.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes for the repeats.")] = 1,
    device: DeviceOption = "cpu",
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search for the best architecture that a benchmark knows.

    Shows the best architecture in all its forms and how each repeat came to its own. Report a search with the
    benchmark's full name; what else belongs to a fair comparison is in docs/search.md.
    """
    from nb301_ogb.search import jobs, parse_budget, search, tabulated
    from nb301_ogb.search.export import write_csv, write_drawing

    wanted = jobs(optimizer, range(seed, seed + repeats))
    limit = parse_budget(budget)
    asked = open_for(benchmark, space, root, device)
    label = re.sub(r"[^A-Za-z0-9.]+", "-", f"{wanted[0].spec}-{asked.name}").strip("-")
    path = output or Path("runs") / f"search-{label}.h5"
    drawing = path.with_suffix(".svg")
    written = [one.absolute() for one in (path, drawing, table) if one is not None]
    if len(set(written)) < len(written):
        msg = f"{', '.join(map(str, written))} (histories, drawing, table) are not different files; name others."
        raise ConfigError(msg)
    with errors.status("asking about every architecture of a small space ..."):
        known = tabulated(asked)
    with progress_bar(quiet=as_json) as bar:
        histories = search(
            known,
            wanted,
            limit,
            noise=noise,
            workers=workers,
            path=path,
            overwrite=overwrite,
            report=shown_on(bar, str(wanted[0].spec)),
        )
    found = summary(asked, wanted[0].spec.title, str(limit), noise, histories)
    found["output"] = str(path)
    if found["best"] is not None:
        found["drawing"] = str(drawing)
        write_drawing(drawing, asked.space, found["best"]["code"])
    if table is not None:
        write_csv(table, asked.space, histories)
        found["csv"] = str(table)
    print_json(found) if as_json else _show(found)


def shown_on(bar: Any, title: str) -> Callable[[Progress], None]:
    """What shows the progress of a search as a bar of its own."""
    task = bar.add_task(title, total=_SHARES, note="")

    def show(progress: Progress) -> None:
        note = f"{progress.evaluations:,} evaluations, {progress.finished} of {progress.repeats} repeats"
        if progress.best == progress.best:
            note += f", best {progress.best:.2f}%"
        bar.update(task, completed=int(_SHARES * progress.share), note=note)

    return show


def open_for(benchmark: str | None, space: str | None, root: Path | None, device: str) -> Benchmark:
    """The benchmark that a user means, by its name, or by the space alone.

    Raises:
        ConfigError: where benchmark and space do not belong together, or the space has no benchmark of its own.
    """
    from nb301_ogb.baselines.surrogate import open_benchmark
    from nb301_ogb.spaces import get_space

    if space is not None:
        get_space(space)  # raises where there is none
    name = benchmark or _DEFAULTS.get(space or "nasbench201")
    if name is None:
        msg = f"for the space {space} no benchmark is in the package; name one with --benchmark."
        raise ConfigError(msg)
    asked = open_benchmark(name, root, device)
    if space is not None and asked.space.name != space:
        msg = f"{asked.name} answers for the space {asked.space.name}, not for {space}; leave --space out."
        raise ConfigError(msg)
    return asked


def summary(asked: Benchmark, optimiser: str, budget: str, noise: bool, histories: list[History]) -> dict[str, Any]:
    """What a search found, as plain values."""
    import numpy as np

    repeats, values = [], np.array([one.value[one.best] if one.best >= 0 else np.nan for one in histories])
    for history, value in zip(histories, values.tolist(), strict=True):
        best = history.best
        repeats.append(
            {
                "seed": history.seed,
                "evaluations": len(history),
                "simulated_time": float(history.simulated_time[-1]) if len(history) else 0.0,
                "end": history.end,
                "unanswered": int(np.isnan(history.value).sum()),
                "best_value": value,
                "best_mean": float(history.mean[best]) if best >= 0 else np.nan,
                "best_evaluation": best,
            }
        )
    there = values[~np.isnan(values)]
    means = np.array([one["best_mean"] for one in repeats])[~np.isnan(values)]
    found: dict[str, Any] = {
        "benchmark": asked.name,
        "space": asked.space.name,
        "optimiser": optimiser,
        "budget": budget,
        "noise": noise,
        "mean_best_value": float(there.mean()) if len(there) else np.nan,
        "std_best_value": float(there.std(ddof=1)) if len(there) > 1 else np.nan,
        "mean_best_mean": float(means.mean()) if len(means) else np.nan,
        "std_best_mean": float(means.std(ddof=1)) if len(means) > 1 else np.nan,
        "repeats": repeats,
        "best": None,
        "history": [],
    }
    if len(there):
        winner = histories[int(np.nanargmax(values))]
        code = winner.codes[winner.best]
        found["best"] = {
            "seed": winner.seed,
            "evaluation": winner.best,
            "value": float(winner.value[winner.best]),
            "mean": float(winner.mean[winner.best]),
            "runtime": float(winner.runtime[winner.best]),
            "code": code.tolist(),
            "forms": asked.space.forms(code),
        }
        found["history"] = _improvements(asked, winner)
    return found


def _improvements(asked: Benchmark, history: History) -> list[dict[str, Any]]:
    """The evaluations of a repeat that were better than all before."""
    import numpy as np

    which = history.incumbents()
    return [
        {
            "evaluation": int(row),
            "simulated_time": float(history.simulated_time[row]),
            "value": float(history.value[row]),
            "mean": float(history.mean[row]),
            "architecture": _brief(asked.space.forms(history.codes[row])),
        }
        for row in np.unique(which[which >= 0])
    ]


def _brief(forms: dict[str, str]) -> str:
    """The usual form of an architecture, or where it does not fit on a line the shortest."""
    usual = next(iter(forms.values()))
    return usual if len(usual) <= _LONGEST else min(forms.values(), key=len)


def _show(found: dict[str, Any]) -> None:
    kind = "single trainings" if found["noise"] else "means"
    title = f"{found['optimiser']} on {found['benchmark']} ({kind}), {found['budget']} a repeat"
    console.print(f"[bold]{title}[/bold]", highlight=False, soft_wrap=True)
    repeats = [
        (
            str(one["seed"]),
            f"{one['evaluations']:,}",
            duration(one["simulated_time"]),
            f"{one['best_value']:.4f}",
            f"{one['best_mean']:.4f}",
            f"{one['best_evaluation']:,}",
            f"{one['unanswered']:,}",
        )
        for one in found["repeats"]
    ]
    columns = ("seed", "evaluations", "simulated", "best value %", "its mean %", "at evaluation", "unanswered")
    print_table("", columns, repeats)
    if found["best"] is None:
        console.print("\nno architecture had an answer", highlight=False)
        return
    if len(repeats) > 1:
        # With noise the best value is luck in part; what was found is worth its mean.
        which, name = ("mean", "mean of what was found") if found["noise"] else ("value", "best value")
        spread = f"{found[f'mean_best_{which}']:.4f} ± {found[f'std_best_{which}']:.4f}"
        console.print(f"{name} over {len(repeats)} repeats, mean and standard deviation: {spread}", highlight=False)
    best = found["best"]
    steps = [
        (f"{one['evaluation']:,}", duration(one["simulated_time"]), f"{one['value']:.4f}", one["architecture"])
        for one in found["history"]
    ]
    console.print()
    titles = ("evaluation", "simulated", "value %", "architecture")
    print_table(f"how seed {best['seed']} came to the best architecture", titles, steps, left=4)
    console.print("\n[bold]the best architecture[/bold]", highlight=False)
    for name, text in best["forms"].items():
        console.print(f"{name}: {text}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\ndrawing of its cells: {found['drawing']}", highlight=False, soft_wrap=True)
    console.print(f"every query: {found.get('csv', found['output'])}", highlight=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Simulated time for people: the largest unit of which it has more than two."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
