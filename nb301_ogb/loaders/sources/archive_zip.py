"""The members of a zip."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources.archive_guard import Guard
from nb301_ogb.loaders.sources.archive_member import Member

_ENCRYPTED = 0x1
_UTF8_HIGH = 0x08
"""The bit of the flags' second byte that calls a name UTF-8."""

_PIECE = 1 << 20
_LOCAL_HEADER = 30
_CENTRAL_HEADER = 46
_LONGEST_END = 22 + 0xFFFF
"""Bytes of the record at a zip's end, with the longest comment (APPNOTE.TXT 4.3.16)."""
_COUNT, _MOST = 10, 0xFFFF
"""Where that record holds the number of members, and the highest it can be."""
_DAMAGES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, struct.error)


def zip_members(path: Path) -> Iterator[Member]:
    """The files of a zip, in the order in which it lists them.

    Raises:
        BuildError: where it is damaged or unsafe; all members are checked before the first is given.
    """
    with _opened(path) as archive:
        guard = Guard(path, path.stat().st_size)
        _require_all(archive, path)
        files = [(info, _checked(info, guard)) for info in archive.infolist() if not _is_folder(info, guard)]
        for info, name in files:
            read = partial(_read, archive, info, name, guard)
            yield Member(name, info.file_size, info.header_offset, read, partial(_save, archive, info, name, guard))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with ExitStack() as stack:
        try:
            try:
                archive = stack.enter_context(zipfile.ZipFile(path))
            except UnicodeDecodeError:
                stream = stack.enter_context(_NamesAsBytes(io.FileIO(path)))
                archive = stack.enter_context(zipfile.ZipFile(stream))
                stream.heads = {info.header_offset for info in archive.infolist()}
        except (*_DAMAGES, NotImplementedError) as error:
            msg = f"{path} cannot be read as a zip ({error}); get the archive again."
            raise BuildError(msg) from error
        yield archive


def _require_all(archive: zipfile.ZipFile, path: Path) -> None:
    """Holds the members against their count at the end of the file; `zipfile` does not.

    A byte that changed in the list of members can make one entry swallow the next, which nobody would miss.
    """
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _LONGEST_END))
        tail = stream.read()
    place = tail.rfind(b"PK\5\6")
    (count,) = struct.unpack_from("<H", tail, place + _COUNT)
    # Two bytes hold the count; archives of more say so by all ones, or let it overflow.
    if count not in (len(archive.infolist()) & _MOST, _MOST):
        msg = (
            f"{path} lists {len(archive.infolist()):,} members where {count:,} are said to be: it is damaged; get the "
            "archive again."
        )
        raise BuildError(msg)


def _is_folder(info: zipfile.ZipInfo, guard: Guard) -> bool:
    if info.is_dir() and info.file_size:
        raise guard.refusal(guard.name(info.filename.rstrip("/")), "is a folder that holds bytes of its own")
    return info.is_dir()


def _checked(info: zipfile.ZipInfo, guard: Guard) -> str:
    name = guard.name(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise guard.refusal(name, "is a link")
    if kind not in (0, stat.S_IFREG):
        raise guard.refusal(name, "is neither a file nor a folder")
    if info.flag_bits & _ENCRYPTED:
        raise guard.refusal(name, "is encrypted")
    guard.size(name, info.file_size, info.compress_size)
    return name


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, guard: Guard) -> bytes:
    guard.readable(name, info.file_size)
    with _damage(name, guard):
        return archive.read(info)


def _save(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, guard: Guard, target: BinaryIO) -> None:
    for piece in _pieces(archive, info, name, guard):
        target.write(piece)


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, guard: Guard) -> Iterator[bytes]:
    with _damage(name, guard), archive.open(info) as stream:
        while piece := stream.read(_PIECE):
            yield piece


@contextmanager
def _damage(name: str, guard: Guard) -> Iterator[None]:
    try:
        yield
    except NotImplementedError as error:
        raise guard.refusal(name, f"is packed in a way that cannot be read ({error})") from error
    except _DAMAGES as error:
        raise guard.refusal(name, f"is damaged ({error})") from error


class _NamesAsBytes(io.BufferedReader):
    """A zip with a name that claims to be UTF-8 and is not, which `zipfile` cannot open.

    The claim is taken out of every header as it is read; names then read as the old code page, in which any byte is
    a character. Names in plain ASCII, as those of records, stay what they were.
    """

    heads: set[int] | None = None
    """Where the members' own headers begin; None while the list of members is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        data = super().read(size)
        if self.heads is None:
            return _without_claims(data)
        if len(data) == size == _LOCAL_HEADER and start in self.heads:
            return data[:7] + bytes([data[7] & ~_UTF8_HIGH]) + data[8:]
        return data


def _without_claims(data: bytes) -> bytes:
    """The list of a zip's members without their claims to UTF-8; other bytes as they are."""
    changed = bytearray(data)
    start = 0
    while data[start : start + 4] == b"PK\1\2" and start + _CENTRAL_HEADER <= len(data):
        changed[start + 9] &= ~_UTF8_HIGH
        start += _CENTRAL_HEADER + sum(struct.unpack_from("<3H", data, start + 28))
    return bytes(changed)
