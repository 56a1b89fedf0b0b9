"""The drawing and the depth of a NAS-Bench-201 architecture."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.nasbench201 import EDGES, OPS
from nb301_ogb.spaces.nasbench201_drawing import COLOURS

SPACE = get_space("nasbench201")
SVG = "{http://www.w3.org/2000/svg}"
CODES = [*SPACE.sample(20, np.random.default_rng(0)).tolist(), [0] * 6, [1] * 6, [3, 3, 3, 1, 3, 2]]


def drawn(code):
    return ElementTree.fromstring(SPACE.drawing(code))


def numbers(shape, names):
    return tuple(float(shape.get(name)) for name in names)


@pytest.mark.parametrize("code", CODES, ids=lambda code: "".join(map(str, code)))
def test_every_op_has_a_label_and_nothing_overlaps(code):
    root = drawn(code)
    width, height = numbers(root, ("width", "height"))
    rects = [shape for shape in root.iter(f"{SVG}rect") if shape.get("width") != root.get("width")]
    boxes = [numbers(shape, ("x", "y", "width", "height")) for shape in rects]
    for x, y, r in (numbers(shape, ("cx", "cy", "r")) for shape in root.iter(f"{SVG}circle")):
        boxes.append((x - r, y - r, 2 * r, 2 * r))
    assert len(boxes) == 4 + sum(op != 0 for op in code)
    for one, other in itertools.combinations(boxes, 2):
        assert (
            one[0] + one[2] < other[0]
            or other[0] + other[2] < one[0]
            or one[1] + one[3] < other[1]
            or other[1] + other[3] < one[1]
        )
    assert all(x >= 0 and x + w <= width and y >= 0 and y + h <= height for x, y, w, h in boxes)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert sorted(texts) == sorted([OPS[op] for op in code if op] + ["input", "1", "2", "output"])


@pytest.mark.parametrize(("edge", "op"), itertools.product(range(6), range(1, 5)))
def test_a_line_leads_from_its_source_to_its_target(edge, op):
    code = [0] * 6
    code[edge] = op
    root = drawn(code)
    places = {text.text: float(text.get("x")) for text in root.iter(f"{SVG}text")}
    order = [places[name] for name in ("input", "1", "2", "output")]
    line, tip = (shape.get("d") for shape in root.iter(f"{SVG}path"))
    start = float(re.match(r"M(\d+) ", line)[1])
    end = float(re.search(r"L(\d+) \d+L", tip)[1])
    source, target = EDGES[edge]
    assert abs(start - order[source]) <= 36
    assert abs(end - order[target]) <= 36
    assert {shape.get("stroke") for shape in root.iter(f"{SVG}path")} - {None} == {COLOURS[OPS[op]]}


def test_it_is_told_in_words():
    root = drawn([3, 0, 2, 1, 4, 0])
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert title.text == "NAS-Bench-201 architecture 302140"
    assert description.text == (
        "In the cell node 1 is nor_conv_3x3 of the input; node 2 is nor_conv_1x1 of node 1; "
        "the output is skip_connect of the input plus avg_pool_3x3 of node 1."
    )
    assert "node 1 is zero; node 2 is zero; the output is zero" in drawn([0] * 6).find(f"{SVG}desc").text


def test_two_drawings_on_one_page_do_not_share_names():
    ids = [{shape.get("id") for shape in drawn(code).iter() if shape.get("id")} for code in CODES[:2]]
    assert len(ids[0]) == 2
    assert not ids[0] & ids[1]


def test_colours_are_distinct_and_white_text_on_them_is_readable():
    def luminance(colour):
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert set(COLOURS) == set(OPS) - {"none"}
    assert len(set(COLOURS.values())) == 4
    assert all(1.05 / (luminance(colour) + 0.05) >= 4.5 for colour in COLOURS.values())


def test_depth_is_the_longest_path_of_ops():
    table = SPACE.table()
    paths = {(0, 3): 2, (0, 1, 3): 3, (0, 2, 3): 3, (0, 1, 2, 3): 4}
    expected = np.zeros(len(table), dtype=np.int64)
    for path, nodes in paths.items():
        there = np.all([table[:, EDGES.index(step)] != 0 for step in itertools.pairwise(path)], axis=0)
        expected[there] = np.maximum(expected[there], nodes)
    depth = SPACE.depth(table)
    assert depth.shape == (15_625, 1)
    assert depth.dtype == np.int64
    np.testing.assert_array_equal(depth[:, 0], expected)
    np.testing.assert_array_equal(depth[:, 0] > 0, SPACE.connected(table))
