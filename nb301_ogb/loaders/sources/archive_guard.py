"""What makes an archive unsafe: the checks that every member passes before anything of it is read."""

from __future__ import annotations

import re
from pathlib import Path

from nb301_ogb.errors import BuildError

MAX_RATIO = 200
"""Unpacked bytes for a packed one. JSON packs at 3 to 40; the densest deflate stream, of zeros, at 1,030."""

MAX_TOTAL = 1 << 37
"""Unpacked bytes of a whole archive (128 GiB)."""

MAX_READ = 1 << 26
"""Bytes of a member that is read into memory (64 MiB); a record with its learning curves has some 100 KiB."""

_SMALL = 1 << 16
"""Up to so many bytes a ratio says nothing."""

_SLACK = 1024
"""Bytes by which packing may make a member larger, beyond one in a hundred."""

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def shown(name: str) -> str:
    """A member's name for a message or a report: bytes that are no text are written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


class Guard:
    """Refuses an archive at its first member that is unsafe.

    Args:
        archive: the file, for messages.
        packed: its size in bytes, or None where nothing is packed.
    """

    def __init__(self, archive: Path, packed: int | None) -> None:
        self._archive = archive
        self._packed = packed
        self._names: set[str] = set()
        self._total = 0

    def refusal(self, name: str, what: str) -> BuildError:
        """The error that names a member and what is wrong with it."""
        return BuildError(f"{self._archive}: the member {shown(name)} {what}; get the archive anew from its publisher.")

    def name(self, raw: str) -> str:
        """A file's name with single forward slashes.

        Raises:
            BuildError: where it leads out of the archive or was there before.
        """
        parts = raw.replace("\\", "/").split("/")
        if not parts[0] or _DRIVE.match(raw):
            raise self.refusal(raw, "has an absolute path")
        if ".." in parts:
            raise self.refusal(raw, "has a path that leads out of the archive")
        name = "/".join(part for part in parts if part not in ("", "."))
        if name in self._names:
            raise self.refusal(raw, "is there twice")
        self._names.add(name)
        return name

    def size(self, name: str, size: int, packed: int | None = None) -> None:
        """Checks what a file unpacks to.

        Args:
            name: of the file.
            size: in bytes, as the archive says.
            packed: the bytes that it takes in the archive, where that is known.

        Raises:
            BuildError: where the file, or all files so far, are larger than an honest archive could make them.
        """
        if size < 0:
            raise self.refusal(name, f"has the size {size}")
        if packed is not None and size > _SMALL and size > MAX_RATIO * packed:
            raise self.refusal(name, f"unpacks from {packed:,} to {size:,} bytes")
        if packed is not None and packed > size + size // 100 + _SLACK:
            raise self.refusal(name, f"takes {packed:,} bytes for the {size:,} that it claims to have")
        self._total += size
        if self._packed is not None and self._total > max(_SMALL, MAX_RATIO * self._packed):
            raise self.refusal(name, f"brings the archive of {self._packed:,} bytes to {self._total:,} unpacked ones")
        if self._total > MAX_TOTAL:
            raise self.refusal(name, f"brings the archive to {self._total:,} bytes, more than {MAX_TOTAL:,}")

    def readable(self, name: str, size: int) -> None:
        """Checks that a file may be read into memory.

        Raises:
            BuildError: where it is larger than any record.
        """
        if size > MAX_READ:
            raise self.refusal(name, f"has {size:,} bytes, where a record has at most {MAX_READ:,}")
