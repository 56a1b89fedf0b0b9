"""Ray as an engine (the extra `distributed`): the CPUs and GPUs of one machine or of a cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from nb301_ogb._version import __version__
from nb301_ogb.errors import SweepError, missing_extra
from nb301_ogb.sweeps.engine import GOES_ON, RETRIES, Outcome, attempt, check_workers

Task = TypeVar("Task")

_LOOK_AGAIN = 5.0
"""Seconds after which a cluster is asked again how many CPUs it has."""

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Where there is no such setting Ray takes an address that other machines reach, whatever address it is given.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
"""Of a cluster on this machine alone: nothing is reported to Ray's makers, and nobody outside is listened to."""

_ANSWER = 10.0
"""Seconds that a cluster's port has to answer; Ray itself goes on asking for many minutes."""


def _reach(address: str | None) -> None:
    """Raises OSError where nobody listens at HOST:PORT; other forms of an address are left to Ray."""
    host, _, port = (address or "").rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host, int(port)), _ANSWER).close()


class RayEngine:
    """A Ray cluster. Tasks whose worker or machine is lost are given to another one.

    Args:
        workers: tasks at a time, at most; None for as many as the cluster has room for, also when it grows.
        address: of a running cluster, `HOST:PORT` or `auto`; None starts one on this machine, and stops it after use.
        threads: CPUs that are reserved for each task.
        gpus: GPUs that are reserved for each task; without one a task sees none.

    Raises:
        ConfigError: for fewer workers than 1.
        MissingExtraError: where Ray is not installed, with the command that installs it.
    """

    def __init__(
        self, workers: int | None = None, address: str | None = None, threads: int = 1, gpus: float = 0.0
    ) -> None:
        if workers is not None:
            check_workers(workers)
        self.workers, self.address = workers, address
        self._resources = {"num_cpus": max(threads, 1), "num_gpus": gpus}
        with _environment(_SETTINGS if address is None and "ray" not in sys.modules else {}):
            try:
                import ray
            except ImportError:
                raise missing_extra("Ray", "distributed", "the engine ray") from None
        self._ray = ray

    def run(self, work: Callable[[Task], Any], tasks: Iterable[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """Runs tasks, and yields each as it ends; see `nb301_ogb.sweeps.engines.Engine.run`.

        Raises:
            SweepError: where there is no cluster at the address, it has no room for a task, or it is lost.
        """
        ray, pending = self._ray, dict[Any, Task]()
        with self._cluster():
            remote = ray.remote(max_retries=RETRIES, **self._resources)(_begin)
            source, running = iter(tasks), True
            try:
                while running or pending:
                    while running and len(pending) < self._room():
                        try:
                            task = next(source)
                        except StopIteration:
                            running = False
                        else:
                            pending[remote.remote(__version__, work, task)] = task
                    ready, _ = ray.wait(list(pending), timeout=_LOOK_AGAIN) if pending else ([], [])
                    for reference in ready:
                        yield pending.pop(reference), self._outcome(reference)
            except (ray.exceptions.RayError, ConnectionError) as error:
                msg = f"the Ray cluster is lost ({_first_line(error)}); {GOES_ON}."
                raise SweepError(msg) from error
            finally:
                for reference in pending:
                    with contextlib.suppress(Exception):  # the cluster may be gone
                        ray.cancel(reference, force=True)

    @contextlib.contextmanager
    def _cluster(self) -> Iterator[None]:
        """Within it this process speaks to a cluster; one that it spoke to before is used, and left alone."""
        ray = self._ray
        if ray.is_initialized():
            yield
            return
        try:
            _reach(self.address)
            with _environment(_SETTINGS if self.address is None else {}):
                ray.init(**self._options(), log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # of many kinds, according to what does not answer
            why = _first_line(error)
            if self.address is None:
                msg = f"no Ray cluster could be started here ({why}); use --engine local, or try again when less runs."
            else:
                msg = (
                    f"no Ray cluster at {self.address} lets this process in ({why}); see `ray status`, and say "
                    "RAY_AUTH_MODE=token to a cluster that has tokens."
                )
            raise SweepError(msg) from error
        try:
            yield
        finally:
            ray.shutdown()

    def _options(self) -> dict[str, Any]:
        """What joins the cluster, or starts one that has room for the workers."""
        if self.address is not None:
            return {"address": self.address}
        cpus = None if self.workers is None else self.workers * self._resources["num_cpus"]
        # Without "local" Ray would join what it finds here, or what a cluster that was killed has left.
        return {"address": "local", "num_cpus": cpus, "include_dashboard": False}

    def _room(self) -> int:
        """How many tasks may be under way at once."""
        have = self._ray.cluster_resources()
        room = int(have.get("CPU", 0) // self._resources["num_cpus"])
        if self._resources["num_gpus"]:
            room = min(room, int(have.get("GPU", 0) // self._resources["num_gpus"]))
        if room < 1:
            needed = f"{self._resources['num_cpus']} CPUs and {self._resources['num_gpus']:g} GPUs"
            msg = f"the Ray cluster has no room for a run, which needs {needed}; add machines, or change the options."
            raise SweepError(msg)
        return room if self.workers is None else min(room, self.workers)

    def _outcome(self, reference: Any) -> Outcome:
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except (exceptions.WorkerCrashedError, exceptions.NodeDiedError) as error:
            return Outcome(
                error=f"its worker was lost {RETRIES + 1} times (out of memory?): {_first_line(error)}", lost=True
            )
        except exceptions.RayTaskError as error:
            msg = f"a worker could not begin it ({_first_line(error.cause)}); install nb301-ogb {__version__} there"
        except exceptions.RayError as error:
            msg = f"{type(error).__name__}: {_first_line(error)}"
        return Outcome(error=msg)


def _begin(version: str, work: Callable[[Task], Any], task: Task) -> Outcome:
    """Runs a task on a worker, which must be of the version of this package that asks for it."""
    if version != __version__:
        there = (
            f"the worker {socket.gethostname()} has nb301-ogb {__version__}, and {version} asks; install one version"
        )
        return Outcome(error=there)
    return attempt(work, task)


def _first_line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Within it the environment has these values where it has none of its own."""
    added = {key: value for key, value in values.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            os.environ.pop(key, None)
