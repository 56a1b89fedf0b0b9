"""The plain network: its layers, its batches, what it learns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import SequentialSampler

from nb301_ogb.baselines.config import MLPConfig, load_config
from nb301_ogb.baselines.encodings import dense, encode
from nb301_ogb.baselines.mlp import MLPModel, Rows
from nb301_ogb.baselines.model import Table
from nb301_ogb.errors import ConfigError
from nb301_ogb.evaluators.metrics import kendall_tau
from nb301_ogb.loaders.labelled import LabelledTable

SMALL = dataclasses.replace(load_config("mlp"), emb_dim=16, num_layer=2, batch_size=64, epochs=8, lr=1e-2)


@pytest.fixture(scope="module")
def table() -> Table:
    data = LabelledTable("nb201-cifar10")
    rows = np.random.default_rng(0).permutation(data.split("random").train)
    return Table("nasbench201", data.codes(), data.labels, rows[:600], rows[600:800])


def test_it_learns_and_is_kept(table: Table, tmp_path: Path) -> None:
    model = MLPModel(SMALL, "nasbench201", device="cpu")
    model.fit(table, 0)
    found = model.predict(table.codes[table.valid])
    assert kendall_tau(table.labels[table.valid, 0], found[:, 0]) > 0.5
    model.save(tmp_path)
    again = MLPModel(SMALL, "nasbench201", device="cpu")
    assert not np.array_equal(again.predict(table.codes[table.valid]), found)
    again.load(tmp_path)
    assert np.array_equal(again.predict(table.codes[table.valid]), found)


def test_a_seed_repeats_itself(table: Table) -> None:
    found = []
    for seed in (3, 3, 4):
        model = MLPModel(dataclasses.replace(SMALL, epochs=2, drop_ratio=0.2), "nasbench201", device="cpu")
        model.fit(table, seed)
        found.append(model.predict(table.codes[:50]))
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])


@pytest.mark.parametrize("space", ["nasbench201", "darts"])
def test_by_hand(space: str) -> None:
    """On the encoding, sparse or not: linear, normalisation, ReLU, and a linear layer."""
    model = MLPModel(MLPConfig(encoding=("paths",), num_layer=1, emb_dim=4), space, num_tasks=2, device="cpu")
    codes = model.space.sample(5, np.random.default_rng(0))
    x = torch.from_numpy(dense(encode(model.space, codes, ("paths",))))
    first, norm, _, _, last = model.network.layers
    expected = last(torch.relu(norm(first(x))))
    assert np.allclose(model.predict(codes), expected.detach().numpy(), atol=1e-5)
    assert model.num_parameters() == x.shape[1] * 4 + 4 + 2 * 4 + 4 * 2 + 2


@pytest.mark.parametrize("workers", [0, 1])
def test_batches(workers: int) -> None:
    model = MLPModel(MLPConfig(encoding=("path_counts",)), "darts", device="cpu")
    codes = model.space.sample(10, np.random.default_rng(0))
    labels = torch.arange(10.0)[:, None]
    dataset = model._dataset(codes, labels)
    batches = list(model._loader(dataset, SequentialSampler(dataset), 4, False, workers))
    assert [type(one) for one in batches] == [Rows] * 3
    assert [len(one.x) for one in batches] == [4, 4, 2]
    assert torch.equal(torch.cat([one.y for one in batches]), labels)
    joined = torch.cat([one.x for one in batches]).numpy()
    assert np.array_equal(joined, dense(encode(model.space, codes, ("path_counts",))))
    assert len(list(model._loader(dataset, SequentialSampler(dataset), 4, True, workers))) == 2


@pytest.mark.parametrize("rows", [128, 129, 130])
def test_a_last_batch_of_one_row_has_no_variance(table: Table, rows: int) -> None:
    """Batch normalisation leaves it out of its epoch; other networks do not."""
    part = dataclasses.replace(table, train=table.train[:rows])
    seen = {}
    for norm in ("batch", "layer"):
        model = MLPModel(dataclasses.replace(SMALL, norm=norm, epochs=1), "nasbench201", device="cpu")
        seen[norm] = []

        def network(model=model, norm=norm) -> torch.nn.Module:
            made = MLPModel._network(model)
            made.register_forward_pre_hook(
                lambda module, args: seen[norm].append(len(args[0].x)) if module.training else None
            )
            return made

        model._network = network
        model.fit(part, 0)
    whole = [64] * (rows // 64)
    assert seen["layer"] == whole + ([rows % 64] if rows % 64 else [])
    assert seen["batch"] == whole + ([rows % 64] if rows % 64 > 1 else [])


def test_defaults_and_refusals() -> None:
    assert MLPModel(MLPConfig(), "darts", device="cpu").config.encoding == ("one_hot", "edge_ops", "op_counts")
    with pytest.raises(ConfigError, match="allowed are batch, layer, none"):
        MLPModel(MLPConfig(norm="group"), "darts", device="cpu")
    with pytest.raises(ConfigError, match="there is no encoding 'path'"):
        MLPModel(MLPConfig(encoding=("path",)), "darts", device="cpu")
