"""Times queries of surrogates: one architecture, and many.

    python -m benchmarks.query --json query.json

A single query is one call of `query` with a genotype, and so reads it, asks the accuracy and the runtime model and
answers; the median over many. In bulk a table of codes is asked at once, with every core. `model` is
the accuracy model alone. The models are those of the package's configurations, fitted on made-up labels: networks for
one epoch, trees until validation stops them.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import machine, seconds, write
from nb301_ogb.baselines.config import EnsembleConfig, GNNConfig, change, load_config
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


def fitted(name: str, table: Table) -> Model:
    config = load_config(name, table.space)
    if isinstance(config, EnsembleConfig | GNNConfig):
        config = change(config, {"epochs": 1}, name)
        table = Table(table.space, table.codes, table.labels, table.train[:1_000], table.valid)
    model = make_model(config, table.space, 1, "cpu", 0)
    model.fit(table, 0)
    return model


def measure(surrogate: Surrogate, codes: CodeArray, single: int) -> dict[str, float]:
    """Median milliseconds of a single query, and queries a second in bulk."""
    genotypes = [surrogate.space.genotype(code) for code in codes[:single]]
    surrogate.query_codes(codes[:256])
    alone = [seconds(lambda g=genotype: surrogate.query(g)) for genotype in genotypes]  # type: ignore[misc]
    model = [seconds(lambda c=code: surrogate.accuracy.predict_distribution(c[None])) for code in codes[:single]]  # type: ignore[misc]
    bulk = [seconds(lambda: surrogate.query_codes(codes)) for _ in range(3)]
    return {
        "single_ms": 1e3 * statistics.median(alone),
        "single_model_ms": 1e3 * statistics.median(model),
        "bulk_per_second": len(codes) / statistics.median(bulk),
    }


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
            info = SurrogateInfo(model, "", "", "", name, 0)
            surrogate = Surrogate(info, {}, fitted(model, table), runtime)
            codes = space.sample(arguments.bulk, np.random.default_rng(1))
            rows.append({"space": name, "model": model, **measure(surrogate, codes, arguments.single)})
            print(json.dumps(rows[-1]), flush=True)
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), "query": rows})


if __name__ == "__main__":
    main()
