"""The datasets of a plan on this machine: inside the package, downloaded, or built from what the user has."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nb301_ogb.catalog import DatasetInfo, get_info
from nb301_ogb.errors import BuildError, ConfigError
from nb301_ogb.leaderboard.reference.plan import Plan
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.locate import find
from nb301_ogb.loaders.provenance import by_hand, source_name
from nb301_ogb.storage.read import DatasetFile

_OWN = "datasets"


@dataclass(frozen=True)
class Whereabouts:
    """Where a dataset is, or is to come from.

    Attributes:
        name: of the dataset.
        path: of its file; None where it is not here yet.
        said: the same for people.
    """

    name: str
    path: Path | None
    said: str


def own_root(folder: Path) -> Path:
    """The root of the datasets that are built from the user's source; nothing else finds them there."""
    return folder / _OWN


def whereabouts(plan: Plan, root: Path | None = None, source: Path | None = None) -> list[Whereabouts]:
    """Where each dataset is; nothing is changed, nobody is asked."""
    found = []
    for name in plan.datasets:
        info = get_info(name)
        path = _here(info, plan, root)
        if info.embedded:
            said = "inside the package"
        elif path is not None:
            said = str(path)
        else:
            said = f"is to be built from {source}" if source is not None else "is to be downloaded and built"
        found.append(Whereabouts(name, path, said))
    return found


def provide(
    plan: Plan, root: Path | None = None, source: Path | None = None, splits: Path | None = None
) -> Path | None:
    """Makes the datasets of a plan available: what is here already is used.

    Args:
        plan: whose datasets are needed.
        root: a folder of datasets, or None for the user's cache and the embedded files.
        source: an archive of NAS-Bench-301 or its unpacked folder, from which the dataset is built within the plan's
            folder. It never gets into the cache, where it would pass for the public one.
        splits: the folder of the official split lists; by default those in the cache.

    Returns:
        The root with which every dataset of the plan opens, and those of earlier plans in its folder.

    Raises:
        ConfigError: where the source is for no dataset of the plan, or another one than before.
        BuildError: where the source, or a list, is not what it should be or cannot be found.
        OfflineError: where a file is not here and the network must not be used.
        DownloadError: where no source delivers what is needed.
    """
    built = [get_info(name) for name in plan.datasets if not get_info(name).embedded]
    if source is not None:
        if not built:
            msg = f"{plan.name} is inside the package and is not built from a --source; leave it out."
            raise ConfigError(msg)
        if root is not None:
            msg = "--root says where the dataset is and --source what to build it from; give one of them."
            raise ConfigError(msg)
        for info in built:
            _build(info, plan, source, splits)
    own = own_root(plan.folder)
    # Entries of earlier plans in the folder may be on what was built there, and the site is built from all of them.
    if root is None and any(own.glob("*/*.h5")):
        root = own
    for name in plan.datasets:
        dataset_path(get_info(name), root)
    return root


def caveats(plan: Plan, root: Path | None = None) -> str:
    """What must be said of the plan's datasets wherever a figure on them stands; they must be here."""
    return " ".join(said for file in _files(plan, root) if (said := by_hand(file)))


def source_option(plan: Plan, root: Path | None = None) -> str:
    """How the command names the source that a dataset was built from, where that was given by hand; else empty."""
    given = [one for file in _files(plan, root) if by_hand(file) for one in file.header.sources if "url" not in one]
    return " ".join(f"--source {shlex.quote(str(one.get('file', one.get('folder'))))}" for one in given)


def _files(plan: Plan, root: Path | None) -> Iterator[DatasetFile]:
    return (DatasetFile(dataset_path(get_info(name), root)) for name in plan.datasets)


def _file(info: DatasetInfo, root: Path) -> Path:
    return root / info.folder / info.filename


def _here(info: DatasetInfo, plan: Plan, root: Path | None) -> Path | None:
    if info.embedded:
        return dataset_path(info, root)
    own = _file(info, own_root(plan.folder))
    if root is None and own.is_file():
        return own
    folders = Cache.from_environment().folders
    return find(info, Cache([root, *folders] if root is not None else folders))


def _build(info: DatasetInfo, plan: Plan, source: Path, splits: Path | None) -> None:
    from nb301_ogb.loaders.at_hand import build_at_hand
    from nb301_ogb.loaders.build_nb301 import described

    place = _file(info, own_root(plan.folder))
    if not place.is_file():
        build_at_hand(info, source, splits if "default" in info.splits else None, place)
        return
    if not source.expanduser().exists():
        msg = f"there is no {source}, but {place} is built already; leave --source out to go on with that."
        raise BuildError(msg)
    before = [one for one in DatasetFile(place).header.sources if "url" not in one]
    now = described(source)
    if before != now:
        was, given = (", ".join(map(source_name, each)) for each in (before, now))
        msg = f"{place} was built from {was}, not from {given}; choose another --output for another source."
        raise ConfigError(msg)
