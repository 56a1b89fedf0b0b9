"""Times queries of surrogates: one architecture, and many.

    python -m benchmarks.query --json query.json

A single query is one call of `query` with a genotype, and so reads it, asks the accuracy and the runtime model and
answers, on one core; the median over many. In bulk a table of codes is asked at once, with every core. `model` is the
accuracy model alone; `saved` a surrogate that was saved and loaded, where it holds the answers for a whole small space.
The models are those of the package's configurations, fitted on made-up labels: networks for one epoch, trees until
validation stops them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import machine, seconds, write
from nb301_ogb.baselines.config import Config, EnsembleConfig, GNNConfig, change, load_config
from nb301_ogb.baselines.model import Model, Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.surrogate import Surrogate, SurrogateInfo
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import CodeArray

MODELS = ("ensemble", "lightgbm", "xgboost")
SPACES = ("nasbench201", "darts")
_ROWS = 12_500


def made_up(space: Space, seed: int = 0) -> Table:
    """Architectures with labels that follow the ops, so that trees find something to split."""
    rng = np.random.default_rng(seed)
    codes = space.sample(_ROWS + 1_000, rng)
    worth = rng.normal(size=(codes.shape[1], int(space.code_limits.max())))
    labels = 90 + 0.5 * worth[np.arange(codes.shape[1]), codes].sum(axis=1, keepdims=True)
    labels = labels + rng.normal(scale=0.3, size=labels.shape)
    rows = np.arange(len(codes))
    return Table(space.name, codes, labels.astype(np.float32), rows[:_ROWS], rows[_ROWS:])


def fitted(name: str, table: Table) -> tuple[Model, Config]:
    """A model, and the configuration that it has."""
    config = load_config(name, table.space)
    if isinstance(config, EnsembleConfig | GNNConfig):
        config = change(config, {"epochs": 1}, name)
        table = Table(table.space, table.codes, table.labels, table.train[:1_000], table.valid)
    model = make_model(config, table.space, 1, "cpu", 0)
    model.fit(table, 0)
    return model, config


def measure(one: Surrogate, every: Surrogate, codes: CodeArray, single: int) -> dict[str, float]:
    """Median milliseconds of a single query of `one`, and queries a second of `every` in bulk."""
    genotypes = [one.space.genotype(code) for code in codes[:single]]
    one.query_codes(codes[:256])
    alone = [seconds(lambda g=genotype: one.query(g)) for genotype in genotypes]  # type: ignore[misc]
    every.query_codes(codes[:256])
    bulk = [seconds(lambda: every.query_codes(codes)) for _ in range(3)]
    return {"single_ms": 1e3 * statistics.median(alone), "bulk_per_second": len(codes) / statistics.median(bulk)}


def compare(fitted: Surrogate, codes: CodeArray, single: int) -> dict[str, float]:
    """The surrogate's models on one core and on all of them, and its answers where a saved one holds them."""
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder) / "surrogate")
        one, every = (Surrogate.load(Path(folder) / "surrogate", threads=threads) for threads in (1, 0))
        asked = [Surrogate(each.info, each.configs, each.accuracy, each.runtime) for each in (one, every)]
    found = measure(*asked, codes, single)
    times = [seconds(lambda c=code: one.accuracy.predict_distribution(c[None])) for code in codes[:single]]  # type: ignore[misc]
    found["single_model_ms"] = 1e3 * statistics.median(times)
    if one.space.has_table:
        found |= {f"saved_{name}": value for name, value in measure(one, every, codes, single).items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--single", type=int, default=300)
    parser.add_argument("--bulk", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in SPACES:
        space = get_space(name)
        table = made_up(space)
        runtime = fitted("runtime", table)
        for model in MODELS:
            accuracy, config = fitted(model, table)
            info = SurrogateInfo(model, "", "", "", name, 0)
            configs = {"accuracy": config, "runtime": runtime[1]}
            codes = space.sample(arguments.bulk, np.random.default_rng(1))
            found = compare(Surrogate(info, configs, accuracy, runtime[0]), codes, arguments.single)
            rows.append({"space": name, "model": model, **found})
            print(json.dumps(rows[-1]), flush=True)
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), "query": rows})


if __name__ == "__main__":
    main()
