import hashlib

import numpy as np
import pytest

from nb301_ogb.errors import FileFormatError, IntegrityError
from nb301_ogb.storage.layout import check_block, smallest_unsigned
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.write import write


@pytest.fixture(scope="module")
def written(tmp_path_factory, make_contents):
    path = tmp_path_factory.mktemp("written") / "file.h5"
    write(path, make_contents())
    return path.read_bytes()


@pytest.fixture
def opened(tmp_path):
    def opened_as(data):
        path = tmp_path / "file.h5"
        path.write_bytes(data)
        return DatasetFile(path)

    return opened_as


def test_the_first_block_is_as_documented(written):
    block, rest = written[:512], written[512:]
    text = f"nb301-ogb 1\nsha256 {hashlib.sha256(rest).hexdigest()}\n".encode()
    assert block == text + bytes(512 - len(text))
    assert rest.startswith(b"\x89HDF\r\n\x1a\n")


def test_check_block_gives_the_digest(tmp_path, written):
    path = tmp_path / "file.h5"
    path.write_bytes(written)
    assert check_block(path) == hashlib.sha256(written[512:]).hexdigest()


def test_a_changed_byte_anywhere_is_found(tmp_path, written):
    path = tmp_path / "file.h5"
    rng = np.random.default_rng(0)
    places = {*range(512), *rng.integers(512, len(written), 300).tolist(), len(written) - 1}
    for place in sorted(places):
        damaged = bytearray(written)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"file\.h5 (is|has) "):
            check_block(path)


@pytest.mark.parametrize("kept", [0, 1, 12, 84, 511, 512, 513, 3000, -1])
def test_a_truncated_file_is_found(opened, written, kept):
    with pytest.raises(FileFormatError, match=r"file\.h5 (is|has) "):
        opened(written[:kept])


@pytest.mark.parametrize("more", [b"\0", b"more"])
def test_a_longer_file_is_found(opened, written, more):
    with pytest.raises(IntegrityError, match="damaged"):
        opened(written + more)


@pytest.mark.parametrize("damage", [lambda rest: rest[:-9], lambda rest: rest[::-1]])
def test_damage_says_what_to_do(opened, written, damage):
    with pytest.raises(IntegrityError, match=r"file\.h5 is damaged: sha256 \w{12}, not \w{12} as written; delete it"):
        opened(written[:512] + damage(written[512:]))


@pytest.mark.parametrize(
    "data", [b"", b"nb301-ogb", b"nb301-ogb 1\n", b"\x89HDF\r\n\x1a\n" + bytes(900), b"<html>" * 200, bytes(2000)]
)
def test_what_is_no_dataset_file(opened, data):
    with pytest.raises(FileFormatError):
        opened(data)


def test_a_plain_hdf5_file_is_told_apart(opened, written):
    with pytest.raises(FileFormatError, match="no nb301-ogb dataset file; give a file that `nb301-ogb build`"):
        opened(written[512:])


@pytest.mark.parametrize(("version", "said"), [(b"2", "2"), (b"0", "0"), (b"\xff", "�"), (b"1 2", "1 2")])
def test_another_format_version(opened, written, version, said):
    with pytest.raises(FileFormatError, match=f"format version {said}, this package reads version 1; upgrade"):
        opened(written.replace(b"nb301-ogb 1\n", b"nb301-ogb " + version + b"\n", 1))


@pytest.mark.parametrize(
    "line", [b"sha256 ", b"sha512 " + b"0" * 64, b"sha256 " + b"G" * 64, b"sha256 " + b"\xff" * 64]
)
def test_a_damaged_promise(opened, written, line):
    block = b"nb301-ogb 1\n" + line + b"\n"
    with pytest.raises(IntegrityError, match="damaged first block; delete the file"):
        opened(block.ljust(512, b"\0") + written[512:])


@pytest.mark.parametrize(
    ("top", "kind"), [(0, np.uint8), (255, np.uint8), (256, np.uint16), (65536, np.uint32), (2**40, np.uint64)]
)
def test_smallest_unsigned(top, kind):
    values = np.array([0, top])
    assert smallest_unsigned(values).dtype == kind
    assert np.array_equal(smallest_unsigned(values), values)
    assert smallest_unsigned(values[:0]).dtype == np.uint8
