"""What docs/search.md says of the optimisers is what they are."""

import re
from pathlib import Path

import pytest

import nb301_ogb
from nb301_ogb.search import optimiser_names, parse_spec

PAGE = Path(nb301_ogb.__file__).parents[1] / "docs" / "search.md"


def test_every_optimiser_is_described_with_its_defaults():
    if not PAGE.is_file():
        pytest.skip("the documentation is part of the repository, not of an installed package")
    section = PAGE.read_text(encoding="utf-8").partition("## Optimisers")[2].partition("##")[0]
    described = set()
    for row in re.findall(r"^\| `.*$", section, flags=re.MULTILINE):
        names, _, settings = (cell.strip() for cell in row.strip("|").split(" | "))
        for name in re.findall("`([^`]+)`", names):
            described.add(name)
            # Settings that are the defaults leave nothing to say.
            assert str(parse_spec(f"{name}:{settings.strip('` ')}")) == name
    assert described == set(optimiser_names())
