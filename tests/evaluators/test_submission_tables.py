"""Predictions of any framework: CSV and NPZ give the same submission as the arrays, and faults name the line."""

import csv
import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import SubmissionError
from nb301_ogb.evaluators.submission.architectures import codes_of_texts
from nb301_ogb.evaluators.submission.form import PARTS, Exam
from nb301_ogb.evaluators.submission.table_csv import COLUMNS, read_csv
from nb301_ogb.evaluators.submission.table_npz import read_npz
from nb301_ogb.leaderboard.exam_data import opener
from nb301_ogb.spaces import get_space
from tests.submissions import attempt, make, small_root, zipped

EXAM = Exam("ogbg-nb201-cifar10", "equivalence")
SPACE = get_space("nasbench201")


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    return opener(small_root(tmp_path_factory.mktemp("root"), rows=150))


@pytest.fixture(scope="module")
def predictions(load):
    return make([EXAM], load, seeds=2, std=True)[1]


def lines_of(predictions, text=lambda code: "".join(map(str, code))):
    """The rows of a table with all columns."""
    for exam, parts in predictions.items():
        for part, one in parts.items():
            for row, code in enumerate(one.codes):
                for seed in range(one.y_pred.shape[1]):
                    values = (one.y_pred[row, seed], one.y_std[row, seed])
                    yield [exam.dataset, exam.split, part, seed, text(code), *map(repr, map(float, values))]


def table(path, rows, header=tuple(COLUMNS)):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def arrays_of(predictions, prefix=lambda exam: f"{exam.dataset}/{exam.split}/"):
    arrays = {"seeds": np.arange(2)}
    for exam, parts in predictions.items():
        for part, one in parts.items():
            place = f"{prefix(exam)}{part}"
            arrays |= {f"{place}/code": one.codes, f"{place}/y_pred": one.y_pred, f"{place}/y_std": one.y_std}
    return arrays


def as_dictionary(predictions):
    return {
        (exam, part, bytes(code)): (one.y_pred[row].tolist(), None if one.y_std is None else one.y_std[row].tolist())
        for exam, parts in predictions.items()
        for part, one in parts.items()
        for row, code in enumerate(one.codes)
    }


def refused(read, *arguments):
    with pytest.raises(SubmissionError) as found:
        read(*arguments)
    for fault in found.value.faults:
        assert str(arguments[0]) in fault
        assert fault.endswith(".")
        assert "\n" not in fault
    return found.value.faults


# CSV


@pytest.mark.parametrize("form", ["digits", "string"])
def test_a_table_in_any_order_and_form(predictions, tmp_path, form):
    rows = list(lines_of(predictions, lambda code: SPACE.forms(code)[form]))
    np.random.default_rng(0).shuffle(rows)
    seeds, found = read_csv(table(tmp_path / "x.csv", rows))
    assert seeds == (0, 1)
    assert as_dictionary(found) == as_dictionary(predictions)


def test_columns_in_another_order_and_left_out(predictions, tmp_path):
    order = ["prediction", "Architecture", " seed", "part"]
    rows = [[row[5], row[4], row[3], "validation" if row[2] == "valid" else "test"] for row in lines_of(predictions)]
    _, found = read_csv(table(tmp_path / "x.csv", rows, order), "nb201-cifar10")
    assert found[EXAM]["test"].y_std is None
    assert {key: value[0] for key, value in as_dictionary(found).items()} == {
        key: value[0] for key, value in as_dictionary(predictions).items()
    }
    _, found = read_csv(table(tmp_path / "x.csv", rows, order), "nb201-cifar10", "random")
    assert list(found) == [Exam("ogbg-nb201-cifar10", "random")]


def test_what_spreadsheets_write(predictions, tmp_path):
    path = table(tmp_path / "x.csv", lines_of(predictions))
    text = path.read_text(encoding="utf-8")
    path.write_text("\ufeff" + text.replace("test,0", '"test",0') + "\r\n\r\n", encoding="utf-8")
    assert as_dictionary(read_csv(path)[1]) == as_dictionary(predictions)


CELLS = {
    "seed": ["x", "1.0", "-1", "", "1e3", "9" * 40],
    "prediction": ["x", "", "1,5", "0x10", "1_000", "1 2", "ten", "--1", "1e", "None"],
    "std": ["x", ""],
    "part": ["train", "holdout", ""],
    "dataset": ["ogbg-nb999", "x\x1b[31m"],
}


@pytest.mark.parametrize(("column", "text"), [(column, text) for column, texts in CELLS.items() for text in texts])
def test_cells_that_hold_something_else(predictions, tmp_path, column, text):
    rows = [list(map(str, row)) for row in lines_of(predictions)]
    rows[5][list(COLUMNS).index(column)] = text
    (fault,) = refused(read_csv, table(tmp_path / "x.csv", rows))
    assert "line 7" in fault
    assert fault.isprintable()


def test_texts_that_name_no_architecture(predictions, tmp_path):
    rows = list(lines_of(predictions))
    wrong = {rows[0][4]: "99999", rows[2][4]: "000009"}
    rows = [[*row[:4], wrong.get(row[4], row[4]), *row[5:]] for row in rows]
    (fault,) = refused(read_csv, table(tmp_path / "x.csv", rows))
    count = len(predictions[EXAM]["valid"].codes)
    assert f"2 of {count} texts name no architecture of nasbench201, the first is '99999'" in fault


def test_predictions_that_are_there_twice_or_missing(predictions, tmp_path):
    rows = list(lines_of(predictions))
    size = predictions[EXAM]["valid"].y_pred.size
    (fault,) = refused(read_csv, table(tmp_path / "x.csv", [*rows[:3], rows[1], *rows[3:]]))
    assert "1 predictions stand more than once, the first again is on line 5" in fault
    (fault,) = refused(read_csv, table(tmp_path / "x.csv", [*rows[:1], *rows[2:6], *rows[7:]]))
    assert f"2 of {size} predictions are missing, the first is that for architecture {rows[1][4]}, seed 1" in fault
    faults = refused(read_csv, table(tmp_path / "x.csv", [*rows[1:size], *rows[size + 1 :], rows[-1]]))
    assert len(faults) == 2
    (fault,) = refused(read_csv, table(tmp_path / "x.csv", rows[:size]))
    assert fault.endswith(f"has no row for the test part of {EXAM}.")


def test_tables_that_are_none(predictions, tmp_path):
    path = tmp_path / "x.csv"
    refused(read_csv, path)
    for content in (
        b"", b"\n", b"part,seed\n", b"\xff\xfe\x00", b"\0\0", b"a" * 200_000, b'"', b'part,"se\n', b"part;seed\n",
        b"part,part,seed,architecture,prediction,dataset\n", b"dataset,part,seed,architecture,prediction,score\n",
        b"dataset,part,seed,architecture,prediction\n", b"dataset,part,seed,architecture,prediction\na\n",
    ):  # fmt: skip
        path.write_bytes(content)
        refused(read_csv, path)
    path.write_text("part,seed,architecture,prediction\ntest,0,000000,1\n")
    (fault,) = refused(read_csv, path)
    assert "dataset" in fault
    rows = [[*row[:3], seed, *row[4:]] for row in list(lines_of(predictions))[:1] for seed in range(101)]
    (fault,) = refused(read_csv, table(path, rows))
    assert "101 different seeds, at most 100" in fault


def test_numbers_beyond_float32_are_left_to_the_check(predictions, tmp_path):
    rows = list(lines_of(predictions))
    rows[0][5], rows[1][5], rows[2][5] = "1e60", "NaN", "-Infinity"
    values = read_csv(table(tmp_path / "x.csv", rows))[1][EXAM]["valid"].y_pred
    assert np.isnan(values).sum() == 1
    assert np.isinf(values).sum() == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.sampled_from(list('test,valid0123456789.\n"\rseedparchiutconx-+eE \0é')), max_size=200), st.booleans()
)
def test_any_text_is_a_table_or_a_fault(tmp_path, text, headed):
    path = tmp_path / "x.csv"
    header = "part,seed,architecture,prediction\n" if headed else ""
    path.write_text(header + text, encoding="utf-8", newline="")
    found, faults = attempt(read_csv, path, "nb201-cifar10")
    assert all(fault.isprintable() and fault.endswith(".") for fault in faults)
    assert faults or all(len(one.codes) for one in found[1][EXAM].values())


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=20))
def test_digits_are_read_as_the_space_reads_them(codes):
    texts = ["".join(map(str, code)) for code in codes]
    slowly = codes_of_texts([f" {text}" for text in texts], SPACE)
    assert np.array_equal(codes_of_texts(texts, SPACE), slowly)
    assert np.array_equal(slowly, codes)


def test_architectures_of_darts_in_every_form():
    space = get_space("darts")
    codes = space.sample(5, np.random.default_rng(0))
    for form in space.forms(codes[0]):
        assert np.array_equal(codes_of_texts([space.forms(code)[form] for code in codes], space), codes)


# NPZ


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays(predictions, tmp_path, save):
    path = tmp_path / "x.npz"
    save(path, **arrays_of(predictions))
    seeds, found = read_npz(path)
    assert seeds == (0, 1)
    assert as_dictionary(found) == as_dictionary(predictions)


def test_names_of_arrays_may_be_shorter(predictions, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays_of(predictions, lambda exam: f"{exam.dataset}/"))
    assert as_dictionary(read_npz(path)[1]) == as_dictionary(predictions)
    np.savez(path, **arrays_of(predictions, lambda exam: ""))
    assert as_dictionary(read_npz(path, "nb201-cifar10")[1]) == as_dictionary(predictions)
    assert list(read_npz(path, "nb201-cifar10", "random")[1]) == [Exam("ogbg-nb201-cifar10", "random")]
    assert "does not say for which dataset" in refused(read_npz, path)[0]


def test_any_number_type_and_a_single_seed(predictions, tmp_path):
    arrays = {"seeds": np.array([7], dtype=np.uint8)}
    for part in PARTS:
        one = predictions[EXAM][part]
        arrays |= {f"{part}/code": one.codes.astype(np.int64), f"{part}/y_pred": one.y_pred[:, 0].astype(np.float64)}
    np.savez(tmp_path / "x.npz", **arrays)
    seeds, found = read_npz(tmp_path / "x.npz", "nb201-cifar10")
    assert seeds == (7,)
    assert np.array_equal(found[EXAM]["test"].y_pred[:, 0], predictions[EXAM]["test"].y_pred[:, 0])


def test_arrays_that_do_not_fit(predictions, tmp_path):
    path, arrays = tmp_path / "x.npz", arrays_of(predictions, lambda exam: "")
    changes = {
        "lacks the array seeds": {"seeds": None},
        "seeds.npy holds values of dtype": {"seeds": np.array([0.0, 1.0])},
        "lacks the array code for the test part": {"test/code": None},
        "lacks the array y_pred for the valid part": {"valid/y_pred": None},
        "test/y_pred.npy has shape": {"test/y_pred": arrays["test/y_pred"][:, :1]},
        "test/code.npy has shape": {"test/code": arrays["test/code"].ravel()},
        "row 0, column 0 holds 300": {"test/code": arrays["test/code"].astype(np.int16) + 300},
        "row 0, column 0 holds -1": {"test/code": np.full_like(arrays["test/code"], -1, dtype=np.int8)},
        "holds values of dtype <U3": {"test/y_pred": np.array([["1.0"]])},
        "is no .npy array": {"test/y_pred": np.array([[None]])},
        "named 'scores'": {"scores": np.zeros(3)},
        "'holdout'": {"holdout/code": np.zeros((1, 6), dtype=np.uint8)},
        "for the part 'train'": {"train/code": np.zeros((1, 6), dtype=np.uint8)},
        "there is no dataset 'x'": {"x/test/code": np.zeros((1, 6), dtype=np.uint8)},
    }
    for match, change in changes.items():
        changed = {name: values for name, values in (arrays | change).items() if values is not None}
        np.savez(path, **changed)
        assert match in refused(read_npz, path, "nb201-cifar10")[0]


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"x" * 100, zipped([("../x", b"")]), zipped([])])
def test_files_that_are_no_npz(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    refused(read_npz, path, "nb201-cifar10")


def test_a_bomb(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(zipped([("test/y_pred.npy", bytes(300 << 20))]))
    assert "would unpack to" in refused(read_npz, path)[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.integers(0), st.integers(0, 255))
def test_a_changed_byte_is_noticed_or_changes_nothing(predictions, tmp_path, place, value):
    """Each member has its CRC; what is not covered by it is not read."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays_of(predictions))
    data = bytearray(stream.getvalue())
    data[place % len(data)] = value
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    found, faults = attempt(read_npz, path)
    assert all(fault.isprintable() for fault in faults)
    assert faults or as_dictionary(found[1]) == as_dictionary(predictions)


def test_a_member_that_a_damaged_directory_hides_is_missed(predictions, tmp_path):
    """The comment of an entry, made longer, covers the entry after it; no CRC tells."""
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **arrays_of(predictions))
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        *_, before, last = archive.infolist()
        assert last.filename.endswith("y_std.npy")
        entry = data.rindex(before.filename.encode()) - 46  # the directory's entry, APPNOTE.TXT 4.3.12
        hidden = data.rindex(last.filename.encode()) + len(last.filename) + len(last.extra)
    assert data[entry : entry + 4] == b"PK\x01\x02"
    length = hidden - (entry + 46 + len(before.filename) + len(before.extra))
    data[entry + 32 : entry + 34] = length.to_bytes(2, "little")
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert last.filename not in archive.namelist()
    assert "promises" in refused(read_npz, path)[0]


# Size


@pytest.mark.slow
def test_a_million_rows(predictions, tmp_path):
    codes = np.zeros((1_000_000, 6), dtype=np.uint8)
    np.savez_compressed(
        tmp_path / "x.npz",
        seeds=np.arange(3),
        **{f"{part}/code": codes for part in PARTS},
        **{f"{part}/y_pred": np.zeros((1_000_000, 3), dtype=np.float32) for part in PARTS},
    )
    _, found = read_npz(tmp_path / "x.npz", "nb201-cifar10")
    assert found[EXAM]["test"].codes.shape == codes.shape
    path = tmp_path / "x.csv"
    with path.open("w") as stream:
        stream.write("part,seed,architecture,prediction\n")
        for seed in range(1_000_000):
            stream.write(f"test,{seed % 7},{seed % 5}00000,1.5\n")
    faults = refused(read_csv, path, "nb201-cifar10")
    assert "35 predictions stand more than once, the first again is on line 37 " in faults[0]
