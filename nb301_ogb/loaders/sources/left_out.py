"""What a build leaves out, and why: counted by reason, with the first few names of each."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

from nb301_ogb.loaders.sources.archive_guard import shown

MAX_NAMES = 20
"""Files that are named for a reason; all are counted."""

MAX_REASONS = 200
"""Reasons that are kept apart, as an archive may hold any number of folders."""

MAX_TEXT = 300
"""Characters of a reason, a name or a detail."""

_OTHER = "other reasons"


@dataclass
class _Tally:
    count: int = 0
    names: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, detail: str, count: int = 1) -> None:
        self.count += count
        # The smallest names, not the first ones: a report is not to depend on the order of an archive.
        if len(self.names) < MAX_NAMES or (name, detail) < self.names[-1]:
            bisect.insort(self.names, (name, detail))
            del self.names[MAX_NAMES:]


class LeftOut:
    """Counts files by the reason for which they are left out."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def add(self, reason: str, name: str, detail: str = "") -> None:
        """Counts one file.

        Args:
            reason: equal for files that are left out for the same cause.
            name: of the file.
            detail: what was found in this very file.
        """
        self._tally(reason).add(shown(name)[:MAX_TEXT], shown(detail)[:MAX_TEXT])

    def merge(self, other: LeftOut, reason: str | None = None) -> None:
        """Takes over what another has counted, all of it under `reason` if one is given."""
        for theirs, tally in other._tallies.items():
            mine = self._tally(reason or theirs)
            for name, detail in tally.names:
                mine.add(name, "" if reason else detail, 0)
            mine.count += tally.count

    def _tally(self, reason: str) -> _Tally:
        reason = shown(reason)[:MAX_TEXT]
        if reason not in self._tallies and len(self._tallies) >= MAX_REASONS:
            reason = _OTHER
        return self._tallies.setdefault(reason, _Tally())

    @property
    def total(self) -> int:
        """All files together."""
        return sum(tally.count for tally in self._tallies.values())

    def as_list(self) -> list[dict[str, Any]]:
        """What JSON can hold, the most frequent reason first: `reason`, `count`, `files` with `name` and `detail`."""
        order = sorted(self._tallies, key=lambda reason: (-self._tallies[reason].count, reason))
        return [
            {
                "reason": reason,
                "count": self._tallies[reason].count,
                "files": [
                    {"name": name, "detail": detail} if detail else {"name": name}
                    for name, detail in self._tallies[reason].names
                ],
            }
            for reason in order
        ]

    def summary(self, limit: int = 5) -> str:
        """The most frequent reasons in one line, with an example of each."""
        parts = [
            f"{entry['reason']} ({entry['count']:,}, such as {entry['files'][0]['name']})"
            for entry in self.as_list()[:limit]
        ]
        return "; ".join(parts) + ("; ..." if len(self._tallies) > limit else "")
