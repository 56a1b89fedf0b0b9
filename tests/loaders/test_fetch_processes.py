"""Many processes at once, and processes that are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from nb301_ogb.loaders.fetch import Policy
from tests.loaders.fetch_server import BODY, Loopback, body, get, listing, paused, resource_of

FETCH = """
import errno, fcntl, json, signal, sys
from dataclasses import fields
from nb301_ogb.loaders.fetch import Cache, Policy, Resource, fetch

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

def unsupported(descriptor, operation):
    raise OSError(errno.ENOLCK, "No locks available")

task = json.loads(sys.argv[1])
if not task["locks"]:
    fcntl.flock = unsupported
print("ready", flush=True)
sys.stdin.readline()
resource = Resource("raw/file.bin", (task["url"],), size=task["size"], sha256=task["sha256"])
path = fetch(resource, cache=Cache(task["home"]), offline=False, mirrors=(), policy=Policy(backoff=0.01))
print(path, flush=True)
"""

FILES = ["raw/file.bin", "raw/file.bin.origin.json"]


def start(resource, home, locks=True):
    task = {
        "url": resource.urls[0],
        "size": resource.size,
        "sha256": resource.sha256,
        "home": str(home),
        "locks": locks,
    }
    child = subprocess.Popen(
        [sys.executable, "-c", FETCH, json.dumps(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return child


def go(child):
    child.stdin.write("\n")
    child.stdin.flush()


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def drafts(home):
    return [name for name in listing(home) if name.endswith(".part")]


@pytest.fixture
def server():
    with Loopback() as loopback:
        yield loopback


@pytest.mark.parametrize("locks", [True, False])
def test_eight_processes_at_once(server, tmp_path, locks):
    resource = resource_of(server.on("/f", body()))
    children = [start(resource, tmp_path, locks) for _ in range(8)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        go(child)
    for child in children:
        out, err = child.communicate(timeout=60)
        assert (child.returncode, err) == (0, "")
        assert out == f"{tmp_path / 'raw/file.bin'}\n"
    assert (tmp_path / "raw/file.bin").read_bytes() == BODY
    assert listing(tmp_path) == FILES
    assert server.count("/f") == 1 if locks else 1 <= server.count("/f") <= 8


def test_eight_threads_at_once(server, tmp_path):
    resource = resource_of(server.on("/f", body()))
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(get(resource, tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [tmp_path / "raw/file.bin"] * 8
    assert listing(tmp_path) == FILES
    assert server.count("/f") == 1


def test_killed_in_the_middle(server, tmp_path):
    gate = threading.Event()
    resource = resource_of(server.on("/f", paused(gate), body()))
    child = start(resource, tmp_path)
    go(child)
    until(lambda: drafts(tmp_path) and server.count("/f"))
    child.kill()
    child.communicate()
    gate.set()
    assert drafts(tmp_path)
    assert not (tmp_path / "raw/file.bin").exists()
    assert get(resource, tmp_path).read_bytes() == BODY
    assert listing(tmp_path) == FILES


def test_interrupted_in_the_middle(server, tmp_path):
    gate = threading.Event()
    resource = resource_of(server.on("/f", paused(gate)))
    child = start(resource, tmp_path)
    go(child)
    until(lambda: drafts(tmp_path) and server.count("/f"))
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    gate.set()
    assert "KeyboardInterrupt" in err
    assert child.returncode != 0
    assert listing(tmp_path) == []


def test_two_downloads_side_by_side_do_not_disturb_each_other(server, tmp_path):
    gate = threading.Event()
    resource = resource_of(server.on("/f", paused(gate), body()))
    child = start(resource, tmp_path, locks=False)
    go(child)
    until(lambda: drafts(tmp_path) and server.count("/f"))
    (draft,) = drafts(tmp_path)
    os.utime(tmp_path / draft, (0, 0))
    # The lock is not taken by the child; this process sweeps, downloads, and leaves the other's file alone.
    assert get(resource, tmp_path, policy=Policy(lock_timeout=0.01)).read_bytes() == BODY
    assert drafts(tmp_path) == [draft]
    gate.set()
    out, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, "")
    assert (tmp_path / "raw/file.bin").read_bytes() == BODY
    assert get(resource, tmp_path) == tmp_path / "raw/file.bin"
    assert server.count("/f") == 2
    assert listing(tmp_path) == FILES
    assert out.endswith("file.bin\n")


def test_a_waiting_process_takes_what_the_other_brought(server, tmp_path):
    gate = threading.Event()
    resource = resource_of(server.on("/f", paused(gate), body()))
    child = start(resource, tmp_path)
    go(child)
    until(lambda: drafts(tmp_path) and server.count("/f"))
    waiting = threading.Thread(target=get, args=(resource, tmp_path))
    waiting.start()
    gate.set()
    waiting.join()
    child.communicate(timeout=20)
    assert child.returncode == 0
    assert server.count("/f") == 1
    assert listing(tmp_path) == FILES
