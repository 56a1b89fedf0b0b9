"""The splits of `ogbg-nb301`: the official ones from their lists, and those of this package."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import LEAVE_OUT_GROUPS, PARTS
from nb301_ogb.loaders import splits
from nb301_ogb.loaders.sources.nasbench301_splits import OfficialLists
from nb301_ogb.spaces.graphs import CodeArray, IntArray
from nb301_ogb.storage.layout import Split

SALT = "nb301-ogb/nb301/v1/"

_LEAVE_OUT = "leave_out_"
_TOP_SHARE = 20
"""One row in so many is among the best."""


def make_splits(
    keys: Sequence[str],
    lists: OfficialLists,
    label: NDArray[np.floating],
    code: CodeArray,
    canonical_key: CodeArray,
    run_id: NDArray[np.int32],
) -> dict[str, Split]:
    """All splits, by name.

    Args:
        keys: `<group>/<file>` of the G records.
        lists: the official lists; a key that no record has is passed over.
        label: [G].
        code: uint8 [G, 32].
        canonical_key: uint8 [G, 16].
        run_id: int32 [G, 1].
    """
    row_of = {key: row for row, key in enumerate(keys)}
    listed = np.array(sorted(row_of[key] for key in lists.listed if key in row_of), dtype=np.int64)
    group = np.array([LEAVE_OUT_GROUPS.index(key.partition("/")[0]) for key in keys], dtype=np.int64)

    def official(split: str) -> dict[str, IntArray]:
        named = {part: lists.parts[split, part] for part in PARTS}
        return {
            part: np.array(sorted(row_of[k] for k in which if k in row_of), np.int64) for part, which in named.items()
        }

    def finish(parts: dict[str, IntArray], rule: str, source: str = splits.SOURCE) -> Split:
        return splits.make_split(parts, rule, code, canonical_key, run_id, source)

    found = {"default": finish(official("default"), "the lists of the authors of NAS-Bench-301", "official")}
    for number, name in enumerate(LEAVE_OUT_GROUPS):
        split = _LEAVE_OUT + name
        test = listed[group[listed] == number]
        if split in lists.splits:
            parts = official(split) | {"test": test}
            rule = (
                f"train and valid are the lists of the authors of NAS-Bench-301, test is every listed record of {name}"
            )
            found[split] = finish(parts, rule, "official")
        else:
            others = listed[group[listed] != number]
            found[split] = finish(
                _by_group(others, group, splits.row_hashes(code, SALT + split)) | {"test": test},
                f"test is every listed record of {name}; of each other group's listed records, in the order of a "
                "salted hash of the code, nine tenths (rounded down) are train and the rest is valid",
            )
    found["equivalence"] = equivalence(code, canonical_key, run_id, SALT + "equivalence")
    found["top"] = finish(
        _top(label, code),
        "test is the twentieth of all records with the best labels (ties by code), which are beyond what train shows; "
        "the rest is 90/10 train and valid in the order of a salted hash of the code",
    )
    return found


def equivalence(code: CodeArray, canonical_key: CodeArray, run_id: NDArray[np.int32], salt: str) -> Split:
    """The split in which no architecture of test has a twin in train."""
    parts = splits.by_component(code, splits.components(canonical_key, run_id), salt)
    rule = (
        "80/10/10 by whole components (rows joined by an equal canonical key or a shared run) in the order of a "
        "salted hash"
    )
    return splits.make_split(parts, rule, code, canonical_key, run_id)


def _by_group(rows: IntArray, group: IntArray, hashes: NDArray[np.uint64]) -> dict[str, IntArray]:
    """Train and valid: within each group nine tenths, rounded down as in the official lists, in the hashes' order."""
    order = rows[np.lexsort((hashes[rows], group[rows]))]
    sizes = np.bincount(group[rows], minlength=len(LEAVE_OUT_GROUPS))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    train = place < np.repeat(sizes * 9 // 10, sizes)
    return {"train": np.sort(order[train]), "valid": np.sort(order[~train])}


def _top(label: NDArray[np.floating], code: CodeArray) -> dict[str, IntArray]:
    best_first = np.lexsort((splits.row_classes(code), -label))
    count = round(len(label) / _TOP_SHARE)
    rest = np.sort(best_first[count:])
    parts = splits.by_row(code[rest], SALT + "top", (0.9, 0.1))
    return {"train": rest[parts["train"]], "valid": rest[parts["valid"]], "test": np.sort(best_first[:count])}
