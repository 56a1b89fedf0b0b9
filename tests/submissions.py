"""Submissions for tests: made-up predictions for real test parts, and files that were made to hurt."""

import hashlib
import io
import zipfile
from functools import cache

import msgspec
import numpy as np

from nb301_ogb._version import __version__
from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.submission import file
from nb301_ogb.evaluators.submission.form import PARTS, Exam, ExamHead, Head, PartPredictions
from nb301_ogb.leaderboard.exam_data import opener
from tests.small_files import part_of_nb201

IMAGES = tuple(f"ogbg-nb201-{image}" for image in ("cifar10", "cifar100", "imagenet16"))
EQUIVALENCE = tuple(Exam(name, "equivalence") for name in IMAGES)
RANDOM = tuple(Exam(name, "random") for name in IMAGES)

open_exam = cache(opener())
"""Loads exams of the embedded datasets, once for all tests."""

OFFICIAL = {
    "authors": ("A. Author", "B. Böhm"),
    "contact": "author@example.org",
    "code": "https://example.org/code",
    "hardware": "one core",
    "external_data": "none",
    "commands": ("python train.py --seeds 0-9",),
}
"""What the rules ask for beyond predictions."""


def small_root(folder, rows=400):
    """A folder of datasets in which CIFAR-10 has a few hundred rows."""
    (folder / "ogbg_nb201_cifar10").mkdir(parents=True)
    part_of_nb201(folder / "ogbg_nb201_cifar10" / "ogbg-nb201-cifar10-v1.h5", rows)
    return folder


def make(exams, load=open_exam, sigma=1.0, seeds=10, seed=0, std=False, **facts):
    """The head and the predictions of a model with some error, most of it shared by its seeds."""
    rng = np.random.default_rng(seed)
    heads, predictions = [], {}
    for exam in exams:
        data = load(exam)
        heads.append(ExamHead(exam.dataset, exam.split, data.key.content_hash))
        predictions[exam] = {}
        for part in PARTS:
            codes, first = np.unique(data.key.part(part), axis=0, return_index=True)
            labels = data.parts[part].labels[first, None]
            noise = rng.normal(size=(len(codes), 1)) + 0.3 * rng.normal(size=(len(codes), seeds))
            values = (labels + sigma * noise).astype(np.float32)
            spread = np.full(values.shape, sigma or 1, dtype=np.float32) if std else None
            predictions[exam][part] = PartPredictions(codes, values, spread)
    facts = {"model": "model", "num_params": 1000, "seeds": tuple(range(seeds))} | facts
    return Head(exams=tuple(heads), package_version=__version__, with_std=std, **facts), predictions


def data_of(exams, load=open_exam, **options):
    """The bytes of such a submission."""
    return file.to_bytes(*make(exams, load, **options))


def save(path, exams, load=open_exam, **options):
    """Writes such a submission and returns its path."""
    file.write(path, data_of(exams, load, **options))
    return path


def changed(predictions, exam, part, **arrays):
    """The predictions with some arrays of one part replaced."""
    fields = {name: getattr(predictions[exam][part], name) for name in ("codes", "y_pred", "y_std")} | arrays
    return predictions | {exam: predictions[exam] | {part: PartPredictions(**fields)}}


def members_of(data):
    """The members of a submission's file, unpacked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def attempt(read, *arguments):
    """What `read` returns, and no faults; or nothing, and what is wrong. Any other exception is a failure."""
    try:
        return read(*arguments), ()
    except SubmissionError as error:
        return None, error.faults


def seal(archive):
    """The bytes of any zip archive without a comment, ended as a submission is: with the sha256 of itself."""
    head = archive[:-2] + (71).to_bytes(2, "little") + b"sha256 "
    return head + hashlib.sha256(head).hexdigest().encode()


def zipped(members, **options):
    """The bytes of a plain zip archive; members are pairs of a name or a ZipInfo and bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def with_head(data, change):
    """A submission whose head was changed: `change` gets plain values and gives others, or bytes."""
    members = members_of(data)
    head = change(msgspec.json.decode(members[file.HEAD]))
    members[file.HEAD] = head if isinstance(head, bytes) else msgspec.json.encode(head)
    return seal(zipped(members.items()))
