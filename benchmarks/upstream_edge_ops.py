"""How many ops of NAS-Bench-301's published graphs stand on a wrong edge, and how many of ours.

    python benchmarks/upstream_edge_ops.py [--count 20000] [--seed 0]

The published code (github.com/automl/nasbench301 at commit 61c670e, `surrogate_models/gnn/gnn_utils.py`) lists the ops
of a cell by the number of their edge, which is the order of (target, source), and the edges by `nonzero` of the
adjacency matrix, which is the order of (source, target), and pairs the two lists place by place. This is written here
anew, from that description, to count what it does. Ours are read back from the graphs of `nb301_ogb`.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.spaces import get_space
from nb301_ogb.spaces.graphs import CodeArray

SPACE = get_space("darts")
TARGETS = np.array([2, 2, 3, 3, 4, 4, 5, 5])


def published_ops(codes: CodeArray) -> NDArray[np.uint8]:
    """uint8 [G, 2, 8]: for each op edge, in the order of the code, the op that the published pairing gives it."""
    cells = codes.reshape(-1, 2, 16)
    ops, sources = cells[..., :8], cells[..., 8:].astype(np.int64)
    by_source = np.argsort(sources * 8 + TARGETS, axis=2)  # the edges in the order of `nonzero`
    found = np.empty_like(ops)
    np.put_along_axis(found, by_source, ops, axis=2)
    return found


def our_ops(codes: CodeArray) -> NDArray[np.int64]:
    """int64 [G, 2, 8]: for each op edge, in the order of the code, the op that the graph holds on this very edge.

    Raises:
        AssertionError: where a graph has no edge, or several, between the nodes that the code names.
    """
    graphs = SPACE.graphs(codes)
    number = len(codes)
    sources, targets = graphs.edge_index.reshape(2, number, -1)
    kinds = graphs.edge_feat.reshape(number, -1)
    found = np.empty((number, 2, 8), dtype=np.int64)
    for cell in range(2):
        for place, target in enumerate(TARGETS):
            source = codes[:, 16 * cell + 8 + place].astype(np.int64)[:, None] + 7 * cell
            here = (sources == source) & (targets == target + 7 * cell)
            assert (here.sum(axis=1) == 1).all()
            found[:, cell, place] = kinds[here] - 1
    return found


def wrong_shares(found: NDArray, codes: CodeArray) -> tuple[float, float]:
    """The share of op edges with another op than the code says, and of architectures with such an edge."""
    wrong = found != codes.reshape(-1, 2, 16)[..., :8]
    return float(wrong.mean()), float(wrong.any(axis=(1, 2)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="random architectures")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    codes = SPACE.sample(args.count, np.random.default_rng(args.seed))
    print(f"{args.count:,} random architectures (seed {args.seed}), {16 * args.count:,} op edges")
    for name, ops in (("published pairing", published_ops(codes)), ("nb301_ogb", our_ops(codes))):
        edges, architectures = wrong_shares(ops, codes)
        print(f"{name}: {edges:.2%} of the op edges hold a wrong op, {architectures:.2%} of the architectures have one")


if __name__ == "__main__":
    main()
