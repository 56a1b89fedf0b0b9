"""Files that appear whole or not at all: written under a temporary name, forced to disk, then renamed.

Nothing here relies on a lock. A temporary name holds the host, the process and when it started, so that what a
killed process left behind can be told from what a living one is still writing.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from nb301_ogb.errors import OutputError

STALE_AFTER = 24 * 3600.0
"""Seconds without a write after which another host's temporary file counts as abandoned."""

_NAME = re.compile(r"\..*\.(?P<host>[0-9a-f]{12})\.(?P<pid>\d+)\.(?P<born>\d+|unknown)\.[0-9a-f]{8}\.part")


class Temporary:
    """A new file beside its destination; removed on leaving the `with` block unless `keep` was called.

    Attributes:
        destination: what `keep` renames it to.
        path: its temporary name, never used before.
        stream: open for reading and writing.
    """

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        destination.parent.mkdir(parents=True, exist_ok=True)
        owner = f"{_host()}.{os.getpid()}.{_start_of(os.getpid())}"
        # The name is cut so that the whole stays under the 255 bytes that file systems allow.
        self.path = destination.with_name(f".{destination.name[:24]}.{owner}.{uuid.uuid4().hex[:8]}.part")
        # Not tempfile: its files are private to the user, and a cache may be shared; the umask decides.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self.stream: BinaryIO = os.fdopen(descriptor, "r+b")
        self.born = os.fstat(descriptor).st_mtime

    def __enter__(self) -> Temporary:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing writes what is buffered, which fails on a full disk; the file is going away, so that is no loss.
        with contextlib.suppress(OSError):
            self.stream.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def sync(self) -> None:
        """Forces what was written to the disk."""
        self.stream.flush()
        os.fsync(self.stream.fileno())

    def keep(self) -> None:
        """Makes the file appear at its destination, in place of what was there.

        Raises:
            OSError: if the disk does not take it; the destination is then as it was.
        """
        self.sync()
        self.stream.close()
        os.replace(self.path, self.destination)
        with contextlib.suppress(OSError):  # not every file system can sync a folder
            folder = os.open(self.destination.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def sweep(self) -> None:
        """Removes the temporary files that dead processes left in this folder.

        On this host a file goes when its process is gone; another host's goes after a day without a write, by
        the clock of the file system.
        """
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.path.parent):
                match = _NAME.fullmatch(entry.name)
                if match is None:
                    continue
                with contextlib.suppress(OSError):
                    if self._is_abandoned(match, entry.stat(follow_symlinks=False).st_mtime):
                        os.unlink(entry.path)

    def _is_abandoned(self, match: re.Match[str], written: float) -> bool:
        if match["host"] == _host():
            return _start_of(int(match["pid"])) not in (match["born"], "unknown")
        return self.born - written > STALE_AFTER


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes a file, whole or not at all; its folder is made if it is missing.

    Raises:
        OutputError: where the disk does not take it.
    """
    path = Path(path).expanduser().absolute()
    try:
        with Temporary(path) as temporary:
            temporary.sweep()
            temporary.stream.write(content)
            temporary.keep()
    except OSError as error:
        raise OutputError.of(path, error, "place") from error


@functools.cache
def _host() -> str:
    """Twelve digits for this machine, its present boot and the numbering of its processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        processes = os.readlink("/proc/self/ns/pid")
    except OSError:
        # Without both, two machines might look alike: then every process passes for a host of its own.
        boot, processes = uuid.uuid4().hex, f"{time.time_ns()}"
    return hashlib.sha256(f"{os.uname().nodename} {boot} {processes}".encode()).hexdigest()[:12]


def _start_of(pid: int) -> str:
    """When a process of this host started, in ticks since the boot; `dead`, or `unknown` where that is not told."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "dead"
    except PermissionError:
        pass  # another user's, but alive
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    # The second field is the program's name in parentheses and may hold anything.
    fields = status.rpartition(")")[2].split()
    return "dead" if fields[0] in "ZX" else fields[19]
