"""A file that can be downloaded: its name, where it comes from, and how it is recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit, urlunsplit

from nb301_ogb.errors import FileFormatError

_HEX_DIGITS = {"sha256": 64, "md5": 32}
_UNUSABLE = re.compile(r"[\x00-\x1f\\]")


@dataclass(frozen=True)
class Resource:
    """One file of the catalogue.

    Attributes:
        name: its place inside a cache folder and below a mirror, with forward slashes.
        urls: where it is published, in the order in which they are tried.
        size: in bytes, or None where it is not known.
        sha256: hexadecimal, or None where it is not known.
        md5: hexadecimal, or None where it is not known.

    Raises:
        FileFormatError: if the name could leave its folder or names a hidden file, or a hash is none.
    """

    name: str
    urls: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def __post_init__(self) -> None:
        parts = self.name.split("/")
        if _UNUSABLE.search(self.name) or any(not part or part.startswith(".") for part in parts):
            msg = f"{self.name!r} is no name for a cached file; use plain names joined by single slashes."
            raise FileFormatError(msg)
        for algorithm, digits in _HEX_DIGITS.items():
            value = getattr(self, algorithm)
            if value is not None and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
                msg = f"the {algorithm} of {self.name} must have {digits} lower-case hexadecimal digits, not {value!r}."
                raise FileFormatError(msg)

    @property
    def filename(self) -> str:
        """The last part of its name."""
        return PurePosixPath(self.name).name

    def sources(self, mirrors: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Every URL to try: the mirrors first, because the user named them, then where it is published."""
        mirrored = (f"{base.rstrip('/')}/{quote(self.name)}" for base in mirrors)
        return tuple(dict.fromkeys((*mirrored, *self.urls)))

    def describe(self) -> str:
        """How to recognise it, for people: its hash and its size as far as they are known."""
        known = [f"{algorithm} {getattr(self, algorithm)}" for algorithm in _HEX_DIGITS if getattr(self, algorithm)]
        if self.size is not None:
            known.append(f"{self.size} bytes")
        return ", ".join(known)


def redact(url: str) -> str:
    """The URL without a password and without its query, which may be a signature: fit for a message or a file."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as brackets without an address
        return "a URL that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
