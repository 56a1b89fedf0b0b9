"""Notices when what a plan was made from has changed."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter, is_not, itemgetter
from typing import Any

import numpy as np
from torch import Tensor

_version = attrgetter("_version")


class Watch:
    """Remembers objects and their state; `holds` is cheap enough for every batch, `holds_inside` for every epoch."""

    def __init__(self) -> None:
        self._bound: list[tuple[dict[str, Any], Any, tuple[Any, ...]]] = []
        self._mappings: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._sequences: list[tuple[Any, Any]] = []
        self._tensors: list[Tensor] = []
        self._forms: list[tuple[Any, ...]] = []
        self._written: list[Tensor] = []
        self._versions: list[int] = []

    def bind(self, namespace: dict[str, Any], first: str, second: str, *names: str) -> None:
        """Watches which objects some names stand for."""
        get = itemgetter(first, second, *names)
        self._bound.append((namespace, get, get(namespace)))

    def mapping(self, mapping: dict[str, Any]) -> None:
        """Watches which keys and objects a mapping holds, and where its tensors lie."""
        self._mappings.append((mapping, dict(mapping)))
        for value in mapping.values():
            if isinstance(value, Tensor):
                self._tensors.append(value)
                self._forms.append(_form(value))

    def values(self, tensors: Iterable[Any]) -> None:
        """Watches writes into tensors."""
        for tensor in tensors:
            known = any(tensor is other for other in self._written)
            if isinstance(tensor, Tensor) and not tensor.is_inference() and not known:
                self._written.append(tensor)
                self._versions.append(tensor._version)

    def sequence(self, sequence: Any) -> None:
        """Watches the content of a sequence of numbers."""
        if isinstance(sequence, Tensor):
            self.values([sequence])
        elif isinstance(sequence, np.ndarray):
            self._sequences.append((sequence, sequence.copy()))
        elif isinstance(sequence, list):
            self._sequences.append((sequence, list(sequence)))

    def holds(self) -> bool:
        """Whether names, mappings and tensors are as they were (writes that torch counts are seen)."""
        try:
            for namespace, get, values in self._bound:
                if any(map(is_not, get(namespace), values)):
                    return False
            for mapping, before in self._mappings:
                # Asks first whether two values are the same object, and no further where they are.
                if mapping != before:
                    return False
        except Exception:  # names may be gone, and other tensors cannot be asked whether they are equal
            return False
        return list(map(_version, self._written)) == self._versions

    def holds_inside(self) -> bool:
        """Whether also the sequences hold the same numbers and the tensors lie where they lay."""
        if not self.holds() or [_form(tensor) for tensor in self._tensors] != self._forms:
            return False
        for mapping, before in self._mappings:
            if list(mapping) != list(before) or any(map(is_not, mapping.values(), before.values())):
                return False
        return all(_same_content(sequence, before) for sequence, before in self._sequences)


def _form(tensor: Tensor) -> tuple[Any, ...]:
    # `tensor.data = other` changes these without being counted as a write.
    try:
        where = tensor.data_ptr()
    except RuntimeError:  # sparse tensors have no single place
        where = 0
    return (where, tensor.shape, tensor.dtype, tensor.device, tensor.requires_grad)


def _same_content(sequence: Any, before: Any) -> bool:
    if isinstance(sequence, np.ndarray):
        return bool(np.array_equal(sequence, before))
    return len(sequence) == len(before) and not any(map(is_not, sequence, before))
