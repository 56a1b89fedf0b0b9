"""A lock that saves work and never decides: where it cannot be had, the work is done twice, with the same result."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

_LOG = logging.getLogger(__name__)
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EINTR)


@contextlib.contextmanager
def work_lock(path: Path, timeout: float) -> Iterator[bool]:
    """Holds a lock file while the block runs, if that is possible within `timeout` seconds.

    Yields:
        Whether the lock is held. It is not where the file system has no locks, where the file cannot be made, or
        where another process kept it for longer than the time-out.
    """
    descriptor = None
    try:
        descriptor = _acquire(path, time.monotonic() + timeout)
    except OSError as error:
        _LOG.debug("no lock at %s: %s", path, error)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            # Removed while it is held; whoever waits on the removed file notices and starts again.
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _acquire(path: Path, deadline: float) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            taken = _take(descriptor, path, deadline)
            current = taken and _is_at(descriptor, path)
        except BaseException as error:
            if isinstance(error, OSError):  # a lock file that locks nothing is only in the way
                with contextlib.suppress(OSError):
                    path.unlink()
            os.close(descriptor)
            raise
        if current:
            return descriptor
        os.close(descriptor)
        if not taken:
            return None


def _take(descriptor: int, path: Path, deadline: float) -> bool:
    pause = 0.01
    waiting = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        else:
            return True
        if not waiting:
            _LOG.info("waiting for the process that holds %s", path)
            waiting = True
        if time.monotonic() + pause > deadline:
            _LOG.info("waited long enough for %s, going on without it", path)
            return False
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
