"""Whether a file is the one that the catalogue means, and the sidecar that spares reading it again and again.

A file's sidecar is a small JSON file beside it: where it came from, its size and hashes, and the size and time of
change for which they hold. One that does not fit the file is ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.fetch.resource import Resource
from nb301_ogb.storage.whole import Temporary

SUFFIX = ".origin.json"
_ELSEWHERE = ".origins"


@dataclass(frozen=True)
class Sidecar:
    """What is known of a file.

    Attributes:
        url: where it was downloaded from, without password and query; None if it was put there by hand.
        size: in bytes.
        mtime_ns: its time of change in nanoseconds, as `os.stat` gives it.
        sha256: hexadecimal, or None if it was never computed.
        md5: hexadecimal, or None if it was never computed.
        when: the time of writing, UTC, ISO 8601.
    """

    size: int
    mtime_ns: int
    url: str | None = None
    sha256: str | None = None
    md5: str | None = None
    when: str | None = None


def sidecar_path(path: Path) -> Path:
    """The sidecar beside a file."""
    return path.with_name(path.name + SUFFIX)


def read_sidecar(path: Path, cache: Cache | None = None) -> Sidecar:
    """What is known of a file as it is now: an empty sidecar where nothing fits its size and time of change.

    Args:
        path: the file.
        cache: whose folders may hold the sidecar of a file that lies in a read-only folder.
    """
    status = path.stat()
    for candidate in _sidecar_places(path, cache):
        with contextlib.suppress(OSError, ValueError, TypeError):
            sidecar = Sidecar(**json.loads(candidate.read_bytes()))
            if (sidecar.size, sidecar.mtime_ns) == (status.st_size, status.st_mtime_ns):
                return sidecar
    return Sidecar(size=status.st_size, mtime_ns=status.st_mtime_ns)


def write_sidecar(path: Path, sidecar: Sidecar, cache: Cache | None = None) -> Path | None:
    """Writes a sidecar beside its file or, where that is not possible, into a folder of the cache.

    Returns:
        Where it was written, or None where no folder takes it: then the file is hashed again next time.
    """
    stamped = replace(sidecar, when=datetime.now(timezone.utc).isoformat(timespec="seconds"))
    content = json.dumps(asdict(stamped), indent=1).encode() + b"\n"
    for place in _sidecar_places(path, cache):
        with contextlib.suppress(OSError), Temporary(place) as temporary:
            temporary.stream.write(content)
            temporary.keep()
            return place
    return None


def _sidecar_places(path: Path, cache: Cache | None) -> list[Path]:
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:32] + ".json"
    return [sidecar_path(path), *(folder / _ELSEWHERE / name for folder in (cache.folders if cache else ()))]


def digest(path: Path, algorithm: str) -> str:
    """The hash of a file, hexadecimal, read from the disk.

    Args:
        path: the file.
        algorithm: `sha256` or `md5`.
    """
    import pooch

    return str(pooch.file_hash(os.fspath(path), alg=algorithm))


def fault(path: Path, resource: Resource, cache: Cache | None = None) -> str | None:
    """What distinguishes a file from what the catalogue says, or None if nothing does.

    The size is always compared; a hash is computed once and then taken from the sidecar, until the file changes.

    Args:
        path: the file.
        resource: what it should be.
        cache: see `read_sidecar`.

    Returns:
        The end of a sentence that begins with the file.

    Raises:
        OSError: if the file cannot be read.
    """
    sidecar = read_sidecar(path, cache)
    if resource.size is not None and sidecar.size != resource.size:
        return f"has {sidecar.size} bytes instead of {resource.size}"
    algorithm = "sha256" if resource.sha256 else "md5"
    expected = getattr(resource, algorithm)
    if expected is None:
        return None
    if getattr(sidecar, algorithm) == expected:
        return None
    # Also where the sidecar names another hash: it may be the sidecar that is wrong.
    found = digest(path, algorithm)
    renewed = replace(sidecar, sha256=found) if algorithm == "sha256" else replace(sidecar, md5=found)
    write_sidecar(path, renewed, cache)
    return None if found == expected else f"has the {algorithm} {found} instead of {expected}"
