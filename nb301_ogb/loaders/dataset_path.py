"""The file of a dataset: where it is, or how it comes here."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.locate import find


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
        return own if os.path.isfile(own) else inside  # Path.is_file raises where a folder may not be entered
    cache = Cache.from_environment()
    if root is not None:
        cache = Cache([root, *cache.folders])
    found = find(info, cache)
    if found is not None:
        return found
    # Only now: what builds a file takes longer to import than a file that is here takes to open.
    from nb301_ogb.loaders.obtain import Means, obtain

    return obtain(info, Means(cache))
