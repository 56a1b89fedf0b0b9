"""Where files live: some folders to look in, one of which receives what is new."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nb301_ogb.errors import CacheError
from nb301_ogb.loaders.fetch import environment
from nb301_ogb.storage.whole import Temporary


@dataclass(frozen=True, init=False)
class Cache:
    """The folders in which files are looked for, in order.

    Attributes:
        folders: absolute; some may be read-only or missing.
    """

    folders: tuple[Path, ...]

    def __init__(self, folders: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> None:
        single = isinstance(folders, (str, os.PathLike))
        listed: Iterable[str | os.PathLike[str]] = (folders,) if single else folders  # type: ignore[assignment]
        absolute = tuple(Path(folder).expanduser().absolute() for folder in listed)
        if not absolute:
            msg = "a cache needs at least one folder; name one."
            raise CacheError(msg)
        object.__setattr__(self, "folders", absolute)

    @classmethod
    def from_environment(cls) -> Cache:
        """The folders of `NB301_OGB_HOME`, or the user's cache folder."""
        return cls(environment.home_folders())

    def find(self, name: str) -> Path | None:
        """The first file of that name in the folders, unchecked; None where there is none."""
        return next(self.find_all(name), None)

    def find_all(self, name: str) -> Iterator[Path]:
        """Every file of that name, in the order of the folders."""
        for folder in self.folders:
            path = folder / name
            if os.path.isfile(path):  # unlike Path.is_file, false where a folder may not be entered
                yield path

    def writable(self) -> Path:
        """The first folder in which a file can be made; it is created if it is missing.

        Raises:
            CacheError: naming what is wrong with each folder.
        """
        reasons = []
        for folder in self.folders:
            try:
                # Only trying tells: permissions say nothing of a read-only mount, nor of what root may do.
                with Temporary(folder / "probe"):
                    return folder
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror or error}")
        msg = (
            f"no cache folder can be written ({'; '.join(reasons)}); "
            f"set {environment.HOME} to a folder that can, after the read-only ones and a colon if there are some."
        )
        raise CacheError(msg)

    def path_for(self, name: str) -> Path:
        """Where a new file of that name belongs: in the folder that `writable` gives.

        Raises:
            CacheError: if no folder can be written.
        """
        return self.writable() / name
