"""From nothing to a dataset: cache, mirror, archive, without a network, and with several processes at once."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest
import torch
from torch_geometric.loader import DataLoader

from nb301_ogb import GraphPropPredDataset, PygGraphPropPredDataset
from nb301_ogb.catalog import get_info
from nb301_ogb.errors import BuildError, CacheError, DownloadError, FileFormatError, IntegrityError, OfflineError
from nb301_ogb.loaders import obtain as obtaining
from nb301_ogb.loaders.build_nb301 import build
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.loaders.fetch import Cache
from nb301_ogb.loaders.obtain import Means, check_ready, obtain
from nb301_ogb.loaders.resources import SPLIT_LISTS, SPLITS_COMMIT
from nb301_ogb.storage.read import DatasetFile
from tests.loaders.fetch_server import QUICK, Loopback, body, closed_port, status
from tests.loaders.nb301_archive import SHARED, files_of, needs_shared, pack, records, rehearsal

INFO = get_info("ogbg-nb301")
PLACE = "ogbg_nb301/ogbg-nb301-v1.h5"
LISTS = f"/github/automl/nasbench301/{SPLITS_COMMIT}/nasbench301/surrogate_models/configs/data_splits/"


@pytest.fixture
def server(tmp_path, monkeypatch):
    with Loopback() as loopback:
        monkeypatch.setenv("NB301_OGB_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("NB301_OGB_FIGSHARE", loopback.url("/v2"))
        monkeypatch.setenv("NB301_OGB_GITHUB", loopback.url("/github"))
        for name in ("NB301_OGB_MIRROR", "NB301_OGB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        yield loopback


def publish(server, *paths):
    """Plays figshare: one article with some files, as its interface lists them."""
    listed = []
    for number, path in enumerate(paths, 1):
        data = path.read_bytes()
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        url = server.on(f"/files/{number}", body(data))
        entry = {"id": number, "name": path.name, "size": len(data), "download_url": url, "computed_md5": md5}
        listed.append(entry | {"is_link_only": False, "supplied_md5": md5})
    server.on("/v2/articles/13246952", body(json.dumps({"id": 13246952, "files": listed}).encode()))


def publish_lists(server, folder):
    for path in folder.rglob("*.json"):
        server.on(LISTS + path.relative_to(folder).as_posix(), body(path.read_bytes()))


@pytest.fixture
def small(small_nb301, server, tmp_path, monkeypatch):
    """A small archive and its lists, published; a cache folder; the finished file, built by hand."""
    made, _, folder = small_nb301
    from nb301_ogb.loaders.sources import nasbench301_splits

    few = {
        which: one for which, one in nasbench301_splits.SPLIT_LISTS.items() if which[0] in ("default", "leave_out_re")
    }
    monkeypatch.setattr(nasbench301_splits, "SPLIT_LISTS", few)
    monkeypatch.setattr(obtaining, "SPLIT_LISTS", few)
    for resource in few.values():
        place = resource.urls[0].removeprefix("https://raw.githubusercontent.com")
        server.on("/github" + place, body((folder / place.removeprefix("/lists/")).read_bytes()))
    archive = pack(files_of(made), tmp_path / "nasbench301_v10.zip")
    publish(server, archive)
    build(archive, folder, tmp_path / "ready" / INFO.filename)
    return tmp_path / "ready" / INFO.filename


def means(folder, **options):
    return Means(Cache(folder), **({"policy": QUICK} | options))


@needs_shared
def test_from_nothing_to_a_first_batch_in_one_call(server, tmp_path, monkeypatch):
    """With the official lists as their authors publish them and a part of the rehearsal archive."""
    publish(server, rehearsal(tmp_path / "nb301.zip", "--count", "1500", "--messy"))
    publish_lists(server, SHARED / "splits")
    dataset = PygGraphPropPredDataset("ogbg-nb301")
    split = dataset.get_idx_split()
    batch = next(iter(DataLoader(dataset[split["train"]], batch_size=32, shuffle=True)))
    assert len(dataset) == 1500
    assert batch.num_graphs == 32
    assert batch.y.shape == (32, 1)
    assert batch.y.dtype == torch.float32
    assert batch.x.shape == (32 * 14, 2)
    assert batch.edge_index.shape == (2, 32 * 26)
    assert sum(map(len, split.values())) == pytest.approx(1500, abs=5)
    path = tmp_path / "home" / PLACE
    assert dataset.table.file.path == path
    source = DatasetFile(path).header.sources[0]
    assert source["url"] == "https://doi.org/10.6084/m9.figshare.13246952"
    assert source["sha256"] == hashlib.sha256((tmp_path / "nb301.zip").read_bytes()).hexdigest()
    assert server.count("/files/1") == 1
    assert sum(path.startswith(LISTS) for path, _ in server.requests) == len(SPLIT_LISTS)
    asked = len(server.requests)
    again = PygGraphPropPredDataset("nb301")
    assert torch.equal(again.y, dataset.y)
    monkeypatch.setenv("NB301_OGB_OFFLINE", "1")
    assert len(GraphPropPredDataset("ogbg-nb301")) == 1500
    assert len(server.requests) == asked


def test_the_same_file_as_a_build_by_hand(small, tmp_path):
    path = obtain(INFO)
    assert path == tmp_path / "home" / PLACE
    assert DatasetFile(path).content_hash == DatasetFile(small).content_hash


def test_a_root_takes_what_is_new(small, server, tmp_path):
    path = dataset_path(INFO, tmp_path / "dataset")
    assert path == tmp_path / "dataset" / PLACE
    assert not (tmp_path / "home").exists()
    server.routes.clear()
    assert dataset_path(INFO, tmp_path / "dataset") == path


def test_a_root_does_not_need_what_the_cache_has(small, server, tmp_path):
    (tmp_path / "home/ogbg_nb301").mkdir(parents=True)
    shutil.copy(small, tmp_path / "home" / PLACE)
    assert dataset_path(INFO, tmp_path / "dataset") == tmp_path / "home" / PLACE
    assert server.requests == []
    assert not (tmp_path / "dataset").exists()


def test_a_finished_file_of_a_mirror_is_preferred(small, server, tmp_path, monkeypatch):
    server.on(f"/mirror/{PLACE}", body(small.read_bytes()))
    monkeypatch.setenv("NB301_OGB_MIRROR", server.url("/mirror"))
    path = obtain(INFO)
    assert path.read_bytes() == small.read_bytes()
    assert [asked for asked, _ in server.requests] == [f"/mirror/{PLACE}"]


@pytest.mark.parametrize("fault", ["missing", "damaged", "other dataset", "html"])
def test_a_mirror_without_the_right_file_leads_to_a_build(small, server, tmp_path, fault):
    damaged = bytearray(small.read_bytes())
    damaged[-100] ^= 1
    answers = {
        "missing": status(404),
        "damaged": body(bytes(damaged)),
        "other dataset": body(dataset_path(get_info("nb201-cifar10")).read_bytes()),
        "html": body(b"<html>not found</html>"),
    }
    server.on(f"/mirror/{PLACE}", answers[fault])
    path = obtain(INFO, means(tmp_path / "home", mirrors=(server.url("/mirror"),)))
    assert DatasetFile(path).content_hash == DatasetFile(small).content_hash
    assert server.count("/files/1") == 1


def test_a_dead_mirror_leads_to_a_build(small, tmp_path):
    path = obtain(INFO, means(tmp_path / "home", mirrors=(f"http://127.0.0.1:{closed_port()}",)))
    assert DatasetFile(path).content_hash == DatasetFile(small).content_hash


def test_a_cache_folder_behind_a_server_is_a_mirror_of_everything(small, server, tmp_path, monkeypatch):
    obtain(INFO)
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file() and path.name != INFO.filename:
            server.on(f"/mirror/{path.relative_to(tmp_path / 'home').as_posix()}", body(path.read_bytes()))
    for place in [place for place in server.routes if not place.startswith("/mirror/")]:
        del server.routes[place]
    path = obtain(INFO, means(tmp_path / "second", mirrors=(server.url("/mirror"),)))
    assert DatasetFile(path).content_hash == DatasetFile(small).content_hash


def test_the_content_that_the_catalogue_knows(small, tmp_path):
    from dataclasses import replace

    check_ready(small, replace(INFO, content_hash=DatasetFile(small).content_hash))
    with pytest.raises(IntegrityError, match="other data than the catalogue"):
        check_ready(small, replace(INFO, content_hash="0" * 64))
    with pytest.raises(FileFormatError, match="version 1, not ogbg-nb301 version 2"):
        check_ready(small, replace(INFO, version=2))


def test_no_network_says_what_to_put_where(small, server, tmp_path, monkeypatch):
    monkeypatch.setenv("NB301_OGB_OFFLINE", "1")
    with pytest.raises(OfflineError) as caught:
        PygGraphPropPredDataset("ogbg-nb301")
    assert str(tmp_path / "home" / PLACE) in str(caught.value)
    assert "nb301-ogb download ogbg-nb301" in str(caught.value)
    assert "NB301_OGB_OFFLINE" in str(caught.value)
    assert server.requests == []
    assert list((tmp_path / "home").iterdir()) == []
    (tmp_path / "home/ogbg_nb301").mkdir()
    shutil.copy(small, tmp_path / "home" / PLACE)
    assert len(GraphPropPredDataset("ogbg-nb301")) == 44


def test_a_cache_with_the_archive_needs_no_network(small, server, tmp_path, monkeypatch):
    built = obtain(INFO)
    built.unlink()
    server.routes.clear()
    monkeypatch.setenv("NB301_OGB_OFFLINE", "1")
    assert obtain(INFO) == built
    assert DatasetFile(built).content_hash == DatasetFile(small).content_hash


def test_a_damaged_file_is_replaced(small, tmp_path):
    path = obtain(INFO)
    good = DatasetFile(path).content_hash
    data = bytearray(path.read_bytes())
    data[-50] ^= 255
    path.write_bytes(data)
    assert DatasetFile(obtain(INFO)).content_hash == good


def test_a_read_only_folder_with_the_file_is_enough(small, server, tmp_path, monkeypatch):
    (tmp_path / "shared/ogbg_nb301").mkdir(parents=True)
    shutil.copy(small, tmp_path / "shared" / PLACE)
    monkeypatch.setenv("NB301_OGB_HOME", f"{tmp_path / 'shared'}:/proc/none")
    assert obtain(INFO) == tmp_path / "shared" / PLACE
    monkeypatch.setenv("NB301_OGB_HOME", "/proc/none:/dev/null/none")
    with pytest.raises(CacheError, match="NB301_OGB_HOME"):
        obtain(INFO)


def test_failures_are_told_together(small, server, tmp_path):
    server.on("/files/1", status(404))
    server.on("/v2/file/download/1", status(403))
    with pytest.raises(DownloadError) as caught:
        obtain(INFO, means(tmp_path / "home", mirrors=(server.url("/mirror"),)))
    message = str(caught.value)
    assert "neither ready nor from its archive" in message
    for part in (f"/mirror/{PLACE}", "/files/1", "404", "403"):
        assert part in message
    assert not (tmp_path / "home" / PLACE).exists()


def test_an_article_without_an_archive(server, tmp_path):
    (tmp_path / "notes.pdf").write_bytes(b"x")
    publish(server, tmp_path / "notes.pdf")
    with pytest.raises(DownloadError, match=r"lists no archive, only notes\.pdf"):
        obtain(INFO)


def test_an_archive_that_is_not_what_it_should_be(small, server, tmp_path):
    publish(server, pack({"top/README": b"x"}, tmp_path / "other.zip"))
    with pytest.raises(BuildError, match="no record of NAS-Bench-301"):
        obtain(INFO, means(tmp_path / "elsewhere"))
    assert not (tmp_path / "elsewhere" / PLACE).exists()


def test_several_archives_and_other_files(small_nb301, small, server, tmp_path):
    files = files_of(small_nb301[0])
    names = list(files)
    one = pack({name: files[name] for name in names[::2]}, tmp_path / "one.zip")
    two = pack({name: files[name] for name in names[1::2]}, tmp_path / "two.tar.gz")
    (tmp_path / "README.md").write_bytes(b"x")
    publish(server, tmp_path / "README.md", one, two)
    path = obtain(INFO)
    assert DatasetFile(path).content_hash == DatasetFile(small).content_hash
    assert server.count("/files/1") == 0


def test_repeated_trainings(small_nb301, server, tmp_path):
    made = records(2)
    runs = {f"de_multi_seed/{seed}/{key.split('/')[1]}": one for seed in (1, 2) for key, one in list(made.items())[-2:]}
    publish(server, pack(files_of(made | runs), tmp_path / "a.zip"))
    path = obtain(get_info("nb301-runs"))
    assert path == tmp_path / "home/ogbg_nb301_runs/ogbg-nb301-runs-v1.h5"
    assert DatasetFile(path).num_graphs == 2


def test_progress_is_shown_for_each_step(small, tmp_path):
    seen = {}

    class Bar:
        def __init__(self, title):
            self.calls = seen.setdefault(title, [])

        def __enter__(self):
            return lambda done, total: self.calls.append((done, total))

        def __exit__(self, *_):
            self.calls.append("end")

    obtain(INFO, means(tmp_path / "home", bars=Bar))
    assert list(seen) == ["ogbg-nb301: download", "ogbg-nb301: build"]
    for calls in seen.values():
        assert calls.pop() == "end"
        done, total = calls[-1]
        assert done == total > 0


def test_nothing_is_written_to_a_pipe(small, capfd):
    obtain(INFO)
    assert capfd.readouterr() == ("", "")


MANY = """
    import json, os, sys, traceback
    from nb301_ogb import get_info
    from nb301_ogb.loaders import obtain
    from nb301_ogb.loaders.fetch import Resource
    from nb301_ogb.loaders.fetch import lock
    from nb301_ogb.loaders.sources import nasbench301_splits
    from nb301_ogb.storage.read import DatasetFile
    lists = {
        tuple(which): Resource(name, (url,), sha256=sha256) for which, name, url, sha256 in json.loads(sys.argv[1])
    }
    obtain.SPLIT_LISTS = nasbench301_splits.SPLIT_LISTS = lists
    if sys.argv[2] == "without locks":
        def refuse(*_):
            raise OSError(95, "Operation not supported")
        lock.fcntl.flock = refuse
    start, go = os.pipe()
    children = []
    for _ in range(8):
        children.append(os.fork())
        if not children[-1]:
            try:
                os.close(go)
                os.read(start, 1)
                file = DatasetFile(obtain.obtain(get_info("nb301")))
                os.write(1, (file.content_hash + "\\n").encode())
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
    os.close(go)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.mark.parametrize("locks", ["with locks", "without locks"])
def test_eight_processes_at_once(small, server, tmp_path, locks):
    lists = [(which, one.name, one.urls[0], one.sha256) for which, one in obtaining.SPLIT_LISTS.items()]
    command = [sys.executable, "-c", textwrap.dedent(MANY), json.dumps(lists), locks]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [DatasetFile(small).content_hash] * 8
    asked = server.count("/files/1")
    assert asked == 1 if locks == "with locks" else 1 <= asked <= 8
    left = [path.name for path in (tmp_path / "home/ogbg_nb301").iterdir()]
    assert [name for name in left if not name.endswith(".lock")] == [INFO.filename]
