"""How the file of a dataset that is not inside the package comes to this machine: ready from a mirror, or built here.

Any number of processes on any number of hosts may ask for the same dataset at once. A lock saves them from doing the
work twice where it can; that the file is whole rests on its being renamed into its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.errors import CacheError, DownloadError, IntegrityError, Nb301OgbError, OfflineError
from nb301_ogb.loaders.build_nb301 import build
from nb301_ogb.loaders.build_nb301_runs import build_runs
from nb301_ogb.loaders.fetch import (
    Article,
    Cache,
    Policy,
    Progress,
    ProgressBar,
    Resource,
    article_files,
    environment,
    fetch,
    fetch_all,
)
from nb301_ogb.loaders.fetch.disk import storage_error
from nb301_ogb.loaders.fetch.integrity import digest, read_sidecar
from nb301_ogb.loaders.fetch.lock import work_lock
from nb301_ogb.loaders.locate import dataset_resource, find, require_dataset
from nb301_ogb.loaders.resources import NB301_DATASET, SPLIT_LISTS
from nb301_ogb.loaders.sources.archive import SUFFIXES
from nb301_ogb.storage.content import content_hash
from nb301_ogb.storage.read import DatasetFile

Bars = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Means:
    """What may be used to get a file; what is not given is what the environment says.

    Attributes:
        cache: the folders to look in, one of which takes what is new.
        offline: whether the network must not be used; by default what `NB301_OGB_OFFLINE` says.
        mirrors: base URLs to try first; by default those of `NB301_OGB_MIRROR`.
        api: the base URL of figshare's interface; by default `NB301_OGB_FIGSHARE` or the public one.
        policy: time-outs and attempts.
        bars: makes a progress bar with a title; by default one on standard error where that is a terminal.
    """

    cache: Cache = field(default_factory=Cache.from_environment)
    offline: bool = field(default_factory=environment.is_offline)
    mirrors: tuple[str, ...] = field(default_factory=environment.mirrors)
    api: str = field(default_factory=environment.figshare_api)
    policy: Policy = field(default_factory=Policy)
    bars: Bars = ProgressBar

    def article(self, article: Article) -> list[Resource]:
        """The files of a publication on figshare."""
        return article_files(
            article, cache=self.cache, offline=self.offline, api=self.api, mirrors=self.mirrors, policy=self.policy
        )

    def files(self, title: str, resources: Iterable[Resource]) -> list[Path]:
        """Some files, from the cache or downloaded."""
        with self.bars(title) as bar:
            return fetch_all(
                resources,
                cache=self.cache,
                progress=bar,
                offline=self.offline,
                mirrors=self.mirrors,
                policy=self.policy,
            )


def obtain(info: DatasetInfo, means: Means | None = None) -> Path:
    """Gives the file of a dataset: from the cache, else ready from a mirror, else built from its public archive.

    Nothing is ever asked of the user.

    Args:
        info: the catalogue's entry.
        means: what may be used; by default what the environment says.

    Returns:
        The path of a dataset file whose bytes are right.

    Raises:
        OfflineError: where it is not here and the network must not be used; says which file to put where.
        DownloadError: where no source delivers what is needed, with what each answered, or the disk does not take it.
        CacheError: where no cache folder can be written.
        BuildError: where the archive is not what it should be.
    """
    means = means or Means()
    found = find(info, means.cache)
    if found is not None:
        return found
    failure = ""
    if dataset_resource(info).sources(means.mirrors) and not means.offline:
        try:
            return _ready(info, means)
        except DownloadError as error:
            failure = str(error)
    try:
        return _built(info, means)
    except OfflineError as error:
        raise _offline_error(info, means.cache) from error
    except DownloadError as error:
        if not failure:
            raise
        msg = f"{info.name} could be had neither ready nor from its archive: {failure} {error}"
        raise DownloadError(msg) from error


def _ready(info: DatasetInfo, means: Means) -> Path:
    """The finished file from a mirror."""

    def check(path: Path) -> None:
        check_ready(path, info)

    with means.bars(f"{info.name}: download") as bar:
        return fetch(
            dataset_resource(info),
            cache=means.cache,
            progress=bar,
            offline=False,
            mirrors=means.mirrors,
            policy=means.policy,
            check=check,
        )


def check_ready(path: Path, info: DatasetInfo) -> None:
    """Checks that a downloaded file is the dataset that the catalogue means.

    Raises:
        FileFormatError: where it is another dataset or another version.
        IntegrityError: where its bytes are damaged or it holds other data than the catalogue says.
    """
    file = DatasetFile(path)
    require_dataset(file, info)
    if info.content_hash is not None and content_hash(file.contents()) != info.content_hash:
        msg = f"{path.name} holds other data than the catalogue's {info.content_hash[:12]}...; get another file."
        raise IntegrityError(msg)


def _built(info: DatasetInfo, means: Means) -> Path:
    """The file as it is built on this machine."""
    build_to = _RECIPES[info.name](info, means)
    output = means.cache.path_for(dataset_resource(info).name)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with work_lock(output.with_name(f".{output.name}.build.lock"), means.policy.lock_timeout):
            found = find(info, means.cache)  # another process may have built it meanwhile
            if found is not None:
                return found
            build_to(output)
    except Nb301OgbError:
        raise
    except OSError as error:
        raise storage_error(info.filename, output.parent, error) from error
    return output


def _nb301(info: DatasetInfo, means: Means) -> Callable[[Path], None]:
    archives = _archives(NB301_DATASET, means)
    lists = {which: _from_github(resource) for which, resource in SPLIT_LISTS.items()}
    paths = means.files(f"{info.name}: download", [*archives, *lists.values()])
    sources = paths[: len(archives)]
    listed = dict(zip(lists, paths[len(archives) :], strict=True))

    def build_to(output: Path) -> None:
        with means.bars(f"{info.name}: build") as bar:
            build(sources, listed, output, progress=bar, origin=_origin(NB301_DATASET, sources, means.cache))

    return build_to


def _nb301_runs(info: DatasetInfo, means: Means) -> Callable[[Path], None]:
    sources = means.files(f"{info.name}: download", _archives(NB301_DATASET, means))

    def build_to(output: Path) -> None:
        with means.bars(f"{info.name}: build") as bar:
            build_runs(sources, output, progress=bar, origin=_origin(NB301_DATASET, sources, means.cache))

    return build_to


_RECIPES: dict[str, Callable[[DatasetInfo, Means], Callable[[Path], None]]] = {
    "ogbg-nb301": _nb301,
    "ogbg-nb301-runs": _nb301_runs,
}
"""For each dataset what gets its source files, and then gives what builds its file at a path."""


def _archives(article: Article, means: Means) -> list[Resource]:
    files = means.article(article)
    archives = [file for file in files if file.filename.lower().endswith(SUFFIXES)]
    if not archives:
        names = ", ".join(file.filename for file in files)
        msg = f"{article.doi} lists no archive, only {names}; look at https://doi.org/{article.doi}."
        raise DownloadError(msg)
    return archives


def _from_github(resource: Resource) -> Resource:
    """The same file, from where the environment says that GitHub's raw files are."""
    base = environment.github_raw()
    urls = tuple(url.replace(environment.GITHUB_RAW, base, 1) for url in resource.urls)
    return replace(resource, urls=urls)


def _origin(article: Article, paths: Iterable[Path], cache: Cache) -> list[dict[str, str | int]]:
    return [
        {
            "url": f"https://doi.org/{article.doi}",
            "file": path.name,
            "sha256": read_sidecar(path, cache).sha256 or digest(path, "sha256"),
            "size": path.stat().st_size,
        }
        for path in paths
    ]


def _offline_error(info: DatasetInfo, cache: Cache) -> OfflineError:
    try:
        folder = cache.writable()
    except CacheError:
        folder = cache.folders[0]
    msg = (
        f"no whole {info.filename} is in {', '.join(map(str, cache.folders))} and the network must not be used: unset "
        f"{environment.OFFLINE}, or put {info.filename}, as `nb301-ogb download {info.name}` gets it on a machine with "
        f"a network, at {folder / dataset_resource(info).name}."
    )
    return OfflineError(msg)
