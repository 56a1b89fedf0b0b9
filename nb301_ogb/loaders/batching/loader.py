"""A drop-in for PyG's `DataLoader` that gathers whole batches from a dataset's arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch._C._autograd import _profiler_enabled
from torch.utils.data import Dataset, get_worker_info
from torch.utils.data._utils.pin_memory import pin_memory
from torch.utils.data.dataloader import (
    _BaseDataLoaderIter,
    _DatasetKind,
    _MultiProcessingDataLoaderIter,
    _SingleProcessDataLoaderIter,
)
from torch_geometric.loader import DataLoader

from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.batching.gatherer import Gatherer
from nb301_ogb.loaders.batching.order import Order


class FastDataLoader(DataLoader):
    """PyG's `DataLoader`, many times faster where a dataset's graphs are cut out of arrays.

    Batches are equal to those of `torch_geometric.loader.DataLoader` in every attribute, in order, and in the random
    numbers that are drawn. PyG takes the graphs one by one and joins them again; this loader gathers a batch from the
    arrays of an `InMemoryDataset` (or of a subset of one: `dataset[index]`, `torch.utils.data.Subset`) at once.

    What cannot be gathered so is left to PyG's own collation, batch for batch the same: datasets with a `transform` or
    with their own `get`, `len` or `__getitem__`, heterogeneous graphs, attributes that are no plain tensors, and
    whatever else `fallback_reason` tells. A class of graphs with its own `__inc__` or `__cat_dim__` is asked graph by
    graph before the first batch.

    A changed dataset is noticed: writes into its tensors, other tensors, another subset, a transform that is set
    later. Writes that torch does not count (through numpy or `tensor.data`) are seen too as long as `device` is None.
    Batches own their memory.

    Args:
        dataset: as for PyG's loader.
        batch_size: graphs in a batch.
        shuffle: whether the order is drawn anew for every epoch.
        follow_batch: attributes that get the vectors `<key>_batch` and `<key>_ptr`.
        exclude_keys: attributes that are left out.
        device: where batches shall lie. The arrays are copied there once and batches are gathered there; the loader
            then works in this process, so that it goes with `num_workers=0` only. None leaves them where they are.
        **kwargs: of `torch.utils.data.DataLoader`.

    Raises:
        ConfigError: for `device` together with `num_workers`.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        follow_batch: list[str] | None = None,
        exclude_keys: list[str] | None = None,
        *,
        device: torch.device | str | int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset, batch_size, shuffle, follow_batch, exclude_keys, **kwargs)
        if device is not None and self.num_workers > 0:
            msg = (
                f"FastDataLoader got device={device!r} and num_workers={self.num_workers}: batches on a device are "
                "gathered there by this process, so leave num_workers at 0."
            )
            raise ConfigError(msg)
        self.device = device
        # A device such as "cuda" has its number only once something lies there.
        place = None if device is None else torch.empty(0, device=device).device
        self._place = place
        self._gatherer = Gatherer(self.dataset, self.collate_fn, place)

    @property
    def fallback_reason(self) -> str | None:
        """Why PyG's own collation makes the batches; None where they are gathered from arrays."""
        gatherer = self._current()
        gatherer.renew()
        return gatherer.reason

    def _current(self) -> Gatherer:
        if not self._gatherer.serves(self.collate_fn):
            self._gatherer = Gatherer(self.dataset, self.collate_fn, self._place)
        return self._gatherer

    def _get_iterator(self) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return _GatheringIter(self, self._current(), self._place)
        if self._dataset_kind != _DatasetKind.Map or not self._auto_collation:
            return super()._get_iterator()
        # Made before the workers are, a plan need not be made in each of them.
        self._current().renew()
        # The iterator reads its settings off a loader; this one's dataset gathers in the workers.
        loader = copy.copy(self)
        loader.__dict__.update(
            dataset=_WorkerDataset(self.dataset, self._current()),
            collate_fn=_WorkerCollate(self.collate_fn),
            worker_init_fn=_WorkerInit(self.dataset, self.worker_init_fn),
        )
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(loader)


class _GatheringIter(_SingleProcessDataLoaderIter):
    """Torch's iterator in this process, with batches gathered where that is possible."""

    def __init__(self, loader: FastDataLoader, gatherer: Gatherer, place: torch.device | None) -> None:
        super().__init__(loader)
        self._gatherer = gatherer
        self._place = place
        self._order = Order(loader.batch_sampler) if Order.understands(loader.batch_sampler) else None
        gatherer.renew()

    def __next__(self) -> Any:
        if self._order is None or _profiler_enabled():
            return super().__next__()
        # Without the record for the profiler, which costs a fifth of a small batch.
        data = self._from_order(self._order)
        self._num_yielded += 1
        return self._pinned(data) if self._pin_memory else data

    def _next_data(self) -> Any:
        if self._order is not None:
            data = self._from_order(self._order)
        else:
            index = next(self._sampler_iter)
            data = self._gatherer.gather(index)
            if data is None:
                data = self._from_pyg(index)
        return self._pinned(data) if self._pin_memory else data

    def _from_order(self, order: Order) -> Any:
        plan = self._gatherer.plan()
        located = order.take(plan)
        return self._from_pyg(order.positions()) if plan is None or located is None else plan.gather(*located)

    def _pinned(self, data: Any) -> Any:
        elsewhere = self._place is not None and self._place.type != "cpu"
        return data if elsewhere else pin_memory(data, self._pin_memory_device)

    def _from_pyg(self, index: Any) -> Any:
        data = self._dataset_fetcher.fetch(index)
        return data if self._place is None else _moved(data, self._place)


class _WorkerDataset(Dataset):
    """Stands for a dataset in a worker: gives a whole batch where it can be gathered, graphs otherwise."""

    def __init__(self, dataset: Any, gatherer: Gatherer) -> None:
        self._dataset = dataset
        self._gatherer = gatherer
        self._renewed = False

    def __getitems__(self, index: Any) -> Any:
        if not self._renewed:
            self._gatherer.renew()
            self._renewed = True
        batch = self._gatherer.gather(index)
        if batch is not None:
            return _Gathered(batch)
        get_all = getattr(self._dataset, "__getitems__", None)
        return get_all(index) if get_all else [self._dataset[position] for position in index]

    def __len__(self) -> int:
        return len(self._dataset)


class _Gathered:
    """Marks a batch that needs no collation."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch


class _WorkerCollate:
    def __init__(self, collate: Callable[[Any], Any]) -> None:
        self._collate = collate

    def __call__(self, data: Any) -> Any:
        return data.batch if type(data) is _Gathered else self._collate(data)


class _WorkerInit:
    """Shows the user's dataset to the user's function and to `get_worker_info`."""

    def __init__(self, dataset: Any, function: Callable[[int], None] | None) -> None:
        self._dataset = dataset
        self._function = function

    def __call__(self, worker: int) -> None:
        # Past the guard that keeps users from changing it.
        object.__setattr__(get_worker_info(), "dataset", self._dataset)
        if self._function is not None:
            self._function(worker)


def _moved(data: Any, device: torch.device) -> Any:
    if hasattr(data, "to"):
        return data.to(device)
    if isinstance(data, Mapping):
        return {key: _moved(value, device) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(_moved(value, device) for value in data))
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [_moved(value, device) for value in data]
    return data
