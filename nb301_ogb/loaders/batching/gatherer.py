"""Keeps the plan for a dataset and renews it when the dataset changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch_geometric.loader.dataloader import Collater

from nb301_ogb.loaders.batching.cached import CachedGraphs
from nb301_ogb.loaders.batching.gather import Plan
from nb301_ogb.loaders.batching.plan import make_plan
from nb301_ogb.loaders.batching.source import NotVectorisable, Source, as_positions, find_source


class Gatherer:
    """Gathers batches of one dataset as one collation makes them, or tells why it cannot.

    Args:
        dataset: what the loader reads.
        collate: the loader's collation.
        device: where batches shall lie; None for where the arrays lie.
    """

    def __init__(self, dataset: Any, collate: Any, device: torch.device | None) -> None:
        self._dataset = dataset
        self._collate = collate
        self._device = device
        self._settings = _settings(collate)
        self._forget()

    @property
    def reason(self) -> str | None:
        """Why batches are left to PyG; None where they are gathered."""
        return self._reason

    def serves(self, collate: Any) -> bool:
        """Whether a collation is the one that batches are gathered after."""
        return collate is self._collate and _settings(collate) == self._settings

    def renew(self) -> Plan | None:
        """The plan, after a look at everything that a plan depends on; for the beginning of an epoch."""
        source, cached = self._source, self._cached
        unchanged = source is not None and source.watch.holds_inside()
        # Where there is no plan, PyG fills the dataset's cache, and nothing depends on it.
        if not unchanged or (self._plan is not None and cached is not None and not cached.agree()):
            self._make()
        return self._plan

    def plan(self) -> Plan | None:
        """The plan, after a look at what can be looked at for every batch; None where batches are left to PyG."""
        if self._plan is not None and not self._holds():
            self._make()
        return self._plan

    def gather(self, index: Any) -> Any:
        """The batch of the graphs at some positions of the dataset; None where it is left to PyG.

        Args:
            index: what a batch sampler yields.
        """
        plan = self.plan()
        if plan is None:
            return None
        positions = as_positions(index)
        located = None if positions is None else plan.locate(positions)
        return None if located is None else plan.gather(*located)

    def __getstate__(self) -> dict[str, Any]:
        """Without the plan: another process has its own copy of the arrays."""
        return {"_dataset": self._dataset, "_collate": self._collate, "_device": self._device}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._settings = _settings(self._collate)
        self._forget()

    def _forget(self) -> None:
        self._plan: Plan | None = None
        self._reason: str | None = None
        self._source: Source | None = None
        self._cached: CachedGraphs | None = None
        self._holds: Callable[[], bool] = bool

    def _make(self) -> None:
        self._forget()
        try:
            self._plan = self._analyse()
        except NotVectorisable as error:
            self._reason = str(error)
        if self._plan is None or self._source is None or self._device in (None, self._plan.device):
            return
        self._source.depend_on_values()
        self._plan = self._plan.on(self._device)

    def _analyse(self) -> Plan:
        if self._settings is None:
            msg = "the collation is not PyG's own"
            raise NotVectorisable(msg)
        follow, exclude = self._settings
        try:
            self._source = source = find_source(self._dataset)
            self._holds = source.watch.holds
            self._cached = cached = CachedGraphs(source)
            if not cached.agree():
                # Not worth a look before every batch: PyG gives these graphs until somebody drops them.
                self._source = None
                msg = "the graphs cached in dataset._data_list are not cut out of its arrays"
                raise NotVectorisable(msg)
            return make_plan(source, follow, exclude, self._collate)
        except NotVectorisable:
            raise
        except Exception as error:  # whatever is odd about a user's classes is for PyG to judge
            msg = f"the dataset cannot be analysed ({error})"
            raise NotVectorisable(msg) from error


def _settings(collate: Any) -> tuple[frozenset[str], frozenset[str]] | None:
    """The keys that a collation follows and excludes; None where it is not PyG's own."""
    if type(collate) is not Collater:
        return None
    keys = (collate.follow_batch, collate.exclude_keys)
    if not all(each is None or isinstance(each, (str, list, tuple, set, frozenset)) for each in keys):
        return None
    return frozenset(keys[0] or ()), frozenset(keys[1] or ())
