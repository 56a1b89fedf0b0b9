"""Reference entries: which runs they are made of, how long the rest takes, where their datasets are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.baselines.runs import MARK
from nb301_ogb.catalog import LEAVE_OUT_GROUPS, get_info
from nb301_ogb.errors import BuildError, ConfigError, DatasetNameError
from nb301_ogb.evaluators.submission.check import shortfalls
from nb301_ogb.leaderboard.boards import OFFICIAL
from nb301_ogb.leaderboard.reference.data import caveats, own_root, provide, source_option, whereabouts
from nb301_ogb.leaderboard.reference.pace import Pace, Standing, duration, pace_of, training_seconds
from nb301_ogb.leaderboard.reference.plan import Plan, boards_for, reference_models, state
from nb301_ogb.sweeps.reference import REFERENCE_MODELS
from tests.small_files import darts_file


def plan_of(folder, name="ogbg-nb201", splits=(), models=("gin", "lightgbm"), seeds=(0, 1)):
    full, boards = boards_for(name, splits)
    return Plan(full, boards, reference_models(models), seeds, folder)


def finish(plan, model, exam, seed, text='{"epoch": 1, "seconds": 4.0}\n{"final": true}\n'):
    """As much of a finished run as is looked at for the pace."""
    folder = plan.place(model, exam, seed).folder
    folder.mkdir(parents=True)
    (folder / MARK).write_text("")
    (folder / "metrics.jsonl").write_text(text)


# What is made


def test_the_official_boards():
    assert boards_for("nb201") == ("ogbg-nb201", (OFFICIAL[2],))
    assert boards_for("ogbg-nb301") == ("ogbg-nb301", (OFFICIAL[0], OFFICIAL[1]))


@pytest.mark.parametrize(
    ("name", "splits", "expected"),
    [
        ("ogbg_nb201", ("random",), ["nb201-random"]),
        ("nb201", ("random", "equivalence"), ["nb201", "nb201-random"]),
        ("nb201-cifar10", (), ["nb201-cifar10-equivalence"]),
        ("nb301", ("leave_out_re", "default"), ["nb301", "nb301-leave-out-re"]),
        ("nb301-runs", (), ["nb301-runs-equivalence"]),
    ],
)
def test_other_boards(name, splits, expected):
    assert sorted(board.name for board in boards_for(name, splits)[1]) == expected


@pytest.mark.parametrize(("name", "splits"), [("nb101", ()), ("", ()), ("nb201", ("default",)), ("nb301", ("random",))])
def test_boards_that_do_not_exist(name, splits):
    with pytest.raises(DatasetNameError, match=r"^[^\n]*$"):
        boards_for(name, splits)


def test_models(tmp_path):
    (tmp_path / "mine.toml").write_text('kind = "trees"\n')
    (tmp_path / "gin.toml").write_text('gnn = "gin"\n')
    assert tuple(model.name for model in reference_models()) == REFERENCE_MODELS
    mine, ours = reference_models([str(tmp_path / "mine.toml"), "gin"])
    assert (mine.name, mine.of_package, ours.name, ours.of_package) == ("mine", False, "gin", True)
    with pytest.raises(ConfigError, match="names 'gin' 2 times"):
        reference_models(["gin", str(tmp_path / "gin.toml")])
    with pytest.raises(ConfigError, match="there is no configuration"):
        reference_models(["gon"])
    for name in ("my model", "gin+", "gîn", "x" * 81, "-" + "y" * 130):
        (tmp_path / f"{name}.toml").write_text('gnn = "gin"\n')
        with pytest.raises(ConfigError, match="cannot give its name to an entry"):
            reference_models([str(tmp_path / f"{name}.toml")])


def test_settings_of_a_space_are_used(tmp_path):
    (tmp_path / "one.toml").write_text('gnn = "gin"\nepochs = 7\n[space.darts]\nepochs = 3\n')
    (model,) = reference_models([str(tmp_path / "one.toml")])
    assert model.config("ogbg-nb201-cifar10").epochs == 7
    assert model.config("ogbg-nb301").epochs == 3


def test_every_run_of_a_board_has_a_place_of_its_own(tmp_path):
    plan = plan_of(tmp_path, "nb301", seeds=tuple(range(3)))
    trials = [trial for board in plan.boards for trial in plan.trials(board, None)]
    assert len(trials) == len({trial.place.folder for trial in trials}) == 2 * 3 * (1 + len(LEAVE_OUT_GROUPS))
    first = trials[0]
    assert first.place.folder == tmp_path / "runs" / "default" / "gin" / "ogbg-nb301" / "seed-0"
    assert (first.job.dataset, first.job.split) == ("ogbg-nb301", "default")
    assert {trial.job.split for trial in trials} == {exam.split for exam in plan.exams}
    names = [plan.submission(model, board).name for board in plan.boards for model in plan.models]
    assert len(set(names)) == len(names)


def test_each_model_is_timed_before_the_second_seed(tmp_path):
    plan = plan_of(tmp_path)
    (board,) = plan.boards
    assert [trial.seed for trial in plan.trials(board, None)] == [0] * 6 + [1] * 6
    finish(plan, plan.models[1], board.exams[2], 1)
    trials = plan.trials(board, None)
    assert trials[0].place == plan.place(plan.models[1], board.exams[2], 1)
    assert [trial.seed for trial in trials[1:]] == [0] * 6 + [1] * 5


def test_states(tmp_path):
    plan = plan_of(tmp_path)
    (board,), (gin, trees) = plan.boards, plan.models
    finish(plan, gin, board.exams[0], 0)
    place = plan.place(gin, board.exams[0], 1)
    place.checkpoint.write_text("")
    assert state(place) == "interrupted"
    assert plan.states(gin, board) == {"finished": 1, "interrupted": 1, "missing": 4}
    assert plan.states(trees, board) == {"missing": 6}


def test_models_that_cannot_be_trained_are_told_first(tmp_path):
    plan_of(tmp_path, models=("gin", "lightgbm")).check("cpu")
    (tmp_path / "x.toml").write_text('gnn = "gon"\n')
    with pytest.raises(ConfigError, match="gon"):
        plan_of(tmp_path, models=(str(tmp_path / "x.toml"),)).check("cpu")


# How long it takes


def test_the_rest_from_what_ended():
    now = [100.0]
    pace = Pace(waiting={"a": 3, "b": 2}, took={}, clock=lambda: now[0])
    assert pace.standing() == Standing(0, 5, 0.0, None, ("a", "b"))
    now[0] += 10
    pace.ended("a", 10.0)
    assert pace.standing() == Standing(1, 5, 10.0, pytest.approx(20.0), ("b",))
    now[0] += 30
    pace.ended("b", 30.0)
    assert pace.standing() == Standing(2, 5, 40.0, pytest.approx(2 * 10 + 30), ())
    for model in ("a", "a", "b"):
        pace.ended(model, 1.0)
    assert pace.standing().rest == 0
    assert str(pace.standing()) == "5 of 5 runs, 43 s of training so far"


@given(st.integers(1, 20), st.floats(0.5, 2000), st.integers(1, 8))
def test_several_at_a_time_take_less(count, seconds, workers):
    """Runs of one length on some workers: the estimate is the count of rounds that are left."""
    now = [0.0]
    pace = Pace(waiting={"a": workers * (count + 1)}, took={}, workers=workers, clock=lambda: now[0])
    now[0] = seconds
    for _ in range(workers):
        pace.ended("a", seconds)
    assert pace.standing().rest == pytest.approx(count * seconds)


def test_an_earlier_call_counts(tmp_path):
    plan = plan_of(tmp_path)
    (board,), (gin, trees) = plan.boards, plan.models
    for exam in board.exams:
        finish(plan, gin, exam, 0)
    finish(plan, trees, board.exams[0], 0, '{"epoch": 1}\n{"final": true}\n')
    found = pace_of(plan, workers=2).standing()
    assert found == Standing(4, 12, 12.0, pytest.approx(3 * 4.0 / 2), ("lightgbm",))
    assert str(found) == "4 of 12 runs, 12 s of training so far, more than 6 s to go (no run of lightgbm yet)"


def test_runs_that_do_not_say_how_long(tmp_path):
    assert training_seconds(tmp_path) is None
    (tmp_path / "metrics.jsonl").write_text("no JSON\n{}\n")
    assert training_seconds(tmp_path) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (59.7, "1 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


# Where the datasets are


@pytest.fixture
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("NB301_OGB_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NB301_OGB_OFFLINE", "1")


def test_embedded_datasets(tmp_path):
    plan = plan_of(tmp_path)
    assert {one.said for one in whereabouts(plan)} == {"inside the package"}
    assert provide(plan) is None
    assert caveats(plan) == source_option(plan) == ""
    with pytest.raises(ConfigError, match="is inside the package"):
        provide(plan, source=tmp_path / "x.zip")


def test_a_dataset_that_is_not_there(tmp_path, offline):
    plan = plan_of(tmp_path, "nb301", ("default",))
    (found,) = whereabouts(plan)
    assert (found.path, found.said) == (None, "is to be downloaded and built")
    assert whereabouts(plan, source=tmp_path / "x.zip")[0].said == f"is to be built from {tmp_path / 'x.zip'}"
    with pytest.raises(ConfigError, match="give one of them"):
        provide(plan, tmp_path, tmp_path / "x.zip")


def test_a_dataset_given_by_hand(tmp_path, offline):
    """It is found again without its source, another source is refused, and it is told wherever a figure stands."""
    plan, info = plan_of(tmp_path, "nb301", ("default",)), get_info("nb301")
    place = own_root(tmp_path) / info.folder / info.filename
    place.parent.mkdir(parents=True)
    hash_of = darts_file(place).content_hash
    assert whereabouts(plan)[0].path == place
    assert provide(plan) == own_root(tmp_path)
    said = caveats(plan, own_root(tmp_path))
    assert said.startswith("This ogbg-nb301 was built from made up, given by hand")
    assert hash_of[:12] in said
    assert source_option(plan, own_root(tmp_path)) == "--source 'made up'"
    later = Plan("ogbg-nb201", boards_for("ogbg-nb201", [])[1], reference_models(["gin"]), (0,), tmp_path)
    assert provide(later) == own_root(tmp_path)  # the site is built from the earlier plan's entries too
    other = tmp_path / "other.zip"
    other.write_bytes(b"another archive")
    with pytest.raises(ConfigError, match=r"was built from made up, not from other\.zip \(sha256"):
        provide(plan, source=other)
    other.unlink()
    with pytest.raises(BuildError, match="leave --source out to go on with that"):
        provide(plan, source=other)


@pytest.mark.parametrize(("links", "lacking"), [({}, ["no link to code or a paper"]), ({"paper": "https://x"}, [])])
def test_a_link_is_all_that_the_defaults_lack(links, lacking):
    from nb301_ogb.evaluators.submission.form import ExamHead, Head
    from nb301_ogb.leaderboard.reference.entries import Maker

    maker = Maker()
    head = Head(
        model="gin", num_params=1, seeds=tuple(range(10)), exams=(ExamHead("x", "y", "0" * 64),), authors=maker.authors,
        contact=maker.contact, hardware="one core", commands=("x",), external_data="none", package_version="1",
        **links,
    )  # fmt: skip
    assert shortfalls(head) == lacking
