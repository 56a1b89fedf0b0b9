"""Batches of FastDataLoader are those of PyG's loader, for whatever graphs."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Subset
from torch_geometric.data import Data

from nb301_ogb import PygGraphPropPredDataset
from tests.loaders.batching_graphs import (
    ArrayDataset,
    assert_loads_equal,
    darts_graphs,
    from_graphs,
    nasbench201_graphs,
    ragged_graphs,
)

ADDABLE = (torch.int64, torch.int32, torch.int16, torch.uint8, torch.float32, torch.float64)
ANY = (*ADDABLE, torch.int8, torch.bool, torch.float16, torch.bfloat16, torch.complex64)


def values(shape, dtype, rng):
    return (torch.rand(shape, generator=rng) * 5).to(dtype)


# What an attribute of a graph may be, by name: (nodes, edges, dtype, generator) -> value. Names matter to PyG.
NODE_LEVEL = {
    "x": lambda n, e, dtype, rng: values((n, 2), dtype, rng),
    "pos": lambda n, e, dtype, rng: values((n, 2, 2), dtype, rng),
    "node_weight": lambda n, e, dtype, rng: values((n,), dtype, rng),
}
OTHERS = {
    "edge_attr": lambda n, e, dtype, rng: values((e, 1), dtype, rng),
    "edge_weight": lambda n, e, dtype, rng: values((e,), dtype, rng),
    "y": lambda n, e, dtype, rng: values((1, 2), dtype, rng),
    "level": lambda n, e, dtype, rng: values((), dtype, rng),
    "per_graph": lambda n, e, dtype, rng: values((3,), dtype, rng),
    "cube": lambda n, e, dtype, rng: values((2, 1, 2, 3), dtype, rng),
    "whole": lambda n, e, dtype, rng: int(torch.randint(0, 9, (), generator=rng)),
    "real": lambda n, e, dtype, rng: float(torch.rand((), generator=rng)),
    "truth": lambda n, e, dtype, rng: bool(torch.rand((), generator=rng) < 0.5),
    "nothing": lambda n, e, dtype, rng: values((0, 4), dtype, rng),
    "odd_sized": lambda n, e, dtype, rng: values(((n * e) % 3, 2), dtype, rng),
}
INDICES = {
    "edge_index": lambda n, e, dtype, rng: values((2, e), dtype, rng),
    "face": lambda n, e, dtype, rng: values((3, (n + e) % 4), dtype, rng),
    "pair_index": lambda n, e, dtype, rng: values((n,), dtype, rng),
    "index_of_one": lambda n, e, dtype, rng: values((1,), dtype, rng),
    "split_batch": lambda n, e, dtype, rng: values((n,), dtype, rng),
}


@st.composite
def graph_lists(draw, kind=Data):
    """2 to 6 graphs with the same attributes, of one size or of several."""
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    kept = {}
    counted = draw(st.booleans())
    for recipes, dtypes in ((NODE_LEVEL, ANY), (OTHERS, ANY), (INDICES, ADDABLE)):
        for name in draw(st.lists(st.sampled_from(sorted(recipes)), unique=True)):
            kept[name] = (recipes[name], draw(st.sampled_from(dtypes)))
    if not kept or not (counted or set(kept) & set(NODE_LEVEL)):
        kept["x"] = (NODE_LEVEL["x"], torch.int64)
    order = draw(st.permutations(sorted(kept)))
    count = draw(st.integers(2, 6))
    if draw(st.booleans()):
        sizes = [(draw(st.integers(1, 3)), draw(st.integers(0, 3)))] * count
    else:
        sizes = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), min_size=count, max_size=count))
    graphs = []
    for nodes, edges in sizes:
        graph = kind(**{name: kept[name][0](nodes, edges, kept[name][1], rng) for name in order})
        if counted:
            # A number of nodes above that of any attribute is legal: the rest are isolated.
            graph.num_nodes = nodes + (0 if set(kept) & set(NODE_LEVEL) else 1)
        graphs.append(graph)
    return graphs


@st.composite
def subsets(draw, dataset):
    """The dataset itself or some subset of it, positions repeated and in any order."""
    for _ in range(draw(st.integers(0, 2))):
        size = len(dataset)
        places = draw(st.lists(st.integers(-size, size - 1), min_size=1, max_size=8))
        form = draw(st.sampled_from(["list", "tensor", "slice", "subset", "subset of tensor"]))
        if form.startswith("subset"):
            dataset = Subset(dataset, torch.tensor(places) if form.endswith("tensor") else places)
        elif isinstance(dataset, Subset):
            continue
        elif form == "slice":
            dataset = dataset[:: draw(st.sampled_from([-1, 1, 2]))]
        else:
            dataset = dataset[torch.tensor(places) if form == "tensor" else places]
    return dataset


@settings(max_examples=100)
@given(st.data())
def test_batches_equal_those_of_pyg(data):
    graphs = data.draw(graph_lists())
    keys = list(graphs[0]._store.keys())
    dataset = data.draw(subsets(from_graphs(graphs)))
    exclude = data.draw(st.lists(st.sampled_from(keys), unique=True, max_size=2))
    assert_loads_equal(
        dataset,
        gathered=bool(set(keys) - set(exclude) - {"num_nodes"}),
        batch_size=data.draw(st.integers(1, len(dataset) + 1)),
        shuffle=data.draw(st.booleans()),
        drop_last=data.draw(st.booleans()),
        follow_batch=data.draw(st.none() | st.lists(st.sampled_from([*keys, "absent"]), unique=True, max_size=3)),
        exclude_keys=exclude,
        epochs=2,
    )


class PairData(Data):
    """Two graphs in one, joined by rules of its own, as in PyG's documentation."""

    def __inc__(self, key, value, *args, **kwargs):
        if key == "edge_index_s":
            return self.x_s.size(0)
        if key == "edge_index_t":
            return torch.tensor(self.x_t.size(0))
        if key == "between_index":
            return torch.tensor([[self.x_s.size(0)], [self.x_t.size(0)]])
        return super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key, value, *args, **kwargs):
        return {"stacked": None, "wide": 1, "thin": 1}.get(key, super().__cat_dim__(key, value, *args, **kwargs))


@settings(max_examples=40)
@given(st.data())
def test_rules_of_a_class_of_its_own(data):
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 2**16)))
    regular = data.draw(st.booleans())
    graphs = []
    for number in range(data.draw(st.integers(2, 5))):
        s, t = (2, 3) if regular else (1 + number % 3, 1 + (number * 2) % 3)
        edges = 4 if regular else (number * 3) % 5
        graphs.append(
            PairData(
                x_s=torch.rand(s, 2, generator=rng),
                x_t=torch.rand(t, generator=rng),
                edge_index_s=torch.randint(0, s, (2, edges), generator=rng),
                edge_index_t=torch.randint(0, t, (2, edges + 1), generator=rng),
                between_index=torch.randint(0, min(s, t), (2, edges), generator=rng),
                split_batch=torch.randint(0, 3, (s,), generator=rng),
                stacked=torch.rand(2, 3, generator=rng),
                wide=torch.rand(2, edges, 2, generator=rng),
                thin=torch.rand(2, 1, 3, 2, generator=rng),
                number=torch.tensor(number),
            )
        )
    assert_loads_equal(
        data.draw(subsets(from_graphs(graphs))),
        batch_size=data.draw(st.integers(1, 4)),
        shuffle=True,
        follow_batch=["x_s", "x_t", "wide"],
    )


def test_shapes_of_the_projects_datasets():
    for dataset in (darts_graphs(), nasbench201_graphs(), ragged_graphs()):
        assert_loads_equal(dataset, batch_size=4, shuffle=True, epochs=3)
        assert_loads_equal(dataset[torch.tensor([5, 2, 2, 7, 0])], batch_size=2)


def test_the_embedded_dataset():
    dataset = PygGraphPropPredDataset("ogbg-nb201-cifar10")
    part = dataset[dataset.get_idx_split("few_shot_781")["train"]]
    assert_loads_equal(part, batch_size=256, shuffle=True, follow_batch=["edge_index"])


def test_all_graphs_without_edges():
    graphs = [Data(x=torch.rand(n, 2), edge_index=torch.empty(2, 0, dtype=torch.int64)) for n in (2, 1, 3)]
    assert_loads_equal(from_graphs(graphs), batch_size=2, follow_batch=["edge_index"])


def test_graphs_without_nodes():
    graphs = [Data(x=torch.rand(n, 2), edge_index=torch.empty(2, 0, dtype=torch.int64)) for n in (0, 0, 0)]
    assert_loads_equal(from_graphs(graphs), batch_size=2)


def test_nan_and_infinity_are_kept():
    graphs = [Data(x=torch.tensor([[float("nan"), float("inf")]]), y=float("nan")) for _ in range(3)]
    assert_loads_equal(from_graphs(graphs), batch_size=2)


def test_attributes_without_nodes_have_no_batch_vector():
    graphs = [Data(y=torch.rand(1), weight=torch.rand(number)) for number in range(4)]
    assert_loads_equal(from_graphs(graphs), batch_size=3, follow_batch=["weight"])


def test_arrays_that_are_not_contiguous():
    rows = torch.randint(0, 3, (12, 2))
    data = Data(edge_index=rows.t(), x=torch.rand(2, 8).t(), y=torch.rand(4, 3)[:, 1])
    slices = {"edge_index": torch.tensor([0, 3, 6, 9, 12]), "x": torch.arange(0, 9, 2), "y": torch.arange(5)}
    assert_loads_equal(ArrayDataset(data, slices), batch_size=3, shuffle=True)
    slices["edge_index"] = torch.tensor([0, 5, 5, 6, 12])
    assert_loads_equal(ArrayDataset(data, slices), batch_size=3, shuffle=True)


def test_slices_that_leave_out_the_ends_of_an_array():
    data = Data(x=torch.arange(20.0).reshape(10, 2), edge_index=torch.arange(24).reshape(2, 12))
    slices = {"x": torch.tensor([1, 3, 5, 7]), "edge_index": torch.tensor([2, 2, 5, 11])}
    assert_loads_equal(ArrayDataset(data, slices), batch_size=2)


def test_attributes_of_the_dataset_beside_the_graphs():
    # GraphGym keeps the rows of a split beside the graphs, and takes them out once it has its loaders.
    dataset = darts_graphs()
    dataset._data["train_graph_index"] = torch.tensor([0, 3, 4, 9, 11])
    dataset.slices["train_graph_index"] = torch.tensor([0, 5])
    rows = dataset._data["train_graph_index"]
    part = dataset[rows]
    del dataset._data["train_graph_index"]
    assert_loads_equal(part, batch_size=2, shuffle=True)
    dataset._data["note"] = torch.arange(3)
    assert_loads_equal(dataset, batch_size=5)


def test_many_batch_sizes():
    dataset = ragged_graphs(12)
    batches = [list(range(size)) for size in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 12)]
    assert_loads_equal(dataset, batch_sampler=batches, epochs=2)
