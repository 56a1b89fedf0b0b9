"""`download`, `build` and `info --where` in real processes: a login node with a network, compute nodes without one."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nb301_ogb.cli.app import app
from nb301_ogb.loaders.resources import SPLITS_COMMIT
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.write import write
from tests.loaders.fetch_server import Loopback, body, listing
from tests.loaders.nb301_archive import SHARED, files_of, needs_shared, pack, records
from tests.small_files import darts_file

LISTS = f"/automl/nasbench301/{SPLITS_COMMIT}/nasbench301/surrogate_models/configs/data_splits"
OPEN = """
import nb301_ogb
for name in ("nb301", "nb301-runs", "nb201-cifar10"):
    dataset = nb301_ogb.GraphPropPredDataset(name)
    print(dataset.name, len(dataset), dataset.content_hash)
"""


@pytest.fixture
def server():
    with Loopback() as loopback:
        yield loopback


def process(arguments, home, **variables):
    """A process whose environment knows the given variables and no others of this package."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("NB301_OGB_")}
    clean |= {"NB301_OGB_HOME": str(home), "OMP_NUM_THREADS": "1", **variables}
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False, env=clean)


def call(*arguments, home, **variables):
    return process([sys.executable, "-c", "from nb301_ogb.cli import main; main()", *arguments], home, **variables)


def answer(*arguments, home, **variables):
    """What a process answers as JSON."""
    done = call(*arguments, "--json", home=home, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def here(monkeypatch):
    """Runs a command in this process, where it need not be one of its own; gives its answer as JSON."""

    def run(*arguments, home, **variables):
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("NB301_OGB_")]:
                patch.delenv(name)
            for name, value in ({"NB301_OGB_HOME": str(home)} | variables).items():
                patch.setenv(name, value)
            done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0
        return json.loads(done.stdout)

    return run


@pytest.fixture
def mirror(server, tmp_path):
    """Both datasets of NAS-Bench-301, ready on a mirror; their content hashes by name."""
    (tmp_path / "made").mkdir()
    hashes = {}
    for name in ("ogbg-nb301", "ogbg-nb301-runs"):
        path = tmp_path / "made" / f"{name}-v1.h5"
        contents = darts_file(path, rows=60).contents()
        hashes[name] = write(path, replace(contents, header=replace(contents.header, name=name)))
        server.on(f"/{name.replace('-', '_')}/{name}-v1.h5", body(path.read_bytes()))
    return hashes


def test_login_node_then_compute_nodes(server, mirror, here, tmp_path):
    home = tmp_path / "home"
    login = {"home": home, "NB301_OGB_MIRROR": server.url()}
    found = {one["name"]: one for one in answer("download", "--all", **login)}
    assert {name: found[name]["content_hash"] for name in mirror} == mirror
    assert all(found[name]["file"].startswith(str(home)) for name in mirror)
    assert found["ogbg-nb201-cifar10"]["embedded"]
    files, asked = listing(home), len(server.requests)
    assert {one["name"]: one for one in here("download", "--all", **login)} == found
    assert (listing(home), len(server.requests)) == (files, asked)

    compute = {"home": home, "NB301_OGB_OFFLINE": "1", "NB301_OGB_MIRROR": server.url()}
    opened = process([sys.executable, "-c", OPEN], **compute)
    assert opened.returncode == 0, opened.stderr
    lines = [line.split() for line in opened.stdout.splitlines()]
    assert {name: content for name, _, content in lines if name in mirror} == mirror
    where = here("info", "nb301", "--where", **compute)
    assert where["offline"] is True
    assert where["receives"] == str(home)
    assert where["files"][0]["path"] == found["ogbg-nb301"]["file"]
    assert len(server.requests) == asked

    empty = tmp_path / "empty"
    missing = call("download", "nb301", home=empty, NB301_OGB_OFFLINE="1")
    assert missing.returncode == 1
    assert missing.stderr.count("\n") == 1
    assert str(empty / "ogbg_nb301/ogbg-nb301-v1.h5") in missing.stderr
    # What the message asks for is enough.
    (empty / "ogbg_nb301").mkdir(parents=True, exist_ok=True)
    (empty / "ogbg_nb301/ogbg-nb301-v1.h5").write_bytes(Path(found["ogbg-nb301"]["file"]).read_bytes())
    shown = CliRunner(env={"NB301_OGB_HOME": str(empty), "NB301_OGB_OFFLINE": "1"}).invoke(app, ["download", "nb301"])
    assert shown.exit_code == 0
    assert "open without any network" in shown.stdout


@pytest.fixture
def figshare(server, tmp_path):
    """The public archive and the split lists: what the variables for it are, the archive, and what it holds."""
    made = records()
    archive = pack(files_of(made), tmp_path / "published" / "nb301.zip")
    data = archive.read_bytes()
    file = {"id": 7, "name": archive.name, "size": len(data), "download_url": server.on("/files/7", body(data))}
    server.on("/v2/articles/13246952", body(json.dumps({"files": [file]}).encode()))
    for path in (SHARED / "splits").rglob("*.json"):
        server.on(f"{LISTS}/{path.relative_to(SHARED / 'splits')}", body(path.read_bytes()))
    variables = {"NB301_OGB_FIGSHARE": server.url("/v2"), "NB301_OGB_GITHUB": server.url()}
    return variables, archive, made


@needs_shared
def test_from_the_public_archive(server, figshare, here, tmp_path):
    variables, archive, made = figshare
    home = tmp_path / "home"
    done = call("download", "--all", "--json", home=home, **variables)
    assert done.returncode == 0, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["ogbg-nb301"]["architectures"] == len(made)
    assert "no record" in found["ogbg-nb301-runs"]["absent"]
    assert done.stderr.count("\n") == 1
    file = DatasetFile(found["ogbg-nb301"]["file"])
    assert set(file.records()) == set(made)
    asked = len(server.requests)

    # Builds need no network: from what was downloaded, and from files that somebody brought.
    built = tmp_path / "built.h5"
    report = here("build", "nb301", "--output", str(built), home=home)
    assert (report["file"], report["content_hash"]) == (str(built), file.content_hash)
    assert DatasetFile(built).header.sources[0]["url"].endswith("13246952")
    brought = tmp_path / "other home"
    options = ["--source", str(archive), "--splits", str(SHARED / "splits")]
    report = answer("build", "nb301", *options, home=brought)
    assert report["content_hash"] == file.content_hash
    assert report["file"].startswith(str(brought))
    assert here("info", "nb301", home=brought, NB301_OGB_OFFLINE="1")["graphs"] == len(made)
    assert len(server.requests) == asked
