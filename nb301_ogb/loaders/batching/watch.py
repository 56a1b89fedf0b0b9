"""Notices when what a plan was made from has changed."""

from __future__ import annotations

from collections.abc import MutableMapping
from operator import attrgetter, is_not
from typing import Any

import numpy as np
from torch import Tensor

_MISSING = object()
_version = attrgetter("_version")


class Watch:
    """Remembers objects and their state; `holds` is cheap enough for every batch, `holds_inside` for every epoch."""

    def __init__(self) -> None:
        self._bound: list[tuple[MutableMapping[str, Any], str, Any]] = []
        self._mappings: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._sequences: list[tuple[Any, Any]] = []
        self._tensors: list[Tensor] = []
        self._versions: list[int] = []
        self._forms: list[tuple[Any, ...]] = []

    def bind(self, namespace: MutableMapping[str, Any], name: str) -> None:
        """Watches which object a name stands for."""
        self._bound.append((namespace, name, namespace.get(name, _MISSING)))

    def mapping(self, mapping: dict[str, Any]) -> None:
        """Watches which keys and objects a mapping holds, and its tensors."""
        self._mappings.append((mapping, dict(mapping)))
        for value in mapping.values():
            if isinstance(value, Tensor) and not value.is_inference():
                self._tensor(value)

    def sequence(self, sequence: Any) -> None:
        """Watches the content of a sequence of numbers."""
        if isinstance(sequence, Tensor):
            if not sequence.is_inference():
                self._tensor(sequence)
        elif isinstance(sequence, np.ndarray):
            self._sequences.append((sequence, sequence.copy()))
        elif isinstance(sequence, list):
            self._sequences.append((sequence, list(sequence)))

    def holds(self) -> bool:
        """Whether names, mappings and tensors are as they were (writes that torch counts are seen)."""
        for namespace, name, value in self._bound:
            if namespace.get(name, _MISSING) is not value:
                return False
        for mapping, before in self._mappings:
            if not _same_mapping(mapping, before):
                return False
        return list(map(_version, self._tensors)) == self._versions

    def holds_inside(self) -> bool:
        """Whether also the sequences hold the same numbers and the tensors lie where they lay."""
        if not self.holds() or [_form(tensor) for tensor in self._tensors] != self._forms:
            return False
        for mapping, before in self._mappings:
            if list(mapping) != list(before) or any(map(is_not, mapping.values(), before.values())):
                return False
        return all(_same_content(sequence, before) for sequence, before in self._sequences)

    def _tensor(self, tensor: Tensor) -> None:
        self._tensors.append(tensor)
        self._versions.append(tensor._version)
        self._forms.append(_form(tensor))


def _same_mapping(mapping: dict[str, Any], before: dict[str, Any]) -> bool:
    # Comparing dicts asks first whether values are the same object, and no further where they are.
    try:
        return bool(mapping == before)
    except Exception:  # tensors that are not the same cannot be asked whether they are equal
        return False


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
