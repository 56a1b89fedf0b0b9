"""Holding a submission against the dataset: each fault is one sentence with counts and the first offending row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import ArchitectureError, SubmissionError
from nb301_ogb.evaluators.submission.form import (
    OFFICIAL_SEEDS,
    PARTS,
    Exam,
    Head,
    PartPredictions,
    Submission,
)
from nb301_ogb.evaluators.submission.key import ExamKey, code_text, known_dataset, numbers, other_parts

_LARGEST = 1e6
"""A prediction beyond this is no accuracy, and its square is still a float."""


def faults(submission: Submission, open_key: Callable[[Exam], ExamKey]) -> list[str]:
    """Everything that is wrong with a submission; nothing where it can be scored.

    Args:
        submission: well formed, as `read` gives it.
        open_key: gives for an exam of the catalogue what its dataset asks for; it is called for no other.
    """
    head = submission.head
    found = list(_head_faults(head))
    for one in head.exams:
        unknown = unknown_exam(one.exam)
        if unknown:
            found.append(unknown)
            continue
        key = open_key(one.exam)
        if one.content_hash != key.content_hash:
            found.append(
                f"the predictions for {one.dataset} were made on content hash {one.content_hash[:12]}, the dataset "
                f"here has {key.content_hash[:12]}: predict the same version of the dataset."
            )
            continue
        for part in PARTS:
            found += _part_faults(submission.predictions[one.exam][part], key, part, head.seeds)
    return found


def shortfalls(head: Head) -> list[str]:
    """What an official board asks for beyond predictions that can be scored, and this submission has not."""
    found = []
    if len(head.seeds) < OFFICIAL_SEEDS:
        found.append(f"{len(head.seeds)} of at least {OFFICIAL_SEEDS} seeds")
    for field, text in (
        ("authors", "no authors"),
        ("contact", "no contact"),
        ("hardware", "no hardware"),
        ("commands", "no command that made the predictions"),
        ("external_data", "external data not declared"),
    ):
        if not getattr(head, field):
            found.append(text)
    if not head.code and not head.paper:
        found.append("no link to code or a paper")
    return found


def align(found: PartPredictions, key: ExamKey, part: str) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """The predictions in the order of a part's rows: float64 [B, S], and their standard deviations or None.

    Only for predictions without a fault.
    """
    given, asked = numbers(found.codes, key.part(part))
    where = np.empty(int(given.max()) + 1, dtype=np.int64)
    where[given] = np.arange(len(given))
    rows = where[asked]
    std = None if found.y_std is None else found.y_std[rows].astype(np.float64)
    return found.y_pred[rows].astype(np.float64), std


def unknown_exam(exam: Exam) -> str:
    """The fault of an exam that the catalogue does not have; empty for one that it has."""
    try:
        info = known_dataset(exam.dataset)
    except SubmissionError as error:
        return str(error)
    if info.name != exam.dataset:
        return f"{exam.dataset!r} is not the full name of a dataset: write {info.name}."
    if exam.split not in info.splits:
        return f"{info.name} has no split {exam.split!r}: it has {', '.join(info.splits)}."
    return ""


def _head_faults(head: Head) -> Iterator[str]:
    counts = Counter(head.seeds)
    twice = [seed for seed, count in counts.items() if count > 1]
    if twice:
        yield f"{len(twice)} seed(s) stand several times, the first is {min(twice)}: give each seed once."
    exams = Counter(one.exam for one in head.exams)
    for exam, count in exams.items():
        if count > 1:
            yield f"{exam} stands {count} times: give each dataset and split once."
    for name in ("paper", "code"):
        link = getattr(head, name)
        if link and not _is_link(link):
            yield f"{name} is {link[:60]!r}: give a link that begins with https:// or http://."
    texts = {name: getattr(head, name) for name in ("model", "contact", "hardware", "external_data")}
    for number, author in enumerate(head.authors, 1):
        texts[f"author {number}"] = author
    for name, text in texts.items():
        if not text.isprintable() or text != text.strip():
            yield f"{name} is {text[:60]!r}: give one line of printable text without spaces around it."
    texts = {"note": head.note} | {f"command {number}": text for number, text in enumerate(head.commands, 1)}
    for name, text in texts.items():
        if not text.replace("\n", " ").isprintable():
            yield f"{name} holds characters that cannot be printed: give plain text."


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable() and " " not in text


def _part_faults(found: PartPredictions, key: ExamKey, part: str, seeds: Sequence[int]) -> Iterator[str]:
    where = f"the {part} part of {key.exam}"
    length = key.space.code_length
    if found.codes.shape[1] != length:
        yield (
            f"{where}: architectures are codes of {found.codes.shape[1]} integers, those of {key.space.name} have "
            f"{length}: predict for this dataset's architectures."
        )
        return
    try:
        key.space.check(found.codes)
    except ArchitectureError as error:
        yield f"{where}: {error}"
        return
    yield from _architecture_faults(found, key, part, where)
    for name, values in (("predictions", found.y_pred), ("standard deviations", found.y_std)):
        if values is None:
            continue
        with np.errstate(invalid="ignore"):
            wrong = {
                "NaN or infinite": ~np.isfinite(values),
                f"beyond {_LARGEST:,.0f}": np.isfinite(values) & (np.abs(values) > _LARGEST),
            }
            if name != "predictions":
                wrong["not above 0"] = values <= 0
        for fault, mask in wrong.items():
            if mask.any():
                row, column = np.unravel_index(int(np.argmax(mask)), mask.shape)
                yield (
                    f"{where}: {np.count_nonzero(mask):,} of {mask.size:,} {name} are {fault}, the first is row {row} "
                    f"(architecture {code_text(found.codes[row])}), seed {seeds[int(column)]}."
                )


def _architecture_faults(found: PartPredictions, key: ExamKey, part: str, where: str) -> Iterator[str]:
    tables = [found.codes, key.part(part), *(key.part(other) for other in other_parts(part))]
    given, asked, *others = numbers(*tables)
    known, first, count = np.unique(given, return_index=True, return_counts=True)
    wanted, asked_first = np.unique(asked, return_index=True)
    wanted_text = f"the part has {len(wanted):,}"
    if (count > 1).any():
        again = np.sort(np.setdiff1d(np.arange(len(given)), first))[0]
        yield (
            f"{where}: {np.count_nonzero(count > 1):,} architecture(s) stand more than once ({len(given):,} rows, "
            f"{wanted_text}), the first again is row {again} (architecture {code_text(found.codes[again])}): give each "
            "once."
        )
    foreign = ~np.isin(known, wanted)
    if foreign.any():
        row = int(first[foreign].min())
        home = next(
            (f"it belongs to {name}" for name, ids in zip(other_parts(part), others, strict=True) if given[row] in ids),
            "it is in no part of the split",
        )
        yield (
            f"{where}: {np.count_nonzero(foreign):,} architecture(s) do not belong to it ({wanted_text}), the first is "
            f"row {row} (architecture {code_text(found.codes[row])}; {home}): leave them out."
        )
    missing = ~np.isin(wanted, known)
    if missing.any():
        row = int(key.rows[part][asked_first[missing].min()])
        yield (
            f"{where}: {np.count_nonzero(missing):,} of {len(wanted):,} architectures are missing, the first is row "
            f"{row} of the dataset (architecture {code_text(key.codes[row])}): predict every one."
        )
