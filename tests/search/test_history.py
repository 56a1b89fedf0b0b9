"""Histories: what was best when, what time costs, and the file."""

import itertools

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import FileFormatError, IntegrityError, OutputError, SearchError
from nb301_ogb.search import About, Budget, History, jobs, parse_budget, read_histories, search, write_histories
from nb301_ogb.search.history import charge
from tests.search.search_benchmarks import Patchy, Sum

NUMBERS = st.lists(st.sampled_from([np.nan, 1.0, 2.0, 3.0, 4.0, 5.0]), max_size=12)


def history_of(values, seconds=10.0):
    values = np.array(values, dtype=np.float64)
    n = len(values)
    codes = np.arange(6 * n).reshape(n, 6).astype(np.uint8) % 5
    return History("rs", 0, codes, values, values + 0.5, np.full(n, seconds), seconds * np.arange(1, n + 1))


@given(values=NUMBERS)
def test_incumbents_against_a_loop(values):
    best, expected = -1, []
    for place, value in enumerate(values):
        if not np.isnan(value) and (best < 0 or value > values[best]):
            best = place
        expected.append(best)
    history = history_of(values)
    np.testing.assert_array_equal(history.incumbents(), expected)
    assert history.best == (expected[-1] if expected else -1)
    for count in range(len(values) + 3):
        assert history.at_evaluations(count) == (-1, *expected)[min(count, len(values))]
        assert history.at_seconds(10.0 * count + 5) == history.at_evaluations(count)
    means = history.best_mean()
    assert [np.isnan(mean) for mean in means] == [place < 0 for place in expected]


@given(
    runtimes=st.lists(st.sampled_from([np.nan, np.inf, 0.0, -3.0, 1.5, 2.25, 7.0]), max_size=15),
    cuts=st.lists(st.integers(0, 15), max_size=4),
)
def test_costs_against_a_loop_in_any_pieces(runtimes, cuts):
    known, expected = [], []
    for runtime in runtimes:
        if np.isfinite(runtime) and runtime > 0:
            known.append(runtime)
            expected.append(runtime)
        else:
            expected.append(sum(known) / len(known) if known else 0.0)
    bounds = sorted({0, len(runtimes), *(cut for cut in cuts if cut < len(runtimes))})
    found, total, count = [], 0.0, 0
    for low, high in itertools.pairwise(bounds):
        cost, total, count = charge(np.array(runtimes[low:high]), total, count)
        found += cost.tolist()
    assert found == expected
    assert (total, count) == (sum(known), len(known))


def test_cutting_is_what_a_smaller_budget_would_have_left():
    benchmark = Patchy("darts")
    for name in ("re", "ls", "de", "rs"):
        (long,) = search(benchmark, jobs(name, [2]), Budget(120))
        for budget in (Budget(1), Budget(60), Budget(120), Budget(seconds=3000.0), Budget(40, 5000.0)):
            (short,) = search(benchmark, jobs(name, [2]), budget)
            cut = long.cut(budget)
            np.testing.assert_array_equal(cut.codes, short.codes)
            np.testing.assert_array_equal(cut.simulated_time, short.simulated_time)
            np.testing.assert_array_equal(cut.value, short.value)
            assert cut.end == short.end == "budget"


@settings(max_examples=25)
@given(
    counts=st.lists(st.integers(0, 5), max_size=4),
    noise=st.booleans(),
    end=st.sampled_from(["interrupted", "budget", "exhausted"]),
    seed=st.integers(0, 2**62),
)
def test_a_file_gives_back_what_was_written(tmp_path_factory, counts, noise, end, seed):
    rng = np.random.default_rng(seed)
    about = About("darts", "darts surrogate v1", noise)
    histories = [
        History(
            f"re:population={1 + number % 2}",
            seed + number,
            rng.integers(0, 2, size=(n, 32), dtype=np.uint8),
            *rng.choice([np.nan, 1.0, 91.25, 1 / 3], size=(4, n)),
            end,
            beyond=3.5 if number else np.nan,
        )
        for number, n in enumerate(counts)
    ]
    path = tmp_path_factory.mktemp("file") / "history.h5"
    write_histories(path, about, histories)
    found_about, found = read_histories(path)
    assert found_about == about
    assert [(one.optimiser, one.seed, one.end) for one in found] == [
        (one.optimiser, one.seed, one.end) for one in histories
    ]
    for one, other in zip(found, histories, strict=True):
        np.testing.assert_equal(vars(one), vars(other))
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_a_table_of_every_query(tmp_path):
    path = tmp_path / "h.h5"
    histories = search(Sum(), jobs(["rs", "re"], range(2)), Budget(60), path=path)
    with h5py.File(path) as file:
        rows = file["queries"]
        columns = {"optimiser", "seed", "evaluation", "code", "value", "mean", "runtime", "simulated_time"}
        assert set(rows) == columns
        assert {len(rows[name]) for name in columns} == {240}
        names = h5py.check_enum_dtype(rows["optimiser"].dtype)
        mine = (rows["optimiser"][:] == names["re"]) & (rows["seed"][:] == 1)
        np.testing.assert_array_equal(rows["value"][:][mine], histories[3].value)
        np.testing.assert_array_equal(rows["evaluation"][:][mine], np.arange(60))
        assert file.attrs["benchmark"] == "sum over nasbench201"


def test_damage_is_told(tmp_path):
    path = tmp_path / "h.h5"
    search(Sum(), jobs("rs", range(2)), Budget(60), path=path)
    whole = path.read_bytes()
    with h5py.File(path, "r+") as file:
        file["queries/value"][3] = 99.0
    with pytest.raises(IntegrityError, match="damaged"):
        read_histories(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_histories(path)
    path.write_bytes(b"")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_histories(path)
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "something else"
    with pytest.raises(FileFormatError, match="no search history"):
        read_histories(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(FileFormatError, match="version 99"):
        read_histories(path)
    with pytest.raises(FileFormatError, match="there is no file"):
        read_histories(tmp_path / "nothing.h5")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        search(Sum(), jobs("rs", [0]), Budget(3), path=tmp_path / "file" / "h.h5")


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("300", Budget(300)),
        ("5e5s", Budget(seconds=5e5)),
        ("90min", Budget(seconds=5400.0)),
        ("20h", Budget(seconds=72_000.0)),
        ("1.5d", Budget(seconds=129_600.0)),
        ("300, 20h", Budget(300, 72_000.0)),
        ("1e3", Budget(1000)),
    ],
)
def test_budgets(text, budget):
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "0", "-3", "0s", "1.5", "20x", "300,200", "1h,2d", "1e999s", "ten"])
def test_wrong_budgets(text):
    with pytest.raises(SearchError, match="budget"):
        parse_budget(text)


def test_a_budget_needs_a_limit():
    with pytest.raises(SearchError, match="needs evaluations"):
        Budget()
