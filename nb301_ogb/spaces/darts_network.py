"""The size of the network that a DARTS architecture stands for, without building it.

Counted is the evaluation network of Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, for CIFAR: a
3x3 stem with three times the initial channels, then the cells, then a linear classifier. Reduction cells stand at one
and at two thirds of the layers; there the channels double and ops on a cell's inputs have stride 2. Convolutions have
no bias; each is followed by a batch norm with scale and shift.
"""

from __future__ import annotations

import numpy as np

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces.darts_cells import OPS
from nb301_ogb.spaces.graphs import CodeArray, IntArray

_STEM_FACTOR = 3
_CELL_OUTPUTS = 4
"""A cell's output is the concatenation of its four intermediate nodes."""


def num_params(codes: CodeArray, channels: int, layers: int, classes: int, auxiliary: bool) -> IntArray:
    """Trainable parameters, int64 [G], of a checked table of codes; see `Darts.num_params`."""
    for name, value in (("channels", channels), ("layers", layers), ("classes", classes)):
        if value < 1:
            msg = f"num_params takes {name} of at least 1, not {value}."
            raise ArchitectureError(msg)
    same, by_op = _tables(channels, layers, classes, auxiliary)
    cells = codes.reshape(-1, 2, 16)
    ops, parents = cells[..., :8], cells[..., 8:]
    kind = np.stack([np.zeros_like(parents[:, 0]), 1 + (parents[:, 1] < 2)], axis=1)
    return same + by_op[kind, ops].sum(axis=(1, 2))


def _tables(channels: int, layers: int, classes: int, auxiliary: bool) -> tuple[int, IntArray]:
    """The parameters that every architecture has, and those of one op on one edge.

    Returns:
        The common number; and int64 [3, 7], summed over the layers: each op in the normal cell, in the reduction cell
        on an intermediate node, and there on an input of the cell (stride 2).
    """
    by_op = np.zeros((3, len(OPS)), dtype=np.int64)
    reductions = (layers // 3, 2 * layers // 3)
    width = _STEM_FACTOR * channels
    same = 3 * 3 * 3 * width + 2 * width
    before, last = width, width
    for layer in range(layers):
        if layer in reductions:
            channels *= 2
        same += _conv(before, channels) + _conv(last, channels)
        for kind in (1, 2) if layer in reductions else (0,):
            by_op[kind] += [_op_params(op, channels, strided=kind == 2) for op in OPS]
        before, last = last, _CELL_OUTPUTS * channels
        if auxiliary and layer == reductions[1]:
            same += _auxiliary_head(last, classes)
    return same + last * classes + classes, by_op


def _conv(inputs: int, outputs: int, kernel: int = 1) -> int:
    """A convolution without bias and its batch norm (two 1x1 convolutions of half the outputs count the same)."""
    return kernel * kernel * inputs * outputs + 2 * outputs


def _op_params(op: str, channels: int, strided: bool) -> int:
    """Parameters of one op: pooling has none, a skip with stride 2 is a 1x1 convolution, a separable one is twice."""
    if op == "skip_connect":
        return _conv(channels, channels) if strided else 0
    if op.endswith("_pool_3x3"):
        return 0
    kernel = int(op[-1])
    depthwise_and_pointwise = kernel * kernel * channels + _conv(channels, channels)
    return depthwise_and_pointwise * (2 if op.startswith("sep_") else 1)


def _auxiliary_head(inputs: int, classes: int) -> int:
    """The second classifier that DARTS trains along: convolutions 1x1 to 128 and 2x2 to 768 channels, then linear."""
    return _conv(inputs, 128) + _conv(128, 768, kernel=2) + 768 * classes + classes
