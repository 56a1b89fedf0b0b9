"""The drawing of a DARTS architecture: well-formed, complete, readable, and nothing on top of anything else."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts_drawing import COLOURS

SPACE = get_space("darts")
SVG = "{http://www.w3.org/2000/svg}"
CHAIN = [0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 2, 2, 3, 3, 4]
FLAT = [3, 3, 4, 4, 5, 5, 6, 6, 0, 1, 0, 1, 0, 1, 0, 1]
CODES = [*SPACE.sample(40, np.random.default_rng(0)), CHAIN + FLAT, FLAT + CHAIN, FLAT + FLAT, CHAIN + CHAIN]


def drawn(code):
    root = ElementTree.fromstring(SPACE.drawing(code))
    return root, root.findall(f"{SVG}g")


def labels(cell):
    """The op labels of a cell as (x, y, width, height)."""
    return [
        tuple(float(shape.get(name)) for name in ("x", "y", "width", "height"))
        for shape in cell.iter(f"{SVG}rect")
        if shape.get("class") == "op"
    ]


def drops(cell):
    """The lines of the ops, as (x, top, bottom, right end of the last straight part, colour)."""
    for shape in cell.iter(f"{SVG}path"):
        match = re.match(r"M(\d+) (\d+)V(\d+)Q\d+ \d+ \d+ (\d+)H(\d+)M", shape.get("d"))
        if match:
            x, top, _, bottom, right = map(int, match.groups())
            yield x, top, bottom, right, shape.get("stroke")


@pytest.mark.parametrize("code", CODES, ids=lambda code: "".join(map(str, code)))
def test_labels_and_nodes_do_not_overlap(code):
    root, cells = drawn(code)
    width = float(root.get("width"))
    for cell in cells:
        circles = [[float(shape.get(name)) for name in ("cx", "cy", "r")] for shape in cell.iter(f"{SVG}circle")]
        nodes = [(x - r, y - r, 2 * r, 2 * r) for x, y, r in circles if r > 10]
        ends = [
            tuple(float(shape.get(name)) for name in ("x", "y", "width", "height"))
            for shape in cell.iter(f"{SVG}rect")
            if shape.get("class") is None
        ]
        boxes = labels(cell) + nodes + ends
        assert (len(labels(cell)), len(nodes), len(ends)) == (8, 4, 3)
        for one, other in itertools.combinations(boxes, 2):
            apart = (
                one[0] + one[2] < other[0]
                or other[0] + other[2] < one[0]
                or one[1] + one[3] < other[1]
                or other[1] + other[3] < one[1]
            )
            assert apart
        assert all(x >= 0 and x + wide < width - 24 for x, _, wide, _ in boxes)
        for x, top, bottom, _, _ in drops(cell):
            assert not any(left <= x <= left + wide and y < bottom and y + high > top for left, y, wide, high in boxes)


@pytest.mark.parametrize("code", CODES, ids=lambda code: "".join(map(str, code)))
def test_lines_do_not_run_into_each_other(code):
    _, cells = drawn(code)
    for cell in cells:
        lines = list(drops(cell))
        assert len({x for x, *_ in lines}) == 8
        assert len({bottom for _, _, bottom, _, _ in lines}) == 8
        for x, _, bottom, right, _ in lines:
            crossing = [other for other, top, end, _, _ in lines if x < other < right and top < bottom < end]
            assert not crossing


@pytest.mark.parametrize("code", CODES[:12] + CODES[-4:], ids=lambda code: "".join(map(str, code)))
def test_every_line_leads_from_its_parent_to_its_op(code):
    _, cells = drawn(code)
    for cell, pairs in zip(cells, SPACE.compact(code), strict=True):
        texts = {text.text: float(text.get("y")) for text in cell.iter(f"{SVG}text")}
        rows = {0: texts["input_0"], 1: texts["input_1"], **{node: texts[str(node)] for node in (2, 3, 4, 5)}}
        found = []
        for _, top, bottom, right, colour in drops(cell):
            (parent,) = [node for node, y in rows.items() if y == top + 5]
            (target,) = [node for node, y in rows.items() if abs(y - 5 - bottom) < 20]
            assert any(abs(left - right) < 1 and y < bottom < y + high for left, y, _, high in labels(cell))
            found.append((target, parent, colour))
        names = SPACE.edge_types[1:]
        expected = [(2 + place // 2, parent, COLOURS[names[op]]) for place, (parent, op) in enumerate(pairs)]
        assert sorted(found) == sorted(expected)
        assert sorted(text for text in texts if text in names) == sorted({names[op] for _, op in pairs})


def test_colours_are_distinct_and_white_text_on_them_is_readable():
    def luminance(colour):
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert len(set(COLOURS.values())) == 7
    for colour in COLOURS.values():
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_the_drawing_is_told_in_words():
    code = CHAIN + FLAT
    root, cells = drawn(code)
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert title.text == "DARTS architecture " + "".join(map(str, code))
    assert "In the normal cell node 2 is max_pool_3x3 of input_0 plus avg_pool_3x3 of input_1; " in description.text
    assert "node 5 is dil_conv_5x5 of node 3 plus max_pool_3x3 of node 4; the output" in description.text
    assert "In the reduction cell node 2 is sep_conv_3x3 of input_0 plus sep_conv_3x3 of input_1" in description.text
    assert [cell.find(f"{SVG}text").text for cell in cells] == ["Normal cell", "Reduction cell"]


def test_two_drawings_on_one_page_do_not_share_names():
    ids = [
        {shape.get("id") for shape in drawn(code)[0].iter() if shape.get("id")} for code in (CHAIN + FLAT, FLAT + CHAIN)
    ]
    assert len(ids[0]) == 2
    assert not ids[0] & ids[1]
