"""How patient a download is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """Time-outs and attempts, times in seconds.

    Attributes:
        connect_timeout: for opening a connection.
        read_timeout: without a single byte.
        attempts: in a row that brought nothing new, for each URL.
        backoff: before the second attempt; it doubles with every further one.
        max_wait: the longest pause between two attempts, also where a server asks for more.
        lock_timeout: how long to wait for another process that downloads the same file.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    attempts: int = 5
    backoff: float = 1.0
    max_wait: float = 60.0
    lock_timeout: float = 900.0

    def pause(self, attempt: int, token: str) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1).

        Exponential, of which the upper half is spread by a hash of the token: processes that failed together do not
        come back together, and the same token gives the same pauses.
        """
        longest = min(self.max_wait, self.backoff * 2.0 ** (attempt - 1))
        digest = hashlib.sha256(f"{token} {attempt}".encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2.0**64
        return longest * (0.5 + 0.5 * share)
