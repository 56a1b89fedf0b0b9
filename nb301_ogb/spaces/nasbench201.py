"""The search space of NAS-Bench-201 (Dong & Yang, ICLR 2020): 5 ops on the 6 edges of a 4-node cell.

A code is six digits, an op for each of the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3, in this order, which is that of
the usual string `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`. Node 0 is the cell's input, node 3 its output; a node's value
is the sum over its incoming edges.
"""

from __future__ import annotations

import re
import reprlib
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import nasbench201_canonical as canonical
from nb301_ogb.spaces.base import Space
from nb301_ogb.spaces.graphs import CodeArray, GraphTable, IntArray, pointers
from nb301_ogb.spaces.nasbench201_drawing import drawing

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = tuple(zip(canonical.SOURCE.tolist(), canonical.TARGET.tolist(), strict=True))

_NODE_TYPE = np.array([0, 1, 1, 2])
_STRING = re.compile(r"\|([^|~]*)~0\|\+\|([^|~]*)~0\|([^|~]*)~1\|\+\|([^|~]*)~0\|([^|~]*)~1\|([^|~]*)~2\|")
_FORM = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"


class NasBench201(Space):
    """The 15,625 architectures of NAS-Bench-201."""

    name: ClassVar[str] = "nasbench201"
    code_length: ClassVar[int] = 6
    node_types: ClassVar[tuple[str, ...]] = ("input", "intermediate", "output")
    edge_types: ClassVar[tuple[str, ...]] = OPS
    cells: ClassVar[tuple[str, ...]] = ("cell",)
    genotype_forms: ClassVar[dict[str, str]] = {
        "string": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
        "digits": "333132",
    }
    identity_edge_type: ClassVar[int] = canonical.SKIP
    op_edge_types: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    @property
    def size(self) -> int:
        """15,625 = 5^6."""
        return len(OPS) ** len(EDGES)

    @property
    def code_limits(self) -> NDArray[np.int64]:
        """int64 [6]: every edge holds one of 5 ops."""
        return np.full(6, len(OPS), dtype=np.int64)

    def parse(self, architecture: Any) -> CodeArray:
        """The code, uint8 [6], of the usual string, six digits, six op names, or six integers.

        Raises:
            ArchitectureError: naming the part that is wrong and what is allowed there.
        """
        if isinstance(architecture, str):
            text = architecture.strip()
            names = list(text) if re.fullmatch(r"[0-9]{6}", text) else self._split(text)
        else:
            names = self._listed(architecture)
        return np.array([self._op(edge, name) for edge, name in enumerate(names)], dtype=np.uint8)

    def _split(self, text: str) -> list[str]:
        found = _STRING.fullmatch(text)
        if found is None:
            msg = f"{_brief(text)} is no architecture of nasbench201: write six digits from 0 to 4, or {_FORM}."
            raise ArchitectureError(msg)
        return list(found.groups())

    def _listed(self, architecture: Any) -> list[Any]:
        as_it_is = isinstance(architecture, list | tuple | bytes)
        names = list(architecture) if as_it_is else np.asarray(architecture).tolist()
        if not isinstance(names, list) or len(names) != 6 or any(isinstance(name, list | tuple) for name in names):
            msg = f"{_brief(architecture)} is no architecture of nasbench201: it needs six ops, one for each edge."
            raise ArchitectureError(msg)
        return names

    def _op(self, edge: int, name: Any) -> int:
        if isinstance(name, str) and name in OPS:
            return OPS.index(name)
        if isinstance(name, str) and re.fullmatch("[0-4]", name):
            return int(name)
        if isinstance(name, int | np.integer) and not isinstance(name, bool) and 0 <= name < len(OPS):
            return int(name)
        source, target = EDGES[edge]
        allowed = ", ".join(f"{digit} {op}" for digit, op in enumerate(OPS))
        msg = f"edge {source}->{target} holds {_brief(name)}, which is no op of nasbench201; allowed are {allowed}."
        raise ArchitectureError(msg)

    def genotype(self, code: ArrayLike) -> str:
        """The usual string of one code."""
        ops = [OPS[digit] for digit in self.check(np.asarray(code)[None])[0]]
        nodes, first = [], 0
        for count in (1, 2, 3):
            inner = "|".join(f"{op}~{source}" for source, op in enumerate(ops[first : first + count]))
            nodes.append(f"|{inner}|")
            first += count
        return "+".join(nodes)

    def forms(self, code: ArrayLike) -> dict[str, str]:
        """The usual string and the six digits of one code."""
        digits = self.check(np.asarray(code)[None])[0]
        return {"string": self.genotype(digits), "digits": "".join(map(str, digits))}

    def sample(self, n: int, rng: np.random.Generator) -> CodeArray:
        """Draws n codes, uint8 [n, 6], uniformly and independently."""
        return rng.integers(0, len(OPS), size=(n, 6), dtype=np.uint8)

    def mutate(self, codes: ArrayLike, rng: np.random.Generator) -> CodeArray:
        """Gives one edge of each code another op: each of the 24 neighbours with the same probability."""
        moved = self.check(codes).copy()
        rows = np.arange(len(moved))
        edge = rng.integers(0, len(EDGES), size=len(moved))
        step = rng.integers(1, len(OPS), size=len(moved), dtype=np.uint8)
        moved[rows, edge] = (moved[rows, edge] + step) % len(OPS)
        return moved

    def neighbours(self, code: ArrayLike) -> CodeArray:
        """The 24 codes with another op on one edge, uint8 [24, 6], by edge, then by op."""
        start = self.check(np.asarray(code)[None])[0]
        found = np.repeat(start[None], 24, axis=0)
        edge = np.repeat(np.arange(len(EDGES)), 4)
        others = np.stack([np.delete(np.arange(len(OPS), dtype=np.uint8), digit) for digit in start])
        found[np.arange(24), edge] = others.ravel()
        return found

    def canonical_keys(self, codes: ArrayLike) -> CodeArray:
        """uint8 [G, 16]: equal for architectures that compute the same (5,260 classes).

        What counts as the same is said in `nb301_ogb.spaces.nasbench201_canonical`.
        """
        return canonical.keys(self.check(codes))

    def connected(self, codes: ArrayLike) -> NDArray[np.bool_]:
        """bool [G]: whether any path of ops leads from the cell's input to its output (false for 341 codes)."""
        return self.depth(codes)[:, 0] > 0

    def depth(self, codes: ArrayLike) -> IntArray:
        """Nodes on the longest path of ops (none but `none`) from the cell's input to its output, both ends counted.

        Returns:
            int64 [G, 1], from 2 (the edge 0->3 alone) to 4 (0->1->2->3); 0 where there is no path.
        """
        table = self.check(codes)
        longest = np.zeros((len(table), 4), dtype=np.int64)
        longest[:, 0] = 1
        for edge, (source, target) in enumerate(EDGES):
            there = (table[:, edge] != canonical.NONE) & (longest[:, source] > 0)
            longest[:, target] = np.maximum(longest[:, target], np.where(there, longest[:, source] + 1, 0))
        return longest[:, 3:]

    def drawing(self, code: ArrayLike) -> str:
        """The cell of one code as an SVG document, with a title and a description in words."""
        return drawing(self.check(np.asarray(code)[None])[0], OPS)

    def graphs(self, codes: ArrayLike) -> GraphTable:
        """The graphs of a table of codes: 4 nodes each, an edge for each op that is not `none`."""
        table = self.check(codes)
        rows, edges = np.nonzero(table)
        node_feat = np.zeros((4 * len(table), 2), dtype=np.int64)
        node_feat[:, 0] = np.tile(_NODE_TYPE, len(table))
        return GraphTable(
            node_ptr=4 * np.arange(len(table) + 1, dtype=np.int64),
            edge_ptr=pointers((table != canonical.NONE).sum(axis=1)),
            node_feat=node_feat,
            edge_index=np.stack([canonical.SOURCE[edges], canonical.TARGET[edges]]),
            edge_feat=table[rows, edges].astype(np.int64)[:, None],
        )

    def codes(self, graphs: GraphTable) -> CodeArray:
        """The inverse of `graphs`, whatever the order of the edges: uint8 [G, 6]."""
        count = len(graphs)
        self._check_nodes(graphs)
        if graphs.edge_feat.shape[1] != 1:
            msg = f"a graph of nasbench201 has one edge column, the op; these have {graphs.edge_feat.shape[1]}."
            raise ArchitectureError(msg)
        slot_of = np.full((4, 4), -1)
        slot_of[canonical.SOURCE, canonical.TARGET] = np.arange(6)
        inside = ((graphs.edge_index >= 0) & (graphs.edge_index < 4)).all(axis=0)
        slot = np.where(inside, slot_of[tuple(graphs.edge_index % 4)], -1)
        owner, op = graphs.graph_of_edge(), graphs.edge_feat[:, 0]
        wrong = (slot < 0) | (op < 1) | (op >= len(OPS))
        found = np.zeros((count, 6), dtype=np.uint8)
        found[owner, slot] = op
        if wrong.any() or (found > 0).sum() != len(op):
            row = int(owner[wrong.argmax()]) if wrong.any() else _first_repeat(owner * 6 + slot) // 6
            msg = (
                f"graph {row} is no graph of nasbench201: its edges lead from a lower to a higher node, "
                "at most one for each pair, with an op from 1 to 4."
            )
            raise ArchitectureError(msg)
        return found

    @staticmethod
    def _check_nodes(graphs: GraphTable) -> None:
        wrong = np.diff(graphs.node_ptr) != len(_NODE_TYPE)
        if not wrong.any():
            columns = graphs.node_feat.shape[1]
            expected = np.zeros((len(_NODE_TYPE), 2), dtype=np.int64)
            expected[:, 0] = _NODE_TYPE
            nodes = graphs.node_feat.reshape(len(graphs), len(_NODE_TYPE), columns)
            wrong = (nodes != expected).any(axis=(1, 2)) if columns == 2 else np.ones(len(graphs), dtype=bool)
        if wrong.any():
            msg = (
                f"graph {wrong.argmax()} is no graph of nasbench201: its nodes are input, intermediate, intermediate, "
                "output, in this order, all in cell 0."
            )
            raise ArchitectureError(msg)

    @property
    def canonical_node_feat_dims(self) -> tuple[int, ...]:
        """In a canonical graph the ops stand on nodes: node types, then ops; one cell."""
        return (len(self.node_types) + len(OPS), 1)

    def canonical_graphs(self, codes: ArrayLike) -> GraphTable:
        """The contracted graphs: equivalent architectures give equal arrays.

        Nodes are the input, each convolution or pooling that the output depends on (node type 3 + its digit), and the
        output; edges hand values on (edge type `skip_connect`), one for each time that a value is added.
        """
        form = canonical.canonical(self.check(codes))
        present = form.op != canonical.NONE
        ops = present.sum(axis=1)
        node_ptr = pointers(ops + 2)
        node_feat = np.zeros((node_ptr[-1], 2), dtype=np.int64)
        rows, slots = np.nonzero(present)
        node_feat[node_ptr[rows] + 1 + slots, 0] = len(self.node_types) + form.op[rows, slots]
        node_feat[node_ptr[1:] - 1, 0] = 2
        # Consumers in the order of the nodes: the instances, then the output, which stands right behind the last one.
        uses = np.concatenate([form.inputs, form.output[:, None]], axis=1)
        rows, consumer, value = np.nonzero(uses)
        times = uses[rows, consumer, value]
        target = np.where(consumer == canonical.SLOTS, ops[rows] + 1, consumer + 1)
        return GraphTable(
            node_ptr=node_ptr,
            edge_ptr=pointers(uses.sum(axis=(1, 2))),
            node_feat=node_feat,
            edge_index=np.stack([np.repeat(value, times), np.repeat(target, times)]),
            edge_feat=np.full((int(times.sum()), 1), canonical.SKIP, dtype=np.int64),
        )


def _brief(value: Any) -> str:
    """The value for a message: on one line, not longer than about 120 characters."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 120
    return " ".join(short.repr(value).split())


def _first_repeat(values: NDArray) -> int:
    """The first value that stood earlier already."""
    _, first = np.unique(values, return_index=True)
    return int(np.delete(values, first)[0])


SPACE = NasBench201()
