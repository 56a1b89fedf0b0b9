"""The leaderboard's document: formats and limits are those of the code; the repository's submissions are whole."""

import re
from pathlib import Path

import pytest

from nb301_ogb.evaluators.submission import container, form
from nb301_ogb.evaluators.submission.form import Head
from nb301_ogb.evaluators.submission.table_csv import COLUMNS, read_csv
from nb301_ogb.evaluators.submission.table_npz import ARRAYS
from nb301_ogb.leaderboard.boards import OFFICIAL, SMALL
from nb301_ogb.leaderboard.build import build, find_submissions, judge_all
from nb301_ogb.leaderboard.comparison import DRAWS
from nb301_ogb.leaderboard.exam_data import opener
from nb301_ogb.leaderboard.site.write import write_site
from tests.submissions import attempt

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "leaderboard.md").read_text()
SUBMISSIONS = ROOT / "leaderboard" / "submissions"
WORKFLOW = (ROOT / ".github" / "workflows" / "leaderboard.yml").read_text()


def rows(after):
    """The cells of the first table below a text."""
    lines = TEXT[TEXT.index(after) :].splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("|---"))
    found = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            return found
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_columns_of_a_table():
    documented = {name.strip("`"): meaning.replace("`", "") for name, meaning in rows("**CSV**")}
    assert documented == COLUMNS


def test_the_arrays_of_a_file():
    documented = {re.search(r"(\w+)`$", name)[1]: meaning for name, meaning in rows("**NPZ**")}
    assert documented == ARRAYS


def test_the_head_of_a_submission():
    described = next(meaning for name, meaning in rows("## A submission") if name == "`submission.json`")
    assert set(re.findall(r"`(\w+)`", described)) == {
        *Head.__struct_fields__, *form.ExamHead.__struct_fields__
    }  # fmt: skip


def test_the_example_is_read(tmp_path):
    path = tmp_path / "example.csv"
    path.write_text(re.search(r"^```csv\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[1])
    faults = attempt(read_csv, path)[1]
    assert faults == (f"{path} has no row for the valid part of ogbg-nb201-cifar10, split equivalence.",)


@pytest.mark.parametrize(
    "words",
    [
        f"**{form.OFFICIAL_SEEDS} seeds** at least",
        f"at most {container.MAX_FILE >> 20} MiB ({container.MAX_UNPACKED >> 20} MiB unpacked)",
        f"At most {form.MAX_SEEDS} seeds, {form.MAX_EXAMS} datasets and splits, {form.MAX_ROWS:,}",
        f"at most {SMALL:,} parameters",
        f"bootstrap of {DRAWS:,} samples",
        f"the {len(OFFICIAL[1].exams)} splits",
    ],
)
def test_figures_are_those_of_the_code(words):
    assert words in TEXT


def test_the_submissions_of_the_repository(tmp_path):
    """Each is without a fault, the pages are made from them, and boards without an entry say so."""
    load = opener()
    paths = find_submissions(SUBMISSIONS)
    results = build(judge_all(paths, load), load)
    write_site(tmp_path / "site", results, {path.name: path.read_bytes() for path in paths})
    for result in results:
        page = (tmp_path / "site" / f"{result.board.name}.html").read_text()
        vacant = "No reference result yet" if result.board.waits else "No entry yet"
        assert (vacant in page) == (not result.entries)


def test_the_workflow_uses_the_commands_of_people():
    make = (ROOT / "Makefile").read_text()
    assert "leaderboard leaderboard/submissions --output $(SITE)" in make
    assert re.search(r"run: make site$", WORKFLOW, re.MULTILINE)
    assert "nb301-ogb submit" in WORKFLOW
    # What a pull request names is passed as an argument, never pasted into a command.
    commands = re.findall(r"^ +run: (.*(?:\n {10,}.*)*)", WORKFLOW, re.MULTILINE)
    assert commands
    assert not any("${{" in command for command in commands)
    assert "pull_request_target" not in WORKFLOW
