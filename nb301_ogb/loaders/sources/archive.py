"""Walking a zip, a tar or a folder file by file; nothing is unpacked to the disk, and memory stays flat.

An archive inside of an archive or a folder, as a publisher's "download all" gives it, is walked in its place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources.archive_guard import Guard, shown
from nb301_ogb.loaders.sources.archive_member import Member
from nb301_ogb.loaders.sources.archive_tar import COMPRESSIONS, tar_members
from nb301_ogb.loaders.sources.archive_zip import zip_members

__all__ = ["SUFFIXES", "Member", "members", "packed_size"]

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""How the names of archives end."""

_USTAR = slice(257, 262)


def members(path: str | Path) -> Iterator[Member]:
    """The files of an archive or a folder, each with a name and what gives its bytes.

    A zip or a tar is told by its first bytes, whatever it is called. The files of a folder come in the order of their
    names, those of an archive in its own.

    Raises:
        BuildError: where there is no such archive, where it is damaged, or where it is unsafe: a path that leads out
            of it, a link or a device, a name that is there twice, encryption, or far more bytes than it could honestly
            hold; the message names the member.
    """
    yield from _members(Path(path), inner=False)


def packed_size(path: str | Path) -> int | None:
    """The bytes of an archive, which `Member.offset` approaches; None for a folder."""
    path = Path(path)
    return path.stat().st_size if path.is_file() else None


def _members(path: Path, inner: bool) -> Iterator[Member]:
    if not path.exists():
        msg = f"there is no archive or folder {path}; give the path of one."
        raise BuildError(msg)
    for member in _walk_of(path)(path):
        if inner or not member.name.lower().endswith(SUFFIXES):
            yield member
        elif path.is_dir():
            yield from _members(path / member.name, inner=True)
        else:
            yield from _unpacked(path, member)


def _walk_of(path: Path) -> Callable[[Path], Iterator[Member]]:
    if path.is_dir():
        return _folder_members
    return zip_members if _is_zip(path) else tar_members


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(_USTAR.stop)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); make it readable."
        raise BuildError(msg) from error
    if head.startswith(b"PK"):
        return True
    if head.startswith(tuple(COMPRESSIONS)) or head[_USTAR] == b"ustar":
        return False
    if zipfile.is_zipfile(path):
        return True
    msg = f"{path} is neither a zip nor a tar (plain, gz, bz2 or xz); repack it as one, or give the unpacked folder."
    raise BuildError(msg)


def _unpacked(path: Path, member: Member) -> Iterator[Member]:
    """The files of an archive that is a member of another."""
    with tempfile.TemporaryDirectory(prefix="nb301-ogb-") as folder:
        copy = Path(folder) / member.name.rsplit("/", 1)[-1].encode("ascii", "replace").decode()
        try:
            with copy.open("wb") as stream:
                member.save(stream)
        except OSError as error:
            msg = (
                f"{member.name}, an archive within {path}, cannot be unpacked to {folder} ({error.strerror or error}); "
                "free some space there, or name a folder with more in TMPDIR."
            )
            raise BuildError(msg) from error
        yield from _members(copy, inner=True)


def _folder_members(path: Path) -> Iterator[Member]:
    guard = Guard(path, None)
    offset = 0
    folders = [""]
    while folders:
        folder = folders.pop()
        inside = []
        for entry in _entries(path / folder):
            raw = folder + entry.name
            if entry.is_symlink():
                raise guard.refusal(raw, "is a link")
            if entry.is_dir():
                inside.append(raw + "/")
            elif entry.is_file():
                name, size = guard.name(raw), entry.stat().st_size
                guard.size(name, size)
                read, save = partial(_read, path / raw, name, size, guard), partial(_save, path / raw)
                yield Member(name, size, offset, read, save)
                offset += size
            else:
                raise guard.refusal(raw, "is neither a file nor a folder")
        folders += reversed(inside)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        msg = f"{shown(str(folder))} cannot be read ({error.strerror}); make it readable."
        raise BuildError(msg) from error


def _read(path: Path, name: str, size: int, guard: Guard) -> bytes:
    guard.readable(name, size)
    try:
        return path.read_bytes()
    except OSError as error:
        raise guard.refusal(name, f"cannot be read ({error.strerror})") from error


def _save(path: Path, target: BinaryIO) -> None:
    with path.open("rb") as stream:
        shutil.copyfileobj(stream, target)
