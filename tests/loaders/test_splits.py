import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nb301_ogb import dataset_names, get_info
from nb301_ogb.errors import BuildError
from nb301_ogb.loaders import splits
from nb301_ogb.loaders.build_nb201 import FEW_SHOTS, make_splits
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.spaces.nasbench201 import SPACE
from nb301_ogb.storage.read import DatasetFile

NB201 = [name for name in dataset_names() if name.startswith("ogbg-nb201")]
PARTS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def table():
    """Codes, keys, run ids, components and the splits of the embedded files."""
    file = DatasetFile(dataset_path(get_info(NB201[0])))
    codes, keys, runs = file.codes(), file.canonical_keys(), file.run_ids()
    found = {name: file.split(name) for name in file.split_names}
    return codes, keys, runs, splits.components(keys, runs), found


small_tables = st.integers(1, 12).flatmap(
    lambda rows: st.tuples(
        hnp.arrays(np.uint8, (rows, 2), elements=st.integers(0, 4)),
        hnp.arrays(np.int32, (rows, 2), elements=st.integers(-1, 40), fill=st.nothing()),
    )
)


def joined(keys, runs):
    """Sets of rows, merged while two of them have a key or a run in common."""
    groups = []
    for row, (key, ids) in enumerate(zip(keys.tolist(), runs.tolist(), strict=True)):
        marks = {("key", *key)} | {("run", one) for one in ids if one >= 0}
        rows = {row}
        for other in [group for group in groups if group[1] & marks]:
            groups.remove(other)
            rows |= other[0]
            marks |= other[1]
        groups.append((rows, marks))
    return {frozenset(rows) for rows, _ in groups}


@given(small_tables)
def test_components_join_rows_with_an_equal_key_or_a_shared_run(keys_and_runs):
    keys, runs = keys_and_runs
    component = splits.components(keys, runs)
    assert component.dtype == np.int64
    assert {frozenset(np.flatnonzero(component == one).tolist()) for one in component} == joined(keys, runs)


@given(small_tables)
def test_row_classes_are_numbered_in_the_order_of_their_keys(keys_and_runs):
    keys = keys_and_runs[0]
    classes = splits.row_classes(keys)
    ordered = sorted(set(map(tuple, keys.tolist())))
    assert classes.tolist() == [ordered.index(tuple(key)) for key in keys.tolist()]


def test_facts_about_components(table):
    component = table[3]
    sizes = np.sort(np.bincount(component))[::-1]
    assert len(sizes) == 5_181
    assert sizes[:3].tolist() == [600, 460, 460]


# Rules on small tables


@given(small_tables, st.text(max_size=20))
def test_by_row_has_exact_shares(keys_and_runs, salt):
    codes = keys_and_runs[0]
    parts = splits.by_row(codes, salt)
    rows = len(codes)
    assert tuple(parts) == PARTS
    cuts = [round(0.8 * rows), round(0.9 * rows)]
    assert [len(parts[part]) for part in PARTS] == [cuts[0], cuts[1] - cuts[0], rows - cuts[1]]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(rows))
    assert all(np.array_equal(np.sort(part), part) and part.dtype == np.int64 for part in parts.values())


@given(small_tables, st.data())
def test_by_component_keeps_components_whole(keys_and_runs, data):
    keys, runs = keys_and_runs
    rows = len(keys)
    component = splits.components(keys, runs)
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    parts = splits.by_component(keys, component, "salt", wanted)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(rows))
    owners = [set(component[part]) for part in parts.values()]
    assert len(set().union(*owners)) == sum(map(len, owners))


def test_what_must_be_in_train_goes_there_first():
    codes, alone = SPACE.table()[:50], np.arange(50)
    for wanted in (codes[:, 5] < 4, codes[:, 5] == 4, alone < 40):
        parts = splits.by_component(codes, alone, "salt", wanted)
        assert set(np.flatnonzero(wanted)) <= set(parts["train"])
        assert [len(rows) for rows in parts.values()] == [40, 5, 5]
    usual = splits.by_component(codes, alone, "salt")
    assert not set(range(40)) <= set(usual["train"])


@given(small_tables, st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(keys_and_runs, order):
    codes = np.unique(keys_and_runs[0], axis=0)
    order = np.array([row for row in order if row < len(codes)])
    runs = keys_and_runs[1][: len(codes)]
    rules = [
        lambda codes, _: splits.by_row(codes, "salt"),
        lambda codes, component: splits.by_component(codes, component, "salt", (codes == 0).any(axis=1)),
        lambda codes, _: splits.few_shot(codes, np.arange(len(codes)), "salt", len(codes) // 2, len(codes) // 4),
    ]
    for rule in rules:
        one = rule(codes, splits.components(codes, runs))
        other = rule(codes[order], splits.components(codes[order], runs[order]))
        for part in PARTS:
            assert set(map(tuple, codes[one[part]])) == set(map(tuple, codes[order][other[part]]))


def test_few_shot_that_cannot_be_filled():
    codes = np.arange(8, dtype=np.uint8)[:, None]
    whole = np.zeros(8, dtype=np.int64)
    with pytest.raises(BuildError, match="train cannot be filled with exactly 2 of 8 rows: 2 are missing"):
        splits.few_shot(codes, whole, "salt", 2, 1)
    with pytest.raises(BuildError, match="valid cannot be filled with exactly 7 of 8 rows: 1 are missing"):
        splits.few_shot(codes, np.arange(8), "salt", 2, 7)
    assert [len(part) for part in splits.few_shot(codes, np.arange(8), "salt", 2, 6).values()] == [2, 6, 0]


def test_row_hashes_depend_on_code_and_salt_alone():
    codes = SPACE.table()[:200]
    hashes = splits.row_hashes(codes, "salt")
    assert hashes.dtype == np.uint64
    assert len(set(hashes.tolist())) == 200
    assert np.array_equal(splits.row_hashes(codes.astype(np.int64), "salt"), hashes)
    assert np.array_equal(splits.row_hashes(np.asfortranarray(codes), "salt"), hashes)
    assert np.array_equal(splits.row_hashes(codes[50:60], "salt"), hashes[50:60])
    assert not np.isin(splits.row_hashes(codes, "other"), hashes).any()
    # BLAKE2b is fixed by RFC 7693, so this number is the same on every machine.
    assert splits.row_hashes(np.zeros((1, 6), dtype=np.uint8), "salt").tolist() == [17566950570779613648]


@given(small_tables, st.data())
def test_leaks_by_sets(keys_and_runs, data):
    keys, runs = keys_and_runs
    codes = keys.copy()
    codes[:, 1] //= 2
    which = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(keys), max_size=len(keys))))
    parts = {part: np.flatnonzero(which == number) for number, part in enumerate(PARTS)}
    train, test = parts["train"], parts["test"]

    def known(rows):
        seen = {tuple(row) for row in rows[train].tolist()}
        return sum(tuple(row) in seen for row in rows[test].tolist())

    seen_runs = set(runs[train].ravel().tolist()) - {-1}
    expected = {
        "test_equal_in_train": known(codes),
        "test_equivalent_in_train": known(keys),
        "test_run_in_train": sum(bool(seen_runs & set(row)) for row in runs[test].tolist()),
    }
    assert splits.leaks(parts, codes, keys, runs) == expected
    split = splits.make_split(parts, "rule", codes, keys, runs)
    assert split.statistics == expected | {f"num_{part}": len(parts[part]) for part in PARTS}
    assert (split.rule, split.source) == ("rule", "nb301-ogb")


# The splits of the NAS-Bench-201 datasets


def test_the_files_have_the_splits_of_the_catalogue():
    for name in NB201:
        file = DatasetFile(dataset_path(get_info(name)))
        assert set(file.split_names) == set(get_info(name).splits)
    assert get_info(NB201[0]).default_split == "equivalence"


def test_the_three_datasets_have_the_same_splits(table):
    for name in NB201[1:]:
        file = DatasetFile(dataset_path(get_info(name)))
        for split, expected in table[4].items():
            for part, rows in file.split(split).parts().items():
                assert np.array_equal(rows, expected.parts()[part])


def test_splits_are_made_again_whatever_the_state_of_a_generator(table):
    codes, keys, runs, _, found = table
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    made = make_splits(codes, keys, runs)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert made.keys() == found.keys()
    for name, split in made.items():
        assert split.statistics == found[name].statistics
        assert split.rule == found[name].rule
        assert all(np.array_equal(rows, found[name].parts()[part]) for part, rows in split.parts().items())


def test_splits_of_shuffled_rows_are_the_same(table):
    codes, keys, runs, _, found = table
    order = np.random.default_rng(0).permutation(len(codes))
    relabelled = np.random.default_rng(1).permutation(runs.max() + 1).astype(np.int32)
    shuffled = np.where(runs < 0, -1, relabelled[runs])[order][:, ::-1]
    for name, split in make_splits(codes[order], keys[order], shuffled).items():
        for part, rows in split.parts().items():
            assert np.array_equal(np.sort(order[rows]), found[name].parts()[part]), (name, part)


@pytest.mark.parametrize("name", get_info(NB201[0]).splits)
def test_parts_are_sorted_and_disjoint(table, name):
    parts = table[4][name].parts()
    together = np.concatenate(list(parts.values()))
    assert len(np.unique(together)) == len(together)
    assert all((np.diff(rows) > 0).all() and len(rows) for rows in parts.values())
    whole = name in ("equivalence", "random")
    assert len(together) == (15_625 if whole else 15_625 - 341)
    assert table[4][name].statistics["num_test"] == len(parts["test"])


@pytest.mark.parametrize("name", [name for name in get_info(NB201[0]).splits if name != "random"])
def test_components_stay_whole(table, name):
    _, keys, runs, component, found = table
    parts = found[name].parts()
    owners = [set(component[rows].tolist()) for rows in parts.values()]
    assert sum(map(len, owners)) == len(set().union(*owners))
    for part in ("valid", "test"):
        assert not np.isin(runs[parts[part]][runs[parts[part]] >= 0], runs[parts["train"]]).any()
        assert not np.isin(splits.row_classes(keys)[parts[part]], splits.row_classes(keys)[parts["train"]]).any()
    leaks = {key: value for key, value in found[name].statistics.items() if key.endswith("in_train")}
    assert leaks == {"test_equal_in_train": 0, "test_equivalent_in_train": 0, "test_run_in_train": 0}


def test_equivalence_is_within_a_point_of_80_10_10(table):
    codes, *_, found = table
    parts = found["equivalence"].parts()
    shares = [100 * len(rows) / len(codes) for rows in parts.values()]
    assert shares == pytest.approx([80, 10, 10], abs=1)
    assert SPACE.connected(codes[parts["valid"]]).all()
    assert SPACE.connected(codes[parts["test"]]).all()
    assert (~SPACE.connected(codes[parts["train"]])).sum() == 341


@pytest.mark.parametrize("shots", FEW_SHOTS)
def test_few_shot_sizes_are_exact(table, shots):
    codes, *_, component, found = table
    parts = found[f"few_shot_{shots}"].parts()
    assert len(parts["train"]) == shots
    assert len(parts["valid"]) == 1_562
    assert all(SPACE.connected(codes[rows]).all() for rows in parts.values())
    assert np.bincount(component[parts["train"]]).max() <= shots // 10


def test_random_has_exact_shares_and_leaks(table):
    codes, keys, runs, _, found = table
    split = found["random"]
    sizes = [len(rows) for rows in split.parts().values()]
    assert sizes == [12_500, 1_562, 1_563]
    copied = np.where(SPACE.connected(codes)[:, None], runs, -1)
    assert splits.leaks(split.parts(), codes, keys, copied).items() <= split.statistics.items()
    by_key, by_run = (split.statistics[f"test_{what}_in_train"] / sizes[2] for what in ("equivalent", "run"))
    print(f"`random`: {by_key:.1%} of test have an equivalent in train, {by_run:.1%} a run that is in train")  # noqa: T201
    assert 0.69 < by_key < 0.74
    assert 0.36 < by_run < 0.40
    assert split.statistics["test_equal_in_train"] == 0


def test_own_runs():
    run_id = np.array([[0, 1, 2], [3, 4, -1], [0, 5, 6], [7, 7, 8], [9, -1, -1]], np.int32)
    expected = [[0, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0]]
    np.testing.assert_array_equal(splits.own_runs(run_id), np.array(expected, bool))
