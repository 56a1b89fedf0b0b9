from dataclasses import fields, replace

import numpy as np
import pytest

from nb301_ogb.errors import FileFormatError
from nb301_ogb.storage.content import content_hash, curves_hash
from nb301_ogb.storage.layout import Contents, Header, Split, Target


def changed(values):
    """A copy of an array with another last value."""
    other = values.copy()
    other[(-1,) * other.ndim] = not other.flat[-1] if other.dtype == bool else other.flat[-1] + 1
    return other


def changed_head(contents, **changes):
    return replace(contents, header=replace(contents.header, **changes))


def changed_target(contents, **changes):
    return replace(contents, targets=contents.targets | {"runtime": replace(contents.targets["runtime"], **changes)})


def changed_split(contents, **changes):
    return replace(contents, splits=contents.splits | {"first": replace(contents.splits["first"], **changes)})


def renamed(one):
    return {f"{name}_": value for name, value in one.items()}


MEANINGFUL = {
    "name": lambda c: changed_head(c, name="ogbg-smalL"),
    "version": lambda c: changed_head(c, version=4),
    "space": lambda c: changed_head(c, space="darts"),
    "label": lambda c: changed_head(c, label="runtime"),
    "code": lambda c: replace(c, code=changed(c.code)),
    "key": lambda c: replace(c, canonical_key=changed(c.canonical_key)),
    "run ids": lambda c: replace(c, run_id=changed(c.run_id)),
    "one value": lambda c: changed_target(c, values=np.nextafter(c.targets["runtime"].values, np.float32(0))),
    "one value less": lambda c: changed_target(c, values=changed(c.targets["runtime"].values * np.nan)),
    "columns": lambda c: changed_target(c, values=c.targets["runtime"].values.reshape(6, 2)),
    "unit": lambda c: changed_target(c, unit="percent"),
    "direction": lambda c: changed_target(c, direction="higher"),
    "target name": lambda c: replace(c, targets=renamed(c.targets)),
    "target gone": lambda c: replace(c, targets={"runtime": c.targets["runtime"]}),
    "targets exchanged": lambda c: replace(c, targets=dict(zip(c.targets, reversed(c.targets.values()), strict=True))),
    "split name": lambda c: replace(c, splits=renamed(c.splits)),
    "split gone": lambda c: replace(c, splits={"first": c.splits["first"]}),
    "split rule": lambda c: changed_split(c, rule="as they go"),
    "split source": lambda c: changed_split(c, source="official"),
    "split row": lambda c: changed_split(c, valid=changed(c.splits["first"].valid)),
    "split order": lambda c: changed_split(c, train=c.splits["first"].train[::-1]),
    "parts exchanged": lambda c: changed_split(c, valid=c.splits["first"].test, test=c.splits["first"].valid),
    "group": lambda c: replace(c, group=changed(c.group)),
    "group names": lambda c: replace(c, groups=("rs", "groß")),
    "record": lambda c: replace(c, records=("other", *c.records[1:])),
    "records cut elsewhere": lambda c: replace(
        c, records=(c.records[0] + "\n" + c.records[1], c.records[2], *c.records[2:])
    ),
    "further column": lambda c: replace(c, extra_origin=c.extra_origin | {"budget": changed(c.extra_origin["budget"])}),
    "last digits": lambda c: replace(
        c, extra_origin=c.extra_origin | {"model_size": np.nextafter(c.extra_origin["model_size"], 0)}
    ),
    "further name": lambda c: replace(c, extra_origin=renamed(c.extra_origin)),
} | {
    array: lambda c, array=array: replace(c, graphs=replace(c.graphs, **{array: changed(getattr(c.graphs, array))}))
    for array in ("node_ptr", "edge_ptr", "node_feat", "edge_index", "edge_feat")
}

MEANINGLESS = {
    "citation": lambda c: changed_head(c, citation="@misc{other}"),
    "license": lambda c: changed_head(c, license="BSD"),
    "sources": lambda c: changed_head(c, sources=()),
    "report": lambda c: replace(c, report=""),
    "description": lambda c: changed_target(c, description="other words"),
    "statistics": lambda c: changed_split(c, statistics={}),
    "order of targets": lambda c: replace(c, targets=dict(reversed(c.targets.items()))),
    "order of splits": lambda c: replace(c, splits=dict(reversed(c.splits.items()))),
    "integer types": lambda c: replace(
        c,
        code=c.code.astype(np.int64),
        run_id=c.run_id.astype(">i8"),
        group=c.group.astype(np.int16),
        graphs=replace(c.graphs, edge_index=c.graphs.edge_index.astype(np.uint8)),
    ),
    "memory order": lambda c: replace(c, code=np.asfortranarray(c.code), curves={"val": c.curves["val"].T.copy().T}),
    "float types": lambda c: changed_target(c, values=c.targets["runtime"].values.astype(">f8")),
    "kind of NaN": lambda c: replace(
        c,
        targets=c.targets
        | {
            "val_accuracy": replace(
                c.targets["val_accuracy"],
                values=np.where(
                    np.isnan(c.targets["val_accuracy"].values),
                    np.array([0xFFC00001], dtype=np.uint32).view(np.float32),
                    c.targets["val_accuracy"].values,
                ),
            )
        },
    ),
}


@pytest.mark.parametrize("what", MEANINGFUL)
def test_what_bears_on_the_meaning_changes_the_hash(make_contents, what):
    contents = make_contents()
    assert content_hash(MEANINGFUL[what](contents)) != content_hash(contents) == content_hash(make_contents())


@pytest.mark.parametrize("what", MEANINGLESS)
def test_what_does_not_bear_on_the_meaning_leaves_the_hash(make_contents, what):
    contents = make_contents()
    assert content_hash(MEANINGLESS[what](contents)) == content_hash(contents)


def test_every_change_has_a_hash_of_its_own(make_contents):
    hashes = [content_hash(change(make_contents())) for change in MEANINGFUL.values()]
    assert len(set(hashes)) == len(hashes)
    assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in hashes)


def test_the_hash_does_not_change_between_versions_of_this_package(make_contents):
    fixed = make_contents(
        extra_origin={"model_size": np.arange(36.0).reshape(12, 3)},
        curves={"val": np.arange(24, dtype=np.float32).reshape(12, 2)},
        targets={"val_accuracy": Target(np.full((12, 1), 50, dtype=np.float32), "percent", "higher", "")},
        splits={"one": Split(np.arange(10), np.array([10]), np.array([11]), "rule", "source")},
        run_id=np.arange(12, dtype=np.int32)[:, None],
        group=np.zeros(12, dtype=np.uint8),
        code=np.zeros((12, 6), dtype=np.uint8),
        canonical_key=np.zeros((12, 16), dtype=np.uint8),
        graphs=make_contents().graphs.take(np.zeros(0, dtype=np.int64)),
    )
    assert content_hash(fixed) == "8af7621c8eff25e58f378f3202da2aa3e61218b8c11bba3f769527df15a13541"


def test_no_field_is_forgotten():
    """A field that comes new must be told apart above, or be known as meaningless."""
    assert {field.name for field in fields(Contents)} == {
        "header", "code", "canonical_key", "graphs", "targets", "splits", "run_id", "groups", "group", "records",
        "extra_origin", "curves", "report",
    }  # fmt: skip
    assert {field.name for field in fields(Header)} == {
        "name", "version", "space", "label", "license", "citation", "sources",
    }  # fmt: skip


@pytest.mark.parametrize("values", [np.array(["1"] * 12), np.array([b"1"] * 12), np.array([1 + 2j] * 12)])
def test_columns_of_texts_are_refused(make_contents, values):
    with pytest.raises(FileFormatError, match=r"/origin/budget holds .* numbers or truth values"):
        content_hash(make_contents(extra_origin={"budget": values}))


def test_curves_have_a_hash_of_their_own(make_contents):
    """A file with learning curves holds the same dataset as one without."""
    contents = make_contents()
    without = replace(contents, curves={})
    assert content_hash(contents) == content_hash(without)
    assert curves_hash(without) == ""
    other = [
        replace(contents, curves=one) for one in ({"val": changed(contents.curves["val"])}, renamed(contents.curves))
    ]
    assert len({curves_hash(one) for one in (contents, *other)}) == 3
