from dataclasses import replace

import numpy as np
import pytest

from nb301_ogb.spaces.nasbench201 import SPACE
from nb301_ogb.storage.layout import Contents, Header, Split, Target

HEADER = Header(
    name="ogbg-small",
    version=3,
    space="nasbench201",
    label="val_accuracy",
    license="MIT",
    citation="@misc{small}",
    sources=({"url": "https://example.org/a", "sha256": "00", "size": 7},),
)


@pytest.fixture(scope="session")
def make_contents():
    """Twelve architectures with everything that a dataset file can hold; keyword arguments replace fields."""

    def make(rows=12, seed=0, **changes):
        rng = np.random.default_rng(seed)
        codes = SPACE.sample(rows, rng)
        accuracy = rng.uniform(10, 90, (rows, 3)).astype(np.float32)
        run_id = np.arange(3 * rows, dtype=np.int32).reshape(rows, 3)
        accuracy[rows // 2 :, 2] = np.nan
        run_id[rows // 2 :, 2] = -1
        order = rng.permutation(rows)
        contents = Contents(
            header=HEADER,
            code=codes,
            canonical_key=SPACE.canonical_keys(codes),
            graphs=SPACE.graphs(codes),
            targets={
                "val_accuracy": Target(accuracy, "percent", "higher", "accuracy, a column a run"),
                "runtime": Target(rng.uniform(1, 9, (rows, 1)).astype(np.float32), "seconds", "lower", "time"),
            },
            splits={
                "first": Split(order[:6], order[6:9], order[9:], "as they come", "nb301-ogb", {"num_train": 6}),
                "some": Split(order[:2], order[:0], order[2:3], "three rows", "official"),
            },
            run_id=run_id,
            groups=("rs", "größer"),
            group=rng.integers(0, 2, rows).astype(np.uint8),
            records=tuple(f"run {row}/ä.json" for row in range(rows)),
            extra_origin={"model_size": rng.random((rows, 3)), "budget": rng.integers(-5, 300, rows)},
            curves={"val": rng.random((rows, 5)).astype(np.float32)},
            report='{"rows": 12}',
        )
        return replace(contents, **changes)

    return make
