"""The verb `reproduce`: from nothing to a board, also when it is killed on the way."""

import json
import os
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from nb301_ogb.cli.app import app
from nb301_ogb.errors import Nb301OgbError, SweepError
from nb301_ogb.evaluators.submission.check import shortfalls
from nb301_ogb.evaluators.submission.file import read
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.reference import entries as entry_module
from nb301_ogb.leaderboard.reference import plan as plan_module
from nb301_ogb.sweeps import trials
from nb301_ogb.sweeps.reference import REFERENCE_MODELS
from tests.loaders.nb301_archive import SHARED, needs_shared, rehearsal
from tests.submissions import small_root

runner = CliRunner()
GIN = 'gnn = "gin"\nnum_layer = 1\nemb_dim = 8\nbatch_size = 128\nepochs = {epochs}\ndrop_ratio = 0.0\n'
TREES = 'kind = "trees"\nlibrary = "lightgbm"\nrounds = 10\n[params]\nfeature_fraction = 0.5\n'


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with two small configurations and a small CIFAR-10."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(GIN.format(epochs=2))
    (tmp_path / "few.toml").write_text(TREES)
    small_root(tmp_path / "root")
    return tmp_path


def words(*more, board="nb201-cifar10", seeds="0-1"):
    return ["reproduce", board, "--seeds", seeds, "--models", "tiny.toml,few.toml", "--device", "cpu", *map(str, more)]


def done(*more, **options):
    found = runner.invoke(app, words(*more, **options), catch_exceptions=False)
    assert found.exit_code == 0
    return found


def refused(*more):
    with pytest.raises(Nb301OgbError) as found:
        runner.invoke(app, list(map(str, more)), catch_exceptions=False)
    return str(found.value)


def entries(folder):
    return {path.name: path.read_bytes() for path in (folder / "submissions").iterdir()}


def test_from_nothing_to_the_board(place):
    found = done(
        "--root", "root", "--output", "out", "--json", "--author", "A. Author", "--code", "https://example.org"
    )
    told = json.loads(found.stdout)
    assert {one["model"] for one in told["entries"]} == {"tiny", "few"}
    assert told["entries"][0]["test"]["rmse"]["mean"] <= told["entries"][1]["test"]["rmse"]["mean"]
    assert told["entries"][0]["lacks"] == ["2 of at least 10 seeds"]
    assert (place / "out/runs/equivalence/tiny/ogbg-nb201-cifar10/seed-1/predictions.h5").is_file()
    assert found.stderr.splitlines()[-1].split("; ")[-1].startswith("4 of 4 runs, ")
    assert "nb201-cifar10-equivalence.html" in os.listdir(place / "out/site")
    head = read(place / "out/submissions/tiny-nb201-cifar10-equivalence.submission").head
    assert (head.model, head.authors, head.external_data) == ("tiny", ("A. Author",), "none")
    assert head.note == "settings of tiny.toml, no reference entry of the package."
    assert head.commands == (
        "nb301-ogb reproduce ogbg-nb201-cifar10 --models tiny.toml --seeds 0-1 --split equivalence",
    )
    table = done("--root", "root", "--output", "out")
    assert "not official yet: 2 of at least 10 seeds, no link to code or a paper" in table.stdout
    assert table.stderr.splitlines() == [table.stderr.strip()]  # nothing was trained again


def test_an_entry_does_not_lose_seeds(place):
    done("--root", "root", "--output", "out")
    before = entries(place / "out")
    for fewer in ("0", "1-2"):
        said = refused(*words("--root", "root", "--output", "out", seeds=fewer))
        assert "tiny-nb201-cifar10-equivalence.submission has the seeds 0-1, and the seeds" in said
        assert "name all of them with --seeds" in said
    assert entries(place / "out") == before
    assert not list((place / "out/runs").glob("*/*/*/seed-2"))
    done("--root", "root", "--output", "out", seeds="0-2")
    assert read(place / "out/submissions/tiny-nb201-cifar10-equivalence.submission").head.seeds == (0, 1, 2)
    damaged = place / "out/submissions/few-nb201-cifar10-equivalence.submission"
    damaged.write_bytes(b"x")
    done("--root", "root", "--output", "out", seeds="0-2")
    assert read(damaged).head.seeds == (0, 1, 2)


def test_a_second_split_joins_the_first_on_the_site(place):
    done("--root", "root", "--output", "out", "--split", "equivalence")
    done("--root", "root", "--output", "out", "--split", "random")
    assert len(entries(place / "out")) == 4
    boards = json.loads((place / "out/site/leaderboard.json").read_text())["boards"]
    assert {one["name"]: len(one["entries"]) for one in boards if one["entries"]} == {
        "nb201-cifar10-equivalence": 2,
        "nb201-cifar10-random": 2,
    }


def test_what_is_there_and_what_is_missing(place):
    plan = json.loads(done("--root", "root", "--output", "out", "--dry-run", "--json").stdout)
    assert plan["runs"] == {
        "finished": 0, "total": 4, "seconds_trained": 0, "seconds_to_go": None, "models_not_timed": ["tiny", "few"]
    }  # fmt: skip
    assert not (place / "out").exists()
    done("--root", "root", "--output", "out", seeds="0")
    plan = json.loads(done("--root", "root", "--output", "out", "--dry-run", "--json").stdout)
    assert [(one["finished"], one["missing"], one["packed"]) for one in plan["entries"]] == [(1, 1, True)] * 2
    assert plan["runs"]["seconds_to_go"] > 0
    table = done("--root", "root", "--output", "out", "--dry-run").stdout
    assert "2 of 4 runs" in table
    assert "inside the package" in table
    (place / "tiny.toml").write_text(GIN.format(epochs=3))
    said = refused(*words("--root", "root", "--output", "out"))
    assert "seed-0 is another run (epochs: 2, now 3); choose another" in said


def test_a_model_that_fails_does_not_hold_up_the_others(place, monkeypatch):
    whole = trials.train

    def train(job, *arguments, **options):
        if job.config.kind == "trees":
            msg = "the disk is on fire"
            raise OSError(msg)
        return whole(job, *arguments, **options)

    monkeypatch.setattr(trials, "train", train)
    with pytest.raises(SweepError, match="the disk is on fire"):
        runner.invoke(app, words("--root", "root", "--output", "out"), catch_exceptions=False)
    assert list(entries(place / "out")) == ["tiny-nb201-cifar10-equivalence.submission"]
    monkeypatch.undo()
    monkeypatch.chdir(place)
    done("--root", "root", "--output", "out")
    assert len(entries(place / "out")) == 2


def test_reference_entries_are_official(place, monkeypatch):
    """With ten seeds a configuration of the package lacks nothing, whoever makes it; here one of few rounds."""
    assert set(entry_module._PAPERS) == set(REFERENCE_MODELS)
    (place / "lightgbm.toml").write_text(TREES)
    monkeypatch.setattr(plan_module, "config_names", lambda: ("lightgbm.toml",))
    options = ("--root", "root", "--output", "out")
    runner.invoke(app, ["reproduce", "nb201-cifar10", "--models", "lightgbm.toml", *options], catch_exceptions=False)
    head = read(place / "out/submissions/lightgbm-nb201-cifar10-equivalence.submission").head
    assert head.seeds == tuple(range(10))
    assert head.note == f"{entry_module.NOTE}."
    assert shortfalls(head) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("nb202",), "there is no board 'nb202'"),
        (("nb201", "--split", "default"), "ogbg-nb201 has no split 'default'"),
        (("nb201", "--models", "gon"), "there is no configuration 'gon'"),
        (("nb201", "--seeds", "1,1"), "names a seed twice"),
        (("nb201", "--source", "x.zip"), "is inside the package"),
        (("nb201", "--splits", "random"), "a split to train on is named by --split"),
        (("nb201", "--engine", "cloud"), "there is no engine 'cloud'"),
        (("nb201", "--device", "gpu"), "gpu"),
    ],
)
def test_refusals(place, more, message):
    said = refused("reproduce", *more, "--output", "out")
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (place / "out").exists()


def call(output):
    code = "from nb301_ogb.cli import main; main()"
    return [sys.executable, "-c", code, *words("--root", "root", "--output", output, seeds="0-2")]


def killed(folder, output, count):
    """Starts the command and kills it as soon as so many runs are finished."""
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(call(output), cwd=folder, stderr=nowhere, stdout=nowhere) as process:
        try:
            end = time.monotonic() + 600
            while len(list((folder / output).glob("runs/*/*/*/seed-*"))) < count:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.01)
        finally:
            process.kill()


@pytest.mark.slow
def test_killed_twice_the_result_is_the_same(place):
    (place / "tiny.toml").write_text(GIN.format(epochs=40))
    for count in (1, 3):
        killed(place, "killed", count)
    assert not (place / "killed/submissions").exists()
    for output in ("killed", "whole"):
        subprocess.run(call(output), cwd=place, capture_output=True, check=True, timeout=600)
    assert entries(place / "killed") == entries(place / "whole")
    pages = [path.relative_to(place / "whole") for path in (place / "whole/site").rglob("*.*")]
    assert len(pages) > 5
    assert all((place / "killed" / page).read_bytes() == (place / "whole" / page).read_bytes() for page in pages)


@needs_shared
@pytest.mark.slow
def test_a_rehearsal_of_nb301(place):
    """From an archive to both boards; its labels are made up, and file and page say where they are from."""
    raw = rehearsal(place / "raw", "--count", "1500")
    (place / "tiny.toml").write_text(GIN.format(epochs=1))
    done("--source", raw, "--splits", SHARED / "splits", "--output", "out", board="nb301", seeds="0")
    assert sorted(entries(place / "out")) == [
        f"{model}-{board}.submission"
        for model in ("few", "tiny")
        for board in ("nb301-leave-one-optimizer-out", "nb301")
    ]
    found = read(place / "out/submissions/few-nb301-leave-one-optimizer-out.submission")
    assert len(found.exams) == 11
    assert Exam("ogbg-nb301", "leave_out_drnas") in found.exams
    assert "This ogbg-nb301 was built from raw, given by hand" in found.head.note
    assert found.head.commands[0].endswith("--source raw")
    page = (place / "out/site/nb301.html").read_text()
    assert '<p class="warning" role="note">This ogbg-nb301 was built from raw, given by hand' in page
    # Nothing of it reaches the cache, and another dataset of that name refuses it.
    done("--output", "out", board="nb301", seeds="0")
    other = rehearsal(place / "other", "--count", "1400")
    said = refused(*words("--source", other, "--output", "out", board="nb301", seeds="0"))
    assert "was built from raw, not from other" in said
