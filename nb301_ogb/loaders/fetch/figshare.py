"""Articles on figshare: from a DOI to its files.

An article's listing is kept in the cache as `figshare/<id>.json`, as the interface gave it, and its files as
`figshare/<id>/<file>`: what is here once is never asked for again, and a cache folder behind a web server is a mirror.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nb301_ogb.errors import DatasetNameError, FileFormatError, OfflineError
from nb301_ogb.loaders.fetch import environment
from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.fetch.policy import Policy
from nb301_ogb.loaders.fetch.progress import Progress
from nb301_ogb.loaders.fetch.resource import Resource
from nb301_ogb.loaders.fetch.retrieval import fetch, fetch_all

_DOI = re.compile(r"\d+\.\S+?(?P<id>\d+)(?:\.v(?P<version>\d+))?")
_LISTED = 10
"""An article's own listing stops at ten files; beyond, its `/files` has to be asked (https://docs.figshare.com)."""
_PAGE = 1000
"""The longest page that figshare gives; an article has fewer files."""


@dataclass(frozen=True)
class Article:
    """A publication on figshare.

    Attributes:
        doi: such as `10.6084/m9.figshare.13246952`, with `.v2` at its end for a certain version.
        title: one line for people.

    Raises:
        DatasetNameError: if the DOI does not end in an article's number.
    """

    doi: str
    title: str = ""

    def __post_init__(self) -> None:
        if _DOI.fullmatch(self.doi) is None:
            msg = f"{self.doi!r} is no DOI of figshare; write it like 10.6084/m9.figshare.13246952."
            raise DatasetNameError(msg)

    @property
    def id(self) -> int:
        """The article's number."""
        return int(self._match["id"])

    @property
    def version(self) -> int | None:
        """The version that the DOI asks for, or None for the newest."""
        version = self._match["version"]
        return None if version is None else int(version)

    @property
    def folder(self) -> str:
        """Where its files lie inside a cache folder."""
        return f"figshare/{self.id}" + ("" if self.version is None else f".v{self.version}")

    @property
    def _match(self) -> re.Match[str]:
        match = _DOI.fullmatch(self.doi)
        assert match is not None  # __post_init__ has seen to it
        return match

    def listing(self, api: str) -> Resource:
        """The answer of figshare's interface that lists its files."""
        return Resource(f"{self.folder}.json", (self._address(api),))

    def long_listing(self, api: str) -> Resource:
        """The same for an article with many files."""
        return Resource(f"{self.folder}-files.json", (f"{self._address(api)}/files?page_size={_PAGE}",))

    def _address(self, api: str) -> str:
        version = "" if self.version is None else f"/versions/{self.version}"
        return f"{api.rstrip('/')}/articles/{self.id}{version}"


def article_files(
    article: Article,
    *,
    cache: Cache | None = None,
    offline: bool | None = None,
    api: str | None = None,
    mirrors: Iterable[str] | None = None,
    policy: Policy | None = None,
) -> list[Resource]:
    """The files of an article, with the sizes and MD5 that figshare publishes.

    Args:
        article: the publication.
        cache: where its listing is looked for and kept; see `fetch`.
        offline: see `fetch`.
        api: the base URL of figshare's interface; by default `NB301_OGB_FIGSHARE` or the public one.
        mirrors: see `fetch`.
        policy: see `fetch`.

    Raises:
        OfflineError: if the listing is not here and the network must not be used.
        DownloadError: if it cannot be had, or if what comes is no listing.
    """
    api = (api or environment.figshare_api()).rstrip("/")
    tried = None if mirrors is None else tuple(mirrors)

    def read(listing: Resource) -> list[Resource]:
        found: list[Resource] = []

        def check(path: Path) -> None:
            found[:] = _read_listing(path, article, api)

        try:
            fetch(listing, cache=cache, offline=offline, mirrors=tried, policy=policy, check=check)
        except OfflineError as error:
            msg = (
                f"{str(error).rstrip('.')}; it lists the files of https://doi.org/{article.doi}, which belong into the "
                f"folder {article.folder} beside it."
            )
            raise OfflineError(msg) from error
        return found

    files = read(article.listing(api))
    return files if len(files) < _LISTED else read(article.long_listing(api))


def fetch_article(
    article: Article,
    *,
    cache: Cache | None = None,
    progress: Progress | None = None,
    offline: bool | None = None,
    api: str | None = None,
    mirrors: Iterable[str] | None = None,
    policy: Policy | None = None,
) -> list[Path]:
    """Gives all files of an article; the arguments and errors are those of `article_files` and `fetch_all`.

    Returns:
        Their paths, in figshare's order.
    """
    tried = None if mirrors is None else tuple(mirrors)
    files = article_files(article, cache=cache, offline=offline, api=api, mirrors=tried, policy=policy)
    return fetch_all(files, cache=cache, progress=progress, offline=offline, mirrors=tried, policy=policy)


def _read_listing(path: Path, article: Article, api: str) -> list[Resource]:
    try:
        content = json.loads(path.read_bytes())
        listed = content["files"] if isinstance(content, dict) else content
        files = [_file(entry, article, api) for entry in listed]
    except (KeyError, TypeError, ValueError) as error:
        msg = (
            f"{path.name} is no listing of the files of figshare article {article.id} ({error}); remove it if it stays."
        )
        raise FileFormatError(msg) from error
    if not files:
        msg = f"{article.doi} lists no files; look at https://doi.org/{article.doi}."
        raise FileFormatError(msg)
    return files


def _file(entry: dict[str, Any], article: Article, api: str) -> Resource:
    name = str(entry["name"])
    if "/" in name:
        msg = f"the file name {name!r} has a slash"
        raise FileFormatError(msg)
    urls = [str(entry["download_url"])]
    if isinstance(entry.get("id"), int):
        # figshare's download host may ask for a browser (an empty HTTP 202); its interface serves the same file.
        urls.append(f"{api}/file/download/{entry['id']}")
    md5 = entry.get("computed_md5") or entry.get("supplied_md5") or None
    size = entry["size"]
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        msg = f"the size of {name} is {size!r}"
        raise FileFormatError(msg)
    return Resource(f"{article.folder}/{name}", tuple(urls), size=size, md5=md5)
