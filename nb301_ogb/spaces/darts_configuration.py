"""The configurations of NAS-Bench-301's records: 34 keys for an architecture, of which 22 are active at a time.

`inputs_node_<cell>_<node>` names the parents of nodes 3 to 5 (node 2 always has 0 and 1), `edge_<cell>_<number>` the op
of an edge; the edge from parent p to node k has the number p + k(k-1)/2 - 1. Only the edges of the named parents are
active. Source: the ConfigSpace of automl/nasbench301, whose records hold these keys with a prefix.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces.darts_cells import CELLS, EDGE_NODES, OPS, PAIRS, TOPOLOGY_PARENTS
from nb301_ogb.spaces.graphs import CodeArray

PREFIX = "NetworkSelectorDatasetInfo:darts:"

_CELL_WORDS = ("normal", "reduce")
_INPUT_KEYS = [f"inputs_node_{cell}_{node}" for cell in _CELL_WORDS for node in (3, 4, 5)]
_KEYS = frozenset([*_INPUT_KEYS, *(f"edge_{cell}_{number}" for cell in _CELL_WORDS for number in range(14))])
_EITHER_KEYS = _KEYS | {PREFIX + key for key in _KEYS}
_ACTIVE = 22
_OP_NUMBERS = {op: number for number, op in enumerate(OPS)}
_FULL_INPUTS = (
    itemgetter(*(PREFIX + key for key in _INPUT_KEYS[:3])),
    itemgetter(*(PREFIX + key for key in _INPUT_KEYS[3:])),
)


def configuration(code: CodeArray) -> dict[str, str]:
    """The 22 active keys, with their prefix, of a checked code, uint8 [32]."""
    found = {}
    for word, numbers in zip(_CELL_WORDS, code.reshape(2, 16).tolist(), strict=True):
        ops, parents = numbers[:8], numbers[8:]
        for node in (3, 4, 5):
            first, second = parents[2 * node - 4 : 2 * node - 2]
            found[f"{PREFIX}inputs_node_{word}_{node}"] = f"{first}_{second}"
        for op, key in zip(ops, _edge_keys(word, parents), strict=True):
            found[PREFIX + key] = OPS[op]
    return found


def code_from_configuration(config: Mapping[str, Any]) -> bytes:
    """The code of a configuration, as 32 bytes.

    Made for reading tens of thousands of records; their table of codes, uint8 [G, 32], is
    `np.frombuffer(b"".join(codes), np.uint8).reshape(-1, 32)`.

    Args:
        config: the keys of the architecture, with or without their prefix. Other keys are ignored; a key whose value
            is None counts as absent.

    Raises:
        ArchitectureError: naming the key that is missing, inactive or wrong, and what is allowed there.
    """
    normal, reduction = _plans()
    try:
        normal_ops, normal_parents = normal[_FULL_INPUTS[0](config)]
        reduction_ops, reduction_parents = reduction[_FULL_INPUTS[1](config)]
        if len(_EITHER_KEYS.intersection(config)) == _ACTIVE:
            number = _OP_NUMBERS.__getitem__
            return b"".join(
                (
                    bytes(map(number, normal_ops(config))),
                    normal_parents,
                    bytes(map(number, reduction_ops(config))),
                    reduction_parents,
                )
            )
    except (KeyError, TypeError):
        pass  # a key without prefix, or an error that the slower way names
    return _with_care(config)


@functools.cache
def _plans() -> tuple[dict[tuple[str, ...], tuple[Callable[[Any], tuple], bytes]], ...]:
    """For each cell, by the values of its three input keys: what gets the ops of its active edges, and the parents."""
    plans = []
    for word in _CELL_WORDS:
        plan: dict[tuple[str, ...], tuple[Callable[[Any], tuple], bytes]] = {}
        for parents in TOPOLOGY_PARENTS.tolist():
            inputs = tuple(f"{parents[place]}_{parents[place + 1]}" for place in (2, 4, 6))
            plan[inputs] = itemgetter(*(PREFIX + key for key in _edge_keys(word, parents))), bytes(parents)
        plans.append(plan)
    return tuple(plans)


def _edge_keys(word: str, parents: list[int]) -> list[str]:
    edges = zip(parents, EDGE_NODES, strict=True)
    return [f"edge_{word}_{parent + node * (node - 1) // 2 - 1}" for parent, node in edges]


def _with_care(config: Mapping[str, Any]) -> bytes:
    """As `code_from_configuration`, key by key."""
    given: dict[str, Any] = {}
    for key, value in config.items():
        plain = key.removeprefix(PREFIX) if isinstance(key, str) else ""
        if plain not in _KEYS or value is None:
            continue
        if given.setdefault(plain, value) != value:
            msg = f"the configuration holds {plain} twice, as {given[plain]!r} and as {value!r}; leave one of them out."
            raise ArchitectureError(msg)
    code: list[int] = []
    for cell, word in zip(CELLS, _CELL_WORDS, strict=True):
        parents = [0, 1]
        for node in (3, 4, 5):
            pairs = {f"{first}_{second}": (first, second) for first, second in PAIRS[node]}
            parents += _allowed(given, f"inputs_node_{word}_{node}", pairs, f"the {cell} cell, node {node}")
        active = _edge_keys(word, parents)
        spare = sorted(key for key in given if key.startswith(f"edge_{word}_") and key not in active)
        if spare:
            msg = (
                f"the {cell} cell: {', '.join(spare)} given though its parents make it inactive; "
                f"allowed are {', '.join(active)}."
            )
            raise ArchitectureError(msg)
        edges = zip(active, EDGE_NODES, strict=True)
        code += [_allowed(given, key, _OP_NUMBERS, f"the {cell} cell, node {node}") for key, node in edges]
        code += parents
    return bytes(code)


def _allowed(given: dict[str, Any], key: str, values: Mapping[str, Any], where: str) -> Any:
    if key not in given:
        msg = f"{where}: the configuration has no {key}; allowed are {', '.join(values)}."
        raise ArchitectureError(msg)
    value = given[key]
    if not isinstance(value, str) or value not in values:
        msg = f"{where}: {key} is {value!r}; allowed are {', '.join(values)}."
        raise ArchitectureError(msg)
    return values[value]
