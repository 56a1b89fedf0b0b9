"""The scripts whose figures the documents quote."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.spaces import get_space

ROOT = Path(__file__).resolve().parents[2]
GENOTYPES = ROOT / ".." / "shared" / "nb301" / "genotypes_ti.json"
DARTS = get_space("darts")


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pairing():
    return script("upstream_edge_ops")


def by_loops(code):
    """The published pairing, edge by edge."""
    found = []
    for cell in (code[:16], code[16:]):
        adjacency = np.zeros((7, 7))
        ops = {}
        for place, target in enumerate((2, 2, 3, 3, 4, 4, 5, 5)):
            adjacency[cell[8 + place], target] = 1
            ops[target * (target - 1) // 2 - 1 + int(cell[8 + place])] = cell[place]  # by the number of the edge
        listed = [ops[edge] for edge in sorted(ops)]
        given = dict(zip(zip(*np.nonzero(adjacency), strict=True), listed, strict=True))
        found.append([given[cell[8 + place], target] for place, target in enumerate((2, 2, 3, 3, 4, 4, 5, 5))])
    return np.array(found)


def test_the_published_pairing_by_loops(pairing):
    codes = DARTS.sample(200, np.random.default_rng(3))
    np.testing.assert_array_equal(pairing.published_ops(codes), np.stack([by_loops(code) for code in codes]))


def test_our_ops_by_eight_different_ones(pairing):
    """Every edge with an op of its own, as far as there are ops, so that no exchange goes unseen."""
    codes = DARTS.sample(500, np.random.default_rng(4))
    codes[:, :8], codes[:, 16:24] = [0, 1, 2, 3, 4, 5, 6, 0], [6, 5, 4, 3, 2, 1, 0, 6]
    np.testing.assert_array_equal(pairing.our_ops(codes), codes.reshape(-1, 2, 16)[..., :8])


def test_the_figures_of_the_data_card(pairing):
    codes = DARTS.sample(20_000, np.random.default_rng(0))
    edges, architectures = pairing.wrong_shares(pairing.published_ops(codes), codes)
    assert (f"{edges:.2%}", f"{architectures:.2%}") == ("55.85%", "99.98%")
    assert pairing.wrong_shares(pairing.our_ops(codes), codes) == (0, 0)
    card = (ROOT / "docs" / "data-card-nb301.md").read_text()
    assert "55.85%" in card
    assert "99.98%" in card


def test_twins_by_hand():
    code = DARTS.sample(1, np.random.default_rng(0))[0]
    cells = DARTS.compact(code)
    swapped = tuple(
        tuple(pair for place in range(0, 8, 2) for pair in (cell[place + 1], cell[place])) for cell in cells
    )
    other = DARTS.sample(1, np.random.default_rng(1))[0]
    # The nodes 3 and 4 on the inputs alone, and with their names exchanged.
    first = [*(0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 0, 1, 0, 1, 0, 1), *code[16:].tolist()]
    second = [*(0, 1, 4, 5, 2, 3, 6, 0, 0, 1, 0, 1, 0, 1, 0, 1), *code[16:].tolist()]
    texts = [DARTS.forms(one)["code"] for one in (code, other, first, second)] + [str(swapped)]
    found = script("genotype_twins").twins("darts", texts)
    assert list(found.values()) == [5, 4, 2, 3, 4]


@pytest.mark.skipif(not GENOTYPES.is_file(), reason="needs the list of real genotypes")
def test_the_real_genotypes_have_no_twins():
    command = [sys.executable, str(ROOT / "benchmarks" / "genotype_twins.py"), "darts", str(GENOTYPES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told = dict(line.split(": ") for line in done.stdout.splitlines())
    assert told["architectures"] == told["different networks (canonical keys)"] == "11,221"
    assert len(json.loads(GENOTYPES.read_text())) == 11_221
