"""The members of a tar, plain or compressed, read in one pass."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources.archive_guard import MAX_RATIO, MAX_READ, Guard
from nb301_ogb.loaders.sources.archive_member import Member

COMPRESSIONS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
"""What opens a compressed file, by its first bytes."""

_BLOCK = 512
_PIECE = 1 << 20
_PADDING = 1 << 14
_SLACK = 1 << 20
_DAMAGES = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


def tar_members(path: Path) -> Iterator[Member]:
    """The files of a tar, in its order; a member is checked before it is given.

    Raises:
        BuildError: where it is damaged, cut off or unsafe.
    """
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        opener = next((opener for magic, opener in COMPRESSIONS.items() if _begins(raw, magic)), None)
        packed = None if opener is None else path.stat().st_size
        stream = _Forward(raw if opener is None else stack.enter_context(opener(raw)), path, packed)
        guard = Guard(path, packed)
        try:
            archive = stack.enter_context(tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:"))
            while (info := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else it would keep every header
                if not info.isdir():
                    name = _checked(info, guard)
                    read = partial(_read, stream, info, name, guard)
                    yield Member(name, info.size, raw.tell(), read, partial(_save, stream, info, name, guard))
            last = stream.last
            # What a compressed stream says of its own bytes stands at its end, behind the padding of the tar.
            while opener is not None and stream.read(_PADDING):
                pass
        except BuildError:
            raise
        except _DAMAGES as error:
            msg = f"{path} cannot be read as a tar ({error}); get the archive again."
            raise BuildError(msg) from error
        # tarfile takes a damaged header for the end; the true end is a block of zeros.
        if last != bytes(_BLOCK):
            msg = f"{path} is damaged or cut off after {stream.tell():,} bytes; get the archive again."
            raise BuildError(msg)


def _begins(raw: IO[bytes], magic: bytes) -> bool:
    found = raw.read(len(magic)) == magic
    raw.seek(0)
    return found


def _checked(info: tarfile.TarInfo, guard: Guard) -> str:
    name = guard.name(info.name)
    if info.issym() or info.islnk():
        raise guard.refusal(name, "is a link")
    if not info.isreg() or info.issparse():
        raise guard.refusal(name, "is neither a plain file nor a folder")
    guard.size(name, info.size)
    return name


def _read(stream: _Forward, info: tarfile.TarInfo, name: str, guard: Guard) -> bytes:
    guard.readable(name, info.size)
    return b"".join(_pieces(stream, info, name, guard))


def _save(stream: _Forward, info: tarfile.TarInfo, name: str, guard: Guard, target: BinaryIO) -> None:
    for piece in _pieces(stream, info, name, guard):
        target.write(piece)


def _pieces(stream: _Forward, info: tarfile.TarInfo, name: str, guard: Guard) -> Iterator[bytes]:
    try:
        stream.seek(info.offset_data)
        left = info.size
        while left:
            piece = stream.read(min(left, _PIECE))
            if not piece:
                raise guard.refusal(name, "is cut off")
            left -= len(piece)
            yield piece
    except BuildError:
        raise
    except _DAMAGES as error:
        raise guard.refusal(name, f"is damaged ({error})") from error


class _Forward:
    """A stream that only goes on, and not further than an honest archive would."""

    def __init__(self, stream: IO[bytes], path: Path, packed: int | None) -> None:
        self._stream = stream
        self._path = path
        self._limit = None if packed is None else MAX_RATIO * packed + _SLACK
        self.last = b""
        """The last bytes that were read."""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_READ:
            msg = f"{self._path}: a header asks for {size:,} bytes; get the archive anew from its publisher."
            raise BuildError(msg)
        self.last = self._stream.read(size)
        self._check()
        return self.last

    def seek(self, position: int) -> int:
        if position < self._stream.tell():
            msg = f"{self._path}: a header leads back to byte {position:,}; get the archive anew from its publisher."
            raise BuildError(msg)
        found = self._stream.seek(position)
        self._check()
        return found

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self) -> None:
        if self._limit is not None and self._stream.tell() > self._limit:
            msg = f"{self._path} unpacks to more than {self._limit:,} bytes; get the archive anew from its publisher."
            raise BuildError(msg)
