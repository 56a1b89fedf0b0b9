"""What a saved surrogate's folder says of itself: the file that marks it, the digests of the others, the answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from nb301_ogb._version import __version__
from nb301_ogb.baselines.training_noise import TrainingNoise
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.fetch.integrity import digest

FORMAT = "nb301-ogb-surrogate"
FORMAT_VERSION = 1
MARK = "surrogate.json"
"""The file by which a surrogate's folder is known."""
TABLE = "table.safetensors"
COLUMNS = ("mean", "std", "runtime")


@dataclass(frozen=True)
class SurrogateInfo:
    """What a surrogate was fitted on, and how well.

    Attributes:
        name: with a version and a digest of its predictions, as a paper should name it.
        dataset: its dataset.
        content_hash: of the dataset.
        split: the split on whose training part it was fitted (its validation part calibrated it).
        space: the search space.
        seed: of the fit.
        scores: for `valid` and `test`, every metric of the official evaluator, the uncertainty's included.
        noise: how much trainings differ, measured on the training part; None where that trained too little twice.
        created_with: the package's version.
        files: the SHA-256 of every other file of the saved surrogate, by its path in the folder.
    """

    name: str
    dataset: str
    content_hash: str
    split: str
    space: str
    seed: int
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    noise: TrainingNoise | None = None
    created_with: str = f"nb301-ogb {__version__}"
    files: dict[str, str] = field(default_factory=dict)


def read_info(folder: Path) -> SurrogateInfo:
    """What a saved surrogate says of itself, after a check that each of its files is the one that belongs to it.

    Raises:
        ConfigError: where it is of another format, or a file is another one.
        OSError, ValueError, KeyError, TypeError: where it is damaged.
    """
    head = json.loads((folder / MARK).read_text(encoding="utf-8"))
    if head.pop("format") != FORMAT or head.pop("format_version") != FORMAT_VERSION:
        msg = f"{folder} holds a surrogate of another format; upgrade nb301-ogb."
        raise ConfigError(msg)
    noise = head.pop("noise", None)
    if noise is not None:
        noise = TrainingNoise(tuple(noise["mean"]), tuple(noise["std"]))
    info = SurrogateInfo(**head, noise=noise)
    _check_files(folder, info)
    return info


def write_info(folder: Path, info: SurrogateInfo) -> SurrogateInfo:
    """Writes what a surrogate says of itself, and gives it with the digests of the files that are in the folder."""
    info = replace(info, files=_digests(folder))
    found = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(info)}
    (folder / MARK).write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return info


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path, "sha256") for path in files}


def _check_files(folder: Path, info: SurrogateInfo) -> None:
    if not info.files:
        msg = f"{folder / MARK} does not say which files belong to it; fit the surrogate again."
        raise ConfigError(msg)
    for name, expected in info.files.items():
        if digest(folder / name, "sha256") != expected:
            msg = f"{folder / name} is not the file that belongs to this surrogate; copy the folder again."
            raise ConfigError(msg)


def read_table(folder: Path, size: int) -> dict[str, NDArray[np.float32]]:
    """The answers for a whole small space, float32 [size] each.

    Raises:
        ConfigError: where they are not for this many architectures.
    """
    path = folder / TABLE
    table = load_file(path)
    if {name: (column.shape, column.dtype.str) for name, column in table.items()} != dict.fromkeys(
        COLUMNS, ((size,), "<f4")
    ):
        msg = f"{path} is no table of answers for the space; fit the surrogate again."
        raise ConfigError(msg)
    return table
