"""Figures as SVG inside a page: error bars of a table's rows, predicted against true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nb301_ogb.leaderboard.exam_data import FloatArray
from nb301_ogb.leaderboard.scores import Spread
from nb301_ogb.leaderboard.site.page import escape
from nb301_ogb.leaderboard.wording import number, spread_text

_WIDTH, _HEIGHT = 160, 30
_SIDE, _MARGIN, _LEFT = 200, 8, 34
_MANY = 5000


@dataclass(frozen=True)
class Scale:
    """A linear scale from values to the width of an error bar.

    Attributes:
        low: the value at the left end.
        high: the value at the right end.
    """

    low: float
    high: float

    def at(self, value: float) -> float:
        """The place of a value, in pixels with one decimal."""
        return round(_MARGIN + (value - self.low) / (self.high - self.low) * (_WIDTH - 2 * _MARGIN), 1)


def scale(spreads: Iterable[Spread], others: Iterable[float]) -> Scale:
    """A scale on which all spreads, and some other values, have room."""
    ends = [end for one in spreads for end in (one.mean - (one.std or 0), one.mean + (one.std or 0))] + list(others)
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or 1.0
    return Scale(low - room, high + room)


def error_bar(
    test: Spread,
    valid: Spread,
    floor: float | None,
    where: Scale,
    names: tuple[str, str] = ("test RMSE", "validation"),
) -> str:
    """The bars of one row: test above as a full dot, validation below as a ring, the noise ceiling as a line.

    Args:
        test: the dot.
        valid: the ring.
        floor: of the line, or None.
        where: the scale of all rows.
        names: of dot and ring, for those who do not see them.
    """
    parts = []
    if floor is not None:
        parts.append(f'<path class="floor" d="M{where.at(floor)} 0v{_HEIGHT}"/>')
    for one, y, bar, dot, radius in ((valid, 21, "bar2", "dot2", 3), (test, 10, "bar", "dot", 4)):
        if one.std:
            start, end = where.at(one.mean - one.std), where.at(one.mean + one.std)
            parts.append(f'<path class="{bar}" d="M{start} {y}H{end}M{start} {y - 4}v8M{end} {y - 4}v8"/>')
        parts.append(f'<circle class="{dot}" cx="{where.at(one.mean)}" cy="{y}" r="{radius}"/>')
    label = ", ".join(f"{name} {spread_text(one)}" for name, one in zip(names, (test, valid), strict=True))
    return _svg(_WIDTH, _HEIGHT, label, parts)


def axis(where: Scale) -> str:
    """The axis under the error bars; its ends are in the table's figures too, so a screen reader passes it over."""
    ends = [where.low + share * (where.high - where.low) for share in (0.05, 0.5, 0.95)]
    marks = "".join(
        f'<text x="{where.at(end)}" y="18" text-anchor="{anchor}">{number(end, 2)}</text>'
        f'<path class="axis" d="M{where.at(end)} 0v5"/>'
        for end, anchor in zip(ends, ("start", "middle", "end"), strict=True)
    )
    line = f'<path class="axis" d="M{_MARGIN} .5H{_WIDTH - _MARGIN}"/>'
    return f'<svg width="{_WIDTH}" height="22" viewBox="0 0 {_WIDTH} 22" aria-hidden="true">{line}{marks}</svg>'


def scatter(true: FloatArray, predicted: FloatArray, name: str, rows: str) -> str:
    """Predicted against true for some rows of a test part, on equal axes.

    Points are put on a grid, and one of each place is kept, so the figure stays small for any number of rows.

    Args:
        true: float64 [B].
        predicted: float64 [B].
        name: of the entry and the dataset.
        rows: which rows these are.
    """
    low = float(min(true.min(), predicted.min()))
    high = float(max(true.max(), predicted.max()))
    room = 0.03 * (high - low) or 1.0
    low, high = low - room, high + room
    step = 1 if len(true) <= _MANY else 2

    def places(values: FloatArray) -> FloatArray:
        return np.round((values - low) / (high - low) * _SIDE / step) * step

    spots = np.unique(np.stack([places(true), _SIDE - places(predicted)], axis=1).astype(np.int64), axis=0)
    path = "".join(f"M{x + _LEFT} {y + _MARGIN}h0" for x, y in spots.tolist())
    end = _SIDE + _MARGIN
    marks = []
    for value in _ticks(low, high):
        place = round((value - low) / (high - low) * _SIDE, 1)
        text = f"{value + 0.0:g}".replace("-", "−")
        marks.append(f'<text x="{_LEFT + place}" y="{end + 14}" text-anchor="middle">{text}</text>')
        marks.append(f'<text x="{_LEFT - 5}" y="{round(end - place + 4, 1)}" text-anchor="end">{text}</text>')
    parts = [
        f'<rect class="axis" x="{_LEFT}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<path class="diagonal" d="M{_LEFT} {end}L{_LEFT + _SIDE} {_MARGIN}"/>',
        f'<path class="points" d="{path}"/>',
        *marks,
        f'<text x="{_LEFT + _SIDE / 2:g}" y="{end + 30}" text-anchor="middle">true</text>',
        f'<text x="{_LEFT + 6}" y="{_MARGIN + 14}">predicted</text>',
    ]
    correlation = float(np.corrcoef(true, predicted)[0, 1]) if true.std() and predicted.std() else 0.0
    label = (
        f"Predicted against true for {name}, {rows}: {len(true):,} points, true {number(float(true.min()), 1)} to "
        f"{number(float(true.max()), 1)}, predicted {number(float(predicted.min()), 1)} to "
        f"{number(float(predicted.max()), 1)}, correlation {number(correlation, 3)}."
    )
    return _svg(_LEFT + _SIDE + _MARGIN, _SIDE + _MARGIN + 36, label, parts)


def _ticks(low: float, high: float) -> list[float]:
    """Three to eight round values between two ends."""
    power = 10.0 ** np.floor(np.log10((high - low) / 3))
    # Within rounding of three steps of the smallest size none may be left.
    step = next((size * power for size in (5, 2, 1) if (high - low) / (size * power) >= 3), power)
    first = np.ceil(low / step)
    return [round(float(number * step), 10) for number in np.arange(first, np.floor(high / step) + 1)]


def _svg(width: int, height: int, label: str, parts: Iterable[str]) -> str:
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
