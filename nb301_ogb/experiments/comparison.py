"""The same optimisers on several benchmarks: their searches, and what they say when held against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nb301_ogb.baselines.benchmark import Benchmark
from nb301_ogb.experiments import curves
from nb301_ogb.search import Budget, History, OptimiserLike, jobs, search, tabulated
from nb301_ogb.search.books import Report

CHECKPOINTS = (100, 300, 1000)

Found = dict[str, dict[str, list[History]]]
"""By a benchmark's word and by optimiser: the repeats."""


def run_searches(
    benchmarks: dict[str, Benchmark],
    optimisers: Sequence[OptimiserLike],
    evaluations: int,
    repeats: int,
    *,
    folder: Path,
    seed: int = 0,
    noise: bool = False,
    workers: int = 1,
    report: Callable[[str], Report] | None = None,
) -> Found:
    """Runs every optimiser on every benchmark; what lies in the folder already is not done again.

    Args:
        benchmarks: by a word that names the file of histories, `WORD.h5`.
        optimisers: as `nb301_ogb.search.parse_spec` reads them.
        evaluations: the budget of each repeat.
        repeats: with the seeds from `seed` on.
        folder: where the histories are kept.
        seed: of the first repeat.
        noise: whether optimisers are told single trainings.
        workers: processes.
        report: makes, for a benchmark's word, what is told how far the searches on it are.

    Raises:
        SearchError: where the folder holds searches on other benchmarks.
    """
    wanted = jobs(optimisers, range(seed, seed + repeats))
    found: Found = {}
    for word, benchmark in benchmarks.items():
        histories = search(
            tabulated(benchmark),
            wanted,
            Budget(evaluations),
            noise=noise,
            workers=workers,
            path=folder / f"{word}.h5",
            report=None if report is None else report(word),
        )
        found[word] = {}
        for history in histories:
            found[word].setdefault(history.optimiser, []).append(history)
    return found


def within(checkpoints: Sequence[int], evaluations: int) -> list[int]:
    """The checkpoints that a budget reaches; its end where it reaches none."""
    return [one for one in checkpoints if one <= evaluations] or [evaluations]


def compare(
    found: Found,
    checkpoints: Sequence[int],
    *,
    reference: str,
    judge: Benchmark | None = None,
    judged: Mapping[str, str] | None = None,
    gaps: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """Holds the searches on several benchmarks against those on one of them.

    Errors are by the benchmark that led the search, and, under a word of their own, by a judge that did not.

    Args:
        found: the searches.
        checkpoints: evaluations after which optimisers are compared.
        reference: the word of the benchmark whose order of optimisers, and curves, the others' are held against.
        judge: tells the error of what was found on other benchmarks.
        judged: the benchmarks whose finds it judges, each with the word of the judged errors.
        gaps: by name, two words: the errors of the first minus those of the second, of repeats with the same seed.

    Returns:
        `checkpoints`: for each, by optimiser and word, the `errors` and gaps with mean and standard error, and by
        benchmark the `order` held against the reference's. `curves`: by optimiser, over simulated `seconds`, the bands
        of all words, and by benchmark the `areas` between its mean curve and the reference's.
    """
    judged, names = judged or {}, list(next(iter(found.values())))
    others = [word for word in found if word != reference and reference in found]
    errors = {word: {name: curves.errors_at(found[word][name], checkpoints) for name in names} for word in found}
    if judge is not None:
        for word, told in judged.items():
            errors[told] = {name: curves.judged_at(found[word][name], checkpoints, judge) for name in names}
    table = []
    for place, count in enumerate(checkpoints):
        now = {word: {name: one[:, place] for name, one in of.items()} for word, of in errors.items()}
        apart = {
            gap: {name: now[one][name] - now[other][name] for name in names}
            for gap, (one, other) in (gaps or {}).items()
        }
        table.append(
            {
                "evaluations": count,
                "errors": {
                    name: {word: curves.mean_and_error(of[name]) for word, of in (now | apart).items()}
                    for name in names
                },
                "order": {word: curves.order_agreement(now[reference], now[word]) for word in others},
            }
        )
    lines = {name: _lines({word: found[word][name] for word in found}, judge, judged) for name in names}
    for line in lines.values():
        line["areas"] = {word: curves.area_between(line[reference]["mean"], line[word]["mean"]) for word in others}
    return {"checkpoints": table, "curves": lines}


def _lines(histories: dict[str, list[History]], judge: Benchmark | None, judged: Mapping[str, str]) -> dict[str, Any]:
    """An optimiser's curves over simulated seconds."""
    seconds = curves.times(list(histories.values()))
    lines: dict[str, Any] = {"seconds": seconds.tolist()}
    for word, repeats in histories.items():
        lines[word] = curves.band(curves.errors_over(repeats, seconds))
    if judge is not None:
        for word, told in judged.items():
            lines[told] = curves.band(curves.judged_over(histories[word], seconds, judge))
    return lines
