"""A folder appears whole or not at all, and replaces nothing that it should not."""

import errno
import os

import pytest

from nb301_ogb.errors import OutputError
from nb301_ogb.storage.folder import new_folder

MARK = "mark.json"


def fill(path, text="new", **options):
    with new_folder(path, MARK, **options) as folder:
        (folder / MARK).write_text(text)


def fail(path, error=ZeroDivisionError, **options):
    with new_folder(path, MARK, **options) as folder:
        (folder / MARK).write_text("half")
        raise error


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_at_the_end(tmp_path):
    target = tmp_path / "deep" / "target"
    with new_folder(target, MARK) as folder:
        (folder / MARK).write_text("x")
        assert not target.exists()
    assert names(target) == [MARK]
    assert names(target.parent) == ["target"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "target")
    assert names(tmp_path) == []


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "target").mkdir()
    fill(tmp_path / "target")
    assert names(tmp_path / "target") == [MARK]


def test_its_own_folder_is_replaced_when_asked(tmp_path):
    target = tmp_path / "target"
    fill(target, "old")
    (target / "more").write_text("x")
    with pytest.raises(OutputError, match="--overwrite"):
        fill(target)
    assert (target / MARK).read_text() == "old"
    fill(target, overwrite=True)
    assert (target / MARK).read_text() == "new"
    assert names(target) == [MARK]
    assert names(tmp_path) == ["target"]


def test_a_failure_keeps_the_old_folder(tmp_path):
    target = tmp_path / "target"
    fill(target, "old")
    with pytest.raises(ZeroDivisionError):
        fail(target, overwrite=True)
    assert (target / MARK).read_text() == "old"
    assert names(tmp_path) == ["target"]


def test_a_full_disk_is_told(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OutputError, match=r"target cannot be written \(No space left on device\)"):
        fail(tmp_path / "target", full)
    assert names(tmp_path) == []


def test_a_parent_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        fill(tmp_path / "file" / "target")


@pytest.mark.parametrize("overwrite", [False, True])
def test_another_folder_is_never_replaced(tmp_path, overwrite):
    target = tmp_path / "target"
    target.mkdir()
    (target / "thesis.tex").write_text("years")
    with pytest.raises(OutputError, match=r"was not written by this command \(it has no mark.json\)"):
        fill(target, overwrite=overwrite)
    assert names(target) == ["thesis.tex"]
    assert names(tmp_path) == ["target"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_not_replaced(tmp_path, kind):
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("x")
    else:
        (tmp_path / "other").mkdir()
        os.symlink(tmp_path / "other", target)
    with pytest.raises(OutputError, match="is no folder"):
        fill(target, overwrite=True)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_somebody_filled_meanwhile_stays(tmp_path, monkeypatch, replaced):
    target = tmp_path / "target"
    if replaced:
        fill(target, "old")
    move = os.replace

    def race(source, destination):
        if destination == target and os.path.basename(source) == "new":
            target.mkdir()
            (target / "theirs").write_text("x")
        move(source, destination)

    monkeypatch.setattr(os, "replace", race)
    with pytest.raises(OutputError, match="meanwhile") as caught:
        fill(target, overwrite=True)
    assert names(target) == ["theirs"]
    if replaced:
        (kept,) = tmp_path.glob(".target.*.part/old")
        assert str(kept) in str(caught.value)
        assert (kept / MARK).read_text() == "old"
    else:
        assert names(tmp_path) == ["target"]
