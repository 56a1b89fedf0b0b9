"""The official split lists of NAS-Bench-301, from the files that its authors published.

A folder of lists holds `<split>/<part>_paths.json`, each a JSON list of paths on the authors' machine; the last two
parts of a path are a record's key. The test lists of the `leave_out_` splits are empty: there the test part is every
file of the group, which here means every one that some list names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.fetch.resource import Resource
from nb301_ogb.loaders.resources import SPLIT_LISTS, SPLITS_COMMIT

_FOLDER = "data_splits/"

ListFiles = Mapping[tuple[str, str], Path]
"""Where the list of each split and part is."""


@dataclass(frozen=True)
class OfficialLists:
    """What the lists name.

    Attributes:
        parts: the keys of each part, by split and part (`train`, `valid`, `test`), in the lists' order.
        listed: the keys that stand in some list.
    """

    parts: Mapping[tuple[str, str], tuple[str, ...]]
    listed: frozenset[str]

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the official splits."""
        return tuple(dict.fromkeys(split for split, _ in self.parts))


def list_files(folder: str | Path) -> dict[tuple[str, str], Path]:
    """Where the lists are in a folder laid out as upstream's `data_splits`.

    Raises:
        BuildError: naming a list that is not there.
    """
    folder = Path(folder).expanduser()
    found = {which: folder / resource.name.partition(_FOLDER)[2] for which, resource in SPLIT_LISTS.items()}
    for path in found.values():
        if not path.is_file():
            msg = (
                f"the official split list {path} is not there; give the folder `data_splits` of "
                f"github.com/automl/nasbench301 at commit {SPLITS_COMMIT[:7]}."
            )
            raise BuildError(msg)
    return found


def read_lists(files: ListFiles) -> OfficialLists:
    """The official lists.

    Args:
        files: as `list_files` gives them.

    Raises:
        BuildError: naming a file that is not, byte for byte, the official list.
    """
    parts = {which: _keys(files[which], resource) for which, resource in SPLIT_LISTS.items()}
    return OfficialLists(parts, frozenset(key for keys in parts.values() for key in keys))


def _keys(path: Path, resource: Resource) -> tuple[str, ...]:
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"the official split list {path} cannot be read ({error.strerror}); make it readable."
        raise BuildError(msg) from error
    found = hashlib.sha256(data).hexdigest()
    if found != resource.sha256:
        msg = (
            f"{path} is not the official split list: its sha256 is {found[:12]}..., not {resource.sha256}; "
            f"get it from github.com/automl/nasbench301 at commit {SPLITS_COMMIT[:7]}."
        )
        raise BuildError(msg)
    paths = msgspec.json.decode(data, type=list[str])
    return tuple("/".join(one.rsplit("/", 2)[-2:]) for one in paths)
