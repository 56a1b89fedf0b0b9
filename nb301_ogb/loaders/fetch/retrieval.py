"""A file of the catalogue, from the cache or from the network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from nb301_ogb.errors import CacheError, DownloadError, Nb301OgbError, OfflineError
from nb301_ogb.loaders.fetch import environment
from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.fetch.disk import storage_error
from nb301_ogb.loaders.fetch.integrity import Sidecar, digest, fault, write_sidecar
from nb301_ogb.loaders.fetch.lock import work_lock
from nb301_ogb.loaders.fetch.policy import Policy
from nb301_ogb.loaders.fetch.progress import Progress
from nb301_ogb.loaders.fetch.resource import Resource, redact
from nb301_ogb.storage.whole import Temporary

Check = Callable[[Path], object]
"""Looks at a complete file and raises one of this package's errors to refuse it."""

_LOG = logging.getLogger(__name__)


def locate(resource: Resource, cache: Cache | None = None, check: Check | None = None) -> Path | None:
    """The first file in the cache that is what the catalogue says, without the network.

    Args:
        resource: the file.
        cache: where to look; by default the folders of the environment.
        check: a further condition.

    Returns:
        Its path, or None where there is none; a file that differs is passed over with a warning in the log.
    """
    cache = cache or Cache.from_environment()
    for path in cache.find_all(resource.name):
        try:
            difference = fault(path, resource, cache)
            if difference is None and check is not None:
                check(path)
        except (OSError, Nb301OgbError) as error:
            difference = f"cannot be used: {error}"
        if difference is None:
            return path
        _LOG.warning("%s %s", path, difference)
    return None


def fetch(
    resource: Resource,
    *,
    cache: Cache | None = None,
    progress: Progress | None = None,
    offline: bool | None = None,
    mirrors: Iterable[str] | None = None,
    policy: Policy | None = None,
    check: Check | None = None,
) -> Path:
    """Gives a file of the catalogue, downloading it if no cache folder has it.

    Any number of processes on any number of hosts may ask for the same file at once.

    Args:
        resource: the file.
        cache: where to look and where to keep it; by default the folders of `NB301_OGB_HOME`.
        progress: called with the bytes so far and in all.
        offline: whether the network must not be used; by default what `NB301_OGB_OFFLINE` says.
        mirrors: base URLs to try first; by default those of `NB301_OGB_MIRROR`.
        policy: time-outs and attempts.
        check: a further condition, of a file in the cache as of a downloaded one before it gets its name.

    Returns:
        The path of a file whose size and hash are right.

    Raises:
        OfflineError: if it is not here and the network must not be used; says what to put where.
        DownloadError: if no source delivers it, with what each answered, or if the disk does not take it.
        CacheError: if no cache folder can be written.
    """
    cache = cache or Cache.from_environment()
    path = locate(resource, cache, check)
    if path is None:
        if environment.is_offline() if offline is None else offline:
            raise _offline_error([resource], cache)
        urls = resource.sources(environment.mirrors() if mirrors is None else tuple(mirrors))
        path = _obtain(resource, urls, cache, progress, policy or Policy(), check)
    if progress is not None:
        size = path.stat().st_size
        progress(size, size)
    return path


def fetch_all(
    resources: Iterable[Resource],
    *,
    cache: Cache | None = None,
    progress: Progress | None = None,
    offline: bool | None = None,
    mirrors: Iterable[str] | None = None,
    policy: Policy | None = None,
) -> list[Path]:
    """Gives several files, as `fetch` does, one after the other.

    Args:
        resources: the files.
        cache: see `fetch`.
        progress: called with the bytes of all files together.
        offline: see `fetch`.
        mirrors: see `fetch`.
        policy: see `fetch`.

    Returns:
        Their paths, in the order of the resources.

    Raises:
        OfflineError: naming all that are missing.
        DownloadError: at the first that no source delivers; what came before stays in the cache.
        CacheError: if no cache folder can be written.
    """
    listed = list(resources)
    cache = cache or Cache.from_environment()
    tried = None if mirrors is None else tuple(mirrors)
    offline = environment.is_offline() if offline is None else offline
    if offline:
        missing = [resource for resource in listed if locate(resource, cache) is None]
        if missing:
            raise _offline_error(missing, cache)
    sizes = [resource.size for resource in listed]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    paths, finished = [], 0
    for resource in listed:
        step = None if progress is None else _shifted(progress, finished, total)
        paths.append(fetch(resource, cache=cache, progress=step, offline=offline, mirrors=tried, policy=policy))
        finished += paths[-1].stat().st_size
    return paths


def _obtain(
    resource: Resource,
    urls: tuple[str, ...],
    cache: Cache,
    progress: Progress | None,
    policy: Policy,
    check: Check | None,
) -> Path:
    destination = cache.path_for(resource.name)
    folder = destination.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with work_lock(folder / f".{destination.name}.lock", policy.lock_timeout):
            found = locate(resource, cache, check)  # another process may have brought it meanwhile
            if found is not None:
                return found
            _download_from(resource, urls, destination, progress, policy, check)
    except Nb301OgbError:
        raise
    except OSError as error:
        raise storage_error(resource.name, folder, error) from error
    return destination


def _download_from(
    resource: Resource,
    urls: tuple[str, ...],
    destination: Path,
    progress: Progress | None,
    policy: Policy,
    check: Check | None,
) -> None:
    from nb301_ogb.loaders.fetch.download import download, require_space
    from nb301_ogb.loaders.fetch.failure import SourceError

    failures = []
    with Temporary(destination) as temporary:
        temporary.sweep()
        require_space(resource.name, resource.size, destination.parent)
        for url in urls:
            try:
                download(
                    url,
                    temporary,
                    resource,
                    policy=policy,
                    progress=progress,
                    check=check,
                    last=url == urls[-1],
                )
            except SourceError as failure:
                failures.append(f"{redact(url)}: {failure.reason}")
                _LOG.info("%s", failures[-1])
                continue
            status = temporary.path.stat()
            sidecar = Sidecar(
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                url=redact(url),
                sha256=resource.sha256 or digest(temporary.path, "sha256"),
                md5=resource.md5,
            )
            temporary.keep()
            write_sidecar(destination, sidecar)
            return
    tried = "; ".join(failures) or "the catalogue names none"
    msg = (
        f"{resource.name} could not be had from any source ({tried}); check the network and the proxy, "
        f"name a mirror in {environment.MIRROR}, or put the file at {destination} yourself."
    )
    raise DownloadError(msg)


def _offline_error(missing: list[Resource], cache: Cache) -> OfflineError:
    try:
        folder = cache.writable()
    except CacheError:
        folder = cache.folders[0]
    wanted = []
    for resource in missing:
        marks = f" ({resource.describe()})" if resource.describe() else ""
        origin = f" from {redact(resource.urls[0])}" if resource.urls else ""
        wanted.append(f"{resource.filename}{marks}{origin} at {folder / resource.name}")
    what = missing[0].name if len(missing) == 1 else f"{len(missing)} files"
    msg = (
        f"{what} cannot be found in {', '.join(map(str, cache.folders))} and the network must not be used: "
        f"unset {environment.OFFLINE}, or put {'; '.join(wanted)}."
    )
    return OfflineError(msg)


def _shifted(progress: Progress, finished: int, total: int | None) -> Progress:
    def report(done: int, of: int | None, /) -> None:
        progress(finished + done, total)

    return report
