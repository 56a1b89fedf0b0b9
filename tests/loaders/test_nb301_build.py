"""The dataset file of NAS-Bench-301 from small archives: columns, splits, reports, curves, builds that end early."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from nb301_ogb.catalog import LEAVE_OUT_GROUPS, get_info
from nb301_ogb.errors import BuildError
from nb301_ogb.loaders import splits_nb301
from nb301_ogb.loaders.build_nb301 import build, described
from nb301_ogb.loaders.sources.nasbench301 import sort_key
from nb301_ogb.loaders.sources.nasbench301_curves import EPOCHS, curve_name
from nb301_ogb.spaces.darts import SPACE
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.verify import verify
from tests.loaders.nb301_archive import DARTS, FORMS, OFFICIAL, files_of, pack, record_of


@pytest.fixture
def made(small_nb301, tmp_path):
    """A function that builds some files and gives the report and the dataset file."""
    _, _, lists = small_nb301

    def run(files, form="made.zip", **options):
        output = tmp_path / "out" / "built.h5"
        return build(pack(files, tmp_path / "in" / form), lists, output, **options), DatasetFile(output)

    return run


def column(records, *path):
    values = []
    for key in sorted(records, key=sort_key):
        one = records[key]
        for step in path:
            one = one[step]
        values.append(one)
    return np.array(values, dtype=np.float32)[:, None]


def test_what_a_file_holds(small_nb301, made):
    records = small_nb301[0]
    report, file = made(files_of(records))
    assert [check for check in verify(file.path) if not check.ok] == []
    assert file.records() == tuple(sorted(records, key=sort_key))
    assert np.array_equal(file.target("val_accuracy").values, column(records, "info", 0, "val_accuracy"))
    assert np.array_equal(file.target("test_accuracy").values, column(records, "test_accuracy"))
    assert np.array_equal(file.target("runtime").values, column(records, "runtime"))
    assert np.array_equal(file.target("num_params").values, column(records, "info", 0, "model_parameters"))
    assert set(file.target_names) == set(get_info("nb301").targets)
    assert set(file.split_names) == set(get_info("nb301").splits)
    names, group = file.groups()
    assert names == LEAVE_OUT_GROUPS
    assert [names[number] for number in group] == [key.split("/")[0] for key in file.records()]
    assert file.run_ids().tolist() == [[row] for row in range(44)]
    assert json.loads(file.report()) | {"content_hash": file.content_hash} == report
    assert report["records_kept"] == report["records_read"] == 44
    assert report["official_lists"] == {
        "listed": 44,
        "here": 44,
        "missing": 0,
        "missing_files": [],
        "in_no_list": 0,
    }
    assert report["num_params"]["equal_without_auxiliary_head"] == 44
    source, lists = file.header.sources
    assert source["file"] == "made.zip"
    assert len(source["sha256"]) == 64
    assert "data_splits" in lists["url"]


def test_official_splits_are_the_lists(small_nb301, made):
    records, named, _ = small_nb301
    _, file = made(files_of(records))
    keys = np.array(file.records())
    for (split, part), listed in named.items():
        rows = getattr(file.split(split), part)
        expected = listed
        if split != "default" and part == "test":
            expected = [key for key in records if key.startswith(split.removeprefix("leave_out_") + "/")]
        assert sorted(keys[rows]) == sorted(expected), (split, part)
        assert file.split(split).source == "official"
    default = file.split("default")
    assert sum(len(rows) for rows in default.parts().values()) == 33


def test_our_splits(small_nb301, made):
    records, _, _ = small_nb301
    _, file = made(files_of(records))
    keys = np.array(file.records())
    for group in set(LEAVE_OUT_GROUPS) - set(OFFICIAL):
        split = file.split(f"leave_out_{group}")
        assert split.source == "nb301-ogb"
        assert sorted(keys[split.test]) == sorted(key for key in records if key.startswith(f"{group}/"))
        for part, count in ((split.train, 3), (split.valid, 1)):  # nine tenths of four, rounded down
            found = [key.split("/")[0] for key in keys[part]]
            assert found == [other for other in LEAVE_OUT_GROUPS if other != group for _ in range(count)]
    top = file.split("top")
    label = file.target("val_accuracy").values[:, 0]
    assert len(top.test) == 2
    assert label[top.test].min() >= max(label[top.train].max(), label[top.valid].max())
    assert [len(rows) for rows in top.parts().values()] == [38, 4, 2]
    assert file.split("equivalence").statistics["test_equivalent_in_train"] == 0


def test_ties_at_the_top_go_by_code():
    code = SPACE.sample(40, np.random.default_rng(0))
    label = np.repeat([90.0, 95.0], [30, 10])
    split = splits_nb301._top(label, code)
    best = sorted(range(30, 40), key=lambda row: code[row].tobytes())[:2]
    assert split["test"].tolist() == sorted(best)
    again = np.random.default_rng(1).permutation(40)
    assert set(again[splits_nb301._top(label[again], code[again])["test"]]) == set(best)


def test_records_in_no_list_and_lists_without_a_record(small_nb301, made):
    records = dict(small_nb301[0])
    gone = ["rs/results_1.json", "de/results_0.json"]
    for key in gone:
        del records[key]
    rng = np.random.default_rng(5)
    extra = {f"tpe/results_{900 + n}.json": record_of(code, 80.0) for n, code in enumerate(SPACE.sample(3, rng))}
    report, file = made(files_of(records | extra))
    told = report["official_lists"]
    assert (told["here"], told["missing"], told["in_no_list"]) == (42, 2, 3)
    assert told["missing_files"] == sorted(gone)
    rows = {row for row, key in enumerate(file.records()) if key in extra}
    assert len(rows) == 3
    for name in file.split_names:
        inside = set(np.concatenate(list(file.split(name).parts().values())).tolist())
        assert rows <= inside if name in ("equivalence", "top") else not rows & inside


def test_twins_are_counted_beside_each_split(small_nb301, made):
    records, named, _ = small_nb301
    in_test, in_train = named["default", "test"][0], named["default", "train"][5]
    code = SPACE.parse(records[in_train]["optimized_hyperparamater_config"])
    records[in_test] |= {"optimized_hyperparamater_config": record_of(code)["optimized_hyperparamater_config"]}
    _, file = made(files_of(records))
    assert file.split("default").statistics["test_equal_in_train"] == 1
    assert file.split("default").statistics["test_equivalent_in_train"] == 1
    assert file.split("default").statistics["test_run_in_train"] == 0
    assert file.split("equivalence").statistics["test_equal_in_train"] == 0


@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_any_order_gives_the_same_dataset(small_nb301, made, form):
    files = files_of(small_nb301[0])
    _, first = made(files)
    digest, names = first.content_hash, first.records()
    listed = list(files_of(small_nb301[0], "elsewhere/v99").items())
    random.Random(form).shuffle(listed)
    report, file = made(dict(listed), form)
    assert report["content_hash"] == file.content_hash == digest
    assert file.records() == names


def test_a_source_is_described(tmp_path):
    folder = tmp_path / "unpacked"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/a.json").write_bytes(b"12345")
    assert described(folder) == [{"folder": "unpacked", "files": 1, "size": 5}]
    (folder / "b.json").write_bytes(b"678")
    assert described(folder) == [{"folder": "unpacked", "files": 2, "size": 8}]
    (told,) = described(folder / "b.json")
    assert (told["file"], told["size"], len(told["sha256"])) == ("b.json", 3, 64)


def test_copies(small_nb301, made):
    records, named, _ = small_nb301
    listed = named["default", "train"][0]
    twin = named["default", "test"][1]
    unlisted = {f"{listed.split('/')[0]}/results_000.json": records[listed], "gdas/results_7777.json": records[listed]}
    alone = {
        f"rs/results_{n}.json": record_of(SPACE.parse("0" * 8 + "01010101" + "0" * 8 + "01010101")) for n in (8, 9)
    }
    records[twin] = records[listed]
    report, file = made(files_of(records | unlisted | alone))
    (told,) = [entry for entry in report["left_out"] if entry["reason"] == "the same training under another name"]
    names = {one["name"]: one["detail"] for one in told["files"]}
    first = min(listed, twin, key=sort_key)
    assert names == dict.fromkeys(unlisted, f"copy of {first}") | {"rs/results_9.json": "copy of rs/results_8.json"}
    # Both names that stand in the lists are kept, as one run.
    run_of = dict(zip(file.records(), file.run_ids().ravel().tolist(), strict=True))
    assert run_of[listed] == run_of[twin]
    assert len(set(run_of.values())) == len(run_of) - 1
    assert file.split("default").statistics["test_run_in_train"] == 1


def test_too_many_rejected_records_stop_a_build(small_nb301, made):
    files = files_of(small_nb301[0]) | {"nb_301_v13/rs/results_777.json": b"{"}
    with pytest.raises(BuildError, match=r"1 of 45 records are rejected, more than 1\.00%: JSON that is cut off"):
        made(files)
    report, file = made(files, max_rejected=0.1)
    assert report["records_rejected"] == 1
    assert report["rejected"][0]["files"][0]["name"] == "rs/results_777.json"
    assert len(file.records()) == 44
    with pytest.raises(BuildError, match="share of the records"):
        made(files, max_rejected=2)


def test_files_that_are_no_records_are_told_and_do_not_count(small_nb301, made):
    files = files_of(small_nb301[0])
    others = {f"nb_301_v13/only_skip_connect/results_{n}.json": b"{}" for n in range(50)} | {"nb_301_v13/README": b"r"}
    report, file = made(files | others)
    plain = made(files)[1]
    assert file.content_hash == plain.content_hash
    assert [(entry["reason"], entry["count"], len(entry["files"])) for entry in report["left_out"]] == [
        ("in only_skip_connect, which is no part of the training set", 50, 20),
        ("no record, by its place and name", 1, 1),
    ]


def test_the_records_own_counts_are_held_against_ours(small_nb301, made):
    records = small_nb301[0]
    keys = sorted(records, key=sort_key)
    code = SPACE.parse(records[keys[1]]["optimized_hyperparamater_config"])
    records[keys[0]]["info"][0]["model_parameters"] = 17
    records[keys[1]]["info"][0]["model_parameters"] = int(SPACE.num_params(code[None], auxiliary=True)[0])
    del records[keys[2]]["info"][0]["model_parameters"]
    report, file = made(files_of(records))
    assert report["num_params"] == {
        "equal_without_auxiliary_head": 41,
        "equal_with_auxiliary_head": 1,
        "different": 1,
        "absent": 1,
        "different_files": [keys[0]],
    }
    own = file.contents().extra_origin["model_parameters"]
    assert (own[0], own[2]) == (17, -1)
    assert file.target("num_params").values[1] == SPACE.num_params(code[None])[0]


def with_curves(records, **more):
    rng = np.random.default_rng(3)
    for one in records.values():
        one["learning_curves"] = {"Train/val_accuracy": rng.uniform(0, 95, EPOCHS).round(2).tolist(), **more}
    return records


@pytest.mark.parametrize("form", ["made.zip", "made.tar.gz"])
def test_learning_curves(small_nb301, made, form):
    records = with_curves(small_nb301[0], lr=[0.025] * EPOCHS, note="text", short=[1.0] * 5, odd=["x"] * EPOCHS)
    keys = sorted(records, key=sort_key)
    records[keys[3]]["learning_curves"] = {"lr": [float("nan")] * EPOCHS, "big": [10**400] * EPOCHS}
    del records[keys[4]]["learning_curves"]
    files = list(files_of(records).items())
    random.Random(1).shuffle(files)
    report, file = made(dict(files), form, full_logs=True)
    assert file.curve_names == ("Train_val_accuracy", "lr")
    curve = file.curve("Train_val_accuracy")
    assert curve.shape == (44, EPOCHS)
    assert curve.dtype == np.float32
    for row, key in enumerate(keys):
        expected = records[key].get("learning_curves", {}).get("Train/val_accuracy", [np.nan] * EPOCHS)
        assert np.array_equal(curve[row], np.array(expected, np.float32), equal_nan=True), key
    assert np.isnan(file.curve("lr")[3:5]).all()
    assert (file.curve("lr")[5:] == np.float32(0.025)).all()
    assert [(entry["reason"], entry["count"]) for entry in report["left_out_curves"]] == [
        ("note is no list of 98 numbers", 42),
        ("odd is no list of 98 numbers", 42),
        ("short is no list of 98 numbers", 42),
        ("big is no list of 98 numbers", 1),
    ]
    assert [check for check in verify(file.path) if not check.ok] == []
    names = file.records()
    plain_report, plain = made(dict(files), form)
    assert plain.curve_names == ()
    assert "left_out_curves" not in plain_report
    assert plain.records() == names
    assert plain.content_hash == file.content_hash, "the same dataset, with curves or without"


def test_a_release_without_curves_is_told(small_nb301, made):
    with pytest.raises(BuildError, match="holds no learning curves"):
        made(files_of(small_nb301[0]), "plain.zip", full_logs=True)


def test_curves_with_one_name_and_too_many_names(small_nb301, made):
    records = with_curves(small_nb301[0])
    key = min(records, key=sort_key)
    records[key]["learning_curves"]["Train_val_accuracy"] = [1] * EPOCHS
    report, _ = made(files_of(records), full_logs=True)
    assert report["left_out_curves"][0]["reason"] == "Train_val_accuracy has the name of another curve"
    records[key]["learning_curves"] = {f"c{number}": [1] * EPOCHS for number in range(65)}
    with pytest.raises(BuildError, match="more than 64 names"):
        made(files_of(records), full_logs=True)
    assert curve_name("Train/val_accuracy") == "Train_val_accuracy"


def test_a_split_list_that_is_not_there(small_nb301, tmp_path):
    path = pack(files_of(small_nb301[0]), tmp_path / "a.zip")
    with pytest.raises(BuildError, match="official split list"):
        build(path, tmp_path / "elsewhere", tmp_path / "x.h5")
    assert not (tmp_path / "x.h5").exists()


CHILD = """
    import os, pickle, sys, time
    from nb301_ogb.loaders.sources import nasbench301_splits
    from nb301_ogb.loaders.fetch import Resource
    from nb301_ogb.loaders import build_nb301
    import json
    source, lists, output, moment, resources = sys.argv[1:]
    nasbench301_splits.SPLIT_LISTS = {
        tuple(which): Resource(name, sha256=sha256) for which, name, sha256 in json.loads(resources)
    }
    def stop(*_):
        print("here", flush=True)
        time.sleep(60)
    if moment == "replacing":
        os.replace = stop
    elif moment == "writing":
        os.fsync = stop
    build_nb301.build(source, lists, output, progress=stop if moment == "reading" else None)
    print("done", flush=True)
"""


@pytest.mark.parametrize(
    ("moment", "old"), [("reading", True), ("writing", False), ("writing", True), ("replacing", True)]
)
def test_a_build_that_is_killed_leaves_the_old_file_or_none(small_nb301, made, tmp_path, moment, old):
    from nb301_ogb.loaders.sources import nasbench301_splits

    records, _, lists = small_nb301
    source = pack(files_of(records), tmp_path / "a.zip")
    output = tmp_path / "new" / "built.h5"
    before = None
    if old:
        fewer = {key: one for key, one in records.items() if not key.startswith("rs/")}
        build(pack(files_of(fewer), tmp_path / "b.zip"), lists, output)
        before = output.read_bytes()
    resources = [(which, one.name, one.sha256) for which, one in nasbench301_splits.SPLIT_LISTS.items()]
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(source), str(lists), str(output), moment]
    with subprocess.Popen([*command, json.dumps(resources)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "here\n"
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert (output.read_bytes() if output.exists() else None) == before
    build(source, lists, output)
    assert DatasetFile(output).num_graphs == 44
    assert os.listdir(output.parent) == ["built.h5"]


def test_an_error_in_a_build_leaves_the_old_file(small_nb301, made, tmp_path):
    records, _, _ = small_nb301
    _, file = made(files_of(records))
    before = file.path.read_bytes()
    bad = {key: one | {"optimized_hyperparamater_config": {DARTS + "layers": 8}} for key, one in records.items()}
    with pytest.raises(BuildError):
        made(files_of(bad))
    assert file.path.read_bytes() == before
    assert os.listdir(file.path.parent) == ["built.h5"]
