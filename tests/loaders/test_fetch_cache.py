"""Which folder a file is found in, and which one receives it."""

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from nb301_ogb.errors import CacheError, DownloadError, FileFormatError, OfflineError
from nb301_ogb.loaders.fetch import Cache, Resource, doctor, environment, fetch, fetch_all, locate
from tests.loaders.fetch_server import (
    BODY,
    Loopback,
    body,
    closed_port,
    get,
    listing,
    mounted,
    resource_of,
    status,
    unknown_of,
)


def place(folder, name="raw/file.bin", data=BODY):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_folders_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NB301_OGB_HOME", f"{tmp_path}/a: {tmp_path}/b ::~/c")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Cache.from_environment().folders == (tmp_path / "a", tmp_path / "b", tmp_path / "c")
    monkeypatch.setenv("NB301_OGB_HOME", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Cache.from_environment().folders == (tmp_path / "cache/nb301_ogb",)
    monkeypatch.setenv("NB301_OGB_HOME", "relative")
    assert Cache.from_environment().folders == (Path.cwd() / "relative",)


@pytest.mark.parametrize(
    ("value", "offline"),
    [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("", False), ("No", False), (None, False)],
)
def test_offline_variable(value, offline):
    assert environment.is_offline({} if value is None else {"NB301_OGB_OFFLINE": value}) is offline


def test_mirrors_of_the_environment():
    assert environment.mirrors({"NB301_OGB_MIRROR": " http://a/x , https://b,"}) == ("http://a/x", "https://b")
    assert environment.mirrors({}) == ()
    assert environment.figshare_api({"NB301_OGB_FIGSHARE": "http://a/v2/"}) == "http://a/v2"
    assert environment.figshare_api({}) == environment.FIGSHARE_API


def test_files_are_found_in_the_order_of_the_folders(tmp_path):
    cache = Cache([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    assert cache.find("raw/file.bin") is None
    last = place(tmp_path / "c")
    assert cache.find("raw/file.bin") == last
    first = place(tmp_path / "b")
    assert cache.find("raw/file.bin") == first
    assert list(cache.find_all("raw/file.bin")) == [first, last]


def test_looking_creates_nothing(tmp_path):
    cache = Cache(tmp_path / "a")
    assert locate(resource_of(), cache) is None
    doctor([resource_of()], cache=cache)
    assert not (tmp_path / "a").exists()


def test_the_first_folder_that_can_be_written_receives(tmp_path):
    place(tmp_path, "file")
    cache = Cache([tmp_path / "file/under", tmp_path / "b", tmp_path / "c"])
    assert cache.path_for("x/y") == tmp_path / "b/x/y"
    assert listing(tmp_path) == ["file"]
    with Loopback() as server:
        assert get(resource_of(server.on("/f", body())), cache) == tmp_path / "b/raw/file.bin"


def test_no_folder_can_be_written(tmp_path):
    place(tmp_path, "file")
    cache = Cache([tmp_path / "file/a", tmp_path / "file"])
    with pytest.raises(CacheError, match=r"file/a: Not a directory; .*NB301_OGB_HOME"):
        get(resource_of("http://unused.invalid/"), cache)
    with pytest.raises(OfflineError):
        get(resource_of(), cache, offline=True)
    with pytest.raises(CacheError):
        Cache([])


def test_a_file_system_that_says_it_is_read_only(tmp_path, monkeypatch):
    real = os.open

    def refuse(path, flags, *rest, **options):
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path / "a")):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert Cache([tmp_path / "a", tmp_path / "b"]).writable() == tmp_path / "b"
    with pytest.raises(CacheError, match="Read-only file system"):
        Cache(tmp_path / "a").writable()


def test_a_read_only_mount(tmp_path, monkeypatch):
    with mounted(tmp_path / "shared", "size=4m") as shared, Loopback() as server:
        place(shared)
        subprocess.run(["mount", "-o", "remount,ro", str(shared)], check=True)
        cache = Cache([shared, tmp_path / "own"])
        resource = resource_of(server.on("/f", body()), server.on("/g", body()))
        assert get(resource, cache) == shared / "raw/file.bin"
        assert server.requests == []
        # Its hash was noted in the folder that can be written, so that it is not read again.
        assert [name for name in listing(tmp_path / "own") if name.startswith(".origins/")]
        monkeypatch.setattr("nb301_ogb.loaders.fetch.integrity.digest", None)
        assert locate(resource, cache) == shared / "raw/file.bin"
        monkeypatch.undo()
        other = resource_of(server.url("/g"), name="other.bin")
        assert get(other, cache) == tmp_path / "own/other.bin"
        seen = doctor([resource], cache=cache)
        assert [folder["writable"] for folder in seen["folders"]] == [False, True]
        with pytest.raises(CacheError, match="Read-only"):
            get(resource_of(server.url("/g"), name="third.bin"), Cache(shared))


def test_a_damaged_file_is_passed_over_or_replaced(tmp_path, caplog):
    shared, own = tmp_path / "shared", tmp_path / "own"
    damaged = place(shared, data=BODY[::-1])
    with Loopback() as server:
        resource = resource_of(server.on("/f", body()))
        good = place(own)
        assert get(resource, Cache([shared, own])) == good
        assert "instead of" in caplog.text
        assert server.requests == []
        assert get(resource, Cache([shared])) == damaged
        assert damaged.read_bytes() == BODY


def test_a_damaged_file_stays_where_no_better_is_had(tmp_path):
    damaged = place(tmp_path, data=BODY[:-1])
    with pytest.raises(DownloadError):
        get(resource_of(f"http://127.0.0.1:{closed_port()}/f"), tmp_path)
    assert damaged.read_bytes() == BODY[:-1]


def test_offline(tmp_path):
    resource = resource_of("http://far.invalid/f?key=secret")
    with pytest.raises(OfflineError) as caught:
        get(resource, tmp_path, offline=True)
    message = str(caught.value)
    for expected in ("file.bin", resource.sha256, resource.md5, "http://far.invalid/f", str(tmp_path / "raw/file.bin")):
        assert expected in message
    assert "secret" not in message
    # What the message says helps.
    path = place(tmp_path)
    assert get(resource, tmp_path, offline=True) == path
    assert get(unknown_of(name="raw/file.bin"), tmp_path, offline=True) == path


def test_the_environment_decides_where_the_caller_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("NB301_OGB_HOME", str(tmp_path))
    monkeypatch.setenv("NB301_OGB_OFFLINE", "1")
    with Loopback() as server:
        server.on("/raw/file.bin", body())
        monkeypatch.setenv("NB301_OGB_MIRROR", server.url())
        with pytest.raises(OfflineError):
            fetch(resource_of())
        assert server.requests == []
        assert fetch(resource_of(), offline=False) == tmp_path / "raw/file.bin"


def test_several_files(tmp_path):
    calls = []
    with Loopback() as server:
        listed = [resource_of(server.on(f"/{i}", body(BODY[i:])), data=BODY[i:], name=f"{i}.bin") for i in range(3)]
        place(tmp_path, "1.bin", BODY[1:])
        paths = fetch_all(
            listed,
            cache=Cache(tmp_path),
            mirrors=(),
            offline=False,
            progress=lambda *call: calls.append(call),
        )
        assert paths == [tmp_path / f"{i}.bin" for i in range(3)]
        assert server.count("/1") == 0
    total = sum(resource.size for resource in listed)
    assert calls[-1] == (total, total)
    assert calls == sorted(calls)
    with pytest.raises(OfflineError) as caught:
        fetch_all([*listed, resource_of(name="x"), resource_of(name="y")], cache=Cache(tmp_path), offline=True)
    assert str(tmp_path / "x") in str(caught.value)
    assert str(tmp_path / "y") in str(caught.value)
    assert "0.bin" not in str(caught.value)


def test_several_files_of_unknown_size(tmp_path):
    calls = []
    with Loopback() as server:
        listed = [unknown_of(server.on("/a", body()), name="a"), unknown_of(server.on("/b", status(404)), name="b")]
        with pytest.raises(DownloadError, match="b could not be had"):
            fetch_all(
                listed, cache=Cache(tmp_path), mirrors=(), offline=False, progress=lambda *call: calls.append(call)
            )
    assert calls[-1] == (len(BODY), None)
    assert listing(tmp_path) == ["a", "a.origin.json"]


def test_doctor(tmp_path, monkeypatch):
    monkeypatch.setenv("NB301_OGB_HOME", f"{tmp_path}/file/x:{tmp_path}/a/b")
    monkeypatch.setenv("NB301_OGB_MIRROR", "http://user:secret@mirror.invalid/x")
    monkeypatch.setenv("NB301_OGB_OFFLINE", "1")
    monkeypatch.setenv("NB301_OGB_FIGSHARE", "http://figshare.invalid/v2")
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.invalid:3128")
    place(tmp_path, "file")
    there = place(tmp_path / "a/b")
    seen = json.loads(json.dumps(doctor([resource_of(), resource_of(name="none")])))
    assert seen["receives"] == f"{tmp_path}/a/b"
    assert [folder["writable"] for folder in seen["folders"]] == [False, True]
    assert seen["folders"][1]["free_bytes"] > 0
    assert seen["files"] == [
        {"name": "raw/file.bin", "path": str(there), "size": len(BODY)},
        {"name": "none", "path": None, "size": None},
    ]
    assert seen["offline"] is True
    assert seen["mirrors"] == ["http://mirror.invalid/x"]
    assert seen["figshare"] == "http://figshare.invalid/v2"
    assert seen["proxies"]["https"] == "http://proxy.invalid:3128"
    assert "secret" not in json.dumps(seen)
    assert seen["environment"][0] == "NB301_OGB_HOME"


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../x", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a\nb"])
def test_names_stay_in_their_folder(name):
    with pytest.raises(FileFormatError, match="name"):
        Resource(name)


@pytest.mark.parametrize("known", [{"sha256": "abc"}, {"sha256": "A" * 64}, {"md5": "0" * 64}])
def test_hashes_that_are_none(known):
    with pytest.raises(FileFormatError, match="hexadecimal"):
        Resource("x", **known)
