"""Walking archives: every form gives the same files, and what is unsafe is refused."""

import contextlib
import gzip
import io
import lzma
import os
import stat
import subprocess
import sys
import tarfile
import textwrap
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.sources import archive_guard
from nb301_ogb.loaders.sources.archive import members, packed_size
from nb301_ogb.loaders.sources.archive_guard import Guard, shown
from tests.loaders.nb301_archive import FORMS, pack

FILES = {"top/b/two.json": b"2" * 700, "top/a/one.json": b'{"a": 1}', "top/a/empty.json": b"", "top/README": b"x" * 512}


def contents(path):
    return {member.name: member.read() for member in members(path)}


def zipped(path, *entries):
    """A zip of (ZipInfo or name, data) pairs."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in entries:
            archive.writestr(info, data, compress_type=zipfile.ZIP_DEFLATED)
    return path


def tarred(path, *entries, mode="w"):
    with tarfile.open(path, mode) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def tar_info(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_files(tmp_path, form):
    path = pack(FILES, tmp_path / form)
    assert contents(path) == FILES
    sizes = {member.name: member.size for member in members(path)}
    assert sizes == {name: len(data) for name, data in FILES.items()}
    offsets = [member.offset for member in members(path)]
    assert offsets == sorted(offsets)
    total = packed_size(path)
    assert total is None if path.is_dir() else total == path.stat().st_size


@pytest.mark.parametrize("form", FORMS)
def test_members_may_be_passed_over(tmp_path, form):
    path = pack(FILES, tmp_path / form)
    found = {m.name: m.read() for m in members(path) if m.name.startswith("top/a/")}
    assert found == {name: data for name, data in FILES.items() if name.startswith("top/a/")}


@pytest.mark.parametrize("form", ["made.zip", "made.tar.gz"])
def test_the_name_of_the_file_does_not_matter(tmp_path, form):
    path = pack(FILES, tmp_path / form)
    assert contents(path.rename(tmp_path / "25000000")) == FILES


@pytest.mark.parametrize("inner", ["inner.zip", "inner.tar.gz"])
@pytest.mark.parametrize("outer", ["outer.zip", "outer.tar", "outer"])
def test_an_archive_inside_of_another_is_walked(tmp_path, inner, outer):
    nested = {"article/" + inner: pack(FILES, tmp_path / inner).read_bytes(), "article/note.txt": b"n"}
    found = contents(pack(nested, tmp_path / outer))
    assert found == FILES | {"article/note.txt": b"n"}


def test_only_one_level_of_nesting_is_walked(tmp_path):
    inner = pack({"deep.zip": pack(FILES, tmp_path / "a.zip").read_bytes()}, tmp_path / "b.zip")
    assert list(contents(pack({"b.zip": inner.read_bytes()}, tmp_path / "c.zip"))) == ["deep.zip"]


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"7z\xbc\xaf\x27\x1c" + b"0" * 600])
def test_what_is_no_archive(tmp_path, data):
    path = tmp_path / "some.zip"
    path.write_bytes(data)
    with pytest.raises(BuildError, match="neither a zip nor a tar"):
        contents(path)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(BuildError, match="there is no archive or folder"):
        contents(tmp_path / "nothing")


UNSAFE = {
    "../evil.json": "leads out",
    "top/../../evil.json": "leads out",
    "top\\..\\..\\evil.json": "leads out",
    "/etc/evil.json": "absolute",
    "C:\\evil.json": "absolute",
}


@pytest.mark.parametrize(("name", "message"), UNSAFE.items())
def test_paths_that_leave_a_zip(tmp_path, name, message):
    path = zipped(tmp_path / "a.zip", ("top/good.json", b"1"), ("placeholder" + name, b"2"))
    data = path.read_bytes().replace(b"placeholder" + name.encode(), (name + "x" * 11).encode())
    path.write_bytes(data)
    with pytest.raises(BuildError, match=message) as caught:
        contents(path)
    assert name in str(caught.value)


@pytest.mark.parametrize(("name", "message"), UNSAFE.items())
def test_paths_that_leave_a_tar(tmp_path, name, message):
    path = tarred(tmp_path / "a.tar", (tar_info("top/good.json"), b"1"), (tar_info(name), b"2"))
    with pytest.raises(BuildError, match=message) as caught:
        contents(path)
    assert name in str(caught.value)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar(tmp_path, kind):
    path = tarred(tmp_path / "a.tar", (tar_info("rs/link.json", kind, "/etc/passwd"), b""))
    with pytest.raises(BuildError, match=r"rs/link\.json is (a link|neither)"):
        contents(path)


@pytest.mark.parametrize(("kind", "message"), [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is neither")])
def test_links_and_devices_in_a_zip(tmp_path, kind, message):
    info = zipfile.ZipInfo("rs/link.json")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with pytest.raises(BuildError, match=rf"rs/link\.json {message}"):
        contents(zipped(tmp_path / "a.zip", (info, b"/etc/passwd")))


def test_links_and_devices_in_a_folder(tmp_path):
    (tmp_path / "made/rs").mkdir(parents=True)
    (tmp_path / "made/rs/link.json").symlink_to("/etc/passwd")
    with pytest.raises(BuildError, match=r"rs/link\.json is a link"):
        contents(tmp_path / "made")
    (tmp_path / "made/rs/link.json").unlink()
    os.mkfifo(tmp_path / "made/rs/pipe.json")
    with pytest.raises(BuildError, match=r"rs/pipe\.json is neither"):
        contents(tmp_path / "made")


def test_a_name_that_is_there_twice(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "a.zip", ("top/a.json", b"1"), ("top/b.json", b"2"), ("top/a.json", b"3"))
    with pytest.raises(BuildError, match=r"top/a\.json is there twice"):
        contents(path)
    path = tarred(tmp_path / "a.tar", (tar_info("top/a.json"), b"1"), (tar_info("./top//a.json"), b"2"))
    with pytest.raises(BuildError, match="is there twice"):
        contents(path)


def test_encrypted_members(tmp_path):
    path = zipped(tmp_path / "a.zip", ("top/secret.json", b"1" * 50))
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(BuildError, match=r"top/secret\.json is encrypted"):
        contents(path)


@pytest.mark.parametrize("form", ["a.zip", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_a_blow_up_is_refused_before_it_happens(tmp_path, form):
    path = pack({"top/good.json": b"{}", "top/bomb.json": bytes(24 << 20)}, tmp_path / form)
    tracemalloc.start()
    try:
        with pytest.raises(BuildError, match=r"top/bomb\.json (unpacks|brings)"):
            contents(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_many_small_members_may_not_blow_up_together(tmp_path):
    path = zipped(tmp_path / "a.zip", *((f"top/{number}.json", bytes(60_000)) for number in range(400)))
    with pytest.raises(BuildError, match="brings the archive"):
        contents(path)


def test_a_member_that_understates_its_size(tmp_path):
    path = zipped(tmp_path / "a.zip", ("top/liar.json", bytes(20 << 20)))
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\1\2")
    data[place + 24 : place + 28] = (100).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(BuildError, match=r"top/liar\.json takes .* that it claims to have"):
        contents(path)


def test_a_header_of_a_tar_that_asks_for_too_much(tmp_path):
    path = tmp_path / "a.tar.gz"
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 34
    with gzip.open(path, "wb") as stream:
        stream.write(header.tobuf(tarfile.USTAR_FORMAT if header.size < 8**11 else tarfile.GNU_FORMAT))
        stream.write(bytes(1 << 20))
    with pytest.raises(BuildError, match="a header asks for"):
        contents(path)


def test_limits_of_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_guard, "MAX_TOTAL", 1000)
    with pytest.raises(BuildError, match="more than 1,000"):
        contents(pack(FILES, tmp_path / "made"))
    monkeypatch.undo()
    monkeypatch.setattr(archive_guard, "MAX_READ", 600)
    with pytest.raises(BuildError, match=r"two\.json has 700 bytes"):
        contents(pack(FILES, tmp_path / "a.zip"))


@pytest.mark.parametrize("form", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_an_archive_that_is_cut_off(tmp_path, form):
    rough = {name: os.urandom(3000) for name in ("top/a", "top/b", "top/c")}
    path = pack(rough, tmp_path / form)
    whole = path.read_bytes()
    for share in (0.2, 0.3, 0.5):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BuildError):
            contents(path)


def test_a_tar_that_ends_between_two_members(tmp_path):
    path = pack({"top/a": b"1" * 512, "top/b": b"2" * 512}, tmp_path / "a.tar")
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(BuildError, match="damaged or cut off"):
        contents(path)


@pytest.mark.parametrize("form", ["a.zip", "a.tar", "a.tar.gz"])
@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_byte_is_told_or_harmless(tmp_path_factory, form, data):
    path = tmp_path_factory.mktemp("damage") / form
    files = {"top/one.json": b'{"a": 1}' * 20, "top/two.json": b"22222"}
    pack(files, path)
    whole = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    with contextlib.suppress(BuildError):
        found = contents(path)
        assert form == "a.tar" or found == files  # a plain tar has no checksum of its data


def test_a_tar_whose_data_changed_within_its_compression(tmp_path):
    """Nothing but the checksum at the very end tells."""
    for form, opener in (("a.tar.gz", gzip), ("a.tar.xz", lzma)):
        path = pack(FILES, tmp_path / form)
        plain = opener.open(path).read()
        level = {"compresslevel": 0} if opener is gzip else {}
        with opener.open(path, "wb", **level) as stream:
            stream.write(plain)
        if opener is lzma:  # its blocks are compressed; change the checksum in its place
            data = bytearray(path.read_bytes())
            data[-40] ^= 1
        else:
            data = bytearray(path.read_bytes().replace(b'{"a": 1}', b'{"a": 7}'))
        path.write_bytes(data)
        with pytest.raises(BuildError, match="get the archive again"):
            contents(path)


def test_a_zip_whose_list_swallows_a_member(tmp_path):
    path = pack(FILES, tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 4)
    third = data.index(b"PK\1\2", second + 4)
    data[first + 32 : first + 34] = (third - second).to_bytes(2, "little")  # the comment of the first is the second
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == len(FILES) - 1
    with pytest.raises(BuildError, match="lists 3 members where 4 are said to be"):
        contents(path)


def test_a_folder_of_a_zip_that_was_a_file(tmp_path):
    path = pack({"top/a.jso_": b"x" * 50, "top/b.json": b"y"}, tmp_path / "a.zip")
    path.write_bytes(path.read_bytes().replace(b"top/a.jso_", b"top/a.jso/"))
    with pytest.raises(BuildError, match=r"top/a\.jso is a folder that holds bytes of its own"):
        contents(path)


@pytest.mark.parametrize("form", ["a.zip", "a.tar"])
def test_a_full_temporary_folder_is_told(tmp_path, form):
    inner = pack({"top/one.json": os.urandom(400_000)}, tmp_path / "inner.zip")
    path = pack({"inner.zip": inner.read_bytes()}, tmp_path / "outer" / form)
    code = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from nb301_ogb.loaders.sources.archive import members
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        list(members(Path(sys.argv[1])))
    """)
    found = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "BuildError: inner.zip, an archive within" in found.stderr
    assert "TMPDIR" in found.stderr


def test_a_damaged_member_is_named(tmp_path):
    path = pack({"top/a": os.urandom(3000), "top/b": b"x"}, tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[1500] ^= 1
    path.write_bytes(data)
    with pytest.raises(BuildError, match="top/a is damaged"):
        contents(path)


def test_names_that_are_no_text(tmp_path):
    odd = os.fsdecode(b"top/caf\xe9.json")
    tar = tarred(tmp_path / "a.tar", (tar_info(odd), b"1"), (tar_info("top/good.json"), b"2"), mode="w")
    assert contents(tar) == {odd: b"1", "top/good.json": b"2"}
    folder = pack({odd: b"1", "top/good.json": b"2"}, tmp_path / "made")
    assert contents(folder) == {odd: b"1", "top/good.json": b"2"}
    zipped_path = zipped(tmp_path / "a.zip", ("top/café.json", b"1" * 40), ("top/good.json", b"2" * 40))
    zipped_path.write_bytes(zipped_path.read_bytes().replace("é".encode(), b"\xe9\xff"))
    found = contents(zipped_path)
    assert found["top/good.json"] == b"2" * 40
    assert sorted(found.values()) == [b"1" * 40, b"2" * 40]
    assert shown(odd) == "top/caf\\udce9.json"
    shown(odd).encode()


@given(st.text(alphabet=st.sampled_from("ab./\\:C"), max_size=12))
def test_a_checked_name_stays_inside(tmp_path_factory, raw):
    guard = Guard(tmp_path_factory.getbasetemp(), None)
    try:
        name = guard.name(raw)
    except BuildError:
        return
    parts = name.split("/")
    assert ".." not in parts
    assert "." not in parts
    assert not name.startswith("/")
    assert "\\" not in name
    with pytest.raises(BuildError, match="twice"):
        guard.name(raw)


def test_memory_does_not_grow_with_the_archive(tmp_path):
    path = pack({f"top/{number}": os.urandom(2000) * 20 for number in range(300)}, tmp_path / "a.tar.gz")
    tracemalloc.start()
    try:
        assert sum(len(member.read()) for member in members(path)) == 300 * 40_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
