"""The engines there are: the cores of this machine, and a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from nb301_ogb.errors import ConfigError
from nb301_ogb.sweeps.engine import RETRIES, Engine, Outcome, Task, attempt, check_workers
from nb301_ogb.sweeps.processes import Processes

NAMES = ("local", "ray")


class LocalEngine:
    """The cores of this machine.

    Args:
        workers: 1 runs the tasks one after the other in this process, more in processes of their own, which are
            spawned: a script that uses them keeps its own work under `if __name__ == "__main__":`.

    Raises:
        ConfigError: for fewer workers than 1.
    """

    def __init__(self, workers: int = 1) -> None:
        check_workers(workers)
        self.workers = workers

    def run(self, work: Callable[[Task], Any], tasks: Iterable[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """Runs tasks, and yields each as it ends; see `Engine.run`."""
        if self.workers == 1:
            for task in tasks:
                yield task, attempt(work, task)
            return
        with Processes(self.workers, attempt) as processes:
            source, running = iter(tasks), True
            while running or processes.busy:
                while running and processes.free:
                    try:
                        processes.start((work, task := next(source)), task)
                    except StopIteration:
                        running = False
                if processes.busy:
                    yield from _outcomes(processes)


def _outcomes(processes: Processes) -> Iterator[tuple[Any, Outcome]]:
    for task, value, lost in processes.wait(RETRIES):
        if lost:
            msg = f"its process died {lost} times (out of memory?); use fewer --workers."
            yield task, Outcome(error=msg, lost=True)
        else:
            yield task, value


def make_engine(
    name: str = "local", workers: int | None = None, address: str | None = None, threads: int = 1, gpus: float = 0.0
) -> Engine:
    """An engine by its name.

    Args:
        name: `local`, or `ray` (the extra `distributed`).
        workers: tasks at a time; None for 1 on this machine, for every CPU of a Ray cluster.
        address: of a running Ray cluster; None starts one on this machine.
        threads: CPUs that a Ray cluster reserves for each task.
        gpus: GPUs that a Ray cluster reserves for each task.

    Raises:
        ConfigError: for an unknown name, or an address where none is of use.
        MissingExtraError: where Ray is not installed, with the command that installs it.
    """
    if name == "local":
        if address is not None:
            msg = f"--address {address} is of use with --engine ray alone; write both, or none of them."
            raise ConfigError(msg)
        return LocalEngine(1 if workers is None else workers)
    if name == "ray":
        from nb301_ogb.sweeps.ray_engine import RayEngine

        return RayEngine(workers, address, threads, gpus)
    msg = f"there is no engine {name!r}; there are {', '.join(NAMES)}."
    raise ConfigError(msg)
