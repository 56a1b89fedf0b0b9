"""Reads the text of a genotype: numbers, strings, lists, tuples, dictionaries, `range(a, b)` and `Genotype(...)`.

Nothing is ever run: what is not in this small grammar is an error.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

from nb301_ogb.errors import ArchitectureError

MAX_LENGTH = 20_000
"""Characters of the longest text that is read; a configuration with all its keys has about 2,500."""

_MAX_DEPTH = 8
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<string>'[^'\\\n]*'|\"[^\"\\\n]*\")"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<sign>[()\[\]{},:=]))",
    re.ASCII,
)
_FRACTION = re.compile("[.eE]")
_WORDS = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None, "NaN": None}
_ASSIGNED = re.compile(r"\s*\w+\s*=\s*(?=[\w.]*Genotype\b)")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Genotype(NamedTuple):
    """A DARTS genotype, with the fields of the DARTS code.

    Attributes:
        normal: 8 pairs (op, parent), two for each of nodes 2 to 5.
        normal_concat: the nodes that make up the output, [2, 3, 4, 5].
        reduce: as `normal`, of the reduction cell.
        reduce_concat: as `normal_concat`.
    """

    normal: Any
    normal_concat: Any
    reduce: Any
    reduce_concat: Any


def read_text(text: str) -> Any:
    """The value that a text stands for; a `Genotype(...)` becomes a Genotype.

    Raises:
        ArchitectureError: naming the place where the text leaves the grammar.
    """
    if len(text) > MAX_LENGTH:
        msg = (
            f"a text of {len(text)} characters is no architecture of darts; the longest that is read has {MAX_LENGTH}."
        )
        raise ArchitectureError(msg)
    assigned = _ASSIGNED.match(text)
    reader = _Reader(text, assigned.end() if assigned else 0)
    value = reader.value(0)
    reader.end()
    return value


class _Reader:
    """Walks over a text from left to right; `kind` and `piece` are what stands next."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.start = self.position = start
        self.kind = self.piece = ""
        self.advance()

    def advance(self) -> str:
        """Goes on to the next token and returns the one left behind."""
        left = self.piece
        match = _TOKEN.match(self.text, self.position)
        if match:
            self.kind = match.lastgroup or ""
            self.piece = match[self.kind]
            self.start, self.position = match.span(self.kind)
            return left
        rest = self.text[self.position :]
        self.start = self.position + len(rest) - len(rest.lstrip())
        self.kind, self.piece = "end", ""
        if rest.strip():
            self.fail()
        return left

    def fail(self) -> NoReturn:
        found = self.text[self.start : self.start + 20] or "the end of the text"
        msg = (
            f"the text of an architecture of darts cannot be read from {found!r} on (character {self.start + 1}); "
            "it is a Genotype(normal=[('op', parent), ...], normal_concat=..., reduce=[...], reduce_concat=...), "
            "a pair of cells ((parent, op), ...), a configuration, or a code of 32 digits."
        )
        raise ArchitectureError(msg)

    def end(self) -> None:
        if self.kind != "end":
            self.fail()

    def accept(self, sign: str) -> bool:
        """Whether the next token is that sign, which is then passed."""
        if self.kind == "sign" and self.piece == sign:
            self.advance()
            return True
        return False

    def value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            self.fail()
        if self.kind == "number":
            number = self.advance()
            # Beyond 20 digits the value means nothing here, and Python refuses to convert very long ones.
            return float(number) if _FRACTION.search(number) else int(number[:20])
        if self.kind == "string":
            return self.advance()[1:-1]
        if self.kind == "name":
            return self.named(depth)
        if self.kind == "sign" and self.piece in _CLOSING:
            return self.bracket(self.advance(), depth)
        self.fail()

    def bracket(self, opening: str, depth: int) -> Any:
        """A list, a dictionary, a tuple, or a value in parentheses."""
        closing = _CLOSING[opening]
        items: list[Any] = []
        comma = False
        while not self.accept(closing):
            item = self.value(depth + 1)
            if opening == "{":
                item = (item, self.after_colon(item, depth))
            items.append(item)
            comma = self.accept(",")
            if not comma and self.piece != closing:
                self.fail()
        if opening == "{":
            return dict(items)
        if opening == "(":
            return items[0] if len(items) == 1 and not comma else tuple(items)
        return items

    def after_colon(self, key: Any, depth: int) -> Any:
        if not isinstance(key, str) or not self.accept(":"):
            self.fail()
        return self.value(depth + 1)

    def named(self, depth: int) -> Any:
        """A word, `range(a, b)`, `Genotype(...)`, or a number as NumPy prints it, `np.int64(2)`."""
        if self.piece in _WORDS:
            return _WORDS[self.advance()]
        name = self.piece.rpartition(".")[2]
        if name not in ("Genotype", "range") and not re.fullmatch(r"u?int\d+", name):
            self.fail()
        self.advance()
        if not self.accept("("):
            self.fail()
        positional, named = self.arguments(depth)
        if name == "Genotype":
            return _genotype(positional, named)
        if named or not all(type(item) is int and abs(item) < 100 for item in positional):
            self.fail()
        if name == "range" and 1 <= len(positional) <= 2:
            return list(range(*positional))
        if name != "range" and len(positional) == 1:
            return positional[0]
        self.fail()

    def arguments(self, depth: int) -> tuple[list[Any], dict[str, Any]]:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        while not self.accept(")"):
            field = ""
            if self.kind == "name" and self.piece in Genotype._fields:
                field = self.advance()
                if field in named or not self.accept("="):
                    self.fail()
            item = self.value(depth + 1)
            if field:
                named[field] = item
            elif named:
                self.fail()
            else:
                positional.append(item)
            if not self.accept(",") and self.piece != ")":
                self.fail()
        return positional, named


def _genotype(positional: list[Any], named: dict[str, Any]) -> Genotype:
    fields = dict(zip(Genotype._fields, positional, strict=False))
    fields_twice = fields.keys() & named.keys()
    missing = [field for field in Genotype._fields if field not in fields and field not in named]
    if len(positional) > len(Genotype._fields) or fields_twice or missing:
        wrong = f"{', '.join(missing)} missing" if missing else "too many values"
        msg = f"a Genotype of darts has the fields {', '.join(Genotype._fields)}, each once: {wrong}."
        raise ArchitectureError(msg)
    return Genotype(**fields, **named)
