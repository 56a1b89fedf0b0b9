"""`nb301-ogb search` as a person uses it."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from nb301_ogb.baselines.benchmark import TabularBenchmark
from nb301_ogb.cli import search as verb
from nb301_ogb.cli.app import app
from nb301_ogb.cli.search import duration, summary
from nb301_ogb.errors import ConfigError, DatasetNameError, SearchError
from nb301_ogb.search import Budget, jobs, read_histories, search
from nb301_ogb.spaces import get_space
from tests.search.search_benchmarks import Silent, Sum

runner = CliRunner()


def call(*arguments):
    result = runner.invoke(app, ["search", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_search_from_the_command_line(tmp_path):
    path, table = tmp_path / "found" / "re.h5", tmp_path / "re.csv"
    text = call("--benchmark", "table:nb201-cifar10", "--optimizer", "re", "--budget", 120, "--repeats", 3,
                "--seed", 5, "--output", path, "--csv", table)  # fmt: skip
    about, histories = read_histories(path)
    assert about.benchmark in text
    assert [(one.optimiser, one.seed, len(one)) for one in histories] == [
        ("re", 5, 120),
        ("re", 6, 120),
        ("re", 7, 120),
    ]
    best = max(histories, key=lambda one: one.value[one.best])
    code = best.codes[best.best]
    forms = get_space("nasbench201").forms(code)
    assert all(form in text for form in forms.values())
    drawing = ElementTree.parse(path.with_suffix(".svg")).getroot()
    assert drawing.tag.endswith("svg")
    assert path.with_suffix(".svg").read_text() == get_space("nasbench201").drawing(code)
    with table.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 360
    parsed = np.stack([get_space("nasbench201").parse(row["architecture"]) for row in rows])
    np.testing.assert_array_equal(parsed, np.concatenate([one.codes for one in histories]))
    assert [float(row["simulated_time"]) for row in rows[:120]] == histories[0].simulated_time.tolist()


def test_json_tells_the_same(tmp_path):
    path = tmp_path / "h.h5"
    found = json.loads(call("--optimiser", "ls:improvement=first", "--budget", "40,20h", "--repeats", 2,
                            "--output", path, "--noise", "--json"))  # fmt: skip
    histories = read_histories(path)[1]
    assert found["benchmark"] == TabularBenchmark("nb201-cifar10").name
    assert found["noise"] is True
    assert [one["evaluations"] for one in found["repeats"]] == [len(one) for one in histories]
    best = found["best"]
    assert best["value"] == max(np.nanmax(one.value) for one in histories)
    assert get_space("nasbench201").parse(best["forms"]["string"]).tolist() == best["code"]
    values = [one["value"] for one in found["history"]]
    assert values == sorted(values)
    assert values[-1] == best["value"]
    assert Path(found["drawing"]).is_file()


def test_a_search_goes_on_and_begins_anew_only_when_told(tmp_path):
    path = tmp_path / "h.h5"
    call("--budget", 60, "--output", path)
    before = read_histories(path)[1][0]
    call("--budget", 80, "--output", path)
    after = read_histories(path)[1][0]
    np.testing.assert_array_equal(after.codes[:60], before.codes)
    assert len(after) == 80
    with pytest.raises(SearchError, match="remove the file"):
        call("--budget", 80, "--output", path, "--benchmark", "table:nb201-cifar100")
    call("--budget", 20, "--output", path, "--benchmark", "table:nb201-cifar100", "--overwrite")
    assert "cifar100" in read_histories(path)[0].benchmark


def test_the_benchmark_belongs_to_the_space(monkeypatch):
    assert verb.open_for(None, None, None, "cpu").name == verb.open_for(None, "nasbench201", None, "cpu").name
    with pytest.raises(ConfigError, match="leave --space out"):
        verb.open_for("table:nb201-cifar10", "darts", None, "cpu")
    with pytest.raises(ConfigError, match="name one with --benchmark"):
        verb.open_for(None, "darts", None, "cpu")
    with pytest.raises(DatasetNameError, match="nasbench201, darts"):
        verb.open_for(None, "cells", None, "cpu")


def test_forms_and_drawing_of_darts(tmp_path, monkeypatch):
    monkeypatch.setattr("nb301_ogb.baselines.surrogate.open_benchmark", lambda *arguments: Sum("darts"))
    text = call("--benchmark", "other", "--space", "darts", "--budget", 70, "--output", tmp_path / "d.h5")
    (history,) = read_histories(tmp_path / "d.h5")[1]
    code = history.codes[history.best]
    for form in get_space("darts").forms(code).values():
        assert form in text
    # Each step of the search on one line.
    assert text.count("Genotype(") == 1
    assert "".join(map(str, history.codes[0])) in text
    assert (tmp_path / "d.svg").read_text() == get_space("darts").drawing(code)


def test_a_benchmark_without_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("nb301_ogb.baselines.surrogate.open_benchmark", lambda *arguments: Silent())
    text = call("--benchmark", "silent", "--budget", 60, "--repeats", 2, "--output", tmp_path / "s.h5")
    assert "no architecture had an answer" in text
    found = json.loads(call("--benchmark", "silent", "--budget", 60, "--output", tmp_path / "s.h5", "--json"))
    assert found["best"] is None
    assert found["repeats"][0]["unanswered"] == 60
    assert not (tmp_path / "s.svg").exists()


def test_the_summary_against_numpy():
    histories = search(Sum(), jobs("rs", range(4)), Budget(30))
    found = summary(Sum(), "random search", "30 evaluations", False, histories)
    best = [np.nanmax(one.value) for one in histories]
    assert found["mean_best_value"] == pytest.approx(np.mean(best))
    assert found["std_best_value"] == pytest.approx(np.std(best, ddof=1))
    assert [one["best_evaluation"] for one in found["repeats"]] == [int(np.argmax(one.value)) for one in histories]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2.0 min"), (7200, "2.0 h"), (1e6, "11.6 d")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_progress_is_shown_on_a_terminal(tmp_path):
    """In a process whose standard error is a terminal; its standard output stays free of it."""
    leader, follower = pty.openpty()
    program = "from nb301_ogb.cli import main; main()"
    arguments = ["search", "--optimizer", "re", "--budget", "6000", "--output", str(tmp_path / "h.h5")]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "160"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=follower, env=environment
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the process has ended
            break
        if not part:
            break
        shown += part
    output, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0
    counts = [int(one.replace(b",", b"")) for one in re.findall(rb"([\d,]+) evaluations", shown)]
    assert len(set(counts)) > 1
    assert counts[-1] == 6000
    assert rb"best 9" in shown
    assert b"1 of 1 repeats" not in output


def test_nothing_that_is_written_replaces_the_histories(tmp_path):
    for arguments in (["--output", tmp_path / "x.svg"], ["--output", tmp_path / "y.h5", "--csv", tmp_path / "y.h5"]):
        with pytest.raises(ConfigError, match="are not different files"):
            call("--budget", 5, *arguments)
    with pytest.raises(ConfigError, match="are not different files"):
        call("--budget", 5, "--output", tmp_path / "y.h5", "--csv", tmp_path / "y.svg")
    assert not list(tmp_path.iterdir())


def test_an_unknown_optimiser_is_one_sentence(tmp_path):
    with pytest.raises(SearchError, match="there are rs, re, ls"):
        call("--optimizer", "annealing")
    with pytest.raises(SearchError, match="write 300"):
        call("--budget", "long")
