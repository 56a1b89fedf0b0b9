"""Engines: what they promise of every work, on one process and on several."""

from __future__ import annotations

import importlib.util
import multiprocessing
import sys
import time
from collections.abc import Iterator

import pytest

from nb301_ogb._version import __version__
from nb301_ogb.cli.engine_options import open_engine
from nb301_ogb.errors import ConfigError, MissingExtraError
from nb301_ogb.sweeps import ray_engine
from nb301_ogb.sweeps.engine import Outcome
from nb301_ogb.sweeps.engines import LocalEngine, make_engine
from tests.sweeps import works


def results(engine: LocalEngine, work, tasks) -> dict:
    return dict(engine.run(work, tasks))


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once(workers: int) -> None:
    found = list(LocalEngine(workers).run(works.double, range(7)))
    assert sorted(task for task, _ in found) == list(range(7))
    assert dict(found) == {number: Outcome(2 * number) for number in range(7)}
    assert list(LocalEngine(workers).run(works.double, [])) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_are_drawn_when_there_is_a_worker(workers: int) -> None:
    seen: list[int] = []
    drawn: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(6):
            assert number - len(seen) < workers  # whoever draws knows all that has ended
            drawn.append(number)
            yield number

    for task, _ in LocalEngine(workers).run(works.double, tasks()):
        seen.append(task)
    assert drawn == list(range(6))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_a_sentence_and_holds_up_nobody(workers: int) -> None:
    found = results(LocalEngine(workers), works.complain, [0, 1, 2, 3])
    assert found[0] == Outcome(0)
    assert found[1] == Outcome(error="one is too small; give more.")
    assert found[2].error == "KeyError: 'two\\nlines'"
    assert found[3] == Outcome(3)


def test_a_process_that_died_is_replaced(tmp_path) -> None:
    path = str(tmp_path / "died")
    assert results(LocalEngine(2), works.die_once, [path]) == {path: Outcome(path)}


def test_a_task_that_always_kills_its_process(tmp_path) -> None:
    found = results(LocalEngine(2), works.die, [0, 1, 2])
    assert "died 3 times (out of memory?); use fewer --workers" in found.pop(1).error
    assert found == {0: Outcome(0), 2: Outcome(2)}


def test_who_stops_listening_stops_the_work() -> None:
    begin = time.monotonic()
    running = LocalEngine(2).run(works.sleep, [0.0, 600.0, 600.0])
    assert next(running) == (0.0, Outcome(0.0))
    running.close()
    assert multiprocessing.active_children() == []
    assert time.monotonic() - begin < 300


def test_engines_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_engine("local").workers == open_engine().workers == 1
    assert open_engine(workers=3).workers == 3
    with pytest.raises(ConfigError, match="there is no engine 'slurm'; there are local, ray"):
        make_engine("slurm")
    with pytest.raises(ConfigError, match="--address host:1 is of use with --engine ray alone"):
        make_engine("local", address="host:1")
    with pytest.raises(ConfigError, match="0 workers"):
        LocalEngine(0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nb301-ogb\[distributed\]'"):
        make_engine("ray")


def test_a_worker_of_another_version_is_refused() -> None:
    assert "has nb301-ogb" in (ray_engine._begin("0.0.0", works.double, 1).error or "")
    assert ray_engine._begin(__version__, works.double, 1) == Outcome(2)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (the extra `distributed`)")
def test_a_cluster_started_here_has_room_for_its_workers() -> None:
    assert make_engine("ray", workers=3, threads=4)._options()["num_cpus"] == 12
    assert make_engine("ray")._options()["num_cpus"] is None
    assert make_engine("ray", workers=3, address="there:1")._options() == {"address": "there:1"}
    with pytest.raises(ConfigError, match="0 workers"):
        make_engine("ray", workers=0)
