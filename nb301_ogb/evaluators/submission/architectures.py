"""From the architectures that a table of predictions names to codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nb301_ogb.errors import ArchitectureError, SubmissionError
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray


def codes_of_texts(texts: Sequence[str], space: Space) -> CodeArray:
    """The codes, uint8 [A, C], of architectures in any text form of the space.

    Texts that are a code's digits, the usual case in a large table, are turned in one step.

    Raises:
        SubmissionError: with the number of texts that name no architecture, and the first of them.
    """
    digits = _digits(texts, space)
    if digits is not None:
        return digits
    codes = np.zeros((len(texts), space.code_length), dtype=np.uint8)
    wrong: list[str] = []
    for row, text in enumerate(texts):
        try:
            codes[row] = space.parse(text.strip())
        except ArchitectureError as error:
            wrong.append(f"{text[:200]!r} ({' '.join(str(error).split())[:300].rstrip('.')})")
    if wrong:
        msg = f"{len(wrong):,} of {len(texts):,} texts name no architecture of {space.name}, the first is {wrong[0]}."
        raise SubmissionError(msg)
    return codes


def _digits(texts: Sequence[str], space: Space) -> CodeArray | None:
    """The codes where every text is as many digits as a code is long, and they mean what `parse` makes of the first."""
    if not texts or any(len(text) != space.code_length for text in texts):
        return None
    joined = "".join(texts)
    if not (joined.isascii() and joined.isdigit()):
        return None
    codes = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(len(texts), -1) - ord("0")
    try:
        if np.array_equal(space.parse(texts[0]), codes[0]):
            return space.check(codes)
    except ArchitectureError:
        return None
    return None
