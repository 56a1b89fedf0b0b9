"""The number of parameters of DARTS networks, held against published counts and against counting layer by layer."""

import json
import pathlib

import numpy as np
import pytest

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.darts import OPS

SPACE = get_space("darts")
SHARED = pathlib.Path(__file__).resolve().parents[2] / ".." / "shared"

DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
P_DARTS = (
    "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], normal_concat=range(2, 6), "
    "reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), ('max_pool_3x3', 0), "
    "('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], reduce_concat=range(2, 6))"
)


def count(genotype, channels, layers, classes):
    """The weights of the network, tensor by tensor."""

    def conv(inputs, outputs, kernel=1, groups=1):
        return outputs * (inputs // groups) * kernel * kernel

    def norm(width):
        return 2 * width

    def separable(width, kernel):
        return conv(width, width, kernel, groups=width) + conv(width, width) + norm(width)

    def op(name, width, stride):
        if name == "skip_connect":
            return 0 if stride == 1 else 2 * conv(width, width // 2) + norm(width)
        if "pool" in name:
            return 0
        times = 2 if name.startswith("sep") else 1
        return sum(separable(width, int(name[-1])) for _ in range(times))

    total = conv(3, 3 * channels, 3) + norm(3 * channels)
    inputs = [3 * channels, 3 * channels]
    width, was_reduction = channels, False
    for layer in range(layers):
        reduction = layer in (layers // 3, 2 * layers // 3)
        width = 2 * width if reduction else width
        first = 2 * conv(inputs[0], width // 2) if was_reduction else conv(inputs[0], width)
        total += first + norm(width) + conv(inputs[1], width) + norm(width)
        for name, parent in genotype.reduce if reduction else genotype.normal:
            total += op(name, width, 2 if reduction and parent < 2 else 1)
        inputs = [inputs[1], 4 * width]
        was_reduction = reduction
    return total + inputs[1] * classes + classes


@pytest.mark.parametrize(("genotype", "published"), [(DARTS_V2, 3_349_342), (P_DARTS, 3_433_798)])
def test_published_counts(genotype, published):
    # 20 layers of 36 channels without the auxiliary head: DARTS logs 3.349342 MB; P-DARTS' issue 7 quotes 3433798.
    assert SPACE.num_params(SPACE.parse(genotype)[None], channels=36, layers=20).tolist() == [published]


def test_published_count_with_auxiliary_head():
    # P-DARTS' issue 7 quotes 3910224 with the auxiliary head.
    code = SPACE.parse(P_DARTS)[None]
    assert SPACE.num_params(code, channels=36, layers=20, auxiliary=True).tolist() == [3_910_224]


@pytest.mark.skipif(not (SHARED / "nb301/sample_record.json").exists(), reason="needs the sample record")
def test_the_count_in_a_record():
    record = json.loads((SHARED / "nb301/sample_record.json").read_text())
    config = record["optimized_hyperparamater_config"]
    found = SPACE.num_params(
        SPACE.parse(config)[None],
        channels=config["NetworkSelectorDatasetInfo:darts:init_channels"],
        layers=config["NetworkSelectorDatasetInfo:darts:layers"],
        auxiliary=True,
    )
    assert found.tolist() == [record["info"][0]["model_parameters"]]


@pytest.mark.parametrize(("channels", "layers", "classes"), [(32, 8, 10), (16, 5, 100), (36, 20, 10), (8, 1, 2)])
def test_tables_are_counted_as_single_networks_are(channels, layers, classes):
    codes = SPACE.sample(300, np.random.default_rng(layers))
    found = SPACE.num_params(codes, channels=channels, layers=layers, classes=classes)
    assert found.dtype == np.int64
    assert found.tolist() == [count(SPACE.genotype(code), channels, layers, classes) for code in codes]


def test_the_default_is_the_network_of_the_benchmark():
    codes = SPACE.sample(50, np.random.default_rng(1))
    assert np.array_equal(SPACE.num_params(codes), SPACE.num_params(codes, channels=32, layers=8, classes=10))
    assert SPACE.num_params(codes[:0]).shape == (0,)


def test_a_skip_costs_only_where_it_has_a_stride():
    def code(op, parents):
        ops = [OPS.index(op)] * 8
        return [0] * 8 + [0, 1, 0, 1, 0, 1, 0, 1] + ops + parents

    on_inputs, on_nodes = [0, 1, 0, 1, 0, 1, 0, 1], [0, 1, 0, 2, 2, 3, 3, 4]
    skips = SPACE.num_params([code("skip_connect", on_inputs), code("skip_connect", on_nodes)])
    pools = SPACE.num_params([code("max_pool_3x3", on_inputs), code("avg_pool_3x3", on_nodes)])
    one_stride = (64 * 64 + 2 * 64) + (128 * 128 + 2 * 128)
    assert (skips - pools).tolist() == [8 * one_stride, 3 * one_stride]


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"layers": 0}, {"classes": -1}])
def test_impossible_networks_are_refused(wrong):
    with pytest.raises(ArchitectureError, match=f"num_params takes {next(iter(wrong))} of at least 1"):
        SPACE.num_params(SPACE.sample(1, np.random.default_rng(0)), **wrong)
