import pytest
import torch

from nb301_ogb import EdgeEncoder, NodeEncoder, PygGraphPropPredDataset, get_space
from nb301_ogb.errors import ArchitectureError
from nb301_ogb.loaders.in_memory import GraphTableDataset
from nb301_ogb.loaders.transforms import AddReverseEdges, Canonical, OpsOnNodes
from nb301_ogb.spaces import space_names

ENCODERS = [NodeEncoder, EdgeEncoder]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_sum_of_the_embeddings_of_the_columns(encoder):
    encode = encoder(5, (4, 3))
    features = torch.tensor([[0, 0], [3, 2], [3, 1]])
    first, second = (embedding.weight for embedding in encode.embeddings)
    by_hand = torch.stack([first[0] + second[0], first[3] + second[2], first[3] + second[1]])
    assert torch.equal(encode(features), by_hand)
    assert torch.equal(encode(features[:, :1]), first[features[:, 0]])
    assert encode(features[:0]).shape == (0, 5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradients_reach_the_rows_that_were_used(encoder):
    encode = encoder(5, (4, 3))
    encode(torch.tensor([[1, 0], [1, 2]])).sum().backward()
    first, second = (embedding.weight.grad[:, 0].tolist() for embedding in encode.embeddings)
    assert first == [0, 2, 0, 0]
    assert second == [1, 0, 1]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("row", [[4, 0], [0, 3], [-1, 0]])
def test_values_outside_of_the_vocabulary(encoder, row):
    with pytest.raises(IndexError):
        encoder(5, (4, 3))(torch.tensor([row]))


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("shape", [(2, 3), (2, 0), (2,), (1, 2, 2)])
def test_columns_that_the_encoder_does_not_know(encoder, shape):
    with pytest.raises(ArchitectureError, match=rf"{encoder.__name__} takes .* with 1 to 2 columns, not \[{shape[0]}"):
        encoder(5, (4, 3))(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("space", space_names())
def test_default_vocabularies_hold_every_dataset_transformed_or_not(space):
    torch.manual_seed(0)
    nodes, edges = NodeEncoder(3), EdgeEncoder(3)
    space = get_space(space)
    node_dims, edge_dims = ([embedding.num_embeddings for embedding in one.embeddings] for one in (nodes, edges))
    for steps in ([], [OpsOnNodes(space)], [Canonical(space)]):
        node, edge = space.node_feat_dims, space.edge_feat_dims
        for step in [*steps, AddReverseEdges()]:
            node, edge = step.dims(node, edge)
        assert all(size <= known for size, known in zip(node, node_dims, strict=True))
        assert all(size <= known for size, known in zip(edge, edge_dims, strict=True))


def test_the_whole_of_a_dataset():
    dataset = PygGraphPropPredDataset("nb201-cifar10", pre_transform=AddReverseEdges())
    data = dataset._data
    for nodes, edges in (
        (NodeEncoder(3), EdgeEncoder(3)),
        (NodeEncoder(3, dataset.node_feat_dims), EdgeEncoder(3, dataset.edge_feat_dims)),
    ):
        assert nodes(data.x).shape == (4 * 15_625, 3)
        assert edges(data.edge_attr).shape == (150_000, 3)
    darts = get_space("darts")
    codes = darts.neighbours(darts.parse(darts.genotype_forms["genotype"]))
    one = GraphTableDataset(darts.graphs(codes))._data
    assert NodeEncoder(3, darts.node_feat_dims)(one.x).isfinite().all()
    assert EdgeEncoder(3, darts.edge_feat_dims)(one.edge_attr).isfinite().all()


def test_names_of_the_arguments_are_those_of_ogb():
    """OGB's example models write `BondEncoder(emb_dim=...)`."""
    for encoder in ENCODERS:
        assert encoder(emb_dim=7)(torch.zeros(2, 1, dtype=torch.long)).shape == (2, 7)


def test_a_seed_decides_the_weights():
    def weights(seed):
        torch.manual_seed(seed)
        return torch.cat([weight.ravel() for weight in NodeEncoder(4).parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize("values", [(0, -1), (0, 3), (-1, 2), (4, 0)])
def test_a_value_outside_of_its_column_is_no_other_combination(values):
    encoder = EdgeEncoder(5, (4, 3))
    with pytest.raises(IndexError, match=r"column [01] of the features"):
        encoder(torch.tensor([(0, 0), values]))


def test_sums_of_combinations_are_those_of_the_columns():
    torch.manual_seed(0)
    encoder = EdgeEncoder(5, (4, 3))
    features = torch.cartesian_prod(torch.arange(4), torch.arange(3))
    first, second = encoder.embeddings
    expected = first(features[:, 0]) + second(features[:, 1])
    found = encoder(features)
    assert torch.equal(found, expected)
    found.sum().backward()
    assert torch.equal(first.weight.grad, torch.full((4, 5), 3.0))
    assert torch.equal(second.weight.grad, torch.full((3, 5), 4.0))
