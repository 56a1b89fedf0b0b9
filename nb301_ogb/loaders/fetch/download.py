"""One URL into one open file: attempts, resumption, and the refusal of anything that is not whole.

The bytes are moved by `pooch.HTTPDownloader`, which asks through requests: proxies and certificates are those that
requests knows, and certificates are always checked.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch
import requests
import urllib3.exceptions

from nb301_ogb._version import __version__
from nb301_ogb.errors import DownloadError, Nb301OgbError
from nb301_ogb.loaders.fetch import environment
from nb301_ogb.loaders.fetch.disk import storage_error
from nb301_ogb.loaders.fetch.failure import SourceError, explain
from nb301_ogb.loaders.fetch.integrity import digest
from nb301_ogb.loaders.fetch.policy import Policy
from nb301_ogb.loaders.fetch.progress import Progress
from nb301_ogb.loaders.fetch.resource import Resource, redact
from nb301_ogb.storage.whole import Temporary

CHUNK = 1 << 16
"""Bytes that are asked for at a time; what had arrived of a piece is lost when the connection breaks."""

_LOG = logging.getLogger(__name__)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def download(
    url: str,
    temporary: Temporary,
    resource: Resource,
    *,
    policy: Policy,
    progress: Progress | None = None,
    check: Callable[[Path], object] | None = None,
    last: bool = True,
) -> None:
    """Fills a temporary file from one URL and verifies it.

    Args:
        url: where to ask.
        temporary: the open file; what it holds is replaced.
        resource: the size and the hashes that the file must have.
        policy: time-outs and attempts.
        progress: called while bytes arrive.
        check: called with the path of the complete file; may raise one of this package's errors to refuse it.
        last: whether no other source is left; if there is one, a host that cannot be reached is not tried again.

    Raises:
        SourceError: if the URL did not deliver the file.
        DownloadError: if the disk did not take it.
    """
    transfer = _Transfer(url, temporary, resource, policy, progress)
    attempt = 0
    while True:
        furthest = transfer.furthest
        try:
            transfer.attempt()
            transfer.verify(check)
        except SourceError as failure:
            # A resumed transfer that moves on is no failure, however often its connection breaks.
            attempt = 1 if transfer.resumed and transfer.furthest > furthest else attempt + 1
            if not failure.retry or attempt >= policy.attempts or (failure.unreachable and not last):
                raise
            if failure.wait is not None and failure.wait > policy.max_wait:
                msg = f"{failure.reason}, try again in {failure.wait:.0f} s"
                raise SourceError(msg) from failure
            pause = max(policy.pause(attempt, temporary.path.name), failure.wait or 0.0)
            _LOG.info("%s: %s; next attempt in %.1f s", redact(url), failure.reason, pause)
            time.sleep(pause)
        else:
            return


def require_space(what: str, size: int | None, folder: Path) -> None:
    """Refuses a file that the disk cannot hold.

    Raises:
        DownloadError: naming what is needed and what is free, in bytes.
    """
    total, _, free = shutil.disk_usage(folder)
    if size is not None and size > free and total:  # some network file systems do not tell and say 0 of 0
        msg = (
            f"{what} needs {size} bytes, but the disk of {folder} has only {free} left; "
            f"free some or set {environment.HOME} to another folder."
        )
        raise DownloadError(msg)


class _Transfer:
    """The state of one URL's attempts, and the file-like object that `pooch.HTTPDownloader` writes to."""

    def __init__(
        self, url: str, temporary: Temporary, resource: Resource, policy: Policy, progress: Progress | None
    ) -> None:
        self.url = url
        self.temporary = temporary
        self.resource = resource
        self.policy = policy
        self.progress = progress
        self.done = 0
        self.furthest = 0
        self.resumed = False
        self._total: int | None = None
        self._whole = True  # whether the end of the body can be told from a broken connection
        self._resumable = False
        self._validator: str | None = None
        self._responses: list[requests.Response] = []
        self._restart()

    def attempt(self) -> None:
        """One attempt: asks for what is missing, or for everything where resuming is not possible."""
        headers = {"User-Agent": f"nb301-ogb/{__version__}", "Accept-Encoding": "identity"}
        self.resumed = False
        if self.done and self._resumable:
            headers["Range"] = f"bytes={self.done}-"
            if self._validator is not None:
                headers["If-Range"] = self._validator
        downloader = pooch.HTTPDownloader(
            chunk_size=CHUNK,
            timeout=(self.policy.connect_timeout, self.policy.read_timeout),
            headers=headers,
            hooks={"response": self._begin},
        )
        try:
            downloader(self.url, self, None)
        except (DownloadError, SourceError):
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise explain(error, self._progress_words()) from error
        except OSError as error:
            # Such as a bundle of certificates that is not there; the disk's errors are caught where it is written.
            raise SourceError(str(error)) from error
        finally:
            for response in self._responses:
                response.close()
            self._responses.clear()
            self.furthest = max(self.furthest, self.done)
        if self._total is not None and self.done < self._total:
            raise SourceError(f"the connection broke after {self._progress_words()}", retry=True)
        try:
            self.temporary.sync()
        except OSError as error:
            raise self._storage_error(error) from error

    def verify(self, check: Callable[[Path], object] | None) -> None:
        """Compares the file on disk with what the catalogue says."""
        resource, path = self.resource, self.temporary.path
        known = False
        for algorithm in ("sha256", "md5"):
            expected = getattr(resource, algorithm)
            if expected is None:
                continue
            known = True
            found = digest(path, algorithm)
            if found != expected:
                # Pieces of two different files may have been joined, or an end cut off: once more, from the start.
                self._resumable = False
                doubtful = self.resumed or not self._whole
                raise SourceError(f"a file with the {algorithm} {found} instead of {expected}", retry=doubtful)
        if not (known or self._whole or resource.size is not None):
            raise SourceError("the server does not say how long the file is, so that a broken one would not be noticed")
        if check is not None:
            try:
                check(path)
            except Nb301OgbError as error:
                raise SourceError(f"what came is not the file: {error}") from error

    def write(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        size = self.resource.size
        if size is not None and self.done + len(chunk) > size:
            raise SourceError(f"more than the expected {size} bytes")
        try:
            self.temporary.stream.write(chunk)
        except OSError as error:
            raise self._storage_error(error) from error
        self.done += len(chunk)
        self._report()

    def flush(self) -> None:
        """Does nothing: pooch flushes after every chunk, the file is flushed once at its end."""

    def _begin(self, response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        """Called by requests when the head of an answer is there and before its body is read."""
        self._responses.append(response)
        if not response.headers.get("Content-Length", "").isdecimal():
            response.headers.pop("Content-Length", None)  # pooch would stumble over it
        if response.is_redirect:
            return
        if response.status_code == 416:
            self._restart()
            raise SourceError("HTTP 416, the file has changed", retry=True)
        if response.status_code >= 400:
            return
        if response.status_code == 206 and response.request.headers.get("Range"):
            self._continue(response)
        elif response.status_code == 200:
            self._restart()
            self._read_head(response)
        else:
            raise SourceError(f"HTTP {response.status_code} {response.reason} and not the file")
        missing = None if self._total is None else self._total - self.done
        require_space(self.resource.name, missing, self.temporary.path.parent)
        self._report()

    def _continue(self, response: requests.Response) -> None:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != self.done or match[2] not in ("*", str(self._total)):
            self._restart()
            raise SourceError("the server answers with another piece than it was asked for", retry=True)
        self.resumed = True

    def _restart(self) -> None:
        """Empties the file."""
        try:
            self.temporary.stream.seek(0)
            self.temporary.stream.truncate()
        except OSError as error:
            raise self._storage_error(error) from error
        self.done = 0

    def _read_head(self, response: requests.Response) -> None:
        headers = response.headers
        length = int(headers["Content-Length"]) if "Content-Length" in headers else None
        size = self.resource.size
        encoded = headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
        self._whole = length is not None or headers.get("Transfer-Encoding", "").lower() == "chunked"
        if encoded and length is not None and length == size:
            # A compressed file that the server believes to be a compressed transfer: it is wanted as it is.
            del response.raw.headers["Content-Encoding"]
        elif encoded:
            length = None  # it counts what is sent, not what comes out
        if size is not None and length is not None and length != size:
            raise SourceError(f"a file of {length} bytes instead of {size}")
        self._total = size if length is None else length
        etag = headers.get("ETag", "")
        hashed = bool(self.resource.sha256 or self.resource.md5)
        self._validator = etag if etag.startswith('"') else None
        # Without a strong validator only the hash can tell whether the pieces belong together.
        self._resumable = not encoded and length is not None and (hashed or self._validator is not None)

    def _progress_words(self) -> str:
        return f"{self.done} bytes" if self._total is None else f"{self.done} of {self._total} bytes"

    def _report(self) -> None:
        if self.progress is not None:
            self.progress(self.done, self._total)

    def _storage_error(self, error: OSError) -> DownloadError:
        return storage_error(self.resource.name, self.temporary.destination.parent, error)
