"""A drawing of a NAS-Bench-201 architecture as SVG.

The four nodes stand in a line. Every edge has a place of its own: the three between neighbours lie on the line, 0->2
and 0->3 arch above it, 1->3 below; an op is a label at the middle of its edge. So nothing can overlap, whatever the
architecture. An edge with `none` is left out.
"""

from __future__ import annotations

from nb301_ogb.spaces.graphs import CodeArray
from nb301_ogb.spaces.nasbench201_canonical import NONE, SOURCE, TARGET

COLOURS = {"skip_connect": "#475569", "nor_conv_1x1": "#6d28d9", "nor_conv_3x3": "#1d4ed8", "avg_pool_3x3": "#4d7c0f"}
"""A colour for each op, dark enough for white text on it (WCAG contrast of 4.5 and more)."""

_INK, _PAPER, _FILL = "#1f2937", "#ffffff", "#e5e7eb"
_WIDTH, _HEIGHT, _LINE = 720, 268, 164
_LEFT, _STEP = 64, 198
_NODE_WIDTH, _NODE_HEIGHT, _RADIUS = 72, 34, 17
_LABEL_WIDTH, _LABEL_HEIGHT = 104, 22
_TOPS = {(0, 2): 82, (0, 3): 30, (1, 3): 238}
"""The height at which an edge that passes over a node runs."""

_NAMES = ("input", "1", "2", "output")
_IN_WORDS = ("the input", "node 1", "node 2", "the output")


def drawing(code: CodeArray, ops: tuple[str, ...]) -> str:
    """A checked code, uint8 [6], as an SVG document; `ops` are the names of its digits."""
    digits = "".join(map(str, code.tolist()))
    edges = [(int(SOURCE[i]), int(TARGET[i]), ops[op]) for i, op in enumerate(code.tolist()) if op != NONE]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-labelledby="title-{digits} desc-{digits}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<title id="title-{digits}">NAS-Bench-201 architecture {digits}</title>',
        f'<desc id="desc-{digits}">{_in_words(edges)}</desc>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>',
        *(_edge(*edge) for edge in edges),
        *(_node(node) for node in range(len(_NAMES))),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _in_words(edges: list[tuple[int, int, str]]) -> str:
    sentences = []
    for node in (1, 2, 3):
        terms = [f"{op} of {_IN_WORDS[source]}" for source, target, op in edges if target == node]
        sentences.append(f"{_IN_WORDS[node]} is {' plus '.join(terms) or 'zero'}")
    return f"In the cell {'; '.join(sentences)}."


def _x(node: int) -> int:
    return _LEFT + node * _STEP


def _half(node: int) -> int:
    """From the middle of a node to its side."""
    return _RADIUS if node in (1, 2) else _NODE_WIDTH // 2


def _edge(source: int, target: int, op: str) -> str:
    """The line from node to node, its arrow, and the label of the op."""
    colour = COLOURS[op]
    if (source, target) in _TOPS:
        y = _TOPS[source, target]
        down = 1 if y < _LINE else -1
        # Ends of several edges at one node keep apart: the wider an arch, the further out it meets the node.
        spread = 10 if (source, target) != (1, 3) else 0
        start, end = _x(source) + (-spread if target == 3 else spread), _x(target) + (spread if target == 3 else 0)
        side = _LINE - down * (_NODE_HEIGHT // 2)
        line = (
            f"M{start} {side}C{start} {y + down * 18} {start + 18} {y} {start + 54} {y}"
            f"H{end - 54}C{end - 18} {y} {end} {y + down * 18} {end} {side - down * 8}"
        )
        tip = f"M{end - 5} {side - down * 9}L{end} {side}L{end + 5} {side - down * 9}Z"
        middle = (start + end) // 2
    else:
        y, start, end = _LINE, _x(source) + _half(source), _x(target) - _half(target)
        line, middle = f"M{start} {y}H{end - 8}", (start + end) // 2
        tip = f"M{end - 9} {y - 5}L{end} {y}L{end - 9} {y + 5}Z"
    left = middle - _LABEL_WIDTH // 2
    return "\n".join(
        (
            f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<path d="{tip}" fill="{colour}"/>',
            f'<rect class="op" x="{left}" y="{y - _LABEL_HEIGHT // 2}" width="{_LABEL_WIDTH}" '
            f'height="{_LABEL_HEIGHT}" rx="6" fill="{colour}"/>',
            f'<text x="{middle}" y="{y + 4}" font-size="12" text-anchor="middle" fill="{_PAPER}">{op}</text>',
        )
    )


def _node(node: int) -> str:
    x, name = _x(node), _NAMES[node]
    if node in (1, 2):
        shape = f'<circle cx="{x}" cy="{_LINE}" r="{_RADIUS}" fill="{_PAPER}" stroke="{_INK}" stroke-width="1.5"/>'
    else:
        shape = (
            f'<rect x="{x - _NODE_WIDTH // 2}" y="{_LINE - _NODE_HEIGHT // 2}" width="{_NODE_WIDTH}" '
            f'height="{_NODE_HEIGHT}" rx="8" fill="{_FILL}" stroke="{_INK}"/>'
        )
    weight = ' font-weight="600"' if node in (1, 2) else ""
    return f'{shape}<text x="{x}" y="{_LINE + 5}" text-anchor="middle"{weight} fill="{_INK}">{name}</text>'
