"""Where things are looked for, and what of it is there: for people who wonder why a file is not found."""

from __future__ import annotations

import os
import shutil
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nb301_ogb.loaders.fetch import environment
from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.fetch.resource import Resource, redact


def doctor(resources: Iterable[Resource] = (), *, cache: Cache | None = None) -> dict[str, Any]:
    """Describes the cache and the way to the network; changes nothing and asks nobody.

    Args:
        resources: files to look for in the cache, unchecked.
        cache: the folders; by default those of the environment.

    Returns:
        What JSON can hold: `folders` (each with `path`, `exists`, `writable`, `free_bytes`), `receives` (the folder
        that new files go to, or None), `offline`, `mirrors`, `figshare`, `proxies` (by scheme), `environment` (the
        variables that are set), `files` (each with `name`, `path` or None, `size`).
    """
    cache = cache or Cache.from_environment()
    folders = [_folder(folder) for folder in cache.folders]
    variables = (environment.HOME, environment.OFFLINE, environment.MIRROR, environment.FIGSHARE, environment.GITHUB)
    return {
        "folders": folders,
        "receives": next((folder["path"] for folder in folders if folder["writable"]), None),
        "offline": environment.is_offline(),
        "mirrors": [redact(url) for url in environment.mirrors()],
        "figshare": redact(environment.figshare_api()),
        "proxies": {
            scheme: value if scheme == "no" else redact(value) for scheme, value in urllib.request.getproxies().items()
        },
        "environment": [name for name in variables if name in os.environ],
        "files": [_file(resource, cache) for resource in resources],
    }


def _folder(folder: Path) -> dict[str, Any]:
    nearest = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    usable = os.path.isdir(nearest) and os.access(nearest, os.W_OK | os.X_OK)
    return {
        "path": str(folder),
        "exists": os.path.isdir(folder),
        "writable": usable,
        "free_bytes": shutil.disk_usage(nearest).free if usable else None,
    }


def _file(resource: Resource, cache: Cache) -> dict[str, Any]:
    path = cache.find(resource.name)
    return {
        "name": resource.name,
        "path": None if path is None else str(path),
        "size": None if path is None else path.stat().st_size,
    }
