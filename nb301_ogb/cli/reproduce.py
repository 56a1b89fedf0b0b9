"""`nb301-ogb reproduce`: the reference entries of a board, from nothing to the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    RootOption,
    ThreadsOption,
    console,
    errors,
    mean_cell,
    parse_seeds,
    print_json,
    print_table,
)
from nb301_ogb.cli.engine_options import AddressOption, EngineOption, WorkersOption, open_engine

if TYPE_CHECKING:
    from nb301_ogb.leaderboard.reference.plan import Plan
    from nb301_ogb.leaderboard.scores import Judged

EXAMPLE = "Example: nb301-ogb reproduce ogbg-nb201 --seeds 0-9 --output reference"


def run(
    board: Annotated[str, typer.Argument(help="ogbg-nb201 for its three datasets, ogbg-nb301, or another dataset.")],
    seeds: Annotated[str, typer.Option(help="7, 0-9 or 0,3,5: a run for each; an official board asks for 10.")] = "0-9",
    output: Annotated[Path, typer.Option(help="The folder for runs, submissions and site.")] = Path("reference"),
    split: Annotated[
        list[str] | None,
        typer.Option(help="A split, or several with commas; by default those of the official boards."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(help="Configurations of the package or TOML files, with commas; by default all reference models."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(help="nb301: an archive or its unpacked folder to build from, in place of the public one."),
    ] = None,
    lists: Annotated[
        Path | None,
        typer.Option("--splits", "--split-lists", help="With --source: the folder of the official split lists."),
    ] = None,
    author: Annotated[list[str] | None, typer.Option(help="Of the entries; by default nb301_ogb.")] = None,
    contact: Annotated[str | None, typer.Option(help="An address for questions.")] = None,
    code: Annotated[str, typer.Option(help="A link to the code.")] = "",
    note: Annotated[str, typer.Option(help="A sentence to show with every entry.")] = "",
    device: DeviceOption = "auto",
    threads: ThreadsOption = 1,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is there and what is missing.")] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the reference entries of a board: get the dataset, train every model, pack, check, put on the board.

    The same command goes on after an interruption: runs that are finished count, the others go on or follow. The
    folder then holds runs/SPLIT/MODEL/DATASET/seed-N, submissions/MODEL-BOARD.submission and the pages, site/.
    """
    from nb301_ogb.errors import ConfigError, SweepError
    from nb301_ogb.leaderboard.reference.data import caveats, provide, source_option
    from nb301_ogb.leaderboard.reference.entries import Maker, check_seeds, write_board, write_entries
    from nb301_ogb.leaderboard.reference.plan import Plan, boards_for, reference_models
    from nb301_ogb.sweeps.trials import run_trials

    if lists is not None and source is None:
        msg = f"--splits {lists} goes with --source; a split to train on is named by --split."
        raise ConfigError(msg)
    name, boards = boards_for(board, _listed(split))
    plan = Plan(name, boards, reference_models(_listed(models)), tuple(parse_seeds(seeds)), output.expanduser())
    if dry_run:
        _show_plan(plan, root, source, as_json)
        return
    check_seeds(plan)
    maker = Maker(code=code, note=note)
    maker = replace(maker, authors=tuple(author or maker.authors), contact=contact or maker.contact)
    place = open_engine(engine, workers, address, threads, device)
    plan.check("auto" if engine == "ray" else device)
    root = provide(plan, root, source, lists)
    said = (caveats(plan, root), source_option(plan, root))
    entries: dict[Path, Judged] = {}
    failure: SweepError | None = None
    with _progress(plan, workers or 1) as show:
        for one in plan.boards:
            try:
                run_trials(plan.trials(one, root, device, threads), place, show)
            except SweepError as error:  # what is finished is packed all the same
                failure = failure or error
            entries |= write_entries(plan, one, maker, root, *said)
    if entries:
        write_board(plan, root)
        _show_entries(plan, entries, as_json)
    if failure is not None:
        raise failure


def _listed(given: Sequence[str] | None) -> list[str]:
    """The words of an option that may be given several times, and may hold several with commas."""
    return [word.strip() for one in given or () for word in one.split(",") if word.strip()]


@contextmanager
def _progress(plan: Plan, workers: int) -> Iterator[Callable[[Any, Any], None]]:
    """Shows how far the runs are, on standard error: a live line on a terminal, otherwise a line for each run."""
    from nb301_ogb.leaderboard.reference.pace import pace_of
    from nb301_ogb.leaderboard.reference.plan import FINISHED, state

    places = [plan.place(model, exam, seed) for model in plan.models for exam in plan.exams for seed in plan.seeds]
    counted = {place.folder.absolute() for place in places if state(place) == FINISHED}
    pace = pace_of(plan, workers)
    standing = pace.standing()
    live = errors.is_terminal
    with Progress(BarColumn(20), TextColumn("{task.description}"), console=errors, disable=not live) as bar:
        task = bar.add_task(str(standing), total=standing.total, completed=standing.done)
        if not live:
            _line(str(standing))

        def show(trial: Any, run: Any) -> None:
            folder = trial.place.folder
            name = folder.relative_to(plan.folder.absolute() / "runs")
            if run is None:
                bar.update(task, description=f"{pace.standing()}; now {name}")
                return
            if folder in counted:
                return
            counted.add(folder)
            pace.ended(trial.output.parent.name, run.fit_seconds)
            standing = pace.standing()
            bar.update(task, description=str(standing), completed=standing.done)
            if not live:
                _line(f"{name}: validation RMSE {run.metrics['valid']['rmse']:.4f}; {standing}")

        yield show


def _line(text: str) -> None:
    errors.print(text, highlight=False, markup=False, soft_wrap=True)


def _show_plan(plan: Plan, root: Path | None, source: Path | None, as_json: bool) -> None:
    from nb301_ogb.leaderboard.reference.data import whereabouts
    from nb301_ogb.leaderboard.reference.pace import pace_of
    from nb301_ogb.leaderboard.reference.plan import STATES
    from nb301_ogb.leaderboard.reference.report import plan_values

    standing = pace_of(plan).standing()
    found = plan_values(plan, whereabouts(plan, root, source), standing)
    if as_json:
        print_json(found)
        return
    places = [(one["name"], escape(one["where"])) for one in found["datasets"]]
    print_table("Datasets", ("dataset", "where"), places, left=2)
    console.print()
    rows = [
        (_board(one), escape(one["model"]), *(str(one[state]) for state in STATES), "yes" if one["packed"] else "no")
        for one in found["entries"]
    ]
    print_table(f"Runs in {escape(str(plan.folder))}/", ("board", "model", *STATES, "packed"), rows, left=2)
    console.print(f"\n{standing}", highlight=False, markup=False, soft_wrap=True)


def _board(one: dict[str, Any]) -> str:
    return f"{one['board']}{' (official)' if one['official'] else ''}"


def _show_entries(plan: Plan, entries: dict[Path, Judged], as_json: bool) -> None:
    from nb301_ogb.leaderboard.reference.report import entry_values

    found = entry_values(plan, entries)
    if as_json:
        print_json({"reproduces": plan.name, "entries": found, "site": str(plan.site)})
        return
    rows = []
    for one in found:
        cells = [mean_cell(one[part][metric]) for part in ("test", "valid") for metric in ("rmse", "kendall_tau")]
        rows.append((_board(one), escape(one["model"]), *cells, str(one["seeds"])))
    columns = ("board", "model", "test RMSE", "test Kendall", "valid RMSE", "valid Kendall", "seeds")
    print_table("Entries", columns, rows, left=2)
    for lacking in dict.fromkeys(", ".join(one["lacks"]) for one in found if one["lacks"]):
        console.print(f"not official yet: {lacking}", highlight=False, markup=False, soft_wrap=True)
    for what, place in (("submissions", plan.submissions), ("site", f"{plan.site}/index.html")):
        console.print(f"{what}: {place}", highlight=False, markup=False, soft_wrap=True)
