"""What an engine is: it runs the tasks of a sweep. Every engine gives the same results; they differ in how soon."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from nb301_ogb.errors import ConfigError, Nb301OgbError

Task = TypeVar("Task")

RETRIES = 2
"""How often a task is given to another worker after its own was lost."""

GOES_ON = "the same command goes on with what is missing (`train`: with --resume, and without --overwrite)"
"""What to do after some tasks failed."""


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Attributes:
        value: what the work returned.
        error: a sentence where it failed, otherwise None.
        lost: whether its worker was lost each time it was begun, so that the task itself has not failed.
    """

    value: Any = None
    error: str | None = None
    lost: bool = False


class Engine(Protocol):
    """Something that runs tasks."""

    def run(self, work: Callable[[Task], Any], tasks: Iterable[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """Runs tasks, and yields each as it ends, in whatever order that is.

        A task is drawn from `tasks` when there is a worker for it, and not before the caller has seen what ended by
        then; so `tasks` may be a generator that depends on it. Closing the iterator stops what runs.

        Args:
            work: a function at the top level of a module, for it has to be found in other processes.
            tasks: plain values that can travel to other processes, as must what the work returns.

        Yields:
            A task and what came of it; an exception in the work becomes an outcome with an error.
        """
        ...


def attempt(work: Callable[[Any], Any], task: Any) -> Outcome:
    """Runs a task here; an exception becomes a sentence."""
    try:
        return Outcome(work(task))
    except Nb301OgbError as error:
        return Outcome(error=" ".join(str(error).split("\n")))
    except Exception as error:  # what a library raises must not end the tasks beside it
        return Outcome(error=f"{type(error).__name__}: {error}".splitlines()[0])


def check_workers(workers: int) -> None:
    """Raises ConfigError for fewer workers than 1."""
    if workers < 1:
        msg = f"{workers} workers cannot train anything; write --workers 1 or more."
        raise ConfigError(msg)
