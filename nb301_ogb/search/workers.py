"""Repeats spread over processes, each of which runs its share in step."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext
from multiprocessing.reduction import ForkingPickler
from typing import Any

from nb301_ogb.baselines.benchmark import Benchmark
from nb301_ogb.errors import SearchError
from nb301_ogb.search.books import REPORT_EVERY, SAVE_EVERY, Books, Key
from nb301_ogb.search.budget import Budget
from nb301_ogb.search.history import History
from nb301_ogb.search.repeat import Job
from nb301_ogb.search.together import run_together

_MOST_IN_STEP = 25
"""Repeats that a process takes at a time, so that finished ones are kept before all are finished."""


class _Stopped(Exception):
    """The search was given up by the process that began it."""


class _Messenger:
    """The ledger of one process: what it is told goes to the process that keeps the books."""

    def __init__(self, messages: Any, stop: Any) -> None:
        self._messages, self._stop = messages, stop
        self._noted: dict[Key, float] = {}
        self._checked = self._sent = time.monotonic()
        self.last: list[History] = []

    @property
    def due(self) -> bool:
        return time.monotonic() - self._sent > SAVE_EVERY

    def note(self, key: Key, share: float, count: int, best: float) -> None:
        now = time.monotonic()
        if share >= 1 or now - self._noted.get(key, 0.0) > REPORT_EVERY:
            self._noted[key] = now
            self._messages.put(("note", (key, share, count, best)))
        if now - self._checked > REPORT_EVERY:
            self._checked = now
            if self._stop.is_set():
                raise _Stopped

    def hand_in(self, histories: Sequence[History]) -> None:
        if self.due:
            self._sent = time.monotonic()
            self._messages.put(("hand_in", list(histories)))
        self.last = list(histories)


class _Share:
    """What a process of the pool keeps between its tasks."""

    benchmark: Benchmark
    messages: Any
    stop: Any


_share = _Share()


def _begin(benchmark: Benchmark, messages: Any, stop: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is the first process's to handle
    _share.benchmark, _share.messages, _share.stop = benchmark, messages, stop
    # What matters comes back as a result; a message that nobody takes any more must not keep the process from ending.
    messages.cancel_join_thread()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _run(
    jobs: Sequence[Job], budget: Budget, noise: bool, held: Mapping[Key, History]
) -> tuple[list[History], Exception | None]:
    """What was evaluated, and the error that ended it."""
    messenger = _Messenger(_share.messages, _share.stop)
    try:
        run_together(_share.benchmark, jobs, budget, noise, held, messenger)
    except _Stopped:
        return messenger.last, None
    except Exception as error:  # raised again by the process that began the search, which keeps what there is
        return messenger.last, error
    return messenger.last, None


def run_apart(
    benchmark: Benchmark,
    budget: Budget,
    noise: bool,
    held: Mapping[Key, History],
    workers: int,
    books: Books,
) -> None:
    """Runs what the books have to do in several processes.

    Args:
        benchmark: travels to every process.
        budget: of each repeat.
        noise: whether values are single trainings.
        held: histories to go on from, by their keys.
        workers: how many processes.
        books: get the histories.

    Raises:
        SearchError: where the benchmark or an optimiser cannot travel, or a process dies.
    """
    context = multiprocessing.get_context("spawn")
    _require_travel(benchmark, books.todo, context)
    size = min(_MOST_IN_STEP, -(-len(books.todo) // workers))
    groups = [books.todo[first : first + size] for first in range(0, len(books.todo), size)]
    messages, stop = context.Queue(), context.Event()
    pool = ProcessPoolExecutor(min(workers, len(groups)), context, _begin, (benchmark, messages, stop))
    failure: Exception | None = None
    pending: set[Future[tuple[list[History], Exception | None]]] = set()
    try:
        for group in groups:
            theirs = {job.key: held[job.key] for job in group if job.key in held}
            pending.add(pool.submit(_run, group, budget, noise, theirs))
        while pending and failure is None:
            _pass_on(messages, books)
            for future in [one for one in pending if one.done()]:
                pending.remove(future)
                histories, error = future.result()
                failure = failure or error
                books.hand_in(histories)
                books.tell()
        _pass_on(messages, books)
    except BrokenProcessPool as error:
        msg = "a process of the search died (out of memory?); search with fewer workers, finished repeats are kept."
        raise SearchError(msg) from error
    finally:
        stop.set()
        rest = _wound_up(messages, pending)
        pool.shutdown(wait=True, cancel_futures=True)
        messages.close()
        for histories in rest:
            books.hand_in(histories)
    if failure is not None:
        raise failure


def _require_travel(benchmark: Benchmark, todo: Sequence[Job], context: SpawnContext) -> None:
    """Tells now what a pool of processes would tell in its own way, or never.

    Raises:
        SearchError: where the benchmark, or the class of an optimiser, cannot be sent to another process, or that one
            cannot begin.
    """
    for name, what in ((benchmark.name, benchmark), ("the optimiser", [job.spec for job in todo])):
        try:
            ForkingPickler.dumps(what)
        except Exception as error:  # whatever its own code raises
            msg = f"{name} cannot be handed to another process ({error}); search with one worker."
            raise SearchError(msg) from error
    # One that dies before it has read a benchmark would be waited for without end.
    first = context.Process(target=_arrived, args=([job.spec for job in todo],))
    first.start()
    first.join()
    if first.exitcode:
        msg = (
            'a process of the search could not begin: in a script, search below `if __name__ == "__main__":`, and have '
            "own optimisers in a module that can be imported; or search with one worker."
        )
        raise SearchError(msg)


def _arrived(what: object) -> None:
    """Does nothing; that it is called says that another process can begin and read what it is sent."""


def _wound_up(messages: Any, pending: Iterable[Future[tuple[list[History], Exception | None]]]) -> list[list[History]]:
    """Waits until every process has stopped where it was, and gives what each has evaluated."""
    found = []
    running = [future for future in pending if not future.cancel()]
    while not all(future.done() for future in running):
        found += [what for method, what in _taken(messages) if method == "hand_in"]
    # A process that died has no result.
    return found + [future.result()[0] for future in running if future.exception() is None]


def _pass_on(messages: Any, books: Books) -> None:
    """Hands the messages that have come to the books; waits a moment for the first."""
    for method, what in _taken(messages):
        books.hand_in(what) if method == "hand_in" else books.note(*what)


def _taken(messages: Any) -> Iterator[tuple[str, Any]]:
    """The messages that have come; waits a moment for the first."""
    wait = REPORT_EVERY
    while True:
        try:
            yield messages.get(timeout=wait)
        except queue.Empty:
            return
        wait = 0.001
