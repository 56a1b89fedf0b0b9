"""Dataset files of any size, with architectures drawn at random and labels made up, for timing alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nb301_ogb.catalog import get_info
from nb301_ogb.spaces import get_space
from nb301_ogb.storage.layout import Contents, Header, Split, Target
from nb301_ogb.storage.write import write


def dataset_file(folder: Path, name: str, rows: int) -> Path:
    """Writes a dataset file under a catalogued name with `rows` random architectures of its space."""
    info = get_info(name)
    space = get_space(info.space)
    rng = np.random.default_rng(0)
    codes = space.sample(rows, rng)
    order = rng.permutation(rows)
    cut = rows * 8 // 10, rows * 9 // 10
    parts = (np.sort(part) for part in np.split(order, cut))
    contents = Contents(
        header=Header(info.name, info.version, info.space, info.label, "made up", "none"),
        code=codes,
        canonical_key=space.canonical_keys(codes),
        graphs=space.graphs(codes),
        targets={"val_accuracy": Target(rng.uniform(80, 95, (rows, 1)).astype(np.float32), "percent", "higher", "")},
        splits={info.default_split: Split(*parts, rule="random", source="benchmark")},
        run_id=np.arange(rows, dtype=np.int32)[:, None],
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / info.filename
    write(path, contents)
    return path
