"""Losses: against plain loops over pairs, with ties, missing labels and gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nb301_ogb.baselines.label_scale import LabelScale
from nb301_ogb.baselines.losses import LOSSES, Loss, check_loss, pairwise_hinge
from nb301_ogb.errors import ConfigError

VALUES = st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.3, 1.0, -2.0]), min_size=1, max_size=9)


def batch(rows: int = 24, tasks: int = 1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions on the standardised scale, and accuracies of which some are equal."""
    generator = torch.Generator().manual_seed(seed)
    labels = 80 + 15 * torch.rand(rows, tasks, generator=generator, dtype=torch.float64)
    labels[1] = labels[0]
    return torch.randn(rows, tasks, generator=generator, dtype=torch.float64).requires_grad_(), labels


def scale_of(labels: torch.Tensor, kind: str = "log_error") -> LabelScale:
    scale = LabelScale.fitted(kind, labels.float().numpy())
    return LabelScale(kind, scale.shift.double(), scale.spread.double())


@given(VALUES, st.integers(0, 99))
def test_the_hinge_by_a_loop(values: list[float], seed: int) -> None:
    truth = np.random.default_rng(seed).integers(0, 4, len(values)).astype(float)
    pairs = [(i, j) for i, j in itertools.permutations(range(len(values)), 2) if truth[i] > truth[j]]
    expected = np.mean([max(0.0, 0.1 - (values[i] - values[j])) for i, j in pairs]) if pairs else 0.0
    found = pairwise_hinge(torch.tensor(values, dtype=torch.float64)[:, None], torch.tensor(truth)[:, None], 0.1)
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_the_hinge_takes_each_column_for_itself_and_leaves_out_what_is_missing() -> None:
    values, truth = batch(8, 2)
    truth[3, 1] = np.nan
    rest = [row for row in range(8) if row != 3]
    pairs = [((truth[:, 0, None] > truth[:, 0]).sum()), (truth[rest][:, 1, None] > truth[rest][:, 1]).sum()]
    alone = [pairwise_hinge(values[:, :1], truth[:, :1], 0.5), pairwise_hinge(values[rest, 1:], truth[rest, 1:], 0.5)]
    expected = sum(one * count for one, count in zip(alone, pairs, strict=True)) / sum(pairs)
    assert pairwise_hinge(values, truth, 0.5).item() == pytest.approx(expected.item())


def test_the_loss_of_nas_bench_301_by_its_formula() -> None:
    """mean |log(1 - p) - log(1 - y)| + mean over ordered pairs of max(0, 0.1 - (p_i - p_j)), on fractions."""
    predicted, labels = batch()
    scale = scale_of(labels)
    p, y = (scale.back(predicted) / 100)[:, 0].tolist(), (labels[:, 0] / 100).tolist()
    distance = np.mean([abs(np.log(1 - a) - np.log(1 - b)) for a, b in zip(p, y, strict=True)])
    pairs = [(i, j) for i, j in itertools.permutations(range(len(y)), 2) if y[i] > y[j]]
    hinge = np.mean([max(0.0, 0.1 - (p[i] - p[j])) for i, j in pairs])
    assert Loss("log_error+hinge", scale, 0.1)(predicted, labels).item() == pytest.approx(distance + hinge, rel=1e-6)
    assert hinge > 0


@pytest.mark.parametrize(
    ("name", "plain"),
    [("l1", torch.nn.L1Loss()), ("mse", torch.nn.MSELoss()), ("huber", torch.nn.SmoothL1Loss())],
)
def test_distances_on_the_standardised_scale(name: str, plain: torch.nn.Module) -> None:
    predicted, labels = batch(tasks=2)
    labels[4:9, 1] = np.nan
    scale = scale_of(labels)
    wanted = scale.there(labels)
    known = ~torch.isnan(wanted)
    expected = plain(predicted[known], wanted[known])
    assert Loss(name, scale, 0.1)(predicted, labels).item() == pytest.approx(expected.item())
    ranked = Loss(f"{name}+hinge", scale, 0.3)(predicted, labels) - expected
    assert ranked.item() == pytest.approx(pairwise_hinge(predicted, wanted, 0.3).item(), rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_the_loss(name: str) -> None:
    predicted, labels = batch(6)
    labels[2] = np.nan
    loss = Loss(name, scale_of(labels), 0.1)
    assert torch.autograd.gradcheck(lambda z: loss(z, labels), (predicted,), eps=1e-7, atol=1e-5)
    loss(predicted, labels).backward()
    assert predicted.grad[2] == 0
    assert (predicted.grad[[0, 1, 3, 4, 5]] != 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_measured_is_no_loss(name: str) -> None:
    predicted, labels = batch(4)
    scale = scale_of(labels)
    loss = Loss(name, scale, 0.1)(predicted, torch.full_like(labels, np.nan))
    loss.backward()
    assert loss.item() == 0
    assert not predicted.grad.any()


@pytest.mark.parametrize("name", [one for one in LOSSES if "hinge" in one])
def test_going_down_a_ranking_loss_puts_a_batch_in_order(name: str) -> None:
    predicted, labels = batch(12, seed=3)
    labels[1] += 1
    loss = Loss(name, scale_of(labels), 0.1)
    for _ in range(300):
        (slope,) = torch.autograd.grad(loss(predicted, labels), predicted)
        predicted = (predicted - 0.3 * slope).detach().requires_grad_()
    # The scale of the error falls where accuracy rises.
    assert torch.equal(predicted[:, 0].argsort(), labels[:, 0].argsort(descending=True))


def test_unknown_and_unfit_losses() -> None:
    with pytest.raises(ConfigError, match=r"allowed are l1, .*l1\+hinge"):
        check_loss("hinge", "linear", 1)
    with pytest.raises(ConfigError, match="label_scale = 'log_error', not 'linear'"):
        check_loss("log_error+hinge", "linear", 1)
    with pytest.raises(ConfigError, match="at least one target"):
        check_loss("l1", "linear", 0)
    for name in LOSSES:
        check_loss(name, "log_error", 2)
