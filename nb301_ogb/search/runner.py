"""Searches with repeats: in step in one process, or spread over several; kept in a file, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nb301_ogb.baselines.benchmark import Benchmark
from nb301_ogb.search.books import Books, Report, held_in
from nb301_ogb.search.budget import Budget
from nb301_ogb.search.history import History
from nb301_ogb.search.history_file import About
from nb301_ogb.search.repeat import Job
from nb301_ogb.search.together import run_together
from nb301_ogb.search.workers import run_apart


def search(
    benchmark: Benchmark,
    jobs: Sequence[Job],
    budget: Budget,
    *,
    noise: bool = False,
    workers: int = 1,
    path: str | Path | None = None,
    overwrite: bool = False,
    report: Report | None = None,
) -> list[History]:
    """Runs the repeats of one or several optimisers on a benchmark.

    In one process the repeats go in step, so that one query answers for all of them. The history of a repeat depends on
    its optimiser, its seed and the benchmark's answers, not on what runs beside it.

    Args:
        benchmark: the black box. An architecture for which it fails, or answers with anything but a number, has no
            answer, which is the worst.
        jobs: the optimisers and seeds, as `jobs` makes them.
        budget: of each repeat.
        noise: whether optimisers are told single trainings in place of means.
        workers: processes. A script that asks for several needs `if __name__ == "__main__":`, as multiprocessing says.
        path: a file of histories. What it holds of these jobs is not done again, and repeats that were interrupted, or
            had a smaller budget, go on where they ended. Histories of other jobs stay in it, also those that another
            search writes to it meanwhile.
        overwrite: whether to begin anew where `path` exists.
        report: is told, some times a second, how far the search is.

    Returns:
        A history for each job, in their order, within the budget.

    Raises:
        SearchError: where the file is about another benchmark, the benchmark always fails, or a budget in seconds meets
            a benchmark without runtimes.
        OutputError: where the file cannot be written.
    """
    about = About(benchmark.space.name, benchmark.name, noise)
    path = None if path is None else Path(path).expanduser()
    held = {} if path is None or overwrite else held_in(path, about)
    books = Books(jobs, budget, held, path, about, report, overwrite)
    if not books.todo:
        return books.results()
    try:
        if workers > 1 and len(books.todo) > 1:
            run_apart(benchmark, budget, noise, held, workers, books)
        else:
            run_together(benchmark, books.todo, budget, noise, held, books)
    finally:
        # Also after an interruption: what was evaluated is worth keeping.
        books.save()
    books.tell()
    return books.results()
