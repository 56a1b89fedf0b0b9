"""The forms in which people and programs write a DARTS architecture, to the code and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces.darts_cells import CELLS, CODE_LENGTH, EDGE_NODES, NODES, OP_LIST, OPS, check_numbers
from nb301_ogb.spaces.darts_configuration import code_from_configuration, configuration
from nb301_ogb.spaces.darts_text import Genotype, read_text
from nb301_ogb.spaces.graphs import CodeArray

Compact = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]

_OP_NUMBERS = {op: number for number, op in enumerate(OPS)}
_CONCAT = list(NODES)
_FORMS = (
    "a Genotype (as an object or as text), a pair of cells ((parent, op), ...), a configuration with the keys "
    "edge_normal_0 and so on, or a code of 32 numbers"
)


def parse(architecture: Any) -> CodeArray:
    """The code, uint8 [32], of an architecture in any form; see `Darts.parse`."""
    if isinstance(architecture, str):
        text = architecture.strip()
        architecture = _digits(text) if text.isdecimal() and text.isascii() else read_text(text)
    if isinstance(architecture, Mapping):
        return np.frombuffer(code_from_configuration(architecture), dtype=np.uint8).copy()
    if hasattr(architecture, "normal") and hasattr(architecture, "reduce"):
        return _from_genotype(architecture)
    if hasattr(architecture, "tolist"):
        architecture = architecture.tolist()
    if isinstance(architecture, (bytes, bytearray)):
        architecture = list(architecture)
    if isinstance(architecture, Sequence) and not isinstance(architecture, str):
        if len(architecture) == CODE_LENGTH:
            return _from_numbers(architecture)
        if len(architecture) == len(Genotype._fields):
            return _from_genotype(Genotype(*architecture))
        if len(architecture) == len(CELLS):
            return _code([_compact_cell(cell, name) for cell, name in zip(architecture, CELLS, strict=True)])
        _fail(f"a sequence of {len(architecture)} is no architecture of darts", _FORMS)
    _fail(f"{_short(architecture)} is no architecture of darts", _FORMS)


def genotype(code: CodeArray) -> Genotype:
    """The genotype of a checked code, uint8 [32]."""
    normal, reduction = ([(OPS[op], parent) for parent, op in cell] for cell in compact(code))
    return Genotype(normal, list(_CONCAT), reduction, list(_CONCAT))


def compact(code: CodeArray) -> Compact:
    """Both cells of a checked code as eight pairs (parent, op number)."""
    normal, reduction = (tuple(zip(cell[8:], cell[:8], strict=True)) for cell in code.reshape(2, 16).tolist())
    return normal, reduction


def text_forms(code: CodeArray) -> dict[str, str]:
    """Every text form of a checked code, by the form's name."""
    return {
        "genotype": repr(genotype(code)),
        "compact": repr(compact(code)),
        "configuration": json.dumps(configuration(code)),
        "code": "".join(map(str, code.tolist())),
    }


def one_code(code: Any) -> CodeArray:
    """Checks one code and returns it as uint8 [32].

    Raises:
        ArchitectureError: naming the cell and the node that is wrong.
    """
    numbers = code.tolist() if hasattr(code, "tolist") else code
    if isinstance(numbers, (str, Mapping)) or not hasattr(numbers, "__len__") or len(numbers) != CODE_LENGTH:
        _fail(f"{_short(numbers)} is no code of darts", f"{CODE_LENGTH} numbers")
    return _from_numbers(numbers)


def _from_numbers(numbers: Sequence[Any]) -> CodeArray:
    found = [_integer(number, f"number {place} of the code") for place, number in enumerate(numbers)]
    return check_numbers(found)


def _digits(text: str) -> list[int]:
    if len(text) != CODE_LENGTH:
        _fail(f"a text of {len(text)} digits is no code of darts", f"{CODE_LENGTH} digits")
    return [int(digit) for digit in text]


def _from_genotype(given: Any) -> CodeArray:
    cells = []
    for name, field in zip(CELLS, ("normal", "reduce"), strict=True):
        concat = getattr(given, f"{field}_concat", _CONCAT)
        nodes = list(concat) if isinstance(concat, (Sequence, np.ndarray)) else None
        if isinstance(concat, str) or nodes is None or len(nodes) != 4 or any(node not in nodes for node in _CONCAT):
            _fail(f"the {name} cell, {field}_concat: {_short(concat)}", f"the nodes {_CONCAT} alone")
        cells.append(_genotype_cell(getattr(given, field), name))
    return _code(cells)


def _genotype_cell(entries: Any, name: str) -> list[tuple[int, int]]:
    """The pairs (parent, op number) of a genotype's cell."""
    found = []
    for (op, parent), where in _entries(entries, name, "('op', parent)"):
        if not isinstance(op, str) or op not in _OP_NUMBERS:
            _no_op(op, where)
        found.append((_integer(parent, where), _OP_NUMBERS[op]))
    return found


def _compact_cell(entries: Any, name: str) -> list[tuple[int, int]]:
    """The pairs (parent, op number) of a compact cell."""
    found = []
    for (parent, op), where in _entries(entries, name, "(parent, op number)"):
        number = _integer(op, where)
        if not 0 <= number < len(OPS):
            _no_op(number, where)
        found.append((_integer(parent, where), number))
    return found


def _entries(entries: Any, name: str, what: str) -> list[tuple[tuple[Any, Any], str]]:
    """The eight pairs of a cell, each with its place in words."""
    if not isinstance(entries, (list, tuple)) or len(entries) != len(EDGE_NODES):
        number = f"{len(entries)} entries" if isinstance(entries, (list, tuple)) else _short(entries)
        _fail(f"the {name} cell: {number}", f"8 pairs {what}, two for each of the nodes 2 to 5")
    found = []
    for place, entry in enumerate(entries):
        where = f"the {name} cell, node {EDGE_NODES[place]}, {('first', 'second')[place % 2]} entry"
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            _fail(f"{where}: {_short(entry)}", f"pairs {what}")
        found.append(((entry[0], entry[1]), where))
    return found


def _code(cells: list[list[tuple[int, int]]]) -> CodeArray:
    """The code of two cells of pairs (parent, op number); the pairs of a node may come in either order."""
    numbers: list[int] = []
    for pairs in cells:
        ordered = [pair for place in range(0, 8, 2) for pair in sorted(pairs[place : place + 2])]
        numbers += [op for _, op in ordered] + [parent for parent, _ in ordered]
    return check_numbers(numbers)


def _integer(value: Any, where: str) -> int:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and abs(int(value)) < 2**31:
        return int(value)
    _fail(f"{where}: {_short(value)}", "small whole numbers")


def _no_op(op: Any, where: str) -> NoReturn:
    """Refuses an op; lists that begin with `none` are a common source of wrong names and shifted numbers."""
    msg = f"{where}: {_short(op)} is no op of this space; the ops are {OP_LIST}"
    if (isinstance(op, str) and op.lower() in ("none", "zero")) or (isinstance(op, int) and op == len(OPS)):
        msg += " (there is no `none` here: a list that holds it, as NASLib's other op list does, shifts the numbers)"
    raise ArchitectureError(msg + ".")


def _fail(found: str, allowed: str) -> NoReturn:
    msg = f"{found}; allowed are {allowed}."
    raise ArchitectureError(msg)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
