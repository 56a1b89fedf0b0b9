"""Worker processes of this machine, a task each at a time; one that dies is replaced and its task begun again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any


def _serve(connection: Connection, function: Callable[..., Any]) -> None:
    """What a worker does: takes arguments, answers, until nobody speaks to it any more."""
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    while True:
        try:
            arguments = connection.recv()
        except EOFError:
            return
        connection.send(function(*arguments))


def _end_with(parent: Any) -> None:
    """Ends this process once the one that began it is gone, even if that was killed.

    What it is at would be nobody's; and whoever goes on with the same work should not meet it.
    """
    wait([parent.sentinel])
    os._exit(1)


class _Worker:
    """A process, and what it is at."""

    def __init__(self, function: Callable[..., Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # Not a daemon: the task may have to start processes of its own.
        self.process = context.Process(target=_serve, args=(theirs, function))
        # An interruption is the first process's to handle; the others inherit that they do not hear of it.
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
        theirs.close()
        self.arguments: tuple[Any, ...] = ()
        self.task: Any = None
        self.lost = 0

    def begin(self, arguments: tuple[Any, ...], task: Any, lost: int = 0) -> None:
        self.arguments, self.task, self.lost = arguments, task, lost
        try:
            self.connection.send(arguments)
        except (BrokenPipeError, ConnectionResetError):
            return  # it has died, and `wait` will find that

    def end(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


class Processes:
    """Some worker processes; leaving the `with` block ends them, whatever they are at.

    Args:
        count: how many.
        function: called with the arguments of each task; at the top level of a module, and never raising.
    """

    def __init__(self, count: int, function: Callable[..., Any]) -> None:
        self._count, self._function = count, function
        self._idle: list[_Worker] = []
        self._at_work: list[_Worker] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for worker in self._idle + self._at_work:
            worker.end()
        self._idle, self._at_work = [], []

    @property
    def busy(self) -> int:
        """How many are at work."""
        return len(self._at_work)

    @property
    def free(self) -> int:
        """How many more tasks can begin."""
        return self._count - self.busy

    def start(self, arguments: tuple[Any, ...], task: Any) -> None:
        """Begins a task; a process is started where none is idle."""
        worker = self._idle.pop() if self._idle else _Worker(self._function)
        worker.begin(arguments, task)
        self._at_work.append(worker)

    def wait(self, retries: int) -> Iterator[tuple[Any, Any, int]]:
        """Waits until something happens.

        Args:
            retries: how often a task begins again after its process died.

        Yields:
            For each task that has ended: the task, the function's value, and 0; or None and how many processes died.
        """
        ready = wait([worker.connection for worker in self._at_work])
        for worker in [one for one in self._at_work if one.connection in ready]:
            self._at_work.remove(worker)
            try:
                value = worker.connection.recv()
            except (EOFError, OSError):
                worker.end()
                lost = worker.lost + 1
                if lost > retries:
                    yield worker.task, None, lost
                else:
                    fresh = _Worker(self._function)
                    fresh.begin(worker.arguments, worker.task, lost)
                    self._at_work.append(fresh)
            else:
                self._idle.append(worker)
                yield worker.task, value, 0
