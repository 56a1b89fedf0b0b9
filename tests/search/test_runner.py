"""Searches with repeats: budgets, replay, resumption, failures, processes."""

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.errors import FileFormatError, SearchError
from nb301_ogb.search import (
    Budget,
    Optimiser,
    Progress,
    Spec,
    books,
    jobs,
    optimiser_names,
    parse_spec,
    read_histories,
    search,
    tabulated,
    write_histories,
)
from nb301_ogb.search.history import COLUMNS
from nb301_ogb.search.random_search import RandomSearch
from nb301_ogb.spaces import get_space
from tests.search.search_benchmarks import Broken, Constant, Fickle, Misshapen, Patchy, Silent, Sum

KINDS = (Sum, Constant, Fickle, Patchy)
QUICK = ("rs", "re", "ls", "ls-once", "ls:improvement=first", "de", "re:batch=7,population=11")
SLOW = ("bananas", "tpe")


def same(one, other):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.optimiser, one.seed, one.end) == (other.optimiser, other.seed, other.end)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(KINDS),
    space=st.sampled_from(["nasbench201", "darts"]),
    names=st.lists(st.sampled_from(QUICK), min_size=1, max_size=3, unique=True),
    evaluations=st.none() | st.integers(1, 130),
    seconds=st.none() | st.floats(50, 15_000),
    noise=st.booleans(),
)
def test_a_budget_is_never_exceeded(kind, space, names, evaluations, seconds, noise):
    if evaluations is None and seconds is None:
        evaluations = 1
    benchmark = kind(space)
    budget = Budget(evaluations, seconds)
    for history in search(benchmark, jobs(names, range(2)), budget, noise=noise):
        if evaluations is not None:
            assert len(history) <= evaluations
        if seconds is not None and len(history):
            assert history.simulated_time[-1] <= seconds
        np.testing.assert_array_equal(get_space(space).check(history.codes), history.codes)
        assert (np.diff(history.simulated_time) >= 0).all()
        assert np.isfinite(history.value[~np.isnan(history.value)]).all()
        # Nothing was left over that would have fitted.
        assert history.end == ("exhausted" if "ls-once" in history.optimiser and history.end != "budget" else "budget")
        if history.end == "budget" and len(history) != evaluations:
            assert history.beyond > seconds


@pytest.mark.parametrize("name", optimiser_names())
def test_no_architecture_is_asked_beyond_the_evaluations(name):
    benchmark = Sum()
    (history,) = search(benchmark, jobs(name, [0]), Budget(33))
    np.testing.assert_array_equal(benchmark.codes_asked, history.codes)
    assert len(history) == 33


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
@pytest.mark.parametrize("noise", [False, True])
def test_the_same_seed_gives_the_same_history(name, noise):
    budget = Budget(45)
    alone = [search(Patchy("darts"), jobs(name, [seed]), budget, noise=noise)[0] for seed in (4, 5)]
    together = search(Patchy("darts"), jobs([name, "rs:batch=3"], [4, 5]), budget, noise=noise)
    for one, other in zip(alone, together, strict=False):
        same(one, other)
    assert not np.array_equal(alone[0].codes, alone[1].codes)


@settings(max_examples=15)
@given(
    name=st.sampled_from(QUICK),
    first=st.integers(1, 90),
    noise=st.booleans(),
    seconds=st.booleans(),
)
def test_a_longer_budget_goes_on_where_a_shorter_one_ended(tmp_path_factory, name, first, noise, seconds):
    path = tmp_path_factory.mktemp("search") / "h.h5"
    benchmark = Patchy()
    wanted = jobs(name, [3, 8])
    short = Budget(seconds=120.0 * first) if seconds else Budget(first)
    search(benchmark, wanted, short, noise=noise, path=path)
    asked = len(benchmark.codes_asked)
    resumed = search(benchmark, wanted, Budget(90), noise=noise, path=path)
    fresh = Patchy()
    whole = search(fresh, wanted, Budget(90), noise=noise)
    for one, other in zip(resumed, whole, strict=True):
        same(one, other)
    # What the file held was not asked again, but for the evaluation that the seconds refused.
    assert len(benchmark.codes_asked) < asked + len(fresh.codes_asked) or asked < 10
    before = len(benchmark.codes_asked)
    again = search(benchmark, wanted, Budget(90), noise=noise, path=path)
    for one, other in zip(again, whole, strict=True):
        same(one, other)
    assert len(benchmark.codes_asked) == before


@pytest.mark.parametrize("name", SLOW)
def test_predictors_go_on_too(tmp_path, name):
    path = tmp_path / "h.h5"
    search(Sum("darts"), jobs(name, [3]), Budget(33), path=path)
    (resumed,) = search(Sum("darts"), jobs(name, [3]), Budget(50), path=path)
    (whole,) = search(Sum("darts"), jobs(name, [3]), Budget(50))
    same(resumed, whole)


def test_a_smaller_budget_is_cut_from_the_file_and_other_jobs_stay_in_it(tmp_path):
    path = tmp_path / "h.h5"
    long = search(Sum(), jobs("re", range(3)), Budget(80), path=path)
    benchmark = Sum()
    (short,) = search(benchmark, jobs("re", [1]), Budget(20), path=path)
    same(short, long[1].cut(Budget(20)))
    assert benchmark.asked == []
    search(benchmark, jobs("rs", [7]), Budget(10), path=path)
    held = {(one.optimiser, one.seed): len(one) for one in read_histories(path)[1]}
    assert held == {("re", 0): 80, ("re", 1): 80, ("re", 2): 80, ("rs", 7): 10}
    search(benchmark, jobs("rs", [7]), Budget(10), path=path, overwrite=True)
    assert [(one.optimiser, len(one)) for one in read_histories(path)[1]] == [("rs", 10)]


def test_searches_that_write_one_file_keep_what_the_other_did(tmp_path, monkeypatch):
    path, begun = tmp_path / "h.h5", []
    monkeypatch.setattr(books, "SAVE_EVERY", 0.0)

    def other(progress):
        if not begun:
            begun.append(progress)
            search(Sum(), jobs(["re", "rs"], [7]), Budget(40), path=path)

    monkeypatch.setattr(books, "REPORT_EVERY", 0.0)
    search(Sum(), jobs("re", range(2)), Budget(90), path=path, report=other)
    held = {(one.optimiser, one.seed): len(one) for one in read_histories(path)[1]}
    assert held == {("re", 0): 90, ("re", 1): 90, ("re", 7): 40, ("rs", 7): 40}
    assert [one.name for one in tmp_path.iterdir()] == ["h.h5"]


def test_a_longer_history_of_the_same_repeat_stays(tmp_path):
    path, begun = tmp_path / "h.h5", []

    def other(progress):
        if not begun:
            begun.append(progress)
            search(Sum(), jobs("re", [0]), Budget(90), path=path)

    (short,) = search(Sum(), jobs("re", [0]), Budget(40), path=path, report=other)
    (held,) = read_histories(path)[1]
    assert len(held) == 90
    same(held.cut(Budget(40)), short)


def test_a_file_that_became_one_about_something_else_is_left_alone(tmp_path, monkeypatch):
    path, begun = tmp_path / "h.h5", []

    def other(progress):
        if not begun:
            begun.append(progress)
            search(Sum("darts"), jobs("rs", [0]), Budget(5), path=path)

    monkeypatch.setattr(books, "REPORT_EVERY", 0.0)
    with pytest.raises(SearchError, match="sum over darts"):
        search(Sum(), jobs("re", [0]), Budget(90), path=path, report=other)
    assert read_histories(path)[0].space == "darts"


def test_a_file_about_something_else_is_left_alone(tmp_path):
    path = tmp_path / "h.h5"
    search(Sum(), jobs("rs", [0]), Budget(10), path=path)
    content = path.read_bytes()
    with pytest.raises(SearchError, match="sum over nasbench201 without noise"):
        search(Sum("darts"), jobs("rs", [0]), Budget(10), path=path)
    with pytest.raises(SearchError, match="remove the file"):
        search(Sum(), jobs("rs", [0]), Budget(10), path=path, noise=True)
    assert path.read_bytes() == content
    other = tmp_path / "notes.h5"
    other.write_text("mine")
    with pytest.raises(FileFormatError):
        search(Sum(), jobs("rs", [0]), Budget(10), path=other)
    assert other.read_text() == "mine"


def test_a_history_that_this_version_would_not_make_is_not_continued(tmp_path):
    path = tmp_path / "h.h5"
    search(Sum(), jobs("re", [0]), Budget(60), path=path)
    about, (history,) = read_histories(path)
    history.codes[57] = (history.codes[57] + 1) % 5
    write_histories(path, about, [history])
    with pytest.raises(SearchError, match="cannot be continued"):
        search(Sum(), jobs("re", [0]), Budget(61), path=path)
    # What was there is not lost by that.
    assert len(read_histories(path)[1][0]) == 60


def test_what_was_evaluated_before_an_interruption_is_kept(tmp_path):
    class Interrupted(Sum):
        def query_codes(self, codes, noise=False, rng=None):
            if len(self.asked) == 30:
                raise KeyboardInterrupt
            return super().query_codes(codes, noise, rng)

    path = tmp_path / "h.h5"
    with pytest.raises(KeyboardInterrupt):
        search(Interrupted(), jobs("re", range(2)), Budget(200), path=path)
    held = read_histories(path)[1]
    assert [(len(one), one.end) for one in held] == [(79, "interrupted"), (79, "interrupted")]
    benchmark = Sum()
    resumed = search(benchmark, jobs("re", range(2)), Budget(200), path=path)
    assert len(benchmark.codes_asked) == 2 * (200 - 79)
    for one, other in zip(resumed, search(Sum(), jobs("re", range(2)), Budget(200)), strict=True):
        same(one, other)


def test_one_failing_architecture_does_not_take_others_along():
    benchmark = Patchy()
    (history,) = search(benchmark, jobs("rs", [0]), Budget(100))
    kind = history.codes.astype(int).sum(axis=1) % 7
    np.testing.assert_array_equal(np.isnan(history.value), kind < 4)
    np.testing.assert_array_equal(np.isnan(history.mean), kind < 4)
    assert history.mean[history.best] == np.nanmax(history.mean)


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_a_benchmark_without_answers_ends_with_the_budget(name):
    (history,) = search(Silent(), jobs(name, [0]), Budget(60))
    assert len(history) == (60 if name != "ls-once" else 25)
    assert history.best == -1
    assert np.isnan(history.best_mean()).all()
    assert history.at_evaluations(60) == -1


@pytest.mark.parametrize(("kind", "message"), [(Broken, "the cluster is down"), (Misshapen, "one number for each")])
def test_a_benchmark_that_always_fails_is_told(kind, message):
    benchmark = kind()
    if kind is Misshapen:  # it answers rightly about one architecture
        assert len(search(benchmark, jobs("rs", [0]), Budget(60))[0]) == 60
        return
    with pytest.raises(SearchError, match=message):
        search(benchmark, jobs("rs", [0]), Budget(60))
    assert len(benchmark.asked) < 30


def test_seconds_need_a_benchmark_that_tells_runtimes():
    with pytest.raises(SearchError, match="tells no runtimes"):
        search(Silent(), jobs("rs", [0]), Budget(seconds=1e6))


def test_noise_comes_from_the_seed_and_the_evaluation():
    noisy = search(Sum(), jobs("rs", range(2)), Budget(200), noise=True)
    again = search(Sum(), jobs("rs:batch=7", [0]), Budget(200), noise=True)
    noise = [history.value - history.mean for history in (*noisy, *again)]
    np.testing.assert_allclose(noise[0], noise[2], atol=1e-9)
    spread = (noisy[0].value - noisy[0].mean).std()
    assert 0.7 < spread < 1.4
    assert not np.allclose(noise[0], noise[1])
    own = [np.random.default_rng(seed).standard_normal() for seed in range(2)]  # the bits the optimiser began with
    assert not np.isclose([noise[0][0], noise[1][0]], own).any()


def test_reports_grow_to_the_whole(monkeypatch):
    monkeypatch.setattr("nb301_ogb.search.books.REPORT_EVERY", 0.0)
    reports: list[Progress] = []
    search(Sum(), jobs(["re", "ls-once"], range(2)), Budget(150), report=reports.append)
    shares = [one.share for one in reports]
    assert shares == sorted(shares)
    assert shares[0] < 0.6
    assert shares[-1] == 1.0
    last = reports[-1]
    assert (last.finished, last.repeats) == (4, 4)
    assert last.best == max(one.best for one in reports)
    assert last.evaluations == sum(map(len, search(Sum(), jobs(["re", "ls-once"], range(2)), Budget(150))))


def test_wrong_jobs():
    with pytest.raises(SearchError, match="once"):
        jobs(["re", "regularized_evolution"], range(2))
    with pytest.raises(SearchError, match="0 or above"):
        jobs("re", [-1])
    with pytest.raises(SearchError, match="below 2"):
        jobs("re", [2**63])
    with pytest.raises(SearchError, match=r"'re:population=5,population=7' sets population twice"):
        jobs("re:population=5,population=7", [0])
    with pytest.raises(SearchError, match="'zzz'; there are rs, re"):
        Spec("zzz")
    with pytest.raises(SearchError, match="'foo' is no setting of the optimiser re"):
        search(Sum(), jobs([Spec("re", (("foo", 3),))], [0]), Budget(3))
    assert search(Sum(), [], Budget(3)) == []


def test_the_interface_is_open_to_other_optimisers():
    class Fixed(Optimiser):
        title = "one architecture"

        def ask(self):
            return np.zeros((1, self.space.code_length), dtype=np.uint8)

        def tell(self, codes, values):
            assert values.shape == (1,)

    (history,) = search(Sum(), jobs(Fixed, [3]), Budget(4))
    assert (history.optimiser, history.seed, len(history)) == ("Fixed", 3, 4)
    assert not history.codes.any()
    assert parse_spec(Fixed).title == "one architecture"


@pytest.mark.parametrize(
    "asked",
    [
        None, ["333132"], np.full((1, 6), 256), np.full((1, 6), -1), np.zeros((1, 12), dtype=np.uint8),
        np.zeros((1, 6)), np.zeros(6, dtype=np.uint8),
    ],
)  # fmt: skip
def test_what_is_no_architecture_is_not_recorded_as_another(asked, tmp_path):
    class Wrong(Optimiser):
        def ask(self):
            return asked

        def tell(self, codes, values):
            raise AssertionError

    with pytest.raises(SearchError, match="the optimiser Wrong asks for what is no architecture: "):
        search(Sum(), jobs(Wrong, [0]), Budget(4), path=tmp_path / "h.h5")


class Sized(RandomSearch):
    """Random search by another name."""


def test_other_optimisers_run_as_those_of_the_package_do(tmp_path):
    path, spec = tmp_path / "h.h5", Spec("sized-7", (("batch", 7),), Sized)
    assert str(spec) == "sized-7:batch=7"
    assert spec.title == "random search (batch 7)"
    one, other = search(Sum(), jobs([spec, "rs:batch=7"], [5]), Budget(30), path=path)
    np.testing.assert_array_equal(one.codes, other.codes)
    (longer,) = search(Sum(), jobs(spec, [5]), Budget(45), path=path)
    np.testing.assert_array_equal(longer.codes[:30], one.codes)
    apart = search(Sum(), jobs(Sized, range(2)), Budget(30), workers=2)
    for near, far in zip(search(Sum(), jobs(Sized, range(2)), Budget(30)), apart, strict=True):
        same(near, far)


@pytest.mark.parametrize("name", ["re", "random", "mine:batch=2", "", "two words"])
def test_an_optimiser_needs_a_name_of_its_own(name):
    with pytest.raises(SearchError, match="cannot be the name of Sized"):
        Spec(name, kind=Sized)


def test_a_table_answers_as_its_benchmark_does():
    for benchmark in (TabularBenchmark("nb201-cifar10"), Sum()):
        table = tabulated(benchmark)
        codes = benchmark.space.sample(300, np.random.default_rng(0))
        for noise in (False, True):
            one, other = (asked.query_codes(codes, noise, np.random.default_rng(1)) for asked in (benchmark, table))
            for name in ("mean", "std", "value", "runtime"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert table.name == benchmark.name
        assert tabulated(table) is table
    assert type(tabulated(Sum("darts"))) is Sum


# Processes


@pytest.fixture(scope="module")
def table():
    return tabulated(TabularBenchmark("nb201-cifar10"))


def test_processes_give_the_histories_of_one(table, tmp_path):
    wanted, budget = jobs(["re", "ls"], range(3)), Budget(120)
    reports = []
    apart = search(table, wanted, budget, workers=2, path=tmp_path / "h.h5", report=reports.append)
    for one, other in zip(apart, search(table, wanted, budget), strict=True):
        same(one, other)
    assert reports[-1].finished == 6
    assert len(read_histories(tmp_path / "h.h5")[1]) == 6


def test_what_processes_evaluated_before_an_interruption_is_kept(table, tmp_path):
    path, wanted = tmp_path / "h.h5", jobs("re", range(2))

    def interrupt(progress):
        if progress.evaluations > 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(table, wanted, Budget(1_000_000), workers=2, path=path, report=interrupt)
    held = read_histories(path)[1]
    assert sum(map(len, held)) > 500
    assert {one.end for one in held} == {"interrupted"}
    fewest = Budget(max(1, min(map(len, held))))
    for one, other in zip(search(table, wanted, fewest, path=path), search(table, wanted, fewest), strict=True):
        same(one, other)


def test_a_benchmark_that_cannot_travel_is_told():
    class Local(Sum):
        pass

    with pytest.raises(SearchError, match="one worker"):
        search(Local(), jobs("rs", range(2)), Budget(5), workers=2)
    unable = Sum()
    unable.key = lambda: 1
    with pytest.raises(SearchError, match="sum over nasbench201 cannot be handed to another process"):
        search(unable, jobs("rs", range(2)), Budget(5), workers=2)

    class Here(Sized):
        pass

    with pytest.raises(SearchError, match="the optimiser cannot be handed"):
        search(Sum(), jobs(Here, range(2)), Budget(5), workers=2)


SCRIPTS = {
    "no guard": "",
    "a class that only this process has": """
if __name__ == "__main__":
    class Mine(RandomSearch):
        pass
    kind = Mine
""",
}


@pytest.mark.parametrize("which", SCRIPTS)
def test_a_process_that_cannot_begin_is_told(which, tmp_path):
    script = tmp_path / "script.py"
    guarded = 'if __name__ == "__main__":\n    ' if SCRIPTS[which] else ""
    script.write_text(f"""
from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.search import Budget, jobs, search, tabulated
from nb301_ogb.search.random_search import RandomSearch
kind = "rs"
{SCRIPTS[which]}
{guarded}search(tabulated(TabularBenchmark("nb201-cifar10")), jobs(kind, range(2)), Budget(30), workers=2)
""")
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100)
    assert found.returncode == 1
    assert "SearchError: a process of the search could not begin: in a script, search below `if" in found.stderr


def test_an_error_in_a_process_is_the_callers():
    with pytest.raises(SearchError, match="the cluster is down"):
        search(Broken(), jobs("rs", range(2)), Budget(60), workers=2)


SCRIPT = """
import sys
from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.search import Budget, books, jobs, search
books.SAVE_EVERY = 0.05
search(TabularBenchmark("nb201-cifar10"), jobs("re", range(2)), Budget(200_000), path=sys.argv[1])
"""


def test_a_killed_search_goes_on(tmp_path):
    path = tmp_path / "h.h5"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, path])
    try:
        deadline = time.monotonic() + 60
        while not (path.exists() and len(read_histories(path)[1][0]) > 300):
            assert time.monotonic() < deadline, "nothing was kept"
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    held = read_histories(path)[1]
    count = len(held[0])
    assert [one.end for one in held] == ["interrupted", "interrupted"]
    benchmark = TabularBenchmark("nb201-cifar10")
    budget = Budget(count + 50)
    resumed = search(benchmark, jobs("re", range(2)), budget, path=path)
    for one, other in zip(resumed, search(benchmark, jobs("re", range(2)), budget), strict=True):
        same(one, other)
    assert [entry.name for entry in tmp_path.iterdir()] == ["h.h5"]
