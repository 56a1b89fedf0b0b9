"""The file around a submission: a zip archive that ends with the sha256 of itself, read with strict limits.

Any tool opens it (`unzip`, `numpy.load`). The archive's comment, its last bytes, is `sha256 ` and the digest of every
byte before the digest, so a damaged or truncated file is refused before anything in it is parsed. A digest does not
stop somebody who means harm: counts, names and sizes have limits too, and those are checked before memory is used.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from nb301_ogb.errors import SubmissionError

MAX_FILE = 64 << 20
"""Bytes of a submission."""

MAX_UNPACKED = 256 << 20
"""Bytes of all its members, unpacked."""

MAX_MEMBERS = 300
MAX_DIRECTORY = 256 << 10

SUBMISSION = ("submission", "get it again, or pack it anew")
_MARK = b"sha256 "
_DIGITS = 64
_COMMENT = len(_MARK) + _DIGITS
_END = struct.Struct("<4s4H2LH")  # the end-of-central-directory record, APPNOTE.TXT 4.3.16
_LOCATOR = 20  # bytes of the zip64 locator, which would stand right before that record
_NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")

_ZIP_ERRORS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, ValueError,
    LookupError, OverflowError, EOFError, OSError, MemoryError, TypeError,
)  # fmt: skip
# What the zip library raises where an archive is damaged or made to hurt.


def pack(members: Mapping[str, bytes]) -> bytes:
    """The bytes of a container; the same members give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, data, compresslevel=9)
        archive.comment = _MARK + b"0" * _DIGITS
    data = stream.getvalue()[:-_DIGITS]
    return data + hashlib.sha256(data).hexdigest().encode()


def read(path: Path) -> bytes:
    """The bytes of a file that is no larger than a submission may be.

    Raises:
        SubmissionError: where there is no such file, or it is too large.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); give a file of predictions."
        raise SubmissionError(msg) from error
    if len(data) > MAX_FILE:
        msg = f"{path} is larger than the {MAX_FILE >> 20} MiB that a submission may have; pack it anew."
        raise SubmissionError(msg)
    return data


def unpack(data: bytes, where: str) -> dict[str, bytes]:
    """The members of a container, by name.

    Args:
        data: its bytes.
        where: what the errors call it.

    Raises:
        SubmissionError: where the bytes are not those that were written, or what is in them goes beyond the limits.
    """
    _check_digest(data, where)
    return unzip(data, where, _COMMENT)


def unzip(data: bytes, where: str, comment: int = 0, form: tuple[str, str] = SUBMISSION) -> dict[str, bytes]:
    """The members of a plain zip archive whose comment has so many bytes, by name.

    Args:
        data: its bytes.
        where: what the errors call it.
        comment: the bytes of its comment.
        form: what it should be, and what to do where it is not, for the errors.

    Raises:
        SubmissionError: where it is damaged, or what is in it goes beyond the limits.
    """
    promised = _check_directory(data, where, comment, form)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # An entry of the directory whose length is damaged may swallow those after it.
            if len(archive.infolist()) != promised:
                found = len(archive.infolist())
                raise _damaged(where, f"its directory promises {promised} members and lists {found}", form)
            return _members(archive, where)
    except _ZIP_ERRORS as error:
        if isinstance(error, SubmissionError):
            raise
        raise _damaged(where, "it is no readable zip archive", form) from error


def _members(archive: zipfile.ZipFile, where: str) -> dict[str, bytes]:
    """The members of an open archive, once their names and promised sizes are within the limits."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"{where} holds the member {twice!r} twice; pack it anew."
        raise SubmissionError(msg)
    total = sum(entry.file_size for entry in entries)
    if total > MAX_UNPACKED:
        msg = f"{where} would unpack to {total:,} bytes, at most {MAX_UNPACKED >> 20} MiB are allowed; pack it anew."
        raise SubmissionError(msg)
    for entry in entries:
        if _NAME.fullmatch(entry.filename) is None or ".." in entry.filename or len(entry.filename) > 300:
            msg = f"{where} holds a member named {entry.filename[:100]!r}, which no submission has; pack it anew."
            raise SubmissionError(msg)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
            msg = f"{where} holds {entry.filename!r} encrypted or packed in another way than deflate; pack it anew."
            raise SubmissionError(msg)
    # A member never gives more than the size it promised, and its CRC is checked at its end.
    return {entry.filename: archive.read(entry) for entry in entries}


def _check_digest(data: bytes, where: str) -> None:
    written = data[-_DIGITS:]
    if data[-_COMMENT:-_DIGITS] != _MARK or re.fullmatch(b"[0-9a-f]{64}", written) is None:
        raise _damaged(where, "it does not end with its sha256, so it is truncated or another file")
    if hashlib.sha256(data[:-_DIGITS]).hexdigest().encode() != written:
        raise _damaged(where, "its bytes are not those that were written")


def _check_directory(data: bytes, where: str, comment: int, form: tuple[str, str]) -> int:
    """Checks that the archive's directory is where it should be and no larger than it may be, before it is read.

    Returns:
        How many members it promises.
    """
    end = len(data) - comment - _END.size
    if end < 0:
        raise _damaged(where, "it is no zip archive", form)
    magic, disk, first_disk, here, members, size, offset, length = _END.unpack_from(data, end)
    plain = magic == b"PK\x05\x06" and disk == first_disk == 0 and here == members and length == comment
    if not plain or offset + size != end or data[max(0, end - _LOCATOR) : end].startswith(b"PK\x06\x07"):
        raise _damaged(where, "it is no plain zip archive", form)
    if members > MAX_MEMBERS or size > MAX_DIRECTORY:
        msg = f"{where} lists {members:,} members, at most {MAX_MEMBERS} are allowed; pack it anew."
        raise SubmissionError(msg)
    return int(members)


def _damaged(where: str, why: str, form: tuple[str, str] = SUBMISSION) -> SubmissionError:
    return SubmissionError(f"{where} is no whole {form[0]} ({why}); {form[1]}.")
