"""Searches on several benchmarks, held against those on one of them."""

import numpy as np
import pytest

from nb301_ogb.experiments import curves
from nb301_ogb.experiments.comparison import compare, run_searches, within
from tests.search.search_benchmarks import Sum


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    benchmarks = {"one": Sum(), "other": Sum(), "third": Sum()}
    return run_searches(benchmarks, ("rs", "re"), 60, 3, folder=tmp_path_factory.mktemp("searches"))


def test_a_checkpoint_beyond_the_budget_is_left_out():
    assert within((100, 300, 1000), 300) == [100, 300]
    assert within((100, 300), 50) == [50]


def test_searches_by_benchmark_and_optimiser(found):
    assert list(found) == ["one", "other", "third"]
    for by_optimiser in found.values():
        assert {name: [one.seed for one in repeats] for name, repeats in by_optimiser.items()} == {
            "rs": [0, 1, 2],
            "re": [0, 1, 2],
        }


def test_everything_is_held_against_the_reference(found):
    numbers = compare(found, [20, 60], reference="other")
    for entry in numbers["checkpoints"]:
        assert set(entry["order"]) == {"one", "third"}
        assert all(set(errors) == {"one", "other", "third"} for errors in entry["errors"].values())
    for line in numbers["curves"].values():
        assert line["areas"] == {"one": 0.0, "third": 0.0}
        assert set(line) == {"seconds", "areas", "one", "other", "third"}


def test_a_judge_and_gaps_have_words_of_their_own(found):
    class Harsh(Sum):
        def values(self, codes):
            return super().values(codes) - 3.0

    numbers = compare(
        found, [60], reference="one", judge=Harsh(), judged={"third": "harshly"}, gaps={"gap": ("harshly", "one")}
    )
    errors = numbers["checkpoints"][0]["errors"]
    assert set(errors["re"]) == {"one", "other", "third", "harshly", "gap"}
    assert errors["re"]["gap"] == pytest.approx({"mean": 3.0, "standard_error": 0.0})
    wanted = curves.errors_at(found["third"]["re"], [60]).mean() + 3.0
    assert errors["re"]["harshly"]["mean"] == pytest.approx(wanted)
    line = numbers["curves"]["rs"]
    assert np.subtract(line["harshly"]["mean"], line["third"]["mean"]) == pytest.approx(3.0)


def test_without_the_reference_nothing_is_held_against_anything(found):
    numbers = compare({"other": found["other"]}, [60], reference="one")
    assert numbers["checkpoints"][0]["order"] == {}
    assert numbers["curves"]["re"]["areas"] == {}
