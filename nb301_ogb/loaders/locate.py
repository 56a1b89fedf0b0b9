"""Where the file of a dataset is, or how it comes here."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.errors import FileFormatError
from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.fetch.resource import Resource
from nb301_ogb.loaders.fetch.retrieval import locate
from nb301_ogb.storage.layout import check_block
from nb301_ogb.storage.read import DatasetFile


def dataset_resource(info: DatasetInfo) -> Resource:
    """The file of a dataset, by its place in a cache folder and below a mirror."""
    return Resource(f"{info.folder}/{info.filename}", info.urls)


def find(info: DatasetInfo, cache: Cache) -> Path | None:
    """The dataset's file in the cache, whole; None where there is none. A damaged one is passed over."""
    return locate(dataset_resource(info), cache, check_block)


def require_dataset(file: DatasetFile, info: DatasetInfo) -> None:
    """Checks that a file is the dataset, and the version of it, that the catalogue means.

    Raises:
        FileFormatError: where it is not.
    """
    found, wanted = (file.attributes["name"], int(file.attributes["version"])), (info.name, info.version)
    if found != wanted:
        holds, means = (f"{name} version {version}" for name, version in (found, wanted))
        msg = f"{file.path} holds {holds}, not {means}; give the right file."
        raise FileFormatError(msg)


def dataset_path(info: DatasetInfo, root: str | Path | None = None) -> Path:
    """The dataset's file, which is there when this returns.

    Looked for, in this order: `root/<folder>/<file>` if a root is given, the files inside the package, the user's
    cache folders. What is in none of them is downloaded or built, under the root if one is given, else in the cache.

    Args:
        info: the catalogue's entry.
        root: a folder of datasets as OGB lays it out, or None.

    Raises:
        OfflineError: where the file is not here and the network must not be used; says which file to put where.
        DownloadError: where no source delivers what is needed.
        CacheError: where no folder can be written.
        BuildError: where the archive that was downloaded is not what it should be.
    """
    if info.embedded:
        inside = Path(str(resources.files("nb301_ogb") / "data" / info.filename))
        own = inside if root is None else Path(root).expanduser() / info.folder / info.filename
        return own if own.is_file() else inside
    cache = Cache.from_environment()
    if root is not None:
        cache = Cache([root, *cache.folders])
    found = find(info, cache)
    if found is not None:
        return found
    # Only now: what builds a file takes longer to import than a file that is here takes to open.
    from nb301_ogb.loaders.obtain import Means, obtain

    return obtain(info, Means(cache))
