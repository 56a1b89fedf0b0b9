"""The numbers of the report, held against plain counting and cases made by hand."""

from collections import Counter

import numpy as np
import pytest

from nb301_ogb.catalog import get_info
from nb301_ogb.experiments import dataset_facts as facts
from nb301_ogb.experiments.dataset_noise import measure
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.loaders.splits import own_runs
from nb301_ogb.storage.read import DatasetFile
from tests.small_files import darts_file, part_of_nb201

FILES = {"nasbench201": part_of_nb201, "darts": darts_file}


@pytest.fixture(scope="module", params=list(FILES))
def found(request, tmp_path_factory):
    return facts.columns(FILES[request.param](tmp_path_factory.mktemp("file") / "small.h5").contents())


@pytest.fixture(scope="module")
def whole():
    return facts.columns(DatasetFile(dataset_path(get_info("nb201-cifar10"))).contents())


def test_the_label_is_the_mean_of_the_runs(found):
    values = found.contents.targets["val_accuracy"].values.astype(np.float64)
    expected = np.array([row[~np.isnan(row)].mean() for row in values])
    np.testing.assert_allclose(found.label, expected, rtol=1e-6)


def test_rows_without_a_label_are_left_out(tmp_path):
    file = darts_file(tmp_path / "a.h5", rows=50)
    contents = file.contents()
    contents.targets["val_accuracy"].values[[3, 7]] = np.nan
    found = facts.columns(contents)
    assert 3 not in found.rows
    assert len(found.rows) == len(found.label) == len(found.depth) == len(found.group) == 48
    np.testing.assert_array_equal(found.group, contents.group[found.rows])


def test_summary():
    found = facts.summary(np.array([np.nan, 4.0, 1.0, 2.0, 3.0, 5.0]))
    assert found == {
        "count": 5, "mean": 3.0, "min": 1.0, "q05": 1.2, "q25": 2.0, "median": 3.0, "q75": 4.0, "q95": 4.8, "max": 5.0,
    }  # fmt: skip
    assert facts.summary(np.array([np.nan])) == {"count": 0}


def test_agreement():
    one = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    assert facts.agreement(one, one + 1) == {
        "rows": 4, "spearman": 1.0, "kendall_tau": 1.0, "mean_difference": -1.0
    }  # fmt: skip
    assert facts.agreement(one, -one)["kendall_tau"] == pytest.approx(-1)
    assert facts.agreement(one, np.ones(5)) == {"rows": 4, "mean_difference": 1.5}
    assert facts.agreement(one, np.full(5, np.nan)) == {"rows": 0}


def test_groups(found):
    groups = facts.by_group(found)
    if found.group is None:
        assert groups == {}
        return
    counts = Counter(found.contents.groups[one] for one in found.contents.group)
    assert {name: one["count"] for name, one in groups.items()} == counts
    sizes = [one["count"] for one in groups.values()]
    assert sizes == sorted(sizes, reverse=True)
    first = next(iter(groups))
    rows = found.contents.group == found.contents.groups.index(first)
    assert groups[first]["median"] == pytest.approx(np.median(found.label[rows]))


def test_depths(found):
    depths = facts.by_depth(found)
    assert list(depths) == list(found.space.cells)
    for place, kinds in enumerate(depths.values()):
        assert sum(one["count"] for one in kinds.values()) == len(found.rows)
        for kind, one in kinds.items():
            rows = found.space.depth(found.contents.code)[:, place] == int(kind)
            assert one["max"] == found.label[rows].max()


def test_extremes():
    label = np.arange(100.0)[::-1]
    best, worst = facts.extremes(label)
    assert sorted(best) == [0, 1, 2, 3, 4]
    assert sorted(worst) == [95, 96, 97, 98, 99]
    assert [len(one) for one in facts.extremes(label[:3])] == [1, 1]


def test_op_shares_by_plain_counting(found):
    space, codes = found.space, found.contents.code
    order = np.argsort(found.label, kind="stable")
    count = int(np.ceil(0.05 * len(codes)))
    rows = {"all": codes, "worst": codes[order[:count]], "best": codes[order[-count:]]}
    shares = facts.op_shares(found)
    for who, chosen in rows.items():
        for place, cell in enumerate(space.cells):
            if space.name == "darts":
                ops, names = chosen[:, 16 * place : 16 * place + 8], space.edge_types[1:8]
            else:
                ops, names = chosen, space.edge_types
            for number, name in enumerate(names):
                assert shares[cell][name][who] == pytest.approx((ops == number).mean())
    for ops in shares.values():
        for who in rows:
            assert sum(one[who] for one in ops.values()) == pytest.approx(1)


def test_twins_by_plain_counting(found):
    told = facts.twins(found)
    keys = Counter(key.tobytes() for key in found.contents.canonical_key)
    runs = Counter(found.contents.run_id[found.contents.run_id >= 0].tolist())
    assert told["classes"] == len(keys)
    assert told["rows_with_a_twin"] == sum(one for one in keys.values() if one > 1)
    assert told["largest_class"] == max(keys.values())
    assert told["different_codes"] == len({code.tobytes() for code in found.contents.code})
    assert told["entries"] == sum(runs.values())
    assert told["different_runs"] == len(runs)
    shared = [any(runs[one] > 1 for one in row if one >= 0) for row in found.contents.run_id.tolist()]
    assert told["rows_with_a_shared_run"] == sum(shared)
    assert found.space.name == "nasbench201" or told["rows_with_a_twin"] == 20


def test_what_is_known_of_nas_bench_201(whole):
    told = facts.twins(whole)
    assert (told["classes"], told["entries"], told["different_runs"]) == (5_260, 39_419, 31_158)
    assert (told["components"], told["largest_class"]) == (5_181, 460)
    assert facts.by_depth(whole)["cell"]["0"]["count"] == 341
    assert found_best(whole) == "333132"
    splits = facts.split_facts(whole)
    assert next(iter(splits)) == "equivalence"
    assert splits["equivalence"]["test_equivalent_in_train"] == 0
    assert splits["random"]["test_equivalent_in_train"] > 1000


def found_best(found):
    return "".join(map(str, found.contents.code[found.rows[facts.examples(found)["best"]]]))


def test_examples(found):
    places = facts.examples(found)
    assert found.label[places["best"]] == found.label.max()
    assert (found.label <= found.label[places["median"]]).sum() >= len(found.label) / 2
    whole = (found.depth > 0).all(axis=1)
    assert found.label[places["worst"]] == found.label[whole].min()


RUN_ID = np.array([[0, 1, 2], [3, 4, -1], [0, 5, 6], [7, 7, 8], [9, -1, -1]], np.int32)


def test_noise_by_hand():
    nan = np.nan
    values = np.array([[90, 80, 82], [70, 71, nan], [90, 60, 66], [50, 50, 58], [40, nan, nan]], np.float32)
    found = measure(values, RUN_ID)
    assert (found.facts["entries"], found.facts["copied_entries"], found.facts["rows"]) == (12, 4, 3)
    np.testing.assert_allclose(found.level, [81, 70.5, 63])
    np.testing.assert_allclose(found.spread, [2 / np.sqrt(2), 1 / np.sqrt(2), 6 / np.sqrt(2)])
    own = found.facts["by_runs"]
    assert set(own) == {"2"}
    assert own["2"]["rows"] == 3
    assert own["2"]["mae_of_one_run"] == pytest.approx((2 + 1 + 6) / 3)
    copies = found.facts["with_copies"]
    assert set(copies) == {"2", "3"}
    # Of 90, 80, 82: |90-81|, |80-86|, |82-85|; of 90, 60, 66: 27, 18, 9; of 50, 50, 58: 4, 4, 8.
    assert copies["3"]["mae_of_one_run"] == pytest.approx((9 + 6 + 3 + 27 + 18 + 9 + 4 + 4 + 8) / 9)


def test_no_noise_without_repeats():
    assert measure(np.ones((3, 1), np.float32), np.arange(3, dtype=np.int32)[:, None]) is None
    copied = np.array([[0, 0], [1, 1]], np.int32)
    assert measure(np.ones((2, 2), np.float32), copied) is None


def test_noise_of_nas_bench_201(whole):
    values, run_id = whole.contents.targets["val_accuracy"].values, whole.contents.run_id
    found = measure(values, run_id)
    rows = (own_runs(run_id).sum(axis=1) == 3).nonzero()[0]
    table = values[rows].astype(np.float64)
    differences = [np.abs(table[:, run] - np.delete(table, run, axis=1).mean(axis=1)) for run in range(3)]
    assert found.facts["by_runs"]["3"]["rows"] == len(rows)
    assert found.facts["by_runs"]["3"]["mae_of_one_run"] == pytest.approx(np.mean(differences))
    assert found.facts["with_copies"]["3"]["rows"] == 8_169
    assert found.facts["with_copies"]["2"]["rows"] == 7_456
