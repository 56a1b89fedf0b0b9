"""FastDataLoader draws, samples, forks and pins as PyG's loader does."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import (
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
    get_worker_info,
    random_split,
)
from torch.utils.data.distributed import DistributedSampler
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

import nb301_ogb
from nb301_ogb import FastDataLoader
from nb301_ogb.errors import ConfigError
from tests.loaders.batching_graphs import (
    assert_all_equal,
    assert_equal,
    assert_loads_equal,
    both_loaders,
    darts_graphs,
    epoch,
    nasbench201_graphs,
    ragged_graphs,
)

DATASETS = {"regular": darts_graphs, "mixed": nasbench201_graphs, "ragged": ragged_graphs}
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def test_it_is_pygs_loader():
    assert nb301_ogb.FastDataLoader is FastDataLoader
    assert issubclass(FastDataLoader, DataLoader)
    fast, reference = both_loaders(ragged_graphs(9), batch_size=4, drop_last=True)
    assert len(fast) == len(reference) == 2
    assert len(iter(fast)) == len(iter(reference))
    assert {name for name in vars(reference) if name not in vars(fast)} == set()


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 4, 12, 13])
def test_a_shared_generator_stands_the_same_at_every_moment(batch_size, drop_last):
    traces = []
    for kind in (FastDataLoader, DataLoader):
        generator = torch.Generator().manual_seed(7)
        loader = kind(darts_graphs(12), batch_size, shuffle=True, generator=generator, drop_last=drop_last)
        trace = []
        for _ in range(2):
            batches = iter(loader)
            trace.append(generator.get_state().tolist())
            while (batch := next(batches, None)) is not None:
                trace.append((batch.y.tolist(), torch.rand((), generator=generator).item()))
            trace.append(torch.rand((), generator=generator).item())
        traces.append(trace)
    assert traces[0] == traces[1]


def test_the_global_generator_stands_the_same_at_every_moment():
    traces = []
    for kind in (FastDataLoader, DataLoader):
        torch.manual_seed(3)
        trace = []
        for batch in kind(darts_graphs(7), batch_size=3, shuffle=True):
            trace.append((batch.y.tolist(), torch.rand(()).item()))
        traces.append([*trace, torch.rand(()).item()])
    assert traces[0] == traces[1]


class Listed(torch.utils.data.Sampler):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)


SAMPLERS = {
    "sequential": SequentialSampler,
    "random": RandomSampler,
    "with replacement": lambda dataset: RandomSampler(dataset, replacement=True, num_samples=40),
    "more than there are": lambda dataset: RandomSampler(dataset, num_samples=2 * len(dataset) + 1),
    "subset": lambda dataset: SubsetRandomSampler([3, 1, 2, 2]),
    "subset in a tensor": lambda dataset: SubsetRandomSampler(torch.tensor([3, 1, 2, 2])),
    "weighted": lambda dataset: WeightedRandomSampler([1.0] * len(dataset), 7),
    "negative": lambda dataset: Listed([-1, 0, -len(dataset), 2]),
    "numpy": lambda dataset: Listed(np.array([4, 4, 0])),
    "of another dataset": lambda dataset: SequentialSampler(range(4)),
}


@pytest.mark.parametrize("name", sorted(SAMPLERS))
@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_samplers(kind, name):
    dataset = DATASETS[kind]()
    torch.manual_seed(0)
    assert_loads_equal(dataset, batch_size=3, sampler=SAMPLERS[name](dataset), epochs=2)


@pytest.mark.parametrize(
    "batches",
    [
        [[0, 1], (2, 3)],
        [torch.tensor([1, 2]), torch.tensor([0])],
        [np.array([1, 2]), np.array([0])],
        [np.array([1, 2], dtype=np.int32)],
        [[True, 2], [np.int32(4), 1]],
        [[torch.tensor(2), torch.tensor(1)]],
        [[torch.tensor(2), 1]],
        [range(3), range(4, 1, -1)],
    ],
)
def test_batch_samplers(batches):
    assert_loads_equal(ragged_graphs(), batch_sampler=batches)


@pytest.mark.parametrize("index", [[0, 9], [-10], [0.0, 1], [], ["x"], [torch.tensor([1])], [2**70]])
def test_indices_that_mean_nothing_fail_as_with_pyg(index):
    fast, reference = both_loaders(ragged_graphs(9), batch_sampler=[index])
    assert fast.fallback_reason is None
    with pytest.raises(Exception) as expected:  # noqa: PT011
        list(reference)
    with pytest.raises(type(expected.value)):
        list(fast)


def test_subsets_of_subsets():
    dataset = nasbench201_graphs()
    first, second = random_split(dataset[4:], [10, 6], generator=torch.Generator().manual_seed(0))
    assert_loads_equal(first, batch_size=4, shuffle=True)
    assert_loads_equal(Subset(second, [5, -1, 0, 0]), batch_size=3)
    assert_loads_equal(Subset(dataset, np.array([5, -1, 0, 0])), batch_size=3)
    assert_loads_equal(Subset(dataset[torch.arange(7)], range(6, 0, -2)), batch_size=2)
    assert_loads_equal(dataset.shuffle(), batch_size=6)


def test_an_empty_subset_gives_no_batches():
    assert_loads_equal(ragged_graphs()[:0], gathered=False, batch_size=2)


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_distributed_sampler(kind):
    dataset = DATASETS[kind]()
    for rank in range(2):
        fast, reference = (
            make(dataset, batch_size=3, sampler=DistributedSampler(dataset, num_replicas=2, rank=rank, seed=5))
            for make in (FastDataLoader, DataLoader)
        )
        for number in range(2):
            fast.sampler.set_epoch(number)
            reference.sampler.set_epoch(number)
            assert_all_equal(list(fast), list(reference))


def test_two_epochs_at_once():
    fast, reference = both_loaders(ragged_graphs(), batch_size=2, shuffle=True)
    pairs = []
    for loader in (fast, reference):
        torch.manual_seed(1)
        pairs.append(list(zip(loader, loader, strict=True)))
    for batches, expected in zip(*pairs, strict=True):
        assert_all_equal(batches, expected)


def forbid_single_graphs(worker: int) -> None:
    """Leaves a worker without the means to take graphs one by one."""
    import torch_geometric.data.in_memory_dataset as module

    module.separate = None


class NamesWorker:
    """A transform that a worker sets on its copy of the dataset."""

    def __init__(self, worker):
        self.worker = worker

    def __call__(self, data):
        data.worker = self.worker
        return data


def set_transform(worker: int) -> None:
    get_worker_info().dataset.transform = NamesWorker(worker)


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_workers_gather(kind):
    settings = {"batch_size": 4, "shuffle": True, "num_workers": 2, "prefetch_factor": 3}
    fast = FastDataLoader(DATASETS[kind](), worker_init_fn=forbid_single_graphs, **settings)
    reference = DataLoader(DATASETS[kind](), **settings)
    assert fast.fallback_reason is None
    batches, state = epoch(fast)
    expected, expected_state = epoch(reference)
    assert_all_equal(batches, expected)
    assert torch.equal(state, expected_state)
    assert all(value.is_shared() for value in (batches[0].x, expected[0].x))


def test_persistent_workers():
    assert_loads_equal(ragged_graphs(), batch_size=4, shuffle=True, num_workers=1, persistent_workers=True, epochs=3)


def test_workers_see_the_users_dataset():
    fast, reference = both_loaders(ragged_graphs(), batch_size=3, num_workers=2, worker_init_fn=set_transform)
    batches, expected = list(fast), list(reference)
    assert [batch.worker.tolist() for batch in batches] == [[0] * 3, [1] * 3, [0] * 3]
    assert_all_equal(batches, expected)


def test_workers_of_what_cannot_be_gathered():
    dataset = ragged_graphs()
    dataset.transform = NamesWorker(9)
    assert_loads_equal(dataset, gathered=False, batch_size=4, num_workers=1)
    graphs = list(ragged_graphs())
    assert_loads_equal(graphs, gathered=False, batch_size=4, num_workers=1)


@pytest.mark.slow
def test_spawned_workers():
    assert_loads_equal(ragged_graphs(), batch_size=4, num_workers=1, multiprocessing_context="spawn")


def test_pickling():
    fast, reference = both_loaders(ragged_graphs(), batch_size=4)
    batches, expected = list(fast), list(reference)
    for batch, other in zip(batches, expected, strict=True):
        assert_equal(pickle.loads(pickle.dumps(batch)), pickle.loads(pickle.dumps(other)))
    again = pickle.loads(pickle.dumps(FastDataLoader(ragged_graphs(), batch_size=4)))
    assert again.fallback_reason is None
    assert_all_equal(list(again), expected)
    assert_all_equal(list(copy.deepcopy(fast)), expected)


def test_batches_behave():
    fast, reference = both_loaders(darts_graphs(), batch_size=5)
    for batch, other in zip(fast, reference, strict=True):
        assert_equal(batch.detach_(), other.detach_())
        assert_equal(batch.clone(), other.clone())
        assert_equal(Batch.from_data_list(batch.to_data_list()), Batch.from_data_list(other.to_data_list()))
        batch.y.requires_grad_().square().sum().backward()
        assert torch.equal(batch.y.grad, 2 * other.y)


def test_profiling_shows_the_loader():
    loader = FastDataLoader(darts_graphs(), batch_size=4)
    with torch.profiler.profile() as profile:
        batches = list(loader)
    assert_all_equal(batches, list(DataLoader(darts_graphs(), batch_size=4)))
    assert any("DataLoader" in event.key for event in profile.key_averages())


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")
def test_pinning_without_an_accelerator_warns_as_torch_does():
    for loader in both_loaders(darts_graphs(), batch_size=4, pin_memory=True):
        with pytest.warns(UserWarning, match="pin_memory"):
            assert not next(iter(loader)).x.is_pinned()


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("workers", [0, 1])
def test_pinning(workers):
    fast, reference = both_loaders(ragged_graphs(), batch_size=4, pin_memory=True, num_workers=workers)
    for batch, expected in zip(fast, reference, strict=True):
        assert batch.x.is_pinned()
        assert batch.ptr.is_pinned()
        assert_equal(batch, expected)


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("kind", sorted(DATASETS))
@pytest.mark.parametrize("device", ["cpu", "meta", pytest.param("cuda", marks=[pytest.mark.gpu, needs_cuda])])
def test_device(device, kind, subset):
    dataset = DATASETS[kind]()
    dataset = dataset[torch.tensor([7, 1, 1, 0, 5])] if subset else dataset
    settings = {"batch_size": 3, "shuffle": True, "follow_batch": ["edge_index", "y"]}
    fast = FastDataLoader(dataset, device=device, **settings)
    assert fast.fallback_reason is None
    batches, expected = epoch(fast)[0], epoch(DataLoader(dataset, **settings))[0]
    for batch, reference in zip(batches, expected, strict=True):
        reference = reference.to(device)
        if device != "meta":
            assert_equal(batch, reference)
            continue
        # Without values, but with every shape and place.
        forms = [
            {key: (value.shape, value.dtype, value.device) for key, value in each if isinstance(value, torch.Tensor)}
            for each in (batch, reference)
        ]
        assert forms[0] == forms[1]
        assert all(torch.equal(batch._slice_dict[key], value) for key, value in reference._slice_dict.items())
        assert all(torch.equal(batch._inc_dict[key], value) for key, value in reference._inc_dict.items())


@pytest.mark.gpu
@needs_cuda
def test_a_dataset_on_a_device_of_its_own():
    assert_loads_equal(nasbench201_graphs().to("cuda"), batch_size=4, shuffle=True)
    dataset = nasbench201_graphs()
    fast = FastDataLoader(nasbench201_graphs().to("cuda")[2:], batch_size=4, device="cpu", pin_memory=True)
    assert_all_equal(list(fast), list(DataLoader(dataset[2:], batch_size=4, pin_memory=True)))


def test_device_of_what_cannot_be_gathered():
    dataset = ragged_graphs()
    dataset.transform = NamesWorker(0)
    batch = next(iter(FastDataLoader(dataset, batch_size=4, device="meta")))
    assert batch.x.device.type == batch.batch.device.type == "meta"
    pairs = [(graph, graph.y) for graph in ragged_graphs()]
    graphs, labels = next(iter(FastDataLoader(pairs, batch_size=4, device="meta")))
    assert graphs.x.device.type == labels.device.type == "meta"


def test_device_and_workers_do_not_go_together():
    with pytest.raises(ConfigError, match="num_workers at 0"):
        FastDataLoader(darts_graphs(), device="cpu", num_workers=1)
