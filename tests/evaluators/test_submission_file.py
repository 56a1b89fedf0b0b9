"""The file of a submission: written and read back, damaged, oversized, and made to hurt."""

import hashlib
import io
import json
import pickle
import struct
import zipfile

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import OutputError, SubmissionError
from nb301_ogb.evaluators.submission import container, file, npy
from nb301_ogb.evaluators.submission.form import Environment, Exam, Head, member
from nb301_ogb.leaderboard.exam_data import opener
from tests.submissions import OFFICIAL, attempt, make, members_of, seal, small_root, with_head, zipped

EXAM = Exam("ogbg-nb201-cifar10", "equivalence")
CODE, PRED = (member(EXAM, "test", array) for array in ("code", "y_pred"))


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    return opener(small_root(tmp_path_factory.mktemp("root")))


@pytest.fixture(scope="module")
def made(load):
    return make([EXAM], load, seeds=3, std=True, environments=(Environment(python="3.11"),), **OFFICIAL)


@pytest.fixture(scope="module")
def data(made):
    return file.to_bytes(*made)


def refused(data, match):
    with pytest.raises(SubmissionError, match=match) as found:
        file.from_bytes(data, "x.submission")
    (fault,) = found.value.faults
    assert fault.startswith("x.submission")
    assert fault.endswith(".")
    assert len(fault) < 600


def same(left, right):
    if left.head != right.head or left.exams != right.exams:
        return False
    return all(
        np.array_equal(getattr(one, array), getattr(right.predictions[exam][part], array), equal_nan=array != "codes")
        for exam, parts in left.predictions.items()
        for part, one in parts.items()
        for array in ("codes", "y_pred", "y_std")
    )


def test_what_was_written_is_read_back(made, data, tmp_path):
    path = tmp_path / "new" / "x.submission"
    file.write(path, data)
    found = file.read(path)
    head, predictions = made
    assert found.head == head
    assert same(found, file.from_bytes(file.to_bytes(found.head, found.predictions), "again"))
    for part, one in predictions[EXAM].items():
        assert np.array_equal(found.predictions[EXAM][part].codes, one.codes)
        assert np.array_equal(found.predictions[EXAM][part].y_pred, one.y_pred)
        assert np.array_equal(found.predictions[EXAM][part].y_std, one.y_std)
    assert list(path.parent.iterdir()) == [path]


def test_the_same_submission_gives_the_same_bytes(made, data):
    assert file.to_bytes(*made) == data


def test_other_tools_open_it(data, tmp_path):
    path = tmp_path / "x.submission"
    path.write_bytes(data)
    with np.load(path) as arrays:
        assert arrays[PRED.removesuffix(".npy")].dtype == np.float32
    head = json.loads(members_of(data)[file.HEAD])
    assert head["model"] == "model"
    assert zipfile.is_zipfile(path)


def test_nothing_in_it_is_a_score(data):
    head = json.loads(members_of(data)[file.HEAD])
    assert not {"rmse", "score", "scores", "kendall_tau"} & set(head)


@given(
    st.integers(0, 5).flatmap(
        lambda rows: st.tuples(
            st.lists(st.lists(st.floats(width=32), min_size=2, max_size=2), min_size=rows, max_size=rows),
            st.just(rows),
        )
    )
)
def test_any_floats_come_back(made, values):
    """Whatever the values are: the file keeps them, and the check against the dataset judges them."""
    numbers, rows = values
    head, predictions = made
    head = msgspec.structs.replace(head, seeds=(0, 1), with_std=False)
    one = np.array(numbers, dtype=np.float32).reshape(rows, 2)
    part = type(predictions[EXAM]["test"])(np.zeros((rows, 6), dtype=np.uint8), one)
    found = file.from_bytes(file.to_bytes(head, {EXAM: {"valid": part, "test": part}}), "x")
    assert np.array_equal(found.predictions[EXAM]["test"].y_pred, one, equal_nan=True)


# Damage


def test_a_truncated_file_is_refused(data):
    for length in [*range(0, 200), *range(200, len(data), 97), len(data) - 1]:
        refused(data[:length], "no whole submission")
    refused(data + b"\0", "no whole submission")


@settings(max_examples=300)
@given(st.integers(0), st.integers(0, 7))
def test_every_flipped_bit_is_noticed(data, place, bit):
    flipped = bytearray(data)
    flipped[place % len(data)] ^= 1 << bit
    refused(bytes(flipped), "no whole submission")


@settings(max_examples=300)
@given(st.integers(0), st.integers(0, 255))
def test_a_changed_byte_under_a_right_digest_changes_nothing_or_is_refused(data, place, value):
    """Whoever seals a damaged archive anew cannot change what is in it unnoticed: each member has its CRC."""
    archive = bytearray(data[:-64])
    archive[place % len(archive)] = value
    resealed = bytes(archive) + hashlib.sha256(archive).hexdigest().encode()
    found, faults = attempt(file.from_bytes, resealed, "x")
    assert all(fault.endswith(".") for fault in faults)
    assert faults or same(found, file.from_bytes(data, "x"))


def test_no_file_and_no_submission(tmp_path):
    for path in (tmp_path / "nowhere.submission", tmp_path):
        with pytest.raises(SubmissionError, match="cannot be read"):
            file.read(path)
    for content in (b"", b"PK", b"\0" * 1000, b"sha256 " + b"0" * 64, b"dataset,part\n"):
        refused(content, "no whole submission")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "x.submission"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(SubmissionError, match="larger than the 64 MiB"):
        file.read(path)


def test_a_full_disk_is_one_sentence(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        file.write(tmp_path / "file" / "x.submission", data)


# Archives that were made to hurt: their digests are right


def test_a_resealed_archive_is_a_submission(data):
    assert same(file.from_bytes(seal(zipped(members_of(data).items())), "x"), file.from_bytes(data, "x"))


def test_bombs(data):
    members = members_of(data)
    bomb = zipped([*members.items(), ("bomb.npy", bytes(300 << 20))])
    assert len(bomb) < 1 << 20
    refused(seal(bomb), "would unpack to 3")
    # The size that is promised is what is unpacked at most.
    size = struct.pack("<L", 300 << 20)
    assert bomb.count(size) == 2
    for lie in (0, 100, (1 << 32) - 1):
        refused(seal(bomb.replace(size, struct.pack("<L", lie))), "unpack|readable|beside")


def test_too_many_members(data):
    many = [(f"a{number}", b"") for number in range(container.MAX_MEMBERS + 1)]
    refused(seal(zipped(many)), "lists 301 members")
    # A count that is too low does not hide them, since the directory's length must fit too.
    archive = bytearray(zipped([(f"a{number}", b"") for number in range(20_000)]))
    archive[-14:-10] = struct.pack("<2H", 3, 3)
    refused(seal(bytes(archive)), "lists 3 members|readable|members")


@pytest.mark.parametrize("name", ["../x.npy", "/etc/x", "a//b", "a\\b", "a/../b", "", "ä.npy", "a" * 400, "x\n", "."])
@pytest.mark.filterwarnings("ignore:.*")
def test_names_of_members(data, name):
    refused(seal(zipped([*members_of(data).items(), (zipfile.ZipInfo(name), b"")])), "named|beside|readable")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(data):
    members = members_of(data)
    refused(seal(zipped([*members.items(), (PRED, members[PRED])])), "twice")


def test_other_ways_to_pack(data):
    members = members_of(data)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    refused(seal(stream.getvalue()), "another way than deflate")
    plain = bytearray(zipped(members.items()))
    for place in [at for at in range(len(plain)) if plain[at : at + 4] == b"PK\x01\x02"]:
        plain[place + 8] |= 1
    refused(seal(bytes(plain)), "encrypted")


def test_zip64_and_split_archives(data):
    archive = zipped(members_of(data).items())
    locator = b"PK\x06\x07" + bytes(16)
    refused(seal(archive[:-22] + locator + archive[-22:]), "plain zip")
    for place, value in ((-18, b"\1"), (-16, b"\1"), (-14, b"\1"), (-6, b"\0\0\0\0"), (-10, b"\xff\xff\xff\xff")):
        broken = bytearray(archive)
        broken[place : place + len(value) or None] = value
        refused(seal(bytes(broken)), "plain zip|lists")
    refused(seal(b"prefix" + archive), "plain zip")


@pytest.mark.parametrize("name", [CODE, PRED])
def test_members_that_are_missing_or_too_many(data, name):
    members = members_of(data)
    refused(seal(zipped((one, content) for one, content in members.items() if one != name)), "lacks 1 member")
    refused(seal(zipped([*members.items(), ("scores.json", b"{}")])), "holds beside what belongs")
    refused(seal(zipped((one, content) for one, content in members.items() if one != file.HEAD)), "not as it should be")


# Arrays


def array_bytes(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def pickled():
    stream = io.BytesIO()
    np.save(stream, np.array([[print, "x"]], dtype=object), allow_pickle=True)
    return stream.getvalue()


def header(text, body=b""):
    line = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + body


HOSTILE_ARRAYS = {
    "pickle": pickled(),
    "raw pickle": pickle.dumps([1, 2]),
    "empty": b"",
    "magic alone": b"\x93NUMPY",
    "version 9": b"\x93NUMPY\x09\x00" + bytes(100),
    "huge shape": header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999), }"),
    "huge zero": header("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999, 0), }"),
    "negative": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }"),
    "code": header("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1, 3), }", bytes(12)),
    "nested": header("((((((((((((((((((((((((((((((((((((((((((((", bytes(12)),
    "structured": array_bytes(np.zeros((1, 3), dtype=[("a", "<f4")])),
    "float64": array_bytes(np.zeros((3, 3))),
    "big endian": array_bytes(np.zeros((3, 3), dtype=">f4")),
    "strings": array_bytes(np.array([["1.0", "2.0", "3.0"]])),
    "long strings": header("{'descr': '<U999999', 'fortran_order': False, 'shape': (1,), }"),
    "a name that numpy warns of": header("{'descr': '|a4', 'fortran_order': False, 'shape': (0,), }"),
    "a number that numpy does not have": header("{'descr': '<f3', 'fortran_order': False, 'shape': (0,), }"),
    "complex": array_bytes(np.zeros((3, 3), dtype=np.complex64)),
    "bool": array_bytes(np.zeros((3, 3), dtype=bool)),
    "one dimension": array_bytes(np.zeros(9, dtype=np.float32)),
    "none": array_bytes(np.float32(1)),
    "four dimensions": array_bytes(np.zeros((1, 1, 1, 3), dtype=np.float32)),
    "wrong shape": array_bytes(np.zeros((3, 3), dtype=np.float32)),
    "too long": array_bytes(np.zeros((3, 3), dtype=np.float32)) + b"\0",
    "date": array_bytes(np.zeros((3, 3), dtype="M8[s]")),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("which", HOSTILE_ARRAYS)
@pytest.mark.parametrize("name", [CODE, PRED])
def test_arrays_that_are_none(data, name, which):
    members = members_of(data) | {name: HOSTILE_ARRAYS[which]}
    refused(seal(zipped(members.items())), "is no .npy array|holds values of dtype|has shape")


def test_arrays_in_column_order(data):
    members = members_of(data)
    values = npy.decode("x", members[PRED], "<f4")
    again = file.from_bytes(seal(zipped((members | {PRED: array_bytes(np.asfortranarray(values))}).items())), "x")
    assert np.array_equal(again.predictions[EXAM]["test"].y_pred, values)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_array_or_a_fault(content):
    for prefix in (b"", b"\x93NUMPY\x01\x00", array_bytes(np.zeros((2, 2), dtype=np.float32))[:80]):
        values, faults = attempt(npy.decode, "x", prefix + content, "f")
        assert (values is None) == (len(faults) == 1)


@given(st.lists(st.integers(0, 9), max_size=3), st.sampled_from(["<f4", "|u1", "<i8", ">f8", "<u2"]))
def test_the_arrays_of_numpy_are_read(shape, dtype):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    assert np.array_equal(npy.decode("x", array_bytes(values), "iuf"), values)
    if dtype in ("<f4", "|u1"):
        assert np.array_equal(npy.decode("x", npy.encode(values), dtype), values)


# Heads


def test_heads_that_are_none(data):
    nested = b"[" * 100_000 + b"]" * 100_000
    for head in (b"", b"{", b"[]", b"null", b"\xff\xfe", nested, b'{"model": ' + nested + b"}", b"{}"):
        refused(with_head(data, lambda _, head=head: head), "is not as it should be")
    refused(with_head(data, lambda head: head | {"note": "x" * (5 << 20)}), "larger than 4 MiB")


WRONG = {
    "model": ["", "x" * 81, 3, None, ["x"]],
    "num_params": ["1000", -1, 1.5, 10**30, None, True],
    "seeds": [[], "0-9", [0, "1", 2], [0.5, 1, 2], [-1, 0, 1], [10**40, 1, 2], None, list(range(101))],
    "exams": [[], None, [{}], [{"dataset": "ogbg-nb201-cifar10", "split": "equivalence", "content_hash": "x"}]],
    "authors": ["A. Author", [3], ["x" * 81], ["x"] * 101],
    "commands": [[""], ["x" * 4001], "train"],
    "with_std": [1, "yes", None],
    "environments": [[{"python": 3}], [{"libraries": {"torch": 2.0}}], {}, [{"cores": -1}], [{"cores": 10**400}]],
    "format_version": ["1", None],
    "score": [0.1],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_heads_of_the_wrong_form(data, field, value):
    refused(with_head(data, lambda head: head | {field: value}), "is not as it should be")


def test_another_format(data):
    refused(with_head(data, lambda head: head | {"format": "x"}), "says that it is a 'x' of version 1")
    refused(with_head(data, lambda head: head | {"format_version": 2}), "of version 2; this package reads")


def test_seeds_that_do_not_match_the_arrays(data):
    refused(with_head(data, lambda head: head | {"seeds": [0, 1]}), r"it is \[\d+, 2\]")


def test_fields_that_later_versions_may_know_of_an_environment(data):
    found = file.from_bytes(
        with_head(data, lambda head: head | {"environments": [{"python": "3.11", "tpu": "x"}]}), "x"
    )
    assert found.head.environments == (Environment(python="3.11"),)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([*Head.__struct_fields__, "other"]), JSON)
def test_any_head_is_a_head_or_a_fault(data, field, value):
    """Never another error than the one that says what is wrong."""
    changed = with_head(data, lambda head: json.dumps(head | {field: value}).encode())
    found, faults = attempt(file.from_bytes, changed, "x")
    assert all(fault.isprintable() for fault in faults)
    assert faults or len(found.head.seeds) == found.predictions[EXAM]["test"].y_pred.shape[1]
