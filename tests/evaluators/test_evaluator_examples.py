"""The examples in the docstrings are true."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["inputs", "metrics", "uncertainty", "evaluator"])
def test_examples(module):
    found = importlib.import_module(f"nb301_ogb.evaluators.{module}")
    failed, attempted = doctest.testmod(found)
    assert attempted
    assert not failed
