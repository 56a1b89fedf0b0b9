"""Records of NAS-Bench-301: which count, which do not and why, and where they may lie."""

import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.catalog import LEAVE_OUT_GROUPS
from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources.left_out import MAX_NAMES, MAX_REASONS, LeftOut
from nb301_ogb.loaders.sources.nasbench301 import group_place, read_records, run_place, sort_key
from nb301_ogb.loaders.sources.nasbench301_record import Rejection, record_reader
from nb301_ogb.spaces.darts import SPACE
from tests.loaders.nb301_archive import DARTS, FORMS, SHARED, files_of, needs_shared, pack, record_of, records

CODE = SPACE.sample(1, np.random.default_rng(7))[0]
T_MAX = "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max"


def read(one, full_logs=False):
    data = one if isinstance(one, bytes) else json.dumps(one).encode()
    return record_reader(full_logs)(data)


def rejection(one):
    with pytest.raises(Rejection) as caught:
        read(one)
    return caught.value


def changed(config=None, drop=(), **top):
    """A good record with other values."""
    one = record_of(CODE)
    one["optimized_hyperparamater_config"].update(config or {})
    for name in drop:
        one["info"][0].pop(name, None)
        one["optimized_hyperparamater_config"].pop(name, None)
        one.pop(name, None)
    return one | top


def test_a_good_record():
    record, code = read(record_of(CODE, 94.12, 93.5, 7654.5))
    assert code == CODE.tobytes()
    assert (record.info[0].val_accuracy, record.test_accuracy, record.runtime) == (94.12, 93.5, 7654.5)
    assert record.info[0].model_parameters == SPACE.num_params(CODE[None])[0]


@given(st.integers(0, 2**32))
def test_the_architecture_is_the_one_that_was_written(seed):
    code = SPACE.sample(1, np.random.default_rng(seed))[0]
    keys = list(record_of(code)["optimized_hyperparamater_config"].items())
    random.Random(seed).shuffle(keys)
    assert read(record_of(code) | {"optimized_hyperparamater_config": dict(keys)})[1] == code.tobytes()


def test_what_else_a_record_holds_does_not_matter():
    one = changed(created_by_optimizer="x", runtime=5000, extra={"deep": [[None, "ü", 1e300]]})
    one["info"][0] |= {"val_accuracy_final": float("nan"), "dataset_path": 3}
    one["info"].append({"val_accuracy": 1.0})
    assert read(one)[1] == CODE.tobytes()


@pytest.mark.parametrize("drop", ["model_parameters", "train_loss"])
def test_what_may_be_missing(drop):
    assert read(changed(drop=[drop]))[1] == CODE.tobytes()


@pytest.mark.parametrize(
    ("name", "config", "budget"),
    [
        ("layers", {DARTS + "layers": 20}, 100),
        ("init_channels", {DARTS + "init_channels": 36}, 100),
        ("T_max", {T_MAX: 50}, 100),
        ("budget", {}, 50),
        ("layers", {DARTS + "layers": "8"}, 100),
    ],
)
def test_another_fidelity(name, config, budget):
    fault = rejection(changed(config, budget=budget))
    assert fault.reason == f"another fidelity ({name})"
    assert f"{name} is " in fault.detail


def test_a_fidelity_that_is_not_told():
    fault = rejection(changed(drop=[DARTS + "layers", T_MAX]))
    assert fault.reason == "another fidelity (layers, T_max)"
    assert "layers is None, not 8" in fault.detail


@needs_shared
def test_the_genuine_sample_is_of_another_fidelity():
    fault = rejection((SHARED / "sample_record.json").read_bytes())
    assert fault.reason == "another fidelity (budget, layers, init_channels, T_max)"
    assert "layers is 20, not 8" in fault.detail


@needs_shared
def test_the_genuine_sample_counts_its_parameters_as_we_do():
    sample = json.loads((SHARED / "sample_record.json").read_bytes())
    code = SPACE.parse(sample["optimized_hyperparamater_config"])
    size = SPACE.num_params(code[None], channels=50, layers=20, auxiliary=True)
    assert size.tolist() == [sample["info"][0]["model_parameters"]]


@pytest.mark.parametrize("name", ["val_accuracy", "test_accuracy", "runtime", "budget", "info"])
def test_what_must_be_there(name):
    assert name in rejection(changed(drop=[name])).reason


def test_the_right_spelling_is_the_wrong_key():
    one = record_of(CODE)
    one["optimized_hyperparameter_config"] = one.pop("optimized_hyperparamater_config")
    assert "optimized_hyperparamater_config" in rejection(one).reason


@pytest.mark.parametrize("value", ["94.1", None, True, [94.1], {}])
@pytest.mark.parametrize("name", ["val_accuracy", "test_accuracy", "runtime"])
def test_a_number_must_be_a_number(name, value):
    one = record_of(CODE, **{name: value}) if name == "val_accuracy" else changed(**{name: value})
    fault = rejection(one | {"final_metric_score": 0})
    assert fault.reason.startswith("not of a record's form: Expected `float`")
    assert name in fault.reason


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("val_accuracy", float("nan"), "val_accuracy is NaN"),
        ("test_accuracy", float("nan"), "test_accuracy is NaN"),
        ("runtime", float("nan"), "runtime is NaN"),
        ("val_accuracy", -0.01, "val_accuracy is not from 0 to 100 percent"),
        ("val_accuracy", 100.01, "val_accuracy is not from 0 to 100 percent"),
        ("val_accuracy", float("inf"), "val_accuracy is not from 0 to 100 percent"),
        ("test_accuracy", 1000, "test_accuracy is not from 0 to 100 percent"),
        ("runtime", 0, "runtime is not above 0 and up to 1,000,000 seconds"),
        ("runtime", -5.0, "runtime is not above 0 and up to 1,000,000 seconds"),
        ("runtime", float("inf"), "runtime is not above 0 and up to 1,000,000 seconds"),
    ],
)
def test_ranges(name, value, reason):
    one = record_of(CODE, **{name: value}) if name == "val_accuracy" else changed(**{name: value})
    assert rejection(one).reason == reason


@pytest.mark.parametrize("value", [0, 100, 33])
def test_ends_of_ranges_count(value):
    record, _ = read(record_of(CODE, value, value, 1e6))
    assert record.info[0].val_accuracy == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "JSON that is cut off"),
        (json.dumps(record_of(CODE)).encode()[:-1], "JSON that is cut off"),
        (json.dumps(record_of(CODE)).encode()[:900], "JSON that is cut off"),
        (json.dumps(record_of(CODE)).encode() + b"}", "no JSON"),
        (b"not a record", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 100_000, "not of a record's form: Expected `object`, got `array`"),
        (b'{"x": ' + b"[" * 100_000, "no JSON"),
        (b'{"x": ' + b"9" * 10_000 + b", NaN}", "no JSON"),
        (b"[1, 2]", "not of a record's form: Expected `object`, got `array`"),
        (b"NaN", "not of a record's form: Expected `object`, got `float`"),
        (b'{"info": []}', "not of a record's form: Expected `array` of length >= 1 - at `$.info`"),
    ],
)
def test_what_is_no_record(data, reason):
    assert rejection(data).reason == reason


def test_a_number_of_parameters_that_no_column_holds():
    assert "model_parameters" in rejection(record_of(CODE, model_parameters=10**30)).reason
    assert "model_parameters" in rejection(record_of(CODE, model_parameters=-1)).reason


def test_no_architecture():
    key = DARTS + "inputs_node_normal_5"
    fault = rejection(changed({key: "9_0_1"}))
    assert fault.reason == "no architecture of the space"
    assert "inputs_node_normal_5" in fault.detail
    assert rejection(changed(drop=[key])).reason == "no architecture of the space"
    assert rejection(changed({key: {"deep": 1}})).reason == "no architecture of the space"


@given(st.binary(max_size=60) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_bytes_end_a_build(data):
    rejection(data if isinstance(data, bytes) else data.encode())


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("nb_301_v13/rs/results_5.json", ("nb_301_v13", "rs/results_5.json")),
        ("anything/deeper/rs/results_5_ti.json", ("anything/deeper", "rs/results_5_ti.json")),
        ("pc_darts/results_0.json", ("", "pc_darts/results_0.json")),
        ("darts/darts/results_0.json", ("darts", "darts/results_0.json")),
    ],
)
def test_where_records_lie(path, place):
    assert group_place(path.split("/")) == place


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("top/rs/.results_5.json.swp", "hidden"),
        ("__MACOSX/top/rs/results_5.json", "of the operating system"),
        ("top/only_skip_connect/results_5.json", "in only_skip_connect, which is no part"),
        ("top/de_multi_seed/3/results_5.json", "in de_multi_seed, which is no part"),
        ("top/lowpar_training_data/rs/results_5.json", "in lowpar_training_data, which is no part"),
        ("top/rs/results_5 (copy).json", "not named as a record"),
        ("top/rs/results_٣.json", "not named as a record"),
        ("top/local_search/results_5.json", "in local_search, which is no group"),
        ("top/README.txt", "no record"),
        ("results_5.json", "no record"),
    ],
)
def test_where_none_lie(path, reason):
    assert reason in group_place(path.split("/"))


def test_where_repeated_trainings_lie():
    assert run_place(["top", "de_multi_seed", "2", "results_7.json"]) == ("top", "2/results_7.json")
    assert run_place(["de_multi_seed", "2", "results_7.json"]) == ("", "2/results_7.json")
    assert "outside" in run_place(["top", "rs", "results_7.json"])
    assert "not named" in run_place(["top", "de_multi_seed", "x", "results_7.json"])


def test_the_order_of_records():
    keys = ["rs/results_10.json", "de/results_2.json", "rs/results_9.json", "rs/results_9_ti.json", "rs/results_1.json"]
    ordered = ["rs/results_1.json", "rs/results_9.json", "rs/results_9_ti.json", "rs/results_10.json"]
    assert sorted(keys, key=sort_key) == [*ordered, "de/results_2.json"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("root", ["nb_301_v13", "", "data/of/someone", ".hidden", "rs"])
def test_columns_do_not_depend_on_the_archive(tmp_path, form, root):
    made = records(3)
    files = list(files_of(made, root).items())
    random.Random(form).shuffle(files)
    found = read_records([pack(dict(files), tmp_path / form)])
    order = sorted(made, key=sort_key)
    assert found.keys == tuple(order)
    assert [key.split("/")[0] for key in order[::3]] == list(LEAVE_OUT_GROUPS)
    assert found.values[:, 0].tolist() == [made[key]["info"][0]["val_accuracy"] for key in order]
    assert found.values[:, 1].tolist() == [made[key]["test_accuracy"] for key in order]
    assert found.values[:, 2].tolist() == [made[key]["runtime"] for key in order]
    assert found.model_parameters.tolist() == SPACE.num_params(found.code).tolist()
    codes = [SPACE.parse(made[key]["optimized_hyperparamater_config"]) for key in order]
    assert np.array_equal(found.code, codes)
    assert (found.read, found.rejected.total, found.left_out.total) == (33, 0, 0)


def test_a_group_folder_alone(tmp_path):
    pack(files_of(records(2)), tmp_path / "made")
    found = read_records([tmp_path / "made/nb_301_v13/gdas"])
    assert found.keys == ("gdas/results_0.json", "gdas/results_1.json")


def test_several_sources_are_read_as_one(tmp_path):
    files = files_of(records(3))
    names = list(files)
    parts = [
        pack({name: files[name] for name in names[::2]}, tmp_path / "a.zip"),
        pack({name: files[name] for name in names[1::2]}, tmp_path / "b.tar"),
    ]
    whole = read_records([pack(files, tmp_path / "c.zip")])
    both = read_records(parts)
    assert both.keys == whole.keys
    assert np.array_equal(both.code, whole.code)
    assert np.array_equal(both.values, whole.values)


def test_the_folder_with_most_records_wins(tmp_path):
    new, old = records(3, seed=1), dict(list(records(3, seed=2).items())[:5])
    files = files_of(old, "a_v12") | files_of(new, "b_v13") | {"a_v12/rs/results_77.json": b"{"}
    found = read_records([pack(files, tmp_path / "a.tar")])
    assert found.values[:, 0].tolist() == [new[key]["info"][0]["val_accuracy"] for key in sorted(new, key=sort_key)]
    assert found.rejected.total == 0
    (told,) = found.left_out.as_list()
    assert told["reason"] == "outside of the folder b_v13, which holds most records"
    assert told["count"] == 6


def test_an_archive_beside_its_unpacked_folder(tmp_path):
    files = files_of(records(3))
    pack(files, tmp_path / "both")
    pack(files, tmp_path / "both/archive.zip")
    found = read_records([tmp_path / "both"])
    assert (len(found), found.left_out.total) == (33, 33)
    assert "a second time" in found.left_out.as_list()[0]["reason"]


def test_two_different_records_of_one_key(tmp_path):
    paths = [pack(files_of(records(2, seed)), tmp_path / f"{seed}.zip") for seed in (1, 2)]
    with pytest.raises(BuildError, match=r"two different records rs/results_0_ti\.json"):
        read_records(paths)


def test_no_record_at_all(tmp_path):
    with pytest.raises(BuildError, match=r"no record of NAS-Bench-301 can be read .*README"):
        read_records([pack({"top/README": b"x"}, tmp_path / "a.zip")])
    with pytest.raises(BuildError, match=r"no record .*JSON that is cut off"):
        read_records([pack({"top/rs/results_1.json": b"{"}, tmp_path / "b.zip")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BuildError, match="it is empty"):
        read_records([tmp_path / "empty"])


def test_progress(tmp_path):
    path = pack(files_of(records(2)), tmp_path / "a.zip")
    calls = []
    read_records([path], progress=lambda done, total: calls.append((done, total)))
    size = path.stat().st_size
    assert calls[0] == (0, size)
    assert calls[-1] == (size, size)


def test_equal_trainings_get_equal_numbers(tmp_path):
    one = record_of(CODE)
    several = [one, changed(runtime=5000.5), record_of(CODE, train_loss=0.91), record_of(CODE, val=93.51)]
    rewritten = dict(reversed(one.items())) | {"created_by_optimizer": "x"}
    made = {f"rs/results_{number}.json": each for number, each in enumerate([*several, rewritten, several[2]])}
    found = read_records([pack(files_of(made), tmp_path / "a.zip")])
    assert found.trainings().tolist() == [0, 1, 2, 3, 0, 2]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text("xyz", min_size=1, max_size=3)), max_size=60), st.randoms())
def test_what_is_left_out_does_not_depend_on_the_order(files, rng):
    def told(listed):
        counted = LeftOut()
        for reason, name in listed:
            counted.add(reason, name)
        return counted

    shuffled = list(files)
    rng.shuffle(shuffled)
    first = told(files)
    assert first.as_list() == told(shuffled).as_list()
    assert first.total == len(files)
    half = told(files[: len(files) // 2])
    half.merge(told(files[len(files) // 2 :]))
    assert half.as_list() == first.as_list()


def test_what_is_left_out_stays_bounded():
    counted = LeftOut()
    for number in range(1000):
        counted.add(f"in folder {number}", "x" * 5000, "y" * 5000)
        counted.add("often", f"{number:04}")
    listed = counted.as_list()
    assert counted.total == 2000
    assert sum(entry["count"] for entry in listed) == 2000
    assert len(listed) <= MAX_REASONS + 1
    assert len(listed[0]["files"]) == MAX_NAMES
    assert listed[0]["files"][0]["name"] in ("0000", "x" * 300)
    assert len(json.dumps(listed)) < 500_000
    json.dumps(listed).encode("ascii")
