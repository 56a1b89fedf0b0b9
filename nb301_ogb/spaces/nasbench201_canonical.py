"""When two NAS-Bench-201 codes are the same network, and one standard form for each such class.

The cell is read as a computation. `skip_connect` hands its input on and `none` adds nothing, so a node's value is a
sum, with multiplicities, of the cell's input and of *instances*: convolutions and poolings. Every convolution has
weights of its own, so each convolution edge is an instance of its own; a pooling has none, so equal poolings of an
equal input are one instance. What the output does not depend on is dropped. Two codes are equivalent exactly if what
is left is the same up to the instances' numbering.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.spaces.graphs import CodeArray

SOURCE = np.array([0, 0, 1, 0, 1, 2])
TARGET = np.array([1, 2, 2, 3, 3, 3])
NONE, SKIP, CONV1, CONV3, POOL = range(5)
SLOTS = 6

_ROUNDS = SLOTS + 1
_M1, _M2, _M3 = (np.uint64(m) for m in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True)
class Computation:
    """What each of G cells computes.

    Attributes:
        op: uint8 [G, 6]; the op's digit of each instance, 0 where there is no instance.
        inputs: int64 [G, 6, 7]; how often instance i adds each value to its input: value 0 is the cell's input, value
            j + 1 is instance j.
        output: int64 [G, 7]; how often the cell's output adds each value.
    """

    op: CodeArray
    inputs: NDArray[np.int64]
    output: NDArray[np.int64]


def computation(codes: CodeArray) -> Computation:
    """Reads each code, uint8 [G, 6], as a computation whose instances are numbered by edge."""
    rows = len(codes)
    value = np.zeros((rows, 4, SLOTS + 1), dtype=np.int64)
    value[:, 0, 0] = 1
    inputs = np.zeros((rows, SLOTS, SLOTS + 1), dtype=np.int64)
    op = codes.copy()
    for edge in range(SLOTS):
        source = value[:, SOURCE[edge]]
        value[:, TARGET[edge]] += np.where(codes[:, edge, None] == SKIP, source, 0)
        op[(op[:, edge] <= SKIP) | ~source.any(axis=1), edge] = NONE
        inputs[:, edge] = np.where(op[:, edge, None] != NONE, source, 0)
        instance = np.full(rows, edge)
        for earlier in range(edge):
            both_pool = (op[:, edge] == POOL) & (op[:, earlier] == POOL)
            same = both_pool & (inputs[:, edge] == inputs[:, earlier]).all(axis=1)
            instance[same] = earlier
            op[same, edge] = NONE
        adds = np.flatnonzero((codes[:, edge] > SKIP) & source.any(axis=1))
        value[adds, TARGET[edge], instance[adds] + 1] += 1
    output = value[:, 3]
    live = output > 0
    for edge in reversed(range(SLOTS)):
        live |= live[:, edge + 1, None] & (inputs[:, edge] > 0)
    op[~live[:, 1:]] = NONE
    inputs[op == NONE] = 0
    return Computation(op, inputs, output)


def canonical(codes: CodeArray) -> Computation:
    """The computation of each code with its instances in an order that all equivalent codes share.

    The order is by depth, then by colour refinement over inputs and users; ties are broken one at a time. That this is
    exact for every one of the 15,625 codes is a test, by trying all orders.
    """
    found = computation(codes)
    depth = _depths(found)
    colour = _refine(found, _mix(depth.astype(np.uint64) * np.uint64(8) + found.op, _M1))
    for _ in range(SLOTS - 1):
        ties = (colour[:, :, None] == colour[:, None, :]) & (found.op[:, :, None] != NONE) & (found.op[:, None] != NONE)
        tied = ties.sum(axis=2) > 1
        rows = np.flatnonzero(tied.any(axis=1))
        if not len(rows):
            break
        first = np.where(tied[rows], colour[rows], np.iinfo(np.uint64).max).argmin(axis=1)
        colour[rows, first] = _mix(colour[rows, first], _M3)
        part = Computation(found.op[rows], found.inputs[rows], found.output[rows])
        colour[rows] = _refine(part, colour[rows])
    absent = found.op == NONE
    order = np.lexsort((colour, depth, absent), axis=1)
    values = np.concatenate([np.zeros((len(codes), 1), dtype=order.dtype), order + 1], axis=1)
    op = np.take_along_axis(found.op, order, axis=1)
    inputs = np.take_along_axis(found.inputs, order[:, :, None], axis=1)
    inputs = np.take_along_axis(inputs, values[:, None, :], axis=2)
    output = np.take_along_axis(found.output, values, axis=1)
    return Computation(op, inputs, output)


def keys(codes: CodeArray) -> CodeArray:
    """uint8 [G, 16]: the canonical computation, packed without loss (so different classes cannot collide).

    An instance takes inputs from earlier ones alone: 1 + 2 + ... + 6 multiplicities, and 7 of the output, each at most
    4 (3 bits), and 6 ops (2 bits) are 96 bits.
    """
    form = canonical(codes)
    fields = [form.op[:, i].astype(np.uint8) for i in range(SLOTS)]
    ops = np.where(np.stack(fields, axis=1) == NONE, 0, np.stack(fields, axis=1) - 1)
    counts = [form.inputs[:, i, j] for i in range(SLOTS) for j in range(i + 1)]
    counts += [form.output[:, j] for j in range(SLOTS + 1)]
    bits = np.concatenate([_bits(ops, 2), _bits(np.stack(counts, axis=1), 3)], axis=1)
    packed = np.packbits(bits, axis=1)
    return np.concatenate([packed, np.zeros((len(codes), 16 - packed.shape[1]), dtype=np.uint8)], axis=1)


def _bits(numbers: NDArray, width: int) -> NDArray[np.uint8]:
    shifts = np.arange(width)[::-1]
    return ((numbers[:, :, None] >> shifts) & 1).reshape(len(numbers), width * numbers.shape[1]).astype(np.uint8)


def _depths(found: Computation) -> NDArray[np.int64]:
    """int64 [G, 6]: instances on the longest way from the cell's input to each instance, itself counted."""
    depth = np.zeros((len(found.op), SLOTS + 1), dtype=np.int64)
    for edge in range(SLOTS):
        deepest = np.where(found.inputs[:, edge] > 0, depth, 0).max(axis=1)
        depth[:, edge + 1] = np.where(found.op[:, edge] != NONE, deepest + 1, 0)
    return depth[:, 1:]


def _mix(value: NDArray[np.uint64], salt: np.uint64) -> NDArray[np.uint64]:
    """A bijection of 64-bit integers that scatters them (the finaliser of splitmix64, Steele et al. 2014)."""
    value = (value + salt) * _M1
    value = (value ^ (value >> np.uint64(30))) * _M2
    value = (value ^ (value >> np.uint64(27))) * _M3
    return value ^ (value >> np.uint64(31))


def _refine(found: Computation, colour: NDArray[np.uint64]) -> NDArray[np.uint64]:
    inputs = found.inputs.astype(np.uint64)
    between = inputs[:, :, 1:]
    own = _mix(inputs[:, :, 0] * np.uint64(16) + found.output[:, 1:].astype(np.uint64), _M2)
    for _ in range(_ROUNDS):
        below = (between * _mix(colour, _M1)[:, None, :]).sum(axis=2)
        above = (between * _mix(colour, _M2)[:, :, None]).sum(axis=1)
        colour = _mix(colour + own + _mix(below, _M3) + _mix(above, _M1), _M2)
    return colour
