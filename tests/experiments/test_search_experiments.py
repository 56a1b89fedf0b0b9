"""The experiments that search or ask: their numbers, their files, their command lines."""

import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from nb301_ogb.baselines.benchmark import Answer, TabularBenchmark
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError, OutputError, SearchError
from nb301_ogb.experiments import parameter_free as free
from nb301_ogb.experiments.local_search import local_search
from nb301_ogb.experiments.local_search_page import verdict
from nb301_ogb.experiments.luck import luck
from nb301_ogb.experiments.parameter_free import parameter_free
from nb301_ogb.experiments.report import Remarks, error_ticks
from nb301_ogb.experiments.trajectories import trajectories
from nb301_ogb.search import Budget, jobs, read_histories, search
from nb301_ogb.search.random_search import RandomSearch
from nb301_ogb.spaces import get_space
from tests.search.search_benchmarks import Silent, Sum

QUICK = {"optimisers": ("rs", "re"), "evaluations": 80, "repeats": 6, "checkpoints": (20, 80, 500)}
runner = CliRunner()


class Shifted(Sum):
    """The sum, but for a constant and a longer training."""

    def __init__(self, space="nasbench201"):
        super().__init__(space)
        self.name = "shifted sum"

    def query_codes(self, codes, noise=False, rng=None):
        answer = super().query_codes(codes, noise, rng)
        return Answer(answer.mean - 2.0, answer.std, answer.value - 2.0, answer.runtime)


class Upside(Sum):
    """The best of the sum is the worst here."""

    def values(self, codes):
        return 150.0 - super().values(codes)


def files(folder):
    return {path.name for path in folder.iterdir()}


def svgs(page):
    found = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    return [ElementTree.fromstring(one) for one in found]


def test_trajectories_of_a_benchmark_and_its_shift(tmp_path):
    numbers = trajectories(Sum(), Shifted(), tmp_path, **QUICK)
    assert files(tmp_path) == {
        "report.html", "report.md", "report.json", "trajectories.pdf", "trajectories.svg", "truth.h5", "surrogate.h5",
    }  # fmt: skip
    assert json.loads((tmp_path / "report.json").read_text()) == numbers
    assert [entry["evaluations"] for entry in numbers["checkpoints"]] == [20, 80]
    for entry in numbers["checkpoints"]:
        for errors in entry["errors"].values():
            assert errors["surrogate"]["mean"] == pytest.approx(errors["truth"]["mean"] + 2)
            assert errors["transferred"] == errors["truth"]
            assert errors["loss"]["mean"] == 0
        assert entry["order"]["surrogate"]["same"]
    # As long as the first population is drawn, both optimisers draw the same.
    assert [entry["order"]["surrogate"]["kendall_tau"] for entry in numbers["checkpoints"]] == [None, 1.0]
    for lines in numbers["curves"].values():
        assert lines["areas"] == pytest.approx({"surrogate": 2.0})
    truth = read_histories(tmp_path / "truth.h5")[1]
    last = [100 - one.mean[one.best] for one in truth if one.optimiser == "re"]
    assert numbers["checkpoints"][1]["errors"]["re"]["truth"]["mean"] == pytest.approx(np.mean(last))
    page = (tmp_path / "report.html").read_text()
    assert len(svgs(page)) == 1
    assert "regularized evolution" in page
    assert (tmp_path / "trajectories.pdf").read_bytes().startswith(b"%PDF")


def test_trajectories_on_a_surrogate_that_is_wrong_about_everything(tmp_path):
    numbers = trajectories(Sum(), Upside(), tmp_path, **QUICK)
    last = numbers["checkpoints"][-1]["errors"]
    assert last["re"]["transferred"]["mean"] > last["re"]["truth"]["mean"] + 10
    assert last["re"]["loss"]["mean"] == pytest.approx(
        last["re"]["transferred"]["mean"] - last["re"]["truth"]["mean"], abs=1e-9
    )
    assert last["re"]["loss"]["mean"] > last["rs"]["loss"]["mean"] > 0


def test_trajectories_tell_the_luck_of_a_table(tmp_path):
    table = TabularBenchmark("nb201-cifar10")
    numbers = trajectories(table, Sum(), tmp_path, **QUICK)
    assert numbers["luck"] == luck(table.runs, Sum().query_codes(table.space.table()).mean)
    assert "How much of the truth's lead is luck" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("role", ["truth", "surrogate"])
def test_trajectories_of_one_benchmark(tmp_path, role):
    pair = {"truth": None, "surrogate": None, role: Sum("darts")}
    numbers = trajectories(pair["truth"], pair["surrogate"], tmp_path, **QUICK, remarks=Remarks("A trial."))
    assert set(numbers["benchmarks"]) == {role}
    assert all(lines["areas"] == {} for lines in numbers["curves"].values())
    assert numbers["checkpoints"][0]["order"] == {}
    assert "A trial." in (tmp_path / "report.html").read_text()
    assert (tmp_path / "report.md").read_text().count("| random search |") == 2


def test_trajectories_go_on_and_are_the_same_again(tmp_path):
    trajectories(Sum(), None, tmp_path, **{**QUICK, "repeats": 3})
    first = {name: (tmp_path / name).read_bytes() for name in ("report.html", "report.json", "trajectories.pdf")}
    benchmark = Sum()
    trajectories(benchmark, None, tmp_path, **{**QUICK, "repeats": 3})
    assert {name: (tmp_path / name).read_bytes() for name in first} == first
    asked = [len(table) for table in benchmark.asked]
    # The table is made anew; no search is.
    assert sum(asked) == 15_625
    more = trajectories(Sum(), None, tmp_path, **QUICK)
    whole = [one.value for one in search(Sum(), jobs(QUICK["optimisers"], range(6)), Budget(80))]
    np.testing.assert_array_equal(
        [one.value for one in read_histories(tmp_path / "truth.h5")[1]], whole[6:] + whole[:6]
    )
    assert more["repeats"] == 6


def test_trajectories_without_answers(tmp_path):
    numbers = trajectories(Silent(), None, tmp_path, **QUICK)
    assert numbers["checkpoints"][0]["errors"]["rs"]["truth"]["mean"] is None
    assert "nothing is drawn" in (tmp_path / "report.md").read_text()


def test_an_own_optimiser_stands_beside_the_others(tmp_path):
    class Mine(RandomSearch):
        title = "a search of my own"

    quick = {**QUICK, "optimisers": (Mine, "rs")}
    numbers = trajectories(Sum(), None, tmp_path / "t", **quick)
    assert numbers["optimisers"] == {"Mine": "a search of my own", "rs": "random search"}
    errors = numbers["checkpoints"][-1]["errors"]
    assert errors["Mine"] == errors["rs"]
    assert "a search of my own" in (tmp_path / "t/report.md").read_text()
    found = local_search(Sum(), None, tmp_path / "l", local=("ls",), others=(Mine,), evaluations=40, repeats=2)
    assert found["found"]["small"]["checkpoints"][-1]["best_other"] == "Mine"


def test_benchmarks_must_belong_together(tmp_path):
    with pytest.raises(ConfigError, match="need an optimiser"):
        trajectories(Sum(), None, tmp_path, optimisers=())
    for run in (trajectories, parameter_free):
        with pytest.raises(ConfigError, match="one search space"):
            run(Sum(), Sum("darts"), tmp_path)
        with pytest.raises(ConfigError, match="the truth, a surrogate, or both"):
            run(None, None, tmp_path)
    with pytest.raises(ConfigError, match="small or a large"):
        local_search(None, None, tmp_path)
    with pytest.raises(SearchError, match="no optimiser"):
        trajectories(Sum(), None, tmp_path, optimisers=("annealing",))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        parameter_free(Sum(), None, tmp_path / "file")


def test_local_search_on_two_hills(tmp_path):
    numbers = local_search(Sum(), Sum("darts"), tmp_path, evaluations=200, repeats=5, checkpoints=(50, 200))
    names = {"report.html", "report.md", "report.json", "local_search.pdf", "local_search.svg", "small.h5", "large.h5"}
    assert files(tmp_path) == names
    assert numbers["landscape"]["small"]["local_optima"] == 1
    assert numbers["landscape"]["large"] is None
    entry = numbers["found"]["large"]["checkpoints"][-1]
    # On one hill each improvement is worth taking, and the neighbourhood of darts is large.
    assert entry["best_local"] == "ls:improvement=first"
    lead = entry["errors"][entry["best_other"]]["mean"] - entry["errors"]["ls:improvement=first"]["mean"]
    assert entry["lead"]["mean"] == pytest.approx(lead)
    assert entry["leads"]["ls:improvement=first"] == entry["lead"]
    assert entry["leads"]["ls"]["mean"] < 0
    assert entry["clear"]
    assert numbers["found"]["small"]["mean_evaluations"]["ls-once"] < 200
    assert len(svgs((tmp_path / "report.html").read_text())) == 1
    assert "too large to be enumerated" in (tmp_path / "report.md").read_text()


def test_the_verdict_in_words():
    def entry(count, lead, clear):
        return {"evaluations": count, "lead": {"mean": lead}, "clear": clear}

    found = {
        "small": {"checkpoints": [entry(50, 1.0, True), entry(1000, 0.5, True), entry(2000, 0.1, False)]},
        "large": {"checkpoints": [entry(50, -1.0, True), entry(1000, 0.5, True), entry(2000, 0.1, True)]},
    }
    text = verdict({"found": found})
    assert "small space local search is clearly ahead after 50, 1,000 evaluations" in text
    assert "ahead after 1,000, 2,000 evaluations and clearly behind after 50 evaluations" in text
    assert (
        "Of the 2 budgets at which it leads clearly on the small space, it also does on the large one at 1: 1,000."
        in text
    )
    found["small"]["checkpoints"] = [entry(50, 0.1, False), entry(1000, -0.5, True), entry(2000, 0.1, False)]
    assert "no clear lead on the small space" in verdict({"found": found})


@pytest.mark.parametrize("name", free.CELLS)
def test_architectures_hold_the_op_on_as_many_edges(name):
    space, cell = get_space(name), free.CELLS[name]
    for op in cell.free.values():
        for count in range(len(cell.columns) + 1):
            codes = free.architectures(space, op, count, 200, np.random.default_rng(count))
            ops = space.check(codes)[:, list(cell.columns)]
            np.testing.assert_array_equal((ops == op).sum(axis=1), count)
            assert np.isin(ops, [op, *cell.convolutions]).all()
    names = space.edge_types if name == "nasbench201" else space.edge_types[1:8]
    assert all(names[number] == op for op, number in cell.free.items())
    assert all("conv" in names[number] for number in cell.convolutions)


def test_small_sets_of_architectures_are_whole():
    space = get_space("nasbench201")
    codes = free.architectures(space, 1, 2, 500, np.random.default_rng(0))
    assert len(codes) == len(np.unique(codes, axis=0)) == 15 * 2**4
    drawn = free.architectures(space, 1, 2, 100, np.random.default_rng(0))
    assert len(drawn) == 100


def test_parameter_free_ops_on_the_table(tmp_path):
    table = TabularBenchmark("nb201-cifar10")
    numbers = parameter_free(table, Shifted(), tmp_path)
    assert files(tmp_path) == {"report.html", "report.md", "report.json", "parameter_free.pdf", "parameter_free.svg"}
    shares = numbers["ops"]["skip_connect"]["shares"]
    assert [one["share"] for one in shares] == pytest.approx([k / 6 for k in range(7)])
    only_skips = table.query(
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
    )
    assert shares[-1]["truth"]["mean_error"] == pytest.approx(100 - only_skips.mean[0])
    assert shares[-1]["truth"]["mean_error"] > shares[0]["truth"]["mean_error"] + 30
    assert shares[-1]["truth"]["std_error"] is None
    both = parameter_free(Sum(), Shifted(), tmp_path)["ops"]["skip_connect"]["agreement"]
    assert both["mean_absolute_difference"] == pytest.approx(2)
    assert both["surrogate_minus_truth"] == pytest.approx(-2)
    assert both["kendall_tau_of_means"] == pytest.approx(1)
    again = (tmp_path / "report.html").read_bytes()
    parameter_free(Sum(), Shifted(), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == again


def test_parameter_free_ops_of_darts(tmp_path):
    numbers = parameter_free(None, Sum("darts"), tmp_path, n=50)
    assert set(numbers["ops"]) == {"max_pool_3x3", "avg_pool_3x3", "skip_connect"}
    assert [one["share"] for one in numbers["ops"]["skip_connect"]["shares"]] == [k / 8 for k in range(9)]
    assert "below them" not in (tmp_path / "report.md").read_text()


def test_ticks_are_numbers_that_people_read():
    from matplotlib.figure import Figure

    for low, high in ((8.2, 15.5), (5.0, 90.0), (8.40, 8.47), (0.06, 30.0), (26.5, 26.9), (0.86823, 0.86842)):
        axis = Figure().add_subplot().yaxis
        error_ticks(axis, low, high)
        places = axis.get_ticklocs()
        assert 2 <= len(places) <= 8
        assert all(low <= place <= high for place in places)
        assert [float(one.get_text()) for one in axis.get_ticklabels()] == pytest.approx(places)


# The command line


def call(*arguments):
    result = runner.invoke(app, ["experiment", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_commands(tmp_path):
    quick = ["--repeats", 3, "--evaluations", 60, "--json"]
    found = json.loads(call("trajectories", "--output", tmp_path / "t", "--optimizers", "rs re:population=10", *quick))
    assert set(found["optimisers"]) == {"rs", "re:population=10"}
    assert [entry["evaluations"] for entry in found["checkpoints"]] == [60]
    assert "nb201-cifar10" in found["benchmarks"]["truth"]
    found = json.loads(call("local-search", "--output", tmp_path / "l", "--large", "table:nb201-cifar100",
                            "--local", "ls", "--others", "rs", *quick))  # fmt: skip
    assert set(found["found"]) == {"small", "large"}
    text = call("parameter-free", "--output", tmp_path / "p", "--architectures", 20, "--note", "A trial.")
    assert str(tmp_path / "p" / "parameter_free.pdf") in text
    assert "A trial." in (tmp_path / "p" / "report.md").read_text()
    with pytest.raises(ConfigError, match="write 100,300,1000"):
        call("trajectories", "--output", tmp_path / "t", "--checkpoints", "some")


@pytest.mark.parametrize("name", ["trajectories", "local-search", "parameter-free"])
def test_help_shows_an_example(name):
    assert f"Example: nb301-ogb experiment {name}" in " ".join(call(name, "--help").split())


def test_without_matplotlib_there_are_tables(tmp_path):
    program = (
        "import sys, importlib.util\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'matplotlib' else found(name, *rest)\n"
        "from nb301_ogb.baselines.benchmark import TabularBenchmark\n"
        "from nb301_ogb.experiments.parameter_free import parameter_free\n"
        "parameter_free(TabularBenchmark('nb201-cifar10'), None, sys.argv[1])\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True, timeout=60)
    assert "nb301-ogb[plots]" in (tmp_path / "report.md").read_text()
    assert files(tmp_path) == {"report.html", "report.md", "report.json"}
