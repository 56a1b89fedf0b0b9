"""Every optimiser on every space: what it asks, and that it learns."""

import subprocess
import sys

import numpy as np
import pytest

from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.errors import MissingExtraError, SearchError
from nb301_ogb.search import Budget, jobs, optimiser_names, parse_spec, search, tabulated
from nb301_ogb.search.optimisers import TITLES
from nb301_ogb.spaces import get_space
from tests.search.search_benchmarks import Constant, Fickle, Patchy, Silent, Sum

SPACES = ("nasbench201", "darts")
NAMES = optimiser_names()


def drive(name, benchmark, rounds, seed=0):
    """Asks and tells; every batch and its values."""
    optimiser = parse_spec(name).make(benchmark.space, np.random.default_rng(seed))
    told = []
    for _ in range(rounds):
        codes = optimiser.ask()
        if not len(codes):
            break
        values = benchmark.query_codes(codes).value
        optimiser.tell(codes, values)
        told.append((codes, values))
    return told


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [Sum, Constant, Fickle, Silent])
def test_every_architecture_asked_is_valid(name, space, kind):
    benchmark = kind(space)
    told = drive(name, benchmark, 4 if name == "bananas" else 8)
    codes = np.concatenate([codes for codes, _ in told])
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(get_space(space).check(codes), codes)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_asks_the_same_and_another_does_not(name):
    first, again, other = (drive(name, Sum("darts"), 6, seed) for seed in (3, 3, 4))
    assert [codes.tobytes() for codes, _ in first] == [codes.tobytes() for codes, _ in again]
    assert first[0][0].tobytes() != other[0][0].tobytes()


@pytest.mark.parametrize(
    ("name", "space", "evaluations"),
    [
        *((name, space, 700) for name in ("re", "de") for space in SPACES),
        # A neighbourhood of darts is 120 architectures.
        *((name, space, 1500) for name in ("ls", "ls-once") for space in SPACES),
        *(("bananas", space, 80) for space in SPACES),
        ("tpe", "nasbench201", 80),
        ("optuna-nsga2", "nasbench201", 250),
    ],
)
def test_optimisers_beat_random_search(name, space, evaluations):
    """On a benchmark with one optimum, with the same evaluations, in the mean over seeds."""
    benchmark, budget = Sum(space), Budget(evaluations)
    means = {}
    for spec in (name, "rs"):
        histories = search(benchmark, jobs(spec, range(2)), budget)
        means[spec] = np.mean([history.mean[history.best] for history in histories])
    assert means[name] > means["rs"] + 1.0


@pytest.mark.parametrize("name", ["ls", "ls-once", "ls:improvement=first"])
def test_local_search_climbs_to_the_top_of_one_hill(name):
    benchmark = Sum()
    (history,) = search(benchmark, jobs(name, [5]), Budget(400))
    assert history.mean.max() == benchmark.highest
    if name == "ls-once":
        assert history.end == "exhausted"
        assert len(history) < 400


def test_local_search_moves_to_the_best_or_to_the_first():
    """The neighbourhood of the start is asked whole by one, until an improvement by the other."""
    (best,) = search(Sum(), jobs("ls-once", [0]), Budget(25))
    start = best.codes[0]
    neighbours = {code.tobytes() for code in get_space("nasbench201").neighbours(start)}
    assert {code.tobytes() for code in best.codes[1:25]} == neighbours
    (first,) = search(Sum(), jobs("ls-once:improvement=first", [0]), Budget(200))
    np.testing.assert_array_equal(first.codes[0], start)
    rise = int(np.flatnonzero(first.value > first.value[0])[0])
    assert {code.tobytes() for code in first.codes[1 : rise + 1]} <= neighbours
    after = first.codes[rise + 1]
    assert after.tobytes() in {code.tobytes() for code in get_space("nasbench201").neighbours(first.codes[rise])}


def test_local_search_asks_no_architecture_twice_and_ends_with_the_space():
    (history,) = search(Sum(), jobs("ls", [0]), Budget(16_000))
    assert len(history) == len(np.unique(history.codes, axis=0))
    assert history.end == "exhausted"
    assert len(history) > 15_000
    flat = search(Constant(), jobs("ls-once", range(3)), Budget(100))
    assert [len(one) for one in flat] == [25, 25, 25]


def test_evolution_mutates_members_and_lets_the_oldest_die():
    space = get_space("nasbench201")
    told = drive("re:population=5,tournament=3", Sum(), 40)
    assert [len(codes) for codes, _ in told] == [5] + 39 * [1]
    alive = list(told[0][0])
    for codes, _ in told[1:]:
        near = {code.tobytes() for member in alive for code in space.neighbours(member)}
        assert codes[0].tobytes() in near
        alive = [*alive[1:], codes[0]]


def test_a_tournament_of_everybody_takes_the_best_as_parent():
    space = get_space("darts")
    told = drive("re:population=4,tournament=200", Sum("darts"), 10)
    members = list(zip(told[0][0], told[0][1], strict=True))
    for codes, values in told[1:]:
        best = max(members, key=lambda member: member[1])[0]
        assert codes[0].tobytes() in {code.tobytes() for code in space.neighbours(best)}
        members = [*members[1:], (codes[0], values[0])]


def test_evolution_with_a_batch_spends_the_same_budget():
    for batch in (1, 7):
        (history,) = search(Sum(), jobs(f"re:batch={batch},population=10", [0]), Budget(31))
        assert len(history) == 31


def test_bananas_repeats_nothing_while_there_is_something_new():
    (history,) = search(Sum("darts"), jobs("bananas", [1]), Budget(150))
    assert len(np.unique(history.codes, axis=0)) == 150


def test_optimisers_learn_from_the_answers_that_there_are():
    budget = Budget(45)
    for name in NAMES:
        histories = search(Patchy("darts"), jobs(name, range(2)), budget)
        for history in histories:
            assert np.isnan(history.value).any(), name
            assert np.isfinite(history.mean[history.best]), name
            assert history.value[history.best] == np.nanmax(history.value), name


def test_every_optimiser_has_a_title():
    assert set(TITLES) == set(NAMES)
    assert parse_spec("re:population=20").title == "regularized evolution (population 20)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("re", "re"),
        ("Regularized_Evolution", "re"),
        ("re:population=50,tournament=10", "re"),
        ("re: tournament=5, population=9", "re:population=9,tournament=5"),
        ("local_search:restarts=FALSE", "ls:restarts=false"),
        ("de:scale=0.7", "de:scale=0.7"),
        ("de:crossover=1", "de:crossover=1.0"),
        ("tpe:sampler=nsga2", "tpe:sampler=nsga2"),
    ],
)
def test_specifications(text, expected):
    spec = parse_spec(text)
    assert str(spec) == expected
    assert parse_spec(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sa", "there is no optimiser 'sa'; there are rs, re"),
        ("re:size=3", "its settings and their defaults are population=50, tournament=10"),
        ("re:population", "no setting"),
        ("re:population=many", "an integer"),
        ("re:population=2.5", "an integer"),
        ("ls:restarts=1", "true or false"),
        ("de:scale=big", "a number"),
    ],
)
def test_wrong_specifications(text, message):
    with pytest.raises(SearchError, match=message):
        parse_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        "re:population=0",
        "re:tournament=0",
        "de:population=3",
        "de:scale=-1",
        "ls:improvement=second",
        "rs:batch=0",
        "bananas:members=1",
        "tpe:sampler=best",
        "tpe:batch=0",
    ],
)
def test_settings_that_make_no_sense(text):
    with pytest.raises(SearchError, match="the setting"):
        parse_spec(text).make(get_space("nasbench201"), np.random.default_rng(0))


def test_without_optuna_the_error_names_the_command():
    program = (
        "import sys; sys.modules['optuna'] = None\n"
        "import numpy as np\n"
        "from nb301_ogb.search import parse_spec\n"
        "from nb301_ogb.spaces import get_space\n"
        "try:\n"
        "    parse_spec('tpe').make(get_space('nasbench201'), np.random.default_rng(0))\n"
        "except ImportError as error:\n"
        "    sys.stdout.write(f'{type(error).__name__}: {error}')\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(MissingExtraError.__name__)
    assert "pip install 'nb301-ogb[search]'" in done.stdout


def test_optuna_says_nothing_and_keeps_its_own_verbosity(capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    drive("tpe", Sum(), 12)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_local_search_finds_the_best_of_cifar100_as_soon_as_was_published():
    """White et al. 2020: after 127 architectures in the mean."""
    benchmark = tabulated(TabularBenchmark("nb201-cifar100"))
    highest = benchmark.query_codes(benchmark.space.table()).mean.max()
    histories = search(benchmark, jobs("ls", range(40)), Budget(1000))
    assert {history.mean[history.best] for history in histories} == {highest}
    assert 100 < np.mean([history.best + 1 for history in histories]) < 160
