"""One step of training: the learning rate, clipping, precisions."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nb301_ogb.baselines.config import GNNConfig, load_config
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.optim import Stepper, learning_rate, resolve_precision
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable

CPU = torch.device("cpu")


@given(st.integers(1, 400), st.floats(0, 1))
def test_the_rate_rises_then_falls(steps: int, warmup: float) -> None:
    rates = [learning_rate(step, steps, 2.0, warmup) for step in range(steps)]
    top = max(1, round(warmup * steps)) - 1
    assert rates[top] == pytest.approx(2.0)
    assert all(one < two for one, two in itertools.pairwise(rates[: top + 1]))
    assert all(one >= two for one, two in itertools.pairwise(rates[top:]))
    assert min(rates) > 0
    assert learning_rate(steps, steps, 2.0, warmup) == pytest.approx(0, abs=1e-12) or top == steps - 1


def test_the_rate_is_a_cosine_after_the_warm_up() -> None:
    assert learning_rate(55, 100, 1.0, 0.1) == pytest.approx(0.5)
    assert learning_rate(4, 100, 1.0, 0.1) == pytest.approx(0.5)
    assert learning_rate(25, 100, 1.0, 0.0) == pytest.approx(0.5 * (1 + math.cos(math.pi * 24 / 99)))


def test_steps_are_those_of_torchs_adamw() -> None:
    """Against torch's optimiser and its cosine schedule written as a lambda."""
    config = GNNConfig(lr=0.1, weight_decay=0.01, warmup=0.2)
    torch.manual_seed(0)
    found, expected = (nn.Linear(3, 1).double() for _ in range(2))
    expected.load_state_dict(found.state_dict())
    stepper = Stepper(found, config, CPU, 10)
    optimizer = torch.optim.AdamW(expected.parameters(), lr=0.1, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, 10, 1.0, 0.2))
    before = found.weight.clone()
    for x in torch.randn(10, 5, 3, dtype=torch.float64):
        assert stepper.rate == schedule.get_last_lr()[0]
        stepper.descend(found(x).square().mean())
        optimizer.zero_grad()
        expected(x).square().mean().backward()
        optimizer.step()
        schedule.step()
    assert torch.allclose(found.weight, expected.weight, rtol=1e-9, atol=1e-12)
    assert (found.weight - before).abs().max() > 0.1
    assert stepper.step == 10


@pytest.mark.parametrize("amp", ["off", "fp16"])
def test_gradients_are_clipped_together(amp: str) -> None:
    """By the norm over all parameters, in their own unit even where the loss is scaled."""
    seen = {}
    for clip in (0.0, 1e9, 0.5):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
        stepper = Stepper(network, GNNConfig(grad_clip=clip, amp=amp), CPU, 1)
        stepper.descend(100 * network(torch.ones(4, 3)).square().mean())
        seen[clip] = torch.cat([one.grad.flatten() for one in network.parameters()])
    assert torch.allclose(seen[0.0], seen[1e9], rtol=1e-5)
    assert seen[1e9].norm() > 10
    assert torch.allclose(seen[0.5], seen[1e9] * (0.5 / seen[1e9].norm()), rtol=1e-4)


def test_a_step_that_overflows_is_left_out() -> None:
    network = nn.Linear(2, 1)
    stepper = Stepper(network, GNNConfig(amp="fp16"), CPU, 4)
    before, scale = network.weight.clone(), stepper.scaler.get_scale()
    stepper.descend(network(torch.full((1, 2), float("inf"))).sum())
    assert torch.equal(network.weight, before)
    assert stepper.scaler.get_scale() < scale
    stepper.descend(network(torch.ones(1, 2)).sum())
    assert not torch.equal(network.weight, before)


def test_precisions() -> None:
    assert resolve_precision("auto", CPU) == "bf16"
    assert resolve_precision("off", CPU) == "off"
    with pytest.raises(ConfigError, match="off, auto, bf16, fp16"):
        resolve_precision("fp8", CPU)
    network = nn.Linear(2, 1)
    for amp, dtype in (("off", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        with Stepper(network, GNNConfig(amp=amp), CPU, 1).precision():
            assert network(torch.ones(1, 2)).dtype == dtype


@pytest.mark.parametrize("gnn", ["gin-virtual", "gcn", "diffpool"])
@pytest.mark.parametrize("amp", ["auto", "fp16"])
def test_networks_learn_in_mixed_precision(gnn: str, amp: str) -> None:
    data = LabelledTable("nb201-cifar10")
    rows = np.random.default_rng(0).permutation(data.split("random").train)
    table = Table("nasbench201", data.codes(), data.labels, rows[:256], rows[256:356])
    config = dataclasses.replace(load_config(gnn), emb_dim=8, num_layer=2, batch_size=64, epochs=4, lr=1e-2)
    found = []
    for precision in ("off", amp):
        model = make_model(dataclasses.replace(config, amp=precision), "nasbench201", device="cpu")
        losses = [record["train_loss"] for record in model.fit(table, 0).records]
        assert losses[-1] < losses[0]
        found.append(losses)
        assert {one.dtype for one in model.network.parameters()} == {torch.float32}
    assert found[0] != found[1]
    if amp == "auto":  # float16 leaves out the first steps, until the loss's scale fits
        assert np.allclose(found[0], found[1], rtol=0.2)
    assert model.config.amp == {"auto": "bf16", "fp16": "fp16"}[amp]
