"""Small dataset files for tests: a part of an embedded one, and one of the DARTS space with made-up numbers."""

from dataclasses import replace
from importlib import resources

import numpy as np

from nb301_ogb.catalog import LEAVE_OUT_GROUPS, get_info
from nb301_ogb.loaders import splits
from nb301_ogb.spaces import get_space
from nb301_ogb.storage.layout import Contents, Header, Target
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.write import write


def part_of_nb201(path, rows=400, seed=0, name="ogbg-nb201-cifar10"):
    """Some rows of an embedded file, the first and the connected best among them, as a file of the same name."""
    whole = DatasetFile(resources.files("nb301_ogb") / "data" / get_info(name).filename).contents()
    best = np.nanmean(whole.targets["val_accuracy"].values, axis=1).argmax()
    others = np.random.default_rng(seed).choice(np.arange(1, len(whole.code)), rows - 2, replace=False)
    chosen = np.concatenate([[0, best], np.setdiff1d(others, [best])])
    code, key, runs = whole.code[chosen], whole.canonical_key[chosen], whole.run_id[chosen]
    contents = replace(
        whole,
        code=code,
        canonical_key=key,
        graphs=whole.graphs.take(chosen),
        targets={name: replace(one, values=one.values[chosen]) for name, one in whole.targets.items()},
        splits={
            "equivalence": splits.make_split(
                splits.by_component(code, splits.components(key, runs), "a"), "components", code, key, runs
            ),
            "random": splits.make_split(splits.by_row(code, "b"), "rows", code, key, runs),
        },
        run_id=runs,
        extra_origin={name: one[chosen] for name, one in whole.extra_origin.items()},
    )
    write(path, contents)
    return DatasetFile(path)


def darts_file(path, rows=400, seed=0, **changes):
    """Random architectures of the DARTS space, some of them twins; every number is made up."""
    space, info, rng = get_space("darts"), get_info("ogbg-nb301"), np.random.default_rng(seed)
    code = space.sample(rows, rng)
    code[rows // 2 : rows // 2 + 10] = code[:10]
    key = space.canonical_keys(code)
    val = np.round(90 + 3 * rng.random(rows) + space.depth(code).sum(axis=1) / 5, 2).astype(np.float32)[:, None]
    test = (val - np.float32(0.4) + rng.normal(0, 0.2, (rows, 1)).astype(np.float32)).astype(np.float32)
    run_id = np.arange(rows, dtype=np.int32)[:, None]
    contents = Contents(
        header=Header(
            info.name, 1, "darts", "val_accuracy", "none: every number is made up", "@misc{x}", ({"file": "made up"},)
        ),
        code=code,
        canonical_key=key,
        graphs=space.graphs(code),
        targets={
            "val_accuracy": Target(val, "percent", "higher", "made-up validation accuracy"),
            "test_accuracy": Target(test, "percent", "higher", "made-up test accuracy"),
            "runtime": Target(rng.uniform(2e3, 9e3, (rows, 1)).astype(np.float32), "seconds", "lower", "made-up time"),
            "num_params": Target(space.num_params(code)[:, None].astype(np.float32), "count", "lower", "parameters"),
        },
        splits={
            "default": splits.make_split(splits.by_row(code, "c"), "rows", code, key, run_id, "official"),
            "equivalence": splits.make_split(
                splits.by_component(code, splits.components(key, run_id), "d"), "components", code, key, run_id
            ),
        },
        run_id=run_id,
        groups=LEAVE_OUT_GROUPS,
        group=rng.integers(0, 3, rows).astype(np.uint8),
        records=tuple(f"{LEAVE_OUT_GROUPS[0]}/results_{row}.json" for row in range(rows)),
        extra_origin={"model_parameters": space.num_params(code)},
    )
    write(path, replace(contents, **changes))
    return DatasetFile(path)
