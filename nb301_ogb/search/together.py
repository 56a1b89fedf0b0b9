"""Repeats in step: one query answers what all of them ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nb301_ogb.baselines.benchmark import Benchmark
from nb301_ogb.search.books import Key, Ledger
from nb301_ogb.search.budget import Budget
from nb301_ogb.search.history import History
from nb301_ogb.search.query import Questioner
from nb301_ogb.search.repeat import Job, Repeat


def run_together(
    benchmark: Benchmark,
    jobs: Sequence[Job],
    budget: Budget,
    noise: bool,
    held: Mapping[Key, History],
    ledger: Ledger,
) -> None:
    """Runs repeats to their end.

    Args:
        benchmark: the black box.
        jobs: the repeats.
        budget: of each.
        noise: whether values are single trainings.
        held: histories to go on from, by their keys.
        ledger: is told of every round, and at the end, or an interruption, gets the histories.
    """
    questioner = Questioner(benchmark, noise)
    repeats = [Repeat(job, benchmark.space, budget, held.get(job.key)) for job in jobs]
    try:
        running = repeats
        while running:
            asked = [(repeat, repeat.ask()) for repeat in running]
            waiting = [(repeat, codes) for repeat, codes in asked if len(codes)]
            if waiting:
                answers = questioner.ask(
                    [codes for _, codes in waiting],
                    [repeat.job.seed for repeat, _ in waiting],
                    [repeat.count for repeat, _ in waiting],
                )
                for (repeat, codes), answer in zip(waiting, answers, strict=True):
                    repeat.take(codes, answer)
                    ledger.note(repeat.job.key, repeat.share, repeat.count, float(np.fmax.reduce(answer.value)))
            for repeat, codes in asked:
                if not len(codes):
                    ledger.note(repeat.job.key, repeat.share, repeat.count, np.nan)
            running = [repeat for repeat in running if not repeat.finished]
            if ledger.due:
                ledger.hand_in([repeat.history() for repeat in repeats])
    finally:
        ledger.hand_in([repeat.history() for repeat in repeats])
