"""A drawing of a DARTS architecture as SVG.

Every node has a row of its own and, by its depth, a column. Its output runs to the right along its row; each op is a
label in the row of the node it leads to, left of that node, and a line drops to it from the parent's row. So labels
cannot overlap, whatever the architecture, and lines meet only at right angles.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from nb301_ogb.spaces.darts_cells import CELLS, NODES, OPS
from nb301_ogb.spaces.darts_forms import Compact, compact
from nb301_ogb.spaces.graphs import CodeArray

COLOURS = dict(zip(OPS, ("#0f766e", "#4d7c0f", "#475569", "#1d4ed8", "#6d28d9", "#b45309", "#be123c"), strict=True))
"""A colour for each op, dark enough for white text on it (WCAG contrast of 4.5 and more)."""

_INK, _LINE, _PAPER = "#1f2937", "#7b8794", "#ffffff"
_MARGIN, _HEADER = 24, 44
_NODE_WIDTH, _NODE_HEIGHT = 92, 34
_LABEL_WIDTH, _LABEL_HEIGHT, _LABEL_OFFSET = 100, 22, 14
_RADIUS, _LANE, _CORNER = 17, 14, 7
_ROWS = {0: 20, 1: 66, 2: 122, 3: 186, 4: 250, 5: 314}
_CELL_HEIGHT = _HEADER + _ROWS[5] + 46
_CAPTION_WIDTH = 780
_FONT = 'font-family="system-ui, sans-serif"'

_Cell = tuple[tuple[int, int], ...]


def drawing(code: CodeArray) -> str:
    """Both cells of a checked code, uint8 [32], as an SVG document."""
    both = compact(code)
    name = "".join(map(str, code.tolist()))
    bodies = [_cell(cell, word) for cell, word in zip(both, CELLS, strict=True)]
    width = max(_CAPTION_WIDTH, *(right + _MARGIN for _, right in bodies))
    height = 2 * _CELL_HEIGHT + 36
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title-{name} desc-{name}" {_FONT} font-size="13">',
        f'<title id="title-{name}">DARTS architecture {name}</title>',
        f'<desc id="desc-{name}">{escape(_in_words(both))}</desc>',
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>',
    ]
    for place, (body, _) in enumerate(bodies):
        parts.append(f'<g transform="translate({_MARGIN} {place * _CELL_HEIGHT})">{body}</g>')
    parts.append(
        f'<text x="{_MARGIN}" y="{height - 18}" font-size="12" fill="{_INK}">'
        "input_1 is the output of the previous cell, input_0 of the one before that; "
        "the output concatenates nodes 2 to 5.</text>"
    )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _in_words(both: Compact) -> str:
    sentences = []
    for cell, word in zip(both, CELLS, strict=True):
        nodes = []
        for node in NODES:
            edges = cell[2 * node - 4 : 2 * node - 2]
            sums = " plus ".join(f"{OPS[op]} of {_node_name(parent)}" for parent, op in edges)
            nodes.append(f"node {node} is {sums}")
        sentences.append(f"In the {word} cell {'; '.join(nodes)}; the output concatenates nodes 2 to 5.")
    return " ".join(sentences)


def _node_name(node: int) -> str:
    return f"input_{node}" if node < 2 else f"node {node}"


def _layers(cell: _Cell) -> dict[int, int]:
    """The layer of each node: 0 for inputs, else one more than its deepest parent."""
    layer = {0: 0, 1: 0}
    for node in NODES:
        layer[node] = 1 + max(layer[parent] for parent, _ in cell[2 * node - 4 : 2 * node - 2])
    return layer


def _cell(cell: _Cell, word: str) -> tuple[str, int]:
    """The drawing of one cell, and where it ends on the right."""
    layer = _layers(cell)
    last = max(layer.values())
    start, left = _NODE_WIDTH + 18, {}
    for column in range(1, last + 1):
        left[column] = start
        members = sum(layer[node] == column for node in NODES)
        start += 2 * members * _LANE + _LABEL_WIDTH + 2 * _RADIUS + 50
    output = start + 10
    centre = {node: left[layer[node]] + _width(layer, node) for node in NODES}

    below, above = [], []
    reach = {0: _NODE_WIDTH, 1: _NODE_WIDTH, **dict.fromkeys(NODES, output - 6)}
    for place, (parent, op) in enumerate(cell):
        node = NODES[place // 2]
        lane = left[layer[node]] + _lane(layer, node, place % 2) * _LANE
        reach[parent] = max(reach[parent], lane)
        above.append(_edge(parent, node, lane, centre[node], OPS[op], upper=place % 2 == 1))
    for node, end in reach.items():
        begin = _NODE_WIDTH if node < 2 else centre[node] + _RADIUS
        below.append(f'<path d="M{begin} {_y(node)}H{end}" stroke="{_LINE}" stroke-width="2"/>')
        if node >= 2:
            below.append(_arrow(output, _y(node)))
    nodes = [_input(node) for node in (0, 1)] + [_intermediate(node, centre[node]) for node in NODES]
    nodes.append(_output(output))
    title = f'<text y="{_MARGIN + 6}" font-size="17" font-weight="600" fill="{_INK}">{word.capitalize()} cell</text>'
    return "\n".join([title, *below, *above, *nodes]), output + _NODE_WIDTH + _MARGIN


def _y(node: int) -> int:
    return _HEADER + _ROWS[node]


def _width(layer: dict[int, int], node: int) -> int:
    """From the left of a column to the centre of its nodes."""
    members = sum(layer[other] == layer[node] for other in NODES)
    return 2 * members * _LANE + _LABEL_WIDTH + 26 + _RADIUS


def _lane(layer: dict[int, int], node: int, slot: int) -> int:
    """The lane, from the left, in which an edge drops: lower nodes and lower labels further left, so none cross."""
    after = sum(layer[other] == layer[node] and other > node for other in NODES)
    return 2 * after + slot


def _edge(parent: int, node: int, lane: int, centre: int, op: str, upper: bool) -> str:
    """The line from the parent's row, the label of the op, and the line on to the node."""
    colour = COLOURS[op]
    y = _y(node) + (-_LABEL_OFFSET if upper else _LABEL_OFFSET)
    right = centre - _RADIUS - 26
    left = right - _LABEL_WIDTH
    drop = f"M{lane} {_y(parent)}V{y - _CORNER}Q{lane} {y} {lane + _CORNER} {y}H{left}"
    join = f"M{right} {y}C{right + 14} {y} {right + 8} {_y(node)} {centre - _RADIUS - 6} {_y(node)}"
    return "\n".join(
        (
            f'<path d="{drop}" fill="none" stroke="{_PAPER}" stroke-width="7"/>',
            f'<path d="{drop}{join}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{lane}" cy="{_y(parent)}" r="3.5" fill="{colour}"/>',
            f'<rect class="op" x="{left}" y="{y - _LABEL_HEIGHT // 2}" width="{_LABEL_WIDTH}" height="{_LABEL_HEIGHT}" '
            f'rx="6" fill="{colour}"/>',
            f'<text x="{left + _LABEL_WIDTH // 2}" y="{y + 4}" font-size="12" text-anchor="middle" '
            f'fill="{_PAPER}">{op}</text>',
        )
    )


def _arrow(x: int, y: int) -> str:
    return f'<path d="M{x - 9} {y - 5}L{x} {y}L{x - 9} {y + 5}Z" fill="{_LINE}"/>'


def _input(node: int) -> str:
    y = _y(node)
    return (
        f'<rect x="0" y="{y - _NODE_HEIGHT // 2}" width="{_NODE_WIDTH}" height="{_NODE_HEIGHT}" rx="8" '
        f'fill="#e5e7eb" stroke="{_INK}"/>'
        f'<text x="{_NODE_WIDTH // 2}" y="{y + 5}" text-anchor="middle" fill="{_INK}">input_{node}</text>'
    )


def _intermediate(node: int, x: int) -> str:
    y = _y(node)
    return (
        f'{_arrow(x - _RADIUS, y)}<circle cx="{x}" cy="{y}" r="{_RADIUS}" fill="{_PAPER}" stroke="{_INK}" '
        f'stroke-width="1.5"/>'
        f'<text x="{x}" y="{y + 5}" font-weight="600" text-anchor="middle" fill="{_INK}">{node}</text>'
    )


def _output(x: int) -> str:
    top, bottom = _y(NODES[0]) - 24, _y(NODES[-1]) + 24
    middle = (top + bottom) // 2 + 5
    return (
        f'<rect x="{x}" y="{top}" width="{_NODE_WIDTH}" height="{bottom - top}" rx="8" fill="#e5e7eb" stroke="{_INK}"/>'
        f'<text x="{x + _NODE_WIDTH // 2}" y="{middle}" text-anchor="middle" fill="{_INK}">output</text>'
    )
