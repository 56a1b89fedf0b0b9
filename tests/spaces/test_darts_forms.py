"""The forms of a DARTS architecture: all of them lead to the same code and back, and nothing is ever run."""

import collections
import json
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts import OPS, Genotype, code_from_configuration

SPACE = get_space("darts")
PREFIX = "NetworkSelectorDatasetInfo:darts:"

# The same architecture in every form, each written down by hand.
TEXT = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 0), ('dil_conv_5x5', 2), "
    "('avg_pool_3x3', 3), ('sep_conv_5x5', 1), ('dil_conv_3x3', 4), ('skip_connect', 2)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('avg_pool_3x3', 1), ('sep_conv_3x3', 1), ('sep_conv_5x5', 2), ('dil_conv_3x3', 2), "
    "('dil_conv_5x5', 3), ('skip_connect', 0), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
CODE = [0, 3, 2, 6, 4, 1, 2, 5, 0, 1, 0, 2, 1, 3, 2, 4, 0, 1, 3, 4, 5, 6, 2, 0, 0, 1, 1, 2, 2, 3, 0, 1]
COMPACT = (
    ((0, 0), (1, 3), (0, 2), (2, 6), (1, 4), (3, 1), (2, 2), (4, 5)),
    ((0, 0), (1, 1), (1, 3), (2, 4), (2, 5), (3, 6), (0, 2), (1, 0)),
)
CONFIGURATION = {
    "edge_normal_0": "max_pool_3x3",
    "edge_normal_1": "sep_conv_3x3",
    "inputs_node_normal_3": "0_2",
    "edge_normal_2": "skip_connect",
    "edge_normal_4": "dil_conv_5x5",
    "inputs_node_normal_4": "1_3",
    "edge_normal_6": "sep_conv_5x5",
    "edge_normal_8": "avg_pool_3x3",
    "inputs_node_normal_5": "2_4",
    "edge_normal_11": "skip_connect",
    "edge_normal_13": "dil_conv_3x3",
    "edge_reduce_0": "max_pool_3x3",
    "edge_reduce_1": "avg_pool_3x3",
    "inputs_node_reduce_3": "1_2",
    "edge_reduce_3": "sep_conv_3x3",
    "edge_reduce_4": "sep_conv_5x5",
    "inputs_node_reduce_4": "2_3",
    "edge_reduce_7": "dil_conv_3x3",
    "edge_reduce_8": "dil_conv_5x5",
    "inputs_node_reduce_5": "0_1",
    "edge_reduce_9": "skip_connect",
    "edge_reduce_10": "max_pool_3x3",
}
PREFIXED = {PREFIX + key: value for key, value in CONFIGURATION.items()}
OTHER_KEYS = {
    "CreateImageDataLoader:batch_size": 96,
    "OptimizerSelector:sgd:weight_decay": 0.0003,
    PREFIX + "auxiliary": "True",
    PREFIX + "layers": 8,
}
ONE_SHOT = collections.namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
CELLS = [[(OPS[op], parent) for parent, op in cell] for cell in COMPACT]
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    "form",
    [
        TEXT,
        f"  DARTS = genotypes.{TEXT}\n",
        TEXT.replace("'", '"').replace(" ", "\n\t"),
        TEXT.replace("range(2, 6)", "range(2,6,)").replace(", 2)", ", np.int64(2))"),
        f"Genotype({CELLS[0]}, range(2, 6), {CELLS[1]}, reduce_concat=[5, 4, 3, 2])",
        Genotype(CELLS[0], range(2, 6), CELLS[1], [2, 3, 4, 5]),
        ONE_SHOT(tuple(CELLS[0]), np.arange(2, 6), [list(entry) for entry in CELLS[1]], (2, 3, 4, 5)),
        (CELLS[0], range(2, 6), CELLS[1], range(2, 6)),
        types.SimpleNamespace(normal=[(op, np.int64(parent)) for op, parent in CELLS[0]], reduce=CELLS[1]),
        COMPACT,
        str(COMPACT),
        json.dumps(COMPACT),
        np.array(COMPACT),
        (COMPACT[0], [entry[::-1] for entry in [(op, parent) for parent, op in COMPACT[1]]]),
        PREFIXED,
        CONFIGURATION,
        {**PREFIXED, **OTHER_KEYS},
        {**CONFIGURATION, **OTHER_KEYS, PREFIX + "edge_normal_5": None, 3: 4},
        json.dumps({**PREFIXED, **OTHER_KEYS, "more": [True, None, -1e-8, {"a": "b"}, ()]}),
        str({**CONFIGURATION, **OTHER_KEYS}),
        CODE,
        tuple(CODE),
        np.array(CODE, dtype=np.uint8),
        np.array(CODE, dtype=np.int64),
        bytes(CODE),
        "".join(map(str, CODE)),
        str(CODE),
    ],
    ids=lambda form: f"{type(form).__name__} {str(form)[:24]!r}",
)
def test_every_form_is_the_same_architecture(form):
    code = SPACE.parse(form)
    assert code.tolist() == CODE
    assert code.dtype == np.uint8
    code[0] = 1  # a fresh array, not a view of a constant


def test_what_the_space_writes():
    genotype = SPACE.genotype(CODE)
    assert genotype == (CELLS[0], [2, 3, 4, 5], CELLS[1], [2, 3, 4, 5])
    assert type(genotype).__name__ == "Genotype"
    assert SPACE.compact(CODE) == COMPACT
    assert SPACE.configuration(CODE) == PREFIXED
    forms = SPACE.forms(CODE)
    assert list(forms) == ["genotype", "compact", "configuration", "code"] == list(SPACE.genotype_forms)
    assert forms["genotype"].startswith("Genotype(normal=[('max_pool_3x3', 0), ('sep_conv_3x3', 1), ")
    assert forms["genotype"].endswith("('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])")
    assert forms["compact"] == str(COMPACT)
    assert json.loads(forms["configuration"]) == PREFIXED
    assert forms["code"] == "".join(map(str, CODE))


def test_the_examples_are_one_architecture():
    codes = {SPACE.parse(example).tobytes() for example in SPACE.genotype_forms.values()}
    assert len(codes) == 1


@given(seeds)
@settings(max_examples=80, deadline=None)
def test_forms_are_read_back(seed):
    code = SPACE.sample(1, np.random.default_rng(seed))[0]
    for form in (*SPACE.forms(code).values(), SPACE.genotype(code), SPACE.compact(code), SPACE.configuration(code)):
        assert np.array_equal(SPACE.parse(form), code)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_the_order_of_a_nodes_entries_is_free(seed):
    rng = np.random.default_rng(seed)
    code = SPACE.sample(1, rng)[0]
    genotype = SPACE.genotype(code)
    cells = [[*genotype.normal], [*genotype.reduce]]
    for cell in cells:
        for place in range(0, 8, 2):
            if rng.random() < 0.5:
                cell[place : place + 2] = cell[place + 1], cell[place]
    assert np.array_equal(SPACE.parse(Genotype(cells[0], range(2, 6), cells[1], range(2, 6))), code)


def test_eight_different_edges_each_keep_their_op():
    # Seven ops on eight edges: the eighth repeats the first, and each rotation puts it elsewhere.
    for turn in range(7):
        ops = [OPS[(edge + turn) % 7] for edge in range(8)]
        for parents in ([0, 1, 0, 1, 0, 1, 0, 1], [0, 1, 1, 2, 0, 3, 2, 4], [0, 1, 0, 2, 2, 3, 3, 4]):
            cell = list(zip(ops, parents, strict=True))
            given_genotype = Genotype(cell, [2, 3, 4, 5], cell[::1], [2, 3, 4, 5])
            code = SPACE.parse(given_genotype)
            assert SPACE.genotype(code) == given_genotype
            assert SPACE.genotype(SPACE.codes(SPACE.graphs(code[None]))[0]) == given_genotype


def test_configurations_become_a_table():
    codes = SPACE.sample(500, np.random.default_rng(3))
    texts = [code_from_configuration({**SPACE.configuration(code), **OTHER_KEYS}) for code in codes]
    assert all(type(text) is bytes for text in texts)
    assert np.array_equal(np.frombuffer(b"".join(texts), dtype=np.uint8).reshape(-1, 32), codes)
    assert SPACE.code_from_configuration(types.MappingProxyType(CONFIGURATION)) == bytes(CODE)
