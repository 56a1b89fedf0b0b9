"""Benchmarks for the tests of searches: quick, exact, and as badly behaved as wanted."""

import numpy as np

from nb301_ogb.baselines.benchmark import Answer, Benchmark
from nb301_ogb.spaces import get_space


class Sum(Benchmark):
    """Accuracy is higher the larger the numbers of a code: its one local optimum is the global one."""

    def __init__(self, space="nasbench201"):
        self.name = f"sum over {space}"
        self.space = get_space(space)
        self.asked = []

    @property
    def highest(self):
        return 50.0 + 50.0 * self._share(self._top())

    def _top(self):
        limits = self.space.code_limits - 1
        return limits[None].astype(np.uint8)

    def _share(self, codes):
        return float((codes.astype(float) / np.maximum(self.space.code_limits - 1, 1)).mean())

    def values(self, codes):
        return 50.0 + 50.0 * (codes / np.maximum(self.space.code_limits - 1, 1)).mean(axis=1)

    def query_codes(self, codes, noise=False, rng=None):
        table = self.space.check(codes)
        self.asked.append(table)
        mean = self.values(table)
        value = mean + rng.standard_normal(len(mean)) if noise else mean
        runtime = 100.0 + table.sum(axis=1).astype(float)
        return Answer(mean, np.ones(len(mean)), value, runtime)

    @property
    def codes_asked(self):
        return np.concatenate(self.asked)


class Constant(Sum):
    """The same answer for everything."""

    def values(self, codes):
        return np.full(len(codes), 90.0)


class Patchy(Sum):
    """No number for some architectures, an exception for others."""

    def values(self, codes):
        found = super().values(codes)
        kind = codes.astype(int).sum(axis=1) % 7
        found[kind == 0] = np.nan
        found[kind == 1] = np.inf
        found[kind == 2] = -np.inf
        if (kind == 3).any():
            raise RuntimeError("the training diverged")
        return found

    def query_codes(self, codes, noise=False, rng=None):
        answer = super().query_codes(codes, noise, rng)
        runtime = np.where(codes.sum(axis=1) % 5 == 0, np.nan, answer.runtime)
        runtime = np.where(codes.sum(axis=1) % 5 == 1, -1.0, runtime)
        return Answer(answer.mean, answer.std, answer.value, runtime)


class Fickle(Sum):
    """Another answer every time."""

    def __init__(self, space="nasbench201"):
        super().__init__(space)
        self._rng = np.random.default_rng(0)

    def values(self, codes):
        return super().values(codes) + self._rng.standard_normal(len(codes))


class Silent(Sum):
    """Never an answer that is a number, nor a runtime."""

    def query_codes(self, codes, noise=False, rng=None):
        nothing = np.full(len(codes), np.nan)
        self.asked.append(codes)
        return Answer(nothing, nothing, nothing, nothing)


class Broken(Sum):
    """An exception every time."""

    def query_codes(self, codes, noise=False, rng=None):
        self.asked.append(codes)
        raise OSError("the cluster is down")


class Misshapen(Sum):
    """One number, however many architectures are asked about."""

    def query_codes(self, codes, noise=False, rng=None):
        answer = super().query_codes(codes, noise, rng)
        return Answer(answer.mean[:1], answer.std[:1], answer.value[:1], answer.runtime[:1])
