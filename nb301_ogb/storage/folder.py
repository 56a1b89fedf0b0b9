"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nb301_ogb.errors import Nb301OgbError, OutputError


@contextmanager
def new_folder(path: str | Path, mark: str, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends well, and vanishes when it does not.

    Args:
        path: where the folder shall be; an empty folder may stand there, its parents are made if they are missing.
        mark: the name of a file that the block writes. Only a folder with such a file is ever replaced, so that a slip
            of the pen cannot remove a folder of the user's.
        overwrite: whether a folder with the mark is replaced.

    Raises:
        OutputError: where something stands at `path` that must not be replaced, or the disk does not take the folder.
    """
    path = Path(path).expanduser().absolute()
    old_is_there = replaces(path, mark, overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _work(path) as work:
            fresh, old = work / "new", work / "old"
            fresh.mkdir()
            yield fresh
            if old_is_there:
                os.replace(path, old)
            _move(fresh, path, old)
            shutil.rmtree(old, ignore_errors=True)
    except Nb301OgbError:
        raise
    except OSError as error:
        raise OutputError.of(path, error, "folder") from error


def make_folder(path: Path) -> None:
    """Makes a folder, with those above it; one that is there is left as it is.

    Raises:
        OutputError: where that cannot be.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError.of(path, error, "folder") from error


@contextmanager
def _work(path: Path) -> Iterator[Path]:
    """A folder beside `path` to work in; afterwards only an old folder that could not be put back stays in it."""
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work / "new", ignore_errors=True)
        with suppress(OSError):
            work.rmdir()


def _move(fresh: Path, path: Path, old: Path) -> None:
    try:
        os.replace(fresh, path)
    except OSError as error:
        with suppress(OSError):
            if old.exists():
                os.replace(old, path)
        kept = f" (the folder from before is kept as {old})" if old.exists() else ""
        msg = f"{path} was filled by somebody else meanwhile ({error.strerror}){kept}; choose another folder."
        raise OutputError(msg) from error


def replaces(path: Path, mark: str, overwrite: bool) -> bool:
    """Whether a folder stands at `path` that `new_folder` will replace; for a look before long work.

    Raises:
        OutputError: where something stands there that must not be replaced.
    """
    if not os.path.lexists(path):
        return False
    if not path.is_dir() or path.is_symlink():
        msg = f"{path} is no folder; choose another one."
        raise OutputError(msg)
    if not any(path.iterdir()):
        return False
    if not (path / mark).is_file():
        msg = f"{path} is not empty and was not written by this command (it has no {mark}); choose another folder."
        raise OutputError(msg)
    if not overwrite:
        msg = f"{path} is there already; choose another folder, or say --overwrite."
        raise OutputError(msg)
    return True
