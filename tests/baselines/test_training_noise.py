import numpy as np
import pytest

from nb301_ogb.baselines.training_noise import TrainingNoise, training_noise


def drawn(std, architectures=6000, runs=3, seed=0):
    """Runs of architectures of all accuracies, whose trainings differ by `std(accuracy)`; a third lack the last one."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(20, 90, architectures)
    found = mean[:, None] + std(mean)[:, None] * rng.standard_normal((architectures, runs))
    found[: architectures // 3, -1] = np.nan
    return rng.permutation(found)


@pytest.mark.parametrize("std", [lambda mean: 0 * mean + 0.5, lambda mean: 3 - mean / 40])
def test_the_noise_that_runs_were_made_with_is_found(std):
    noise = training_noise(drawn(std))
    assert list(noise.mean) == sorted(noise.mean)
    where = np.array([30.0, 50.0, 70.0, 85.0])
    assert noise.at(where) == pytest.approx(std(where), rel=0.15)


def test_beyond_the_ends_the_noise_stays_as_it_is_there():
    noise = TrainingNoise((10.0, 20.0, 90.0), (0.0, 2.0, 0.5))
    assert noise.at(np.array([0.0, 10.0, 15.0, 90.0, 99.0])).tolist() == [0.0, 0.0, 1.0, 0.5, 0.5]


def test_copies_of_a_run_are_no_noise():
    runs = np.repeat(np.linspace(10, 90, 400)[:, None], 3, axis=1)
    assert training_noise(runs).at(np.linspace(0, 100, 7)).max() < 1e-9


def test_the_order_of_rows_and_runs_does_not_matter():
    runs = drawn(lambda mean: 0 * mean + 1.0, architectures=500)
    one, other = training_noise(runs), training_noise(runs[::-1, ::-1])
    assert one.mean == pytest.approx(other.mean)
    assert one.std == pytest.approx(other.std)


def test_without_repeated_runs_there_is_none():
    single = np.full((1000, 3), np.nan)
    single[:, 1] = 90.0
    assert training_noise(single) is None
    assert training_noise(single[:, 1:2]) is None
    single[:49, 0] = 89.0
    assert training_noise(single) is None
    single[49, 0] = 89.0
    assert training_noise(single).std == pytest.approx((2**-0.5,))


@pytest.mark.parametrize(
    ("mean", "std"), [((), ()), ((1.0,), (1.0, 2.0)), ((2.0, 1.0), (1.0, 1.0)), ((1.0,), (-1.0,)), ((1.0,), (np.nan,))]
)
def test_what_is_no_line_is_refused(mean, std):
    with pytest.raises(ValueError, match="the noise needs"):
        TrainingNoise(mean, std)
