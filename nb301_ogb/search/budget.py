"""How long a search may go on: in evaluations, or in the simulated seconds that the trainings would have taken."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from nb301_ogb.errors import SearchError

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Budget:
    """A search ends when either is used up; an evaluation that would exceed the seconds is not counted.

    Attributes:
        evaluations: the most evaluations, duplicates counted like others; None for no limit.
        seconds: the most simulated seconds; None for no limit.

    Raises:
        SearchError: where neither is given, or one is not above 0.
    """

    evaluations: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.evaluations is None and self.seconds is None:
            msg = "a budget needs evaluations, or simulated seconds, or both."
            raise SearchError(msg)
        if self.evaluations is not None and (not isinstance(self.evaluations, int) or self.evaluations < 1):
            msg = f"a budget of {self.evaluations!r} evaluations is none; give an integer of at least 1."
            raise SearchError(msg)
        if self.seconds is not None and not (self.seconds > 0 and math.isfinite(self.seconds)):
            msg = f"a budget of {self.seconds!r} simulated seconds is none; give a finite number above 0."
            raise SearchError(msg)

    def __str__(self) -> str:
        parts = []
        if self.evaluations is not None:
            parts.append(f"{self.evaluations:,} evaluations")
        if self.seconds is not None:
            parts.append(f"{self.seconds:,.0f} simulated seconds")
        return " or ".join(parts)


def parse_budget(text: str) -> Budget:
    """A budget as people write it.

    Args:
        text: `300` for evaluations; `5e5s`, `90min`, `20h` or `3d` for simulated time; `300,20h` for both.

    Raises:
        SearchError: for anything else.
    """
    evaluations: int | None = None
    seconds: float | None = None
    for part in text.replace(" ", "").split(","):
        found = re.fullmatch(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(s|min|h|d)?", part)
        number = float(found[1]) if found else 0.0
        unit = found[2] if found else None
        again = (seconds if unit else evaluations) is not None
        if found is None or again or (unit is None and not number.is_integer()):
            msg = f"the budget {text!r} is not understood; write 300 (evaluations), 5e5s, 20h, 3d, or 300,20h for both."
            raise SearchError(msg)
        if unit is None:
            evaluations = int(number)
        else:
            seconds = number * _SECONDS[unit]
    return Budget(evaluations, seconds)
