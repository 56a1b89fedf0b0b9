"""Whole files or none: temporary names, their removal, full disks, and locks that do not work."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time

import pytest

from nb301_ogb.errors import DownloadError
from nb301_ogb.loaders.fetch.lock import work_lock
from nb301_ogb.loaders.fetch.policy import Policy
from nb301_ogb.storage import whole as module
from nb301_ogb.storage.whole import STALE_AFTER, Temporary
from tests.loaders.fetch_server import (
    BODY,
    QUICK,
    Loopback,
    body,
    chunked,
    get,
    listing,
    mounted,
    resource_of,
    unknown_of,
)

LEAVE_ONE = """
import os, pathlib, sys
from nb301_ogb.storage.whole import Temporary
temporary = Temporary(pathlib.Path(sys.argv[1]))
print(temporary.path.name, flush=True)
os._exit(0)
"""


def test_kept_or_gone(tmp_path):
    target = tmp_path / "deep/er/file"
    with Temporary(target) as draft:
        draft.stream.write(b"new")
        assert not target.exists()
        draft.keep()
    assert target.read_bytes() == b"new"

    def interrupted():
        with Temporary(target) as draft:
            draft.stream.write(b"other")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"new"
    assert listing(tmp_path) == ["deep/er/file"]


def test_others_may_read_what_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        with Temporary(tmp_path / "file") as draft:
            draft.keep()
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_names_never_repeat_and_are_short(tmp_path):
    longest = tmp_path / ("ü" * 120)
    drafts = [Temporary(longest) for _ in range(50)]
    assert len({draft.path for draft in drafts}) == 50
    for draft in drafts:
        draft.__exit__(None, None, None)
    assert listing(tmp_path) == []


def old(path):
    at = time.time() - STALE_AFTER - 100
    os.utime(path, (at, at))
    return path


def test_what_dead_processes_left_is_swept(tmp_path):
    command = [sys.executable, "-c", LEAVE_ONE, str(tmp_path / "file")]
    dead = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert (tmp_path / dead).exists()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        undead = child.stdout.readline().strip()
        child.stdout.read()
        for _ in range(1000):  # it becomes a zombie: it has ended, but nobody has asked how
            if module._start_of(child.pid) == "dead":
                break
            time.sleep(0.005)
        with Temporary(tmp_path / "file") as draft:
            draft.sweep()
            assert listing(tmp_path) == [draft.path.name]
        assert undead
        assert undead != dead


def test_what_a_living_process_writes_is_never_swept(tmp_path):
    with Temporary(tmp_path / "file") as mine, Temporary(tmp_path / "file") as draft:
        old(mine.path)
        draft.sweep()
        assert mine.path.exists()


def test_a_process_number_that_was_given_again(tmp_path):
    with Temporary(tmp_path / "file") as draft:
        host, pid, born, token, _ = draft.path.name.split(".")[-5:]
        (tmp_path / f".file.{host}.{pid}.{int(born) - 1}.{token}.part").touch()
        draft.sweep()
        assert listing(tmp_path) == [draft.path.name]


def test_other_hosts_are_judged_by_age(tmp_path):
    with Temporary(tmp_path / "file") as draft:
        names = {age: tmp_path / f".file.{'0' * 12}.1.1.{age:08d}.part" for age in (1, 2)}
        for path in names.values():
            path.touch()
        old(names[1])
        draft.sweep()
        assert sorted(listing(tmp_path)) == sorted([names[2].name, draft.path.name])


def test_nothing_else_is_swept(tmp_path):
    for name in ("file.part", ".file.part", ".hidden", "file"):
        old_path = tmp_path / name
        old_path.touch()
        old(old_path)
    with Temporary(tmp_path / "file") as draft:
        draft.sweep()
    assert listing(tmp_path) == [".file.part", ".hidden", "file", "file.part"]


def test_without_knowledge_of_the_host_age_decides(tmp_path, monkeypatch):
    def unreadable(*_arguments, **_options):
        raise OSError(errno.EACCES, "hidden")

    monkeypatch.setattr(os, "readlink", unreadable)
    assert module._host.__wrapped__() != module._host.__wrapped__()
    monkeypatch.setattr(module.Path, "read_text", unreadable)
    assert module._start_of(os.getpid()) == "unknown"
    with Temporary(tmp_path / "a") as first, Temporary(tmp_path / "b") as second:
        second.sweep()
        assert first.path.exists()


def test_not_enough_space_is_noticed_first(tmp_path, monkeypatch):
    with Loopback() as server:
        resource = resource_of(server.on("/f", body()), size=1 << 60)
        with pytest.raises(DownloadError, match=rf"needs {1 << 60} bytes, but the disk of .* has only \d+ left"):
            get(resource, tmp_path)
        assert server.requests == []
    assert listing(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_says_it_is_full_at_the_end(tmp_path, monkeypatch, number):
    def full(_descriptor):
        raise OSError(number, os.strerror(number))

    with Loopback() as server:
        resource = resource_of(server.on("/f", body()), server.on("/g", body()))
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DownloadError, match=r"the disk of .* is full; free some or set NB301_OGB_HOME"):
            get(resource, tmp_path)
        # Another source would not help.
        assert server.count("/g") == 0
    assert listing(tmp_path) == []


def test_a_disk_that_is_full(tmp_path):
    with mounted(tmp_path / "small", "size=128k") as small, Loopback() as server:
        with pytest.raises(DownloadError, match=rf"needs {len(BODY)} bytes"):
            get(resource_of(server.on("/f", body())), small)
        with pytest.raises(DownloadError, match=rf"needs {len(BODY)} bytes"):
            get(unknown_of(server.url("/f")), small)
        with pytest.raises(DownloadError, match="is full"):
            get(unknown_of(server.on("/g", chunked())), small)
        assert listing(small) == []


def test_a_destination_that_is_a_folder(tmp_path):
    (tmp_path / "raw/file.bin/x").mkdir(parents=True)
    with Loopback() as server, pytest.raises(DownloadError, match="could not be written to"):
        get(resource_of(server.on("/f", body())), tmp_path)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks(tmp_path, monkeypatch, number):
    def unsupported(_descriptor, _operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with work_lock(tmp_path / "lock", 10) as held:
        assert not held
    with Loopback() as server:
        assert get(resource_of(server.on("/f", body())), tmp_path).read_bytes() == BODY
    assert listing(tmp_path) == ["raw/file.bin", "raw/file.bin.origin.json"]


def test_a_folder_without_locks(tmp_path):
    with work_lock(tmp_path / "none/lock", 10) as held:
        assert not held


def test_a_lock_is_waited_for_and_leaves_nothing(tmp_path):
    order = []

    def wait(number):
        with work_lock(tmp_path / "lock", 20) as held:
            order.append(("in", number, held))
            time.sleep(0.01)
            order.append(("out", number, held))

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [kind for kind, _, _ in order] == ["in", "out"] * 4
    assert all(held for _, _, held in order)
    assert [number for _, number, _ in order[::2]] == [number for _, number, _ in order[1::2]]
    assert listing(tmp_path) == []


def test_a_lock_file_that_was_removed_meanwhile_locks_nothing(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    asked = threading.Event()
    seen = []
    real = fcntl.flock

    def ask(descriptor, operation):
        try:
            real(descriptor, operation)
        except OSError:
            asked.set()
            raise

    def wait():
        with work_lock(path, 20) as held:
            seen.append((held, path.exists()))

    waiting = threading.Thread(target=wait)
    with work_lock(path, 20):
        monkeypatch.setattr(fcntl, "flock", ask)
        waiting.start()
        assert asked.wait(20)
    waiting.join()
    assert seen == [(True, True)]


def test_a_lock_that_is_never_released_only_costs_time(tmp_path):
    (tmp_path / "raw").mkdir()
    with work_lock(tmp_path / "raw/.file.bin.lock", 1) as held, Loopback() as server:
        assert held
        resource = resource_of(server.on("/f", body()))
        assert get(resource, tmp_path, policy=Policy(lock_timeout=0.05)).read_bytes() == BODY


def test_pauses_grow_and_are_spread():
    policy = Policy(backoff=1, max_wait=60)
    for attempt in range(1, 12):
        longest = min(60, 2 ** (attempt - 1))
        pauses = {policy.pause(attempt, f"token {i}") for i in range(200)}
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
        assert len(pauses) == 200
        assert max(pauses) - min(pauses) > 0.4 * longest
    assert policy.pause(3, "x") == policy.pause(3, "x")
    assert QUICK.pause(9, "x") <= QUICK.max_wait
