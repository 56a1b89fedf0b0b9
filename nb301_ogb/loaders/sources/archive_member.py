"""One file of an archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        name: with forward slashes, as the archive has it; its top folder may be called anything.
        size: in bytes.
        offset: the bytes of the archive before it, for a progress bar.
        read: gives its bytes.
        save: copies its bytes to a stream, for what is too large to be held.

    Of `read` and `save` one is called, once, and before the next member is taken; both raise BuildError for a member
    that is damaged.
    """

    name: str
    size: int
    offset: int
    read: Callable[[], bytes]
    save: Callable[[BinaryIO], None]
