"""The rehearsal archive of NAS-Bench-301 against the official lists: a part of it, and all of it in the slow tests."""

import functools
import json
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.build_nb301 import build
from nb301_ogb.spaces.darts import SPACE
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.verify import verify
from tests.loaders.nb301_archive import DARTS, SHARED, needs_shared, rehearsal

pytestmark = needs_shared

SPLITS = SHARED / "splits"

SIZES = {
    "default": (37_225, 4_652, 4_649),
    "leave_out_bananas": (40_365, 4_492, 1_680),
    "leave_out_combo": (41_220, 4_586, 731),
    "leave_out_darts": (40_330, 4_488, 1_719),
    "leave_out_de": (35_330, 3_932, 7_275),
    "leave_out_gdas": (41_667, 4_636, 234),
    "leave_out_pc_darts": (41_453, 4_612, 472),
    "leave_out_random_ws": (41_699, 4_640, 198),
    "leave_out_re": (38_519, 4_286, 3_732),
    "leave_out_tpe": (35_811, 3_985, 6_741),
}

ODD = {
    "results_900001.json": "JSON that is cut off",
    "results_900002.json": "empty",
    "results_900003.json": "another fidelity (layers)",
    "results_900004.json": "not of a record's form: Object missing required field `val_accuracy` - at `$.info[]`",
    "results_900005.json": "val_accuracy is NaN",
    "results_900006.json": "no architecture of the space",
    "results_900007.json": "the same training under another name",
    ".results_900008.json.swp": "hidden, or of the operating system",
    "README.txt": "no record, by its place and name",
    "only_skip_connect/results_0.json": "in only_skip_connect, which is no part of the training set",
    "de_multi_seed/1/results_0.json": "in de_multi_seed, which is no part of the training set",
    "._results_1.json": "hidden, or of the operating system",
}
"""What the messy archive holds beside good records: the end of each file's name, and why it is left out."""


@functools.cache
def official(split, part):
    """The keys of an official list, read anew from its file."""
    folder = "default_split" if split == "default" else split
    paths = json.loads((SPLITS / folder / f"{part}_paths.json").read_bytes())
    return frozenset("/".join(path.split("/")[-2:]) for path in paths)


def check_official_splits(file):
    """Every part of every official split holds the files of its list that are here, and no other."""
    keys = np.array(file.records())
    here = set(file.records())
    listed = set().union(*(official(split, part) for split in SIZES for part in ("train", "val", "test")))
    for split in SIZES:
        parts = file.split(split).parts()
        expected = {part: official(split, "val" if part == "valid" else part) for part in parts}
        if split != "default":
            assert not expected["test"]
            expected["test"] = {key for key in listed if key.startswith(split.removeprefix("leave_out_") + "/")}
        for part, rows in parts.items():
            assert set(keys[rows]) == expected[part] & here, (split, part)
            assert len(set(rows.tolist())) == len(rows)


def reasons(report):
    return {one["name"]: entry["reason"] for entry in report["rejected"] + report["left_out"] for one in entry["files"]}


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """A part of the rehearsal archive, plain and messy, and what it becomes."""
    folder = tmp_path_factory.mktemp("part")
    plain = rehearsal(folder / "plain.zip", "--count", "1500")
    messy = rehearsal(folder / "messy.zip", "--count", "1500", "--messy", "--root", "nasbench301_v1.0")
    return plain, messy, build(plain, SPLITS, folder / "plain.h5"), build(messy, SPLITS, folder / "messy.h5")


def test_a_part_has_the_official_splits(part):
    plain, _, report, _ = part
    file = DatasetFile(plain.with_suffix(".h5"))
    check_official_splits(file)
    assert [check for check in verify(file.path) if not check.ok] == []
    assert report["official_lists"] | {"missing_files": len(report["official_lists"]["missing_files"])} == {
        "listed": 46_537,
        "here": 1_500,
        "missing": 45_037,
        "missing_files": 20,
        "in_no_list": 0,
    }


def test_the_messy_archive_gives_the_same_dataset(part):
    _, _, report, messy_report = part
    assert messy_report["content_hash"] == report["content_hash"]
    told = reasons(messy_report)
    assert len(told) == len(ODD)
    for end, reason in ODD.items():
        assert [why for name, why in told.items() if name.endswith(end)] == [reason], end
    assert (report["rejected"], report["left_out"]) == ([], [])
    assert (messy_report["records_read"], messy_report["records_rejected"]) == (1507, 6)


def test_too_small_a_part_of_the_messy_archive_is_refused(tmp_path):
    path = rehearsal(tmp_path / "messy.tar.gz", "--count", "300", "--messy")
    with pytest.raises(BuildError, match=r"6 of 307 records are rejected, more than 1\.00%"):
        build(path, SPLITS, tmp_path / "x.h5")
    assert build(path, SPLITS, tmp_path / "x.h5", max_rejected=0.05)["records_kept"] == 300


def test_the_genuine_sample_is_left_out_for_its_fidelity(part, tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(part[0].read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(SHARED / "sample_record.json", "nb_301_v13/rs/results_999999.json")
    report = build(path, SPLITS, tmp_path / "x.h5")
    assert report["content_hash"] == part[2]["content_hash"]
    assert reasons(report) == {"rs/results_999999.json": "another fidelity (budget, layers, init_channels, T_max)"}


def test_learning_curves_of_a_part(tmp_path):
    path = rehearsal(tmp_path / "full.tar.gz", "--count", "200", "--curves")
    build(path, SPLITS, tmp_path / "full.h5", full_logs=True)
    file = DatasetFile(tmp_path / "full.h5")
    assert file.curve_names == ("Train_val_accuracy",)
    curve = file.curve("Train_val_accuracy")
    assert curve.shape == (200, 98)
    assert np.array_equal(curve[:, -1:], file.target("val_accuracy").values)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The whole rehearsal archive, its dataset file, its report, and the most memory that the build took, in MB."""
    folder = tmp_path_factory.mktemp("whole")
    path = rehearsal(folder / "plain.zip")
    script = (
        "import json, resource, sys\n"
        "from nb301_ogb.loaders.build_nb301 import build\n"
        "report = build(*sys.argv[1:])\n"
        "print(json.dumps([report, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))"
    )
    command = [sys.executable, "-c", script, str(path), str(SPLITS), str(folder / "plain.h5")]
    report, memory = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return path, DatasetFile(folder / "plain.h5"), report, memory


@pytest.mark.slow
def test_the_whole_has_the_official_splits(whole):
    _, file, report, _ = whole
    check_official_splits(file)
    for split, sizes in SIZES.items():
        assert tuple(map(len, file.split(split).parts().values())) == sizes, split
    assert file.num_graphs == report["records_kept"] == report["official_lists"]["here"] == 46_537
    assert report["official_lists"]["missing"] == 0
    assert report["num_params"]["equal_without_auxiliary_head"] == 46_537


@pytest.mark.slow
def test_the_whole_has_splits_of_our_own(whole):
    _, file, _, _ = whole
    names, group = file.groups()
    for name, sizes in {"rs": (20_753, 2_312, 23_472), "drnas": (41_623, 4_631, 283)}.items():
        split = file.split(f"leave_out_{name}")
        assert tuple(map(len, split.parts().values())) == sizes
        assert set(group[split.test]) == {names.index(name)}
        counts = np.bincount(group[split.train], minlength=11), np.bincount(group, minlength=11)
        assert all(counts[0][number] == counts[1][number] * 9 // 10 for number in range(11) if names[number] != name)
    assert file.split("equivalence").statistics["test_equivalent_in_train"] == 0
    assert len(file.split("top").test) == 2_327


@pytest.mark.slow
def test_the_whole_verifies_and_each_op_stands_on_its_edge(whole):
    path, file, _, memory = whole
    assert [check for check in verify(file.path) if not check.ok] == []
    assert memory < 1000
    graphs, keys = file.graphs(), file.records()
    ends = {p + node * (node - 1) // 2 - 1: (p, node) for node in (2, 3, 4, 5) for p in range(node)}
    with zipfile.ZipFile(path) as archive:
        for row in np.random.default_rng(0).permutation(len(keys))[:2000].tolist():
            config = json.loads(archive.read(f"nb_301_v13/{keys[row]}"))["optimized_hyperparamater_config"]
            named = set()
            for key, op in config.items():
                words = key.removeprefix(DARTS).split("_")
                if words[0] == "edge":
                    offset, (parent, node) = 7 * (words[1] == "reduce"), ends[int(words[2])]
                    named.add((parent + offset, node + offset, op))
            graph = graphs[row]
            edges = zip(*graph["edge_index"].tolist(), graph["edge_feat"][:, 0].tolist(), strict=True)
            found = {(a, b, SPACE.edge_types[kind]) for a, b, kind in edges if kind in SPACE.op_edge_types}
            assert found == named, keys[row]


@pytest.mark.slow
def test_the_whole_from_a_messy_zip_a_tar_and_a_folder(whole, tmp_path):
    path, _, report, _ = whole
    messy = rehearsal(tmp_path / "messy.zip", "--messy", "--root", "elsewhere")
    messy_report = build(messy, SPLITS, tmp_path / "messy.h5")
    assert messy_report["content_hash"] == report["content_hash"]
    assert sorted(reasons(messy_report).values()) == sorted(ODD.values())
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    with tarfile.open(tmp_path / "made.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(tmp_path / "folder/nb_301_v13", "nb_301_v12")
    for source in (tmp_path / "folder", tmp_path / "made.tar.gz"):
        assert build(source, SPLITS, tmp_path / "again.h5")["content_hash"] == report["content_hash"]
