"""What is said where a disk does not take a download."""

from __future__ import annotations

import errno
from pathlib import Path

from nb301_ogb.errors import DownloadError
from nb301_ogb.loaders.fetch import environment


def storage_error(what: str, folder: Path, error: OSError) -> DownloadError:
    """The sentence for a disk that did not take a file."""
    advice = f"or set {environment.HOME} to another folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadError(f"{what} could not be written, because the disk of {folder} is full; free some {advice}.")
    reason = error.strerror or str(error)
    return DownloadError(f"{what} could not be written to {folder} ({reason}); make that possible {advice}.")
