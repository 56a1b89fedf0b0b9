"""The documents: examples run, commands exist, numbers are those that the commands print, links lead somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from nb301_ogb.catalog import NB301_CITATION, get_info
from nb301_ogb.cli.app import app
from nb301_ogb.cli.info import describe
from nb301_ogb.experiments import dataset_facts, dataset_noise
from nb301_ogb.experiments.dataset import analyse
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.spaces import get_space
from nb301_ogb.storage.read import DatasetFile

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LISTS = ROOT / ".." / "shared" / "nb301" / "splits"
NAMES = tuple(sorted(path.name for path in DOCS.glob("*.md")))
SETS = ("nb201-cifar10", "nb201-cifar100", "nb201-imagenet16")


def blocks(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / name).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def analysed():
    """For each embedded set what `info` and `experiment dataset` tell."""
    found = {}
    for name in SETS:
        file = DatasetFile(dataset_path(get_info(name)))
        columns = dataset_facts.columns(file.contents())
        label = columns.contents.targets["val_accuracy"]
        found[name] = describe(file), analyse(columns, dataset_noise.measure(label.values, columns.contents.run_id))
    return found


def run(code, folder):
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_h5py_examples(tmp_path):
    read, check = blocks("file-format.md", "python")
    lines = run(read, tmp_path).splitlines()
    assert lines[0] == "ogbg-nb201-cifar10 nasbench201 val_accuracy"
    row, digits, label = re.fullmatch(r"best of test: (\d+) code \[([\d ]+)\] ([\d.]+)", lines[1]).groups()
    file = DatasetFile(dataset_path(get_info("nb201-cifar10")))
    test, mean = file.split("equivalence").test, np.nanmean(file.values("val_accuracy"), axis=1)
    assert int(row) == test[mean[test].argmax()]
    assert float(label) == pytest.approx(mean[int(row)], abs=0.005)
    graph = get_space("nasbench201").graphs([[int(digit) for digit in digits.split()]])
    edges = [(int(s), int(t), int(op)) for s, t, op in zip(*graph.edge_index, graph.edge_feat[:, 0], strict=True)]
    assert lines[2] == str(edges)
    assert run(check, tmp_path) == "True\n"


@pytest.mark.skipif(not LISTS.is_dir(), reason="needs the official split lists")
def test_the_lists_example(tmp_path):
    os.symlink(LISTS.resolve(), tmp_path / "data_splits")
    (code,) = blocks("data-card-nb301.md", "python")
    lines = run(code, tmp_path).splitlines()
    assert lines[0].startswith("46537 [('rs', 23472), ('de', 7275)")
    assert lines[1] == "default 37225 4652 4649"
    card = (DOCS / "data-card-nb301.md").read_text()
    for group, count in re.findall(r"\('(\w+)', (\d+)\)", lines[0]):
        assert f"| {group} | {int(count):,} |" in card
    assert "| `default` | official | 37,225 / 4,652 / 4,649 |" in card


def commands():
    for name in (*NAMES, "../README.md"):
        for block in blocks(name, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("nb301-ogb "):
                    yield pytest.param(line, id=f"{Path(name).name}: {line[:50]}")


@pytest.mark.parametrize("line", commands())
def test_every_command_is_understood(line):
    """The line is parsed, not run."""
    words = shlex.split(line, comments=True)[1:]
    command, context = typer.main.get_command(app), None
    while hasattr(command, "get_command"):
        context = typer.Context(command, info_name="nb301-ogb", parent=context)
        command = command.get_command(context, words.pop(0))
        assert command is not None
    parsed = command.make_context("verb", words, parent=context)
    assert not parsed.args


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", (DOCS / name).read_text()):
        if "://" not in target:
            assert (DOCS / target).is_file(), target


def test_the_numbers_of_the_nb201_card(analysed):
    card = (DOCS / "data-card-nb201.md").read_text()
    table = {line.split("|")[1].strip(" `"): line for line in card.splitlines() if line.startswith("| `ogbg-nb201")}
    assert len(re.findall("ogbg-nb201-", card)) >= 6
    rows = {name: [line for line in card.splitlines() if line.startswith(f"| `ogbg-{name}` |")] for name in SETS}
    for name, (told, facts) in analysed.items():
        labels, noise = rows[name]
        accuracy = told["targets"]["val_accuracy"]
        assert " / ".join(f"{accuracy[key]:.2f}" for key in ("min", "median", "max")) in labels
        assert f"`{told['content_hash'][:12]}`" in labels
        own, copies = (facts["noise"][key]["3"] for key in ("by_runs", "with_copies"))
        for key, digits in (("rows", ","), ("mae_of_one_run", ".4f"), ("kendall_tau", ".3f")):
            assert f"| {own[key]:{digits}} ({copies[key]:{digits}}) |" in noise
    assert set(table) == {f"ogbg-{name}" for name in SETS}
    told, facts = analysed["nb201-cifar10"]
    for key in ("entries", "different_runs", "classes", "rows_with_a_twin", "rows_with_a_shared_run", "components"):
        assert f"{facts['twins'][key]:,}" in card
    assert f"the largest class has {facts['twins']['largest_class']}" in card
    for name, split in told["splits"].items():
        sizes = " / ".join(f"{split[f'num_{part}']:,}" for part in ("train", "valid", "test"))
        assert re.search(rf"\| `{name}`[^|]*\| {sizes} \|", card)
    leaks = told["splits"]["random"]
    for key in ("test_equivalent_in_train", "test_run_in_train"):
        assert f"{leaks[key]:,} ({leaks[key] / leaks['num_test']:.1%})" in card


def test_the_report_in_the_documents_is_up_to_date(analysed):
    shown = json.loads((DOCS / "datasets" / "nb201-cifar10" / "report.json").read_text())
    told, facts = analysed["nb201-cifar10"]
    assert shown["content_hash"] == told["content_hash"]
    assert shown["note"] == ""
    fresh = json.loads(json.dumps(facts))
    assert set(shown) == set(fresh) | {"note", "content_hash", "created_with"}
    for key, values in fresh.items():
        same(shown[key], values, key)
    assert (DOCS / "datasets" / "nb201-cifar10" / "report.html").stat().st_size < 1_500_000


def same(one, other, where):
    """Equal up to the last digits of floating-point numbers."""
    if isinstance(one, dict):
        assert set(one) == set(other), where
        for key in one:
            same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-6), where
    else:
        assert one == other, where


def test_cards_cite_what_the_catalogue_cites():
    assert NB301_CITATION in (DOCS / "data-card-nb301.md").read_text()
    assert get_info("nb201-cifar10").citation in (DOCS / "data-card-nb201.md").read_text()


def test_the_vocabulary_of_the_format():
    text = (DOCS / "file-format.md").read_text()
    for name in ("nasbench201", "darts"):
        space = get_space(name)
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        for number, word in [*enumerate(space.node_types), *enumerate(space.edge_types)]:
            assert f"{number} {word}" in line or word == "none"


def test_no_path_of_a_machine():
    for path in DOCS.rglob("*"):
        if path.is_file():
            assert not re.search(r"/(work|tmp|root)/", path.read_text()), path
