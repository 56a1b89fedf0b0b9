"""Ray: a cluster of two nodes on this machine, of which one loses a worker and then dies; and one node, started here.

The sweeps run in processes of their own, by the command that a user gives. Ray lets no cluster of several nodes listen
on 127.0.0.1 alone, so that a token of this test's own keeps others out.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nb301_ogb.baselines import training
from nb301_ogb.baselines.config import GNNConfig, to_toml
from nb301_ogb.baselines.training import Job, train
from nb301_ogb.catalog import get_info
from tests.small_files import part_of_nb201
from tests.sweeps.contents import content

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed (the extra `distributed`)"
    ),
]

GIN = GNNConfig(num_layer=2, emb_dim=16, drop_ratio=0.1, batch_size=16, epochs=25, patience=25, norm="layer")
SEEDS = range(4)
PATIENCE = 500
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
ENVIRONMENT |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, a small dataset, and the runs of one process."""
    info, folder = get_info("nb201-cifar10"), tmp_path_factory.mktemp("ray")
    (folder / "root" / info.folder).mkdir(parents=True)
    part_of_nb201(folder / "root" / info.folder / info.filename)
    (folder / "small.toml").write_text(to_toml(GIN, {}).replace("[config]\n", ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "write_report", lambda path, runs: path.touch())  # nothing here looks at it
        train(Job(info.name, GIN, root=folder / "root", device="cpu"), SEEDS, folder / "expected")
    return folder


def command(folder: Path, output: str, *options: str) -> list[str]:
    common = ["--config", str(folder / "small.toml"), "--root", str(folder / "root"), "--device", "cpu"]
    common += ["--seeds", f"{SEEDS[0]}-{SEEDS[-1]}", "--output", str(folder / output)]
    return [sys.executable, "-m", "nb301_ogb.cli", "train", *common, "--engine", "ray", *options]


@pytest.fixture
def start(expected: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts processes, and ends them and all that they have started."""
    started: list[subprocess.Popen] = []

    def begin(arguments: list[str], name: str) -> subprocess.Popen:
        with (expected / f"{name}.log").open("w") as log:
            environment = os.environ | ENVIRONMENT
            process = subprocess.Popen(
                arguments,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background it is ignored
            )
        started.append(process)
        return process

    yield begin
    for process in reversed(started):
        end(process)


def family(pid: int) -> list[int]:
    """A process and all that it has started, read from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def end(process: subprocess.Popen) -> None:
    for pid in family(process.pid) if process.poll() is None else ():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def at_work(process: subprocess.Popen) -> list[int]:
    """The workers of a node that are training."""
    found = []
    for pid in family(process.pid):
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_begin"):
            found.append(pid)
    return found


def wait_for(what: Callable[[], object], driver: subprocess.Popen, log: Path) -> None:
    ends = time.monotonic() + PATIENCE
    while not what():
        assert driver.poll() is None, log.read_text()
        assert time.monotonic() < ends
        time.sleep(0.05)


def standing(start: Callable[..., subprocess.Popen], node: list[str], log: Path) -> subprocess.Popen:
    """A node that stands; on a busy machine Ray may find that it took too long, and gives up."""
    for _ in range(4):
        process = start(node, log.stem)
        while process.poll() is None:
            if "--block" in log.read_text():
                return process
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def holds_what_is_expected(folder: Path, output: str) -> None:
    assert sorted(os.listdir(folder / output)) == sorted(os.listdir(folder / "expected"))
    assert (folder / output / "summary.json").read_bytes() == (folder / "expected" / "summary.json").read_bytes()
    for seed in SEEDS:
        assert content(folder / output / f"seed-{seed}") == content(folder / "expected" / f"seed-{seed}")


def test_a_node_started_here(expected: Path, start: Callable[..., subprocess.Popen]) -> None:
    """Interrupted once, with runs finished and others begun."""
    driver = start(command(expected, "here", "--workers", "2"), "here")
    wait_for(lambda: list((expected / "here").glob("seed-*")), driver, expected / "here.log")
    driver.send_signal(signal.SIGINT)
    assert driver.wait(PATIENCE) == 130, (expected / "here.log").read_text()
    assert not (expected / "here" / "summary.json").exists()
    again = start(command(expected, "here", "--workers", "2", "--resume"), "again")
    assert again.wait(PATIENCE) == 0, (expected / "again.log").read_text()
    holds_what_is_expected(expected, "here")


def test_a_cluster_of_two_nodes_that_loses_a_worker_and_a_node(
    expected: Path, start: Callable[..., subprocess.Popen]
) -> None:
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    node = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus", "1"]
    options = ["--head", "--port", str(port), "--include-dashboard", "false"]
    head = standing(start, [*node, *options], expected / "head.log")
    (host,) = re.findall(r"Local node IP: ([\d.]+)", (expected / "head.log").read_text())
    address = f"{host}:{port}"
    driver, log = start(command(expected, "two", "--address", address), "two"), expected / "two.log"
    wait_for(lambda: at_work(head), driver, log)
    second = standing(start, [*node, "--address", address], expected / "second.log")
    wait_for(lambda: at_work(second), driver, log)
    (worker,) = at_work(second)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: set(at_work(second)) - {worker}, driver, log)
    assert driver.poll() is None
    end(second)
    assert driver.wait(PATIENCE) == 0, log.read_text()
    holds_what_is_expected(expected, "two")


def test_nobody_answers(expected: Path, start: Callable[..., subprocess.Popen]) -> None:
    driver = start(command(expected, "nobody", "--address", "127.0.0.1:1"), "nobody")
    assert driver.wait(PATIENCE) == 1
    told = (expected / "nobody.log").read_text()
    assert "no Ray cluster at 127.0.0.1:1 lets this process in" in told
    assert "Traceback" not in told
