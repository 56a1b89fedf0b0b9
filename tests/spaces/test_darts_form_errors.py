"""What is no DARTS architecture is refused, with the part that is wrong and what is allowed there."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts import Genotype
from nb301_ogb.spaces.darts_text import MAX_LENGTH

SPACE = get_space("darts")
CODE = SPACE.parse(SPACE.genotype_forms["genotype"])
GENOTYPE = SPACE.genotype(CODE)
COMPACT = SPACE.compact(CODE)
TEXT = SPACE.forms(CODE)["genotype"]


def refused(architecture, *parts):
    with pytest.raises(ArchitectureError) as caught:
        SPACE.parse(architecture)
    message = str(caught.value)
    assert isinstance(caught.value, ValueError)
    for part in parts:
        assert part in message
    assert message.endswith(".")
    assert "\n" not in message


def changed(cell, place, entry):
    """The genotype with one entry of one cell replaced."""
    entries = list(getattr(GENOTYPE, cell))
    entries[place] = entry
    return GENOTYPE._replace(**{cell: entries})


@pytest.mark.parametrize(
    ("genotype", "parts"),
    [
        (changed("normal", 4, ("none", 0)), ["the normal cell, node 4, first entry: 'none' is no op", "NASLib"]),
        (changed("reduce", 7, ("conv_1x1", 0)), ["the reduction cell, node 5, second entry: 'conv_1x1' is no op"]),
        (changed("reduce", 7, (3, 0)), ["the reduction cell, node 5, second entry: 3 is no op"]),
        (changed("normal", 1, ("sep_conv_3x3", 0)), ["the normal cell, node 2: parents 0 and 0; allowed are 0 and 1."]),
        (changed("reduce", 2, ("sep_conv_3x3", 2)), ["the reduction cell, node 3: parents 2 and 2; allowed are two"]),
        (changed("reduce", 5, ("sep_conv_3x3", 4)), ["the reduction cell, node 4: parents 0 and 4", "from 0 to 3"]),
        (changed("reduce", 5, ("sep_conv_3x3", -1)), ["the reduction cell, node 4: parents -1 and 0"]),
        (changed("reduce", 5, ("sep_conv_3x3", 10**30)), ["node 4, second entry: 1000", "small whole numbers"]),
        (changed("normal", 0, ("sep_conv_3x3", "0")), ["node 2, first entry: '0'", "whole numbers"]),
        (changed("normal", 0, ("sep_conv_3x3", True)), ["node 2, first entry: True"]),
        (changed("normal", 0, ("sep_conv_3x3", 0.5)), ["node 2, first entry: 0.5"]),
        (changed("normal", 3, ("sep_conv_3x3",)), ["second entry: ('sep_conv_3x3',); allowed are pairs ('op', "]),
        (changed("normal", 3, "sep"), ["node 3, second entry: 'sep'"]),
        (GENOTYPE._replace(normal=GENOTYPE.normal[:6]), ["the normal cell: 6 entries; allowed are 8 pairs"]),
        (GENOTYPE._replace(reduce=None), ["the reduction cell: None; allowed are 8 pairs"]),
        (GENOTYPE._replace(normal_concat=[4, 5]), ["normal_concat: [4, 5]; allowed are the nodes [2, 3, 4, 5]"]),
        (GENOTYPE._replace(reduce_concat=range(1, 6)), ["the reduction cell, reduce_concat: range(1, 6)"]),
        (GENOTYPE._replace(reduce_concat="2345"), ["the reduction cell, reduce_concat: '2345'"]),
        (GENOTYPE._replace(reduce_concat=7), ["the reduction cell, reduce_concat: 7"]),
    ],
)  # fmt: skip
def test_genotypes(genotype, parts):
    refused(genotype, *parts)
    refused(tuple(genotype), *parts)


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ((0, 7), ["the reduction cell, node 3, first entry: 7 is no op", "NASLib", "0 max_pool_3x3, 1 avg_pool_3x3"]),
        ((0, -1), ["the reduction cell, node 3, first entry: -1 is no op"]),
        ((0, "skip_connect"), ["node 3, first entry: 'skip_connect'; allowed are small whole numbers"]),
        ((2, 0), ["the reduction cell, node 3: parents 2 and 2"]),
        ((0, 1, 2), ["the reduction cell, node 3, first entry: (0, 1, 2); allowed are pairs (parent, op number)"]),
    ],
)  # fmt: skip
def test_compact_forms(entry, parts):
    cell = list(COMPACT[1])
    cell[2] = entry
    refused((COMPACT[0], cell), *parts)
    refused(repr((COMPACT[0], cell)), *parts)


@pytest.mark.parametrize(
    ("architecture", "parts"),
    [
        ([0] * 31, ["a sequence of 31 is no architecture of darts", "Genotype", "32 numbers"]),
        ([], ["a sequence of 0"]),
        (None, ["None is no architecture"]),
        (3.5, ["3.5 is no architecture"]),
        (np.int64(3), ["3 is no architecture"]),
        ({}, ["the configuration has no inputs_node_normal_3; allowed are 0_1, 0_2, 1_2."]),
        (CODE[None].repeat(3, axis=0), ["a sequence of 3"]),
        (CODE.astype(float), ["number 0 of the code: 3.0; allowed are small whole numbers"]),
        ([*CODE[:-1].tolist(), 9], ["the reduction cell, node 5: parents 1 and 9"]),
        ("0" * 31, ["a text of 31 digits is no code of darts; allowed are 32 digits."]),
        ("9" + "0" * 31, ["the normal cell, node 2: parents 0 and 0"]),
        ("", ["cannot be read from 'the end of the text' on (character 1)"]),
        ("   ", ["cannot be read"]),
        ("4", ["a text of 1 digits"]),
        ("'text'", ["'text' is no architecture"]),
        ("٣" * 32, ["cannot be read"]),
        (TEXT + ")", ["cannot be read from ')' on (character "]),
        (TEXT[:-1], ["cannot be read from 'the end of the text'"]),
        (TEXT.replace("Genotype", "Genome"), ["(character 1); it is a Genotype(normal=[('op', parent), ...]"]),
        (TEXT.replace("normal=", "normal=normal="), ["on (character 17)"]),
        (TEXT.replace("reduce=", "normal="), ["cannot be read"]),
        (TEXT.replace(", reduce_concat=[2, 3, 4, 5]", ""), ["reduce_concat missing"]),
        ("Genotype(1, 2, 3, 4, 5)", ["too many values"]),
        ("Genotype(1, normal=2)", ["normal_concat, reduce, reduce_concat missing"]),
        ("Genotype(normal=1, 2)", ["cannot be read"]),
        ("Genotype(1, 2, 3, 4, reduce=3)", ["each once: too many values"]),
        ("Genotype", ["cannot be read"]),
        (TEXT.replace("[2, 3, 4, 5]", "range(2)"), ["normal_concat: [0, 1]"]),
        (TEXT.replace("[2, 3, 4, 5]", "range(2, 10000000000)"), ["cannot be read"]),
        (TEXT.replace("[2, 3, 4, 5]", "range()"), ["cannot be read"]),
        (TEXT.replace("[2, 3, 4, 5]", "int64(2, 3)"), ["cannot be read"]),
        ("[1 2]", ["cannot be read from '2]' on (character 4)"]),
        ("{1: 2}", ["cannot be read"]),
        ("{'a' 2}", ["cannot be read"]),
        ("[" * 5000, ["cannot be read"]),
        ("1" * MAX_LENGTH + ",", ["a text of 20001 characters"]),
        ("-" * 4000, ["cannot be read"]),
        ("[" + "9" * 19000 + "]", ["a sequence of 1"]),
    ],
    ids=lambda value: f"{str(value)[:20]!r}" if not isinstance(value, list) or len(value) > 2 else "",
)  # fmt: skip
def test_other_things(architecture, parts):
    refused(architecture, *parts)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "Genotype(normal=__import__('os'), normal_concat=1, reduce=2, reduce_concat=3)",
        "[x for x in ()]",
        "(lambda: 0)()",
        "1 if 2 else 3",
        "f'{1}'",
        "'a' 'b'",
        "'\\x41'",
        "(1).real",
        "open('/etc/passwd')",
        "2 ** 99",
    ],
)
def test_nothing_is_run(text):
    refused(text)


@given(st.text(alphabet="Genotype(normal=[('sep_conv_3x3', 0)], 2.e{}:\"\\range\n", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text):
    with pytest.raises(ArchitectureError):
        SPACE.parse(text)


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="ascii"))
@settings(max_examples=150, deadline=None)
def test_damaged_text_is_read_or_refused(place, character):
    try:
        code = SPACE.parse(TEXT[:place] + character + TEXT[place + 1 :])
    except ArchitectureError:
        return
    SPACE.check(code[None])


def configuration(**changes):
    config = {key.rpartition(":")[2]: value for key, value in SPACE.configuration(CODE).items()}
    config.update(changes)
    return {key: value for key, value in config.items() if value is not ...}


@pytest.mark.parametrize("prefix", ["", "NetworkSelectorDatasetInfo:darts:"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs_node_reduce_4": ...}, "the reduction cell, node 4: the configuration has no inputs_node_reduce_4; "),
        ({"inputs_node_reduce_3": "2_1"}, "the reduction cell, node 3: inputs_node_reduce_3 is '2_1'; allowed"),
        ({"inputs_node_normal_5": "9_2_4"}, "the normal cell, node 5: inputs_node_normal_5 is '9_2_4'; allowed"),
        ({"inputs_node_normal_5": ["0_1"]}, "the normal cell, node 5: inputs_node_normal_5 is ['0_1']"),
        ({"edge_normal_0": "none"}, "the normal cell, node 2: edge_normal_0 is 'none'; allowed are max_pool_3x3, "),
        ({"edge_normal_0": 3}, "the normal cell, node 2: edge_normal_0 is 3; allowed are max_pool_3x3"),
        ({"edge_normal_1": ...}, "the normal cell, node 2: the configuration has no edge_normal_1"),
        ({"edge_normal_1": None}, "the normal cell, node 2: the configuration has no edge_normal_1"),
        ({"edge_normal_13": "skip_connect"}, "the normal cell: edge_normal_13 given though its parents make it"),
        ({"inputs_node_normal_5": "0_1"}, "the normal cell: edge_normal_11 given though its parents make it inactive"),
    ],
)  # fmt: skip
def test_configurations(changes, message, prefix):
    config = {prefix + key: value for key, value in configuration(**changes).items()}
    with pytest.raises(ArchitectureError, match="^" + re.escape(message)):
        SPACE.code_from_configuration(config)
    refused(config, message)


def test_a_key_with_and_without_prefix_must_agree():
    config = {**configuration(), **SPACE.configuration(CODE)}
    assert SPACE.code_from_configuration(config) == CODE.tobytes()
    config["edge_normal_0"] = "skip_connect"
    twice = "the configuration holds edge_normal_0 twice, as 'skip_connect' and as 'sep_conv_3x3'"
    refused(config, twice)
    refused({key: config[key] for key in config if key != "edge_normal_1"}, twice)


@pytest.mark.parametrize(
    "form", ["genotype", "compact", "configuration", "forms", "canonical_key", "drawing", "neighbours"]
)
@pytest.mark.parametrize("code", [[0] * 32, CODE[:31], CODE[None], "0" * 32, None, {}, GENOTYPE], ids=str)
def test_only_codes_have_forms(form, code):
    with pytest.raises(ArchitectureError):
        getattr(SPACE, form)(code)


def test_a_genotype_is_an_ordinary_tuple():
    assert isinstance(GENOTYPE, tuple)
    assert Genotype._fields == ("normal", "normal_concat", "reduce", "reduce_concat")
