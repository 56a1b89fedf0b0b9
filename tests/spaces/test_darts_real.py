"""All genotypes of the random search of NAS-Bench-301 go through every form, the graph and back."""

import ast
import json
import pathlib

import numpy as np
import pytest

from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts import code_from_configuration

SPACE = get_space("darts")
SHARED = pathlib.Path(__file__).resolve().parents[2] / ".." / "shared"
GENOTYPES = SHARED / "nb301" / "genotypes_ti.json"
CONFIGSPACE = SHARED / "nb301" / "configspace.json"

pytestmark = pytest.mark.skipif(not GENOTYPES.exists(), reason="needs the list of real genotypes")


@pytest.fixture(scope="module")
def texts():
    return list(json.loads(GENOTYPES.read_text()).values())


@pytest.fixture(scope="module")
def codes(texts):
    return SPACE.check([SPACE.parse(text) for text in texts])


def test_the_codes_are_what_the_texts_say(texts, codes):
    assert len(texts) == len(codes) == 11_221
    for text, code in zip(texts, codes.tolist(), strict=True):
        cells = ast.literal_eval(text)
        expected = []
        for cell in cells:
            ordered = [entry for place in range(0, 8, 2) for entry in sorted(cell[place : place + 2])]
            expected += [op for _, op in ordered] + [parent for parent, _ in ordered]
        assert code == expected


@pytest.fixture(scope="module")
def forms(codes):
    return [SPACE.forms(code) for code in codes]


@pytest.mark.parametrize("form", ["genotype", "compact", "configuration", "code"])
def test_text_forms_are_read_back(codes, forms, form):
    assert b"".join(SPACE.parse(texts[form]).tobytes() for texts in forms) == codes.tobytes()


def test_objects_are_read_back(codes):
    for code in codes:
        text = code.tobytes()
        assert SPACE.parse(SPACE.genotype(code)).tobytes() == text
        assert SPACE.parse(SPACE.compact(code)).tobytes() == text
        assert code_from_configuration(SPACE.configuration(code)) == text


def test_graphs_are_read_back(codes):
    graphs = SPACE.graphs(codes)
    assert graphs.node_ptr[-1] == 14 * len(codes)
    assert np.array_equal(SPACE.codes(graphs), codes)


def test_renamed_architectures_are_rare_and_found(codes):
    keys = SPACE.canonical_keys(codes)
    different = len(np.unique(codes, axis=0))
    classes = len(np.unique(keys.view("V16")))
    assert classes <= different <= len(codes)
    assert np.array_equal(SPACE.canonical_keys(SPACE.canonical_codes(codes)), keys)


@pytest.mark.skipif(not CONFIGSPACE.exists(), reason="needs upstream's configuration space")
def test_configurations_obey_upstreams_space(codes):
    space = json.loads(CONFIGSPACE.read_text())
    choices = {entry["name"]: entry.get("choices") for entry in space["hyperparameters"]}
    conditions = {entry["child"]: (entry["parent"], entry["values"]) for entry in space["conditions"]}
    ours = [name for name in choices if ":edge_" in name or ":inputs_node_" in name]
    assert len(ours) == 34
    for code in codes[:1500]:
        config = SPACE.configuration(code)
        assert len(config) == 22
        for name in ours:
            parent, values = conditions.get(name, (None, None))
            assert (name in config) == (parent is None or config[parent] in values)
            assert name not in config or config[name] in choices[name]
