"""Writing and reading submissions: a head as JSON, arrays as .npy, in one container."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.submission import container, npy
from nb301_ogb.evaluators.submission.form import (
    FORMAT,
    FORMAT_VERSION,
    MAX_ROWS,
    PARTS,
    Exam,
    Head,
    PartPredictions,
    Predictions,
    Submission,
    member,
)
from nb301_ogb.storage.whole import write_bytes

HEAD = "submission.json"
_MAX_HEAD = 4 << 20


def to_bytes(head: Head, predictions: Predictions) -> bytes:
    """The bytes of a submission's file; equal submissions give equal bytes.

    Raises:
        SubmissionError: where a text of the head is no UTF-8, as from a terminal with another encoding.
    """
    try:
        text = msgspec.json.format(msgspec.json.encode(head), indent=1)
    except UnicodeEncodeError as error:
        msg = f"a text of the submission is no UTF-8 (near {error.object[: error.end][-20:]!a}); type it anew."
        raise SubmissionError(msg) from None
    members = {HEAD: text + b"\n"}
    for one in head.exams:
        for part in PARTS:
            found = predictions[one.exam][part]
            members[member(one.exam, part, "code")] = npy.encode(found.codes)
            members[member(one.exam, part, "y_pred")] = npy.encode(found.y_pred)
            if found.y_std is not None and head.with_std:
                members[member(one.exam, part, "y_std")] = npy.encode(found.y_std)
    return container.pack(members)


def write(path: str | Path, data: bytes) -> None:
    """Writes the bytes of a submission; the file appears whole or not at all.

    Raises:
        OutputError: where the disk does not take it.
    """
    write_bytes(path, data)


def read(path: str | Path) -> Submission:
    """Reads a submission; it is well formed then, and not yet held against the dataset.

    Raises:
        SubmissionError: one sentence that says what is wrong with the file.
    """
    return from_bytes(container.read(Path(path)), str(path))


def from_bytes(data: bytes, where: str) -> Submission:
    """The submission in the bytes of a file.

    Args:
        data: the bytes.
        where: what the errors call them.

    Raises:
        SubmissionError: one sentence that says what is wrong with them.
    """
    if len(data) > container.MAX_FILE:
        msg = f"{where} is larger than the {container.MAX_FILE >> 20} MiB that a submission may have; pack it anew."
        raise SubmissionError(msg)
    members = container.unpack(data, where)
    head = _head(members.pop(HEAD, b""), where)
    exams = tuple(one.exam for one in head.exams)
    arrays = ("code", "y_pred", "y_std") if head.with_std else ("code", "y_pred")
    wanted = {member(exam, part, array) for exam in exams for part in PARTS for array in arrays}
    for names, fault in ((wanted - set(members), "lacks"), (set(members) - wanted, "holds beside what belongs to it")):
        if names:
            msg = f"{where} {fault} {len(names)} member(s), the first is {min(names)!r}; pack it anew."
            raise SubmissionError(msg)
    predictions = {
        exam: {part: _part(members, exam, part, len(head.seeds), head.with_std, where) for part in PARTS}
        for exam in exams
    }
    return Submission(head, predictions, hashlib.sha256(data).hexdigest())


def _head(data: bytes, where: str) -> Head:
    if len(data) > _MAX_HEAD:
        msg = f"{where}: {HEAD} is larger than {_MAX_HEAD >> 20} MiB; leave out what is no fact about the model."
        raise SubmissionError(msg)
    try:
        head = msgspec.json.decode(data, type=Head)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        msg = f"{where}: {HEAD} is not as it should be ({error}); pack the submission anew."
        raise SubmissionError(msg) from error
    if (head.format, head.format_version) != (FORMAT, FORMAT_VERSION):
        msg = (
            f"{where} says that it is a {head.format[:40]!r} of version {head.format_version}; this package reads "
            f"{FORMAT} of version {FORMAT_VERSION}."
        )
        raise SubmissionError(msg)
    return head


def _part(members: dict[str, bytes], exam: Exam, part: str, seeds: int, with_std: bool, where: str) -> PartPredictions:
    names = {array: member(exam, part, array) for array in ("code", "y_pred", "y_std")}
    codes = npy.decode(f"{where}: {names['code']}", members[names["code"]], "|u1")
    y_pred = npy.decode(f"{where}: {names['y_pred']}", members[names["y_pred"]], "<f4")
    y_std = npy.decode(f"{where}: {names['y_std']}", members[names["y_std"]], "<f4") if with_std else None
    if codes.ndim != 2 or len(codes) > MAX_ROWS:
        msg = f"{where}: {names['code']} has shape {list(codes.shape)}; give [architectures, code length]."
        raise SubmissionError(msg)
    for name, values in (("y_pred", y_pred), ("y_std", y_std)):
        if values is not None and values.shape != (len(codes), seeds):
            msg = (
                f"{where}: {names[name]} has shape {list(values.shape)}; with {len(codes):,} architectures and {seeds} "
                f"seed(s) it is [{len(codes)}, {seeds}]."
            )
            raise SubmissionError(msg)
    return PartPredictions(codes, y_pred, y_std)
