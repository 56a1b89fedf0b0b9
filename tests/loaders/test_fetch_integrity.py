"""When a file is read again, and what its sidecar says."""

import json
import os

import pytest

from nb301_ogb.loaders.fetch import Cache, integrity, locate
from tests.loaders.fetch_server import BODY, Loopback, body, get, resource_of, unknown_of


@pytest.fixture
def hashed(monkeypatch):
    """The algorithms of the hashes that were computed."""
    computed = []
    real = integrity.digest

    def count(path, algorithm):
        computed.append(algorithm)
        return real(path, algorithm)

    monkeypatch.setattr(integrity, "digest", count)
    return computed


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "raw/file.bin"
    path.parent.mkdir()
    path.write_bytes(BODY)
    return path


def test_a_download_leaves_a_sidecar(tmp_path):
    with Loopback() as server:
        path = get(unknown_of(server.on("/f", body())), tmp_path)
        known = resource_of()
        sidecar = json.loads(integrity.sidecar_path(path).read_bytes())
        assert sidecar.pop("when")[:2] == "20"
        assert sidecar == {
            "url": server.url("/f"),
            "size": len(BODY),
            "mtime_ns": path.stat().st_mtime_ns,
            "sha256": known.sha256,
            "md5": None,
        }


def test_a_downloaded_file_is_not_hashed_again(tmp_path, hashed):
    with Loopback() as server:
        resource = resource_of(server.on("/f", body()))
        path = get(resource, tmp_path)
    assert locate(resource, Cache(tmp_path)) == path
    assert hashed == []


def test_a_file_put_there_by_hand_is_hashed_once(tmp_path, file, hashed):
    for _ in range(3):
        assert locate(resource_of(), Cache(tmp_path)) == file
    assert hashed == ["sha256"]
    for _ in range(3):
        assert locate(resource_of(sha256=None), Cache(tmp_path)) == file
    assert hashed == ["sha256", "md5"]
    assert locate(resource_of(), Cache(tmp_path)) == file
    assert hashed == ["sha256", "md5"]


def test_a_wrong_size_needs_no_hash(tmp_path, file, hashed):
    assert locate(resource_of(size=3), Cache(tmp_path)) is None
    assert hashed == []


def test_a_touched_file_is_hashed_again(tmp_path, file, hashed):
    locate(resource_of(), Cache(tmp_path))
    os.utime(file, ns=(1, 1))
    assert locate(resource_of(), Cache(tmp_path)) == file
    assert hashed == ["sha256", "sha256"]


def test_a_changed_file_of_the_same_size_is_found_out(tmp_path, file):
    assert locate(resource_of(), Cache(tmp_path)) == file
    file.write_bytes(BODY[:-1] + b"?")
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns + 1))
    assert locate(resource_of(), Cache(tmp_path)) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: b"",
        lambda fields: b"\xff{",
        lambda fields: b"[]",
        lambda fields: b"null",
        lambda fields: json.dumps(fields | {"more": 1}).encode(),
        lambda fields: json.dumps(fields | {"size": 1}).encode(),
        lambda fields: json.dumps(fields | {"sha256": "0" * 64}).encode(),
        lambda fields: json.dumps(fields | {"sha256": 7}).encode(),
        lambda fields: json.dumps({"sha256": fields["sha256"]}).encode(),
    ],
)
def test_a_sidecar_that_does_not_fit_is_not_believed(tmp_path, file, hashed, damage):
    locate(resource_of(), Cache(tmp_path))
    sidecar = integrity.sidecar_path(file)
    sidecar.write_bytes(damage(json.loads(sidecar.read_bytes())))
    assert locate(resource_of(), Cache(tmp_path)) == file
    assert hashed == ["sha256", "sha256"]
    # It was written anew.
    assert locate(resource_of(), Cache(tmp_path)) == file
    assert hashed == ["sha256", "sha256"]


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path, file, monkeypatch):
    def fail(*_arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(integrity, "digest", fail)
    assert locate(resource_of(), Cache(tmp_path)) is None


def test_nowhere_to_note_a_hash(tmp_path, file, hashed, monkeypatch):
    def refuse(*_arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(integrity, "Temporary", refuse)
    for _ in range(2):
        assert locate(resource_of(), Cache(tmp_path)) == file
    assert hashed == ["sha256", "sha256"]
