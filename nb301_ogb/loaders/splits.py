"""The rules that cut a dataset into train, valid and test, the same on every machine.

A rule orders rows, or whole components of rows, by a salted hash and fills the parts in that order; no generator's
state is involved. A component holds the rows that are joined by an equal canonical key or by a shared run: rows that
must not stand on both sides of a cut, since knowing one is knowing the other.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from nb301_ogb.catalog import PARTS
from nb301_ogb.errors import BuildError
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray, IntArray
from nb301_ogb.storage.layout import Split

SOURCE = "nb301-ogb"


def row_classes(keys: CodeArray) -> IntArray:
    """int64 [G]: the same number for rows with an equal canonical key, uint8 [G, 16]."""
    packed = np.ascontiguousarray(keys).view(f"V{keys.dtype.itemsize * keys.shape[1]}").ravel()
    return np.unique(packed, return_inverse=True)[1].astype(np.int64).ravel()


def components(keys: CodeArray, run_id: NDArray[np.int32]) -> IntArray:
    """int64 [G]: the component of each row; rows with an equal key or a shared run are in one."""
    rows = len(keys)
    row, run = np.nonzero(run_id >= 0)
    first_run = np.unique(run_id[row, run], return_inverse=True)[1].ravel()
    classes = row_classes(keys)
    offset = rows + classes.max() + 1
    left = np.concatenate([np.arange(rows), row])
    right = np.concatenate([rows + classes, offset + first_run])
    size = int(right.max()) + 1
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return connected_components(graph, directed=False)[1][:rows].astype(np.int64)


def row_hashes(codes: CodeArray, salt: str) -> NDArray[np.uint64]:
    """uint64 [G]: a salted hash of each code (the first 8 bytes of a keyed blake2b)."""
    key = salt.encode()
    width = codes.shape[1]
    data = np.ascontiguousarray(codes, dtype=np.uint8).tobytes()
    parts = (data[start : start + width] for start in range(0, len(data), width))
    digests = b"".join(hashlib.blake2b(part, digest_size=8, key=key).digest() for part in parts)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def by_row(codes: CodeArray, salt: str, shares: tuple[float, float] = (0.8, 0.1)) -> dict[str, IntArray]:
    """Parts of exactly the given shares, whatever rows are related: the order is that of the codes' hashes."""
    order = np.argsort(row_hashes(codes, salt), kind="stable")
    cuts = (np.cumsum(shares) * len(codes)).round().astype(int)
    return _parts(*np.split(order, cuts))


def by_component(
    codes: CodeArray, component: IntArray, salt: str, always_train: NDArray[np.bool_] | None = None
) -> dict[str, IntArray]:
    """80/10/10 with whole components: they go to train in the order of their hashes until it holds 80%, and so on.

    Args:
        codes: uint8 [G, C].
        component: int64 [G].
        salt: of the hashes; a component's hash is the smallest among its rows.
        always_train: bool [G]; components with such a row go to train before all others.
    """
    number, size, rank = _ordered_components(codes, component, salt)
    if always_train is not None:
        first = np.zeros(len(size), dtype=bool)
        first[number[always_train]] = True
        rank = np.lexsort((np.argsort(rank), ~first))
    filled_before = np.cumsum(size[rank]) - size[rank]
    share = filled_before / len(codes)
    part = np.empty(len(size), dtype=np.int64)
    part[rank] = np.searchsorted([0.8, 0.9], share, side="right")
    return _parts(*(np.flatnonzero(part[number] == which) for which in range(3)))


def few_shot(codes: CodeArray, component: IntArray, salt: str, shots: int, valid: int) -> dict[str, IntArray]:
    """Exactly `shots` rows in train and `valid` rows in valid, whole components each; the rest is test.

    Components are offered in the order of their hashes; one that has more rows than are still wanted is passed over
    and offered to the next part. So is, for both small parts, one that would fill more than a tenth of the part.

    Raises:
        BuildError: where no choice of this kind gives exactly so many rows.
    """
    number, size, rank = _ordered_components(codes, component, salt)
    part = np.full(len(size), 2)
    for which, wanted in enumerate((shots, valid)):
        left = wanted
        limit = max(1, wanted // 10)
        for one in rank:
            if part[one] == 2 and size[one] <= min(left, limit):
                part[one] = which
                left -= size[one]
            if not left:
                break
        if left:
            msg = f"{PARTS[which]} cannot be filled with exactly {wanted} of {len(codes)} rows: {left} are missing."
            raise BuildError(msg)
    return _parts(*(np.flatnonzero(part[number] == which) for which in range(3)))


def _ordered_components(codes: CodeArray, component: IntArray, salt: str) -> tuple[IntArray, IntArray, IntArray]:
    """For each row its component's number, the components' sizes, and the components in the order of their hashes."""
    hashes = row_hashes(codes, salt)
    _, number, size = np.unique(component, return_inverse=True, return_counts=True)
    smallest = np.full(len(size), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, number, hashes)
    return number.ravel(), size, np.argsort(smallest, kind="stable")


def _parts(train: IntArray, valid: IntArray, test: IntArray) -> dict[str, IntArray]:
    return {"train": np.sort(train), "valid": np.sort(valid), "test": np.sort(test)}


def copied_runs(space: Space, codes: CodeArray, run_id: NDArray[np.int32]) -> NDArray[np.int32]:
    """The run ids, int32 [G, runs], without those whose equality tells nothing: -1 stands for them.

    A network without a path from input to output stands at chance level in every run, so that equal runs of two of
    them are a coincidence and no copy.
    """
    joined = space.depth(codes).min(axis=1, keepdims=True) > 0
    return np.where(joined, run_id, -1).astype(run_id.dtype)


def own_runs(run_id: NDArray[np.int32]) -> NDArray[np.bool_]:
    """bool [G, R]: the entries whose training belongs to no other entry, in its own row or elsewhere."""
    _, place, count = np.unique(run_id, return_inverse=True, return_counts=True)
    return (count[place].reshape(run_id.shape) == 1) & (run_id >= 0)


def leaks(split: dict[str, IntArray], codes: CodeArray, keys: CodeArray, run_id: NDArray) -> dict[str, int]:
    """What of the test part is known from train: test rows with an equal code, an equal key, or a run that is in train.

    Returns:
        counts `test_equal_in_train`, `test_equivalent_in_train`, `test_run_in_train`.
    """
    train, test = split["train"], split["test"]
    runs = run_id[train]
    run_seen = (np.isin(run_id[test], runs[runs >= 0]) & (run_id[test] >= 0)).any(axis=1)
    seen = {"equal": row_classes(codes), "equivalent": row_classes(keys)}
    found = {f"test_{kind}_in_train": int(np.isin(which[test], which[train]).sum()) for kind, which in seen.items()}
    return found | {"test_run_in_train": int(run_seen.sum())}


def make_split(
    parts: dict[str, IntArray], rule: str, codes: CodeArray, keys: CodeArray, run_id: NDArray, source: str = SOURCE
) -> Split:
    """A split with its leaks counted."""
    statistics: dict[str, int | float] = {f"num_{part}": len(parts[part]) for part in PARTS}
    statistics |= leaks(parts, codes, keys, run_id)
    return Split(**parts, rule=rule, source=source, statistics=statistics)
