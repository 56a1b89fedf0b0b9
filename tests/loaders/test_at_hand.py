"""Builds from what is on the machine: what is used, and what is asked for where something is missing."""

import json

import pytest

from nb301_ogb.catalog import get_info
from nb301_ogb.cli.where import show_whereabouts, whereabouts
from nb301_ogb.errors import BuildError, NoRecordError
from nb301_ogb.loaders import at_hand
from nb301_ogb.loaders.at_hand import build_at_hand
from nb301_ogb.loaders.fetch import Cache
from nb301_ogb.loaders.obtain import Means
from nb301_ogb.storage.read import DatasetFile
from tests.loaders.nb301_archive import files_of, pack, record_of

NB301, RUNS = get_info("nb301"), get_info("nb301-runs")


@pytest.fixture
def means(tmp_path):
    """A network may be used, as far as this says; every address of it would be an error."""
    return Means(Cache(tmp_path / "home"), offline=False, mirrors=("http://127.0.0.1:9",), api="http://127.0.0.1:9")


def put(home, archive):
    """What `download` leaves of an archive in the cache."""
    (home / "figshare/13246952").mkdir(parents=True)
    kept = home / "figshare/13246952" / archive.name
    kept.write_bytes(archive.read_bytes())
    entry = {"name": kept.name, "size": kept.stat().st_size, "download_url": "http://127.0.0.1:9/file"}
    (home / "figshare/13246952.json").write_text(json.dumps({"files": [entry]}))


def test_from_files_that_somebody_brought(small_nb301, means, tmp_path):
    made, _, lists = small_nb301
    archive = pack(files_of(made), tmp_path / "brought.zip")
    path, report = build_at_hand(NB301, archive, lists, means=means)
    assert path == tmp_path / "home/ogbg_nb301/ogbg-nb301-v1.h5"
    assert report["records_kept"] == len(made) == DatasetFile(path).num_graphs
    other, again = build_at_hand(NB301, archive, lists, tmp_path / "deep/x.h5", means=means)
    assert other == tmp_path / "deep/x.h5"
    assert again["content_hash"] == report["content_hash"]


def test_from_the_cache(small_nb301, means, tmp_path):
    made, _, lists = small_nb301
    put(tmp_path / "home", pack(files_of(made), tmp_path / "published.zip"))
    path, report = build_at_hand(NB301, None, lists, means=means)
    assert report["records_kept"] == len(made)
    source = DatasetFile(path).header.sources[0]
    assert source["url"] == "https://doi.org/10.6084/m9.figshare.13246952"
    assert source["file"] == "published.zip"


def test_the_lists_from_the_cache(small_nb301, means, tmp_path, monkeypatch):
    made, _, lists = small_nb301
    from nb301_ogb.loaders.sources import nasbench301_splits

    monkeypatch.setattr(at_hand, "SPLIT_LISTS", nasbench301_splits.SPLIT_LISTS)  # the small ones
    archive = pack(files_of(made), tmp_path / "brought.zip")
    with pytest.raises(BuildError, match=r"official split lists cannot be found in .*home: give --splits FOLDER"):
        build_at_hand(NB301, archive, means=means)
    pack({f"nasbench301/data_splits/{p.relative_to(lists)}": p.read_bytes() for p in lists.rglob("*.json")},
         tmp_path / "home")  # fmt: skip
    assert build_at_hand(NB301, archive, means=means)[1]["records_kept"] == len(made)


def test_a_missing_archive_is_told(small_nb301, means):
    with pytest.raises(BuildError, match=r"its archive cannot be found in .*home: give --source ARCHIVE_OR_FOLDER"):
        build_at_hand(NB301, None, small_nb301[2], means=means)


def test_repeated_trainings(small_nb301, means, tmp_path):
    made, _, _ = small_nb301
    code = [0] * 8 + [0, 1] * 4 + [1] * 8 + [0, 1] * 4
    runs = {f"de_multi_seed/{seed}/results_0.json": record_of(code, 93 + seed / 10) for seed in range(1, 6)}
    archive = pack(files_of(made | runs), tmp_path / "brought.zip")
    path, report = build_at_hand(RUNS, archive, means=means)
    assert report["architectures_by_runs"] == {"5": 1}
    assert path.name == "ogbg-nb301-runs-v1.h5"
    with pytest.raises(NoRecordError, match="no record"):
        build_at_hand(RUNS, pack(files_of(made), tmp_path / "without.zip"), means=means)
    for options in ({"splits_folder": tmp_path}, {"full_logs": True}):
        with pytest.raises(BuildError, match="leave --full-logs and --splits out"):
            build_at_hand(RUNS, archive, means=means, **options)


def test_the_share_of_rejected_records(small_nb301, means, tmp_path):
    made, _, lists = small_nb301
    bad = {key: one | {"test_accuracy": "high"} if key == "re/results_0.json" else one for key, one in made.items()}
    archive = pack(files_of(bad), tmp_path / "brought.zip")
    with pytest.raises(BuildError, match="rejected"):
        build_at_hand(NB301, archive, lists, means=means)
    assert build_at_hand(NB301, archive, lists, max_rejected=0.1, means=means)[1]["records_rejected"] == 1


def test_where_things_are(small_nb301, tmp_path, monkeypatch, capsys):
    made, _, _ = small_nb301
    monkeypatch.setenv("NB301_OGB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NB301_OGB_MIRROR", "https://me:secret@mirror.example/a")
    infos = [get_info("nb201-cifar10"), NB301, RUNS]
    put(tmp_path / "home", pack(files_of(made), tmp_path / "published.zip"))
    found = whereabouts(infos)
    assert found["folders"][0]["path"] == found["receives"] == str(tmp_path / "home")
    places = {one["name"]: one["path"] for one in found["files"]}
    assert next(iter(places)) == "ogbg-nb201-cifar10-v1.h5"
    assert places["figshare/13246952/published.zip"] == str(tmp_path / "home/figshare/13246952/published.zip")
    assert places["ogbg_nb301/ogbg-nb301-v1.h5"] is None
    assert sum("data_splits" in name for name in places) == 30
    show_whereabouts(found)
    shown = capsys.readouterr().out
    assert "0 of 30 are here" in shown
    assert "not here" in shown
    assert "secret" not in shown
    root = whereabouts(infos, tmp_path / "root")
    assert [one["path"] for one in root["folders"]] == [str(tmp_path / "root"), str(tmp_path / "home")]
