"""Compiles requested fields into one Cypher map projection, however deep they nest.

The text consists of constants and of variable names made here; every value is a parameter. Nothing
is run. The compiler knows properties by itself; `bookgraph.graph.query.fields` gives it the
builders of all other fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import LiteralString

from bookgraph.graph.query.selection import Selection
from bookgraph.graph.schema import NodeKind

FieldBuilder = Callable[["Compiler", LiteralString, Selection], LiteralString]
"""Builds the value of a field, from the compiler, the variable of the node and the selection."""


FILL = "?"
"""The key of a map that a model in memory is to fill; its value is a place in `Compiler.fills`."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A field whose value comes from a model in memory, after the statement has run.

    Attributes:
        kind: kind of the nodes that have the field.
        item: the field.
    """

    kind: NodeKind
    item: Selection


@dataclass(slots=True)
class Compiler:
    """Collects parameters and hands out variable names while it compiles.

    Attributes:
        fields: builders by the node's label and the field's name.
        parameters: those of the statement that the text becomes part of.
        fills: what is to be filled in the rows of the statement.
        renamed: keys of maps in the rows that stand for others.
    """

    fields: Mapping[tuple[str, str], FieldBuilder] = field(default_factory=dict)
    parameters: dict[str, object] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    _num_names: int = 0

    def node(
        self, kind: NodeKind, variable: LiteralString, selections: Iterable[Selection]
    ) -> LiteralString:
        """The map of a node that is bound to `variable`.

        Raises:
            ValueError: a node of this kind has no such field.
        """
        entries: list[LiteralString] = [
            self.key(item) + ": " + self._value(kind, variable, item) for item in selections
        ]
        return "{" + ", ".join(entries) + "}"

    def _value(self, kind: NodeKind, variable: LiteralString, item: Selection) -> LiteralString:
        if (kind.label, item.name) in self.fields:
            return self.fields[kind.label, item.name](self, variable, item)
        for name in kind.stored("answer"):
            if name == item.name:
                return variable + "." + name
        message = f"A {kind.word} has no field {item.name!r}."
        raise ValueError(message)

    def parameter(self, value: object) -> LiteralString:
        """Make a value a parameter and return its `$name`."""
        name = self.name("p")
        self.parameters[name] = value
        return "$" + name

    def name(self, stem: LiteralString) -> LiteralString:
        """A variable name that no other part of the statement has."""
        self._num_names += 1
        return stem + digits(self._num_names)

    def names(self, *stems: LiteralString) -> tuple[LiteralString, ...]:
        """One new variable name for each stem."""
        return tuple(self.name(stem) for stem in stems)

    def later(
        self, kind: NodeKind, item: Selection, source: LiteralString, more: LiteralString = ""
    ) -> LiteralString:
        """A map to be filled when the rows are there.

        Args:
            kind: kind of the node.
            item: the field.
            source: variable of the node.
            more: more entries of the map, each after a comma.
        """
        self.fills.append(Fill(kind, item))
        number = digits(len(self.fills) - 1)
        return "{`?`: " + number + ", key: " + source + "." + kind.key + more + "}"

    def key(self, item: Selection) -> LiteralString:
        """The quoted key of a field in its map.

        The key of a field with arguments depends on their values. It stands under another name in
        the statement, so that its text, and with it the plan that Neo4j keeps, is the same for all.

        Raises:
            ValueError: the key has characters that would need escaping.
        """
        if not (item.key.isascii() and item.key.isidentifier()):
            message = f"{item.key!r} is an invalid key."
            raise ValueError(message)
        if item.key == item.name:
            return "`" + _checked(item.key) + "`"
        name = "__" + digits(len(self.renamed))
        self.renamed[name] = item.key
        return "`" + name + "`"


def digits(number: int) -> LiteralString:
    """A whole number from 0 as a text for Cypher that does not accept a parameter there."""
    return _checked(str(number))


def _checked(identifier: str) -> LiteralString:
    # Letter by letter, so that the type checker sees that nothing but these constants gets in.
    return "".join(_LETTERS[letter] for letter in identifier)


_ALPHABET: LiteralString = (
    "a b c d e f g h i j k l m n o p q r s t u v w x y z "
    "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z "
    "0 1 2 3 4 5 6 7 8 9 _"
)
_LETTERS: Mapping[str, LiteralString] = {letter: letter for letter in _ALPHABET.split()}
