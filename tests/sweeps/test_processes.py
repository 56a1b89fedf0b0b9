"""Worker processes and the process that began them."""

import os
import signal
import subprocess
import sys
import time

from nb301_ogb.sweeps.processes import Processes

SCRIPT = """
import time
from nb301_ogb.sweeps.processes import Processes
with Processes(2, time.sleep) as workers:
    workers.start((600,), "one")
    workers.start((600,), "other")
    print(*[worker.process.pid for worker in workers._at_work], flush=True)
    list(workers.wait(0))
"""


def runs(pid):
    """Whether a process is there and no mere entry of one that has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_they_do_not_outlive_a_killed_parent():
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(word) for word in parent.stdout.readline().split()]
        time.sleep(3)  # they are at work
        assert all(map(runs, workers))
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while any(map(runs, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_worker_answers_and_ends():
    with Processes(1, os.path.basename) as workers:
        workers.start(("a/b",), "task")
        assert workers.free == 0
        assert list(workers.wait(0)) == [("task", "b", 0)]
        (worker,) = workers._idle
        pid = worker.process.pid
        assert runs(pid)
    assert not runs(pid)
