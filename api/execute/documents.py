"""Query texts made ready to run: parsed, checked against limits and schema, and kept.

Parsing and validating cost more than running a small query does, so their results are kept for the
texts that were asked last; persisted queries are found here by their hash.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    parse,
    specified_rules,
    validate,
)

from bookgraph.api.execute.limits import LimitError, check_limits
from bookgraph.api.options import Limits

_MAX_KEPT = 500
_MAX_ERRORS = 5

V = TypeVar("V")


class Lru(Generic[V]):
    """The values that were used last, at most so many. Safe between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[str, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> V | None:
        """The value, which now counts as used last."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: str, value: V) -> None:
        """Keep a value in place of the one that was not used for the longest time."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query text, checked.

    Attributes:
        document: what to run, or None where `errors` say why not.
        errors: what is wrong with it.
    """

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()


class Documents:
    """Prepares query texts for one schema."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, is_hidden: bool) -> None:
        """Only remembers its arguments.

        Args:
            schema: to validate against.
            limits: to hold.
            is_hidden: refuse introspection.
        """
        self._schema = schema
        self._limits = limits
        self._rules = (
            [*specified_rules, NoSchemaIntrospectionCustomRule] if is_hidden else specified_rules
        )
        self._kept: Lru[Prepared] = Lru(_MAX_KEPT)
        self._persisted: Lru[str] = Lru(_MAX_KEPT)

    def prepare(self, text: str) -> Prepared:
        """Parse and check a text, or find what an earlier call made of it."""
        found = self._kept.get(text)
        if found is None:
            found = self._prepare(text)
            self._kept.put(text, found)
        return found

    def persist(self, text: str) -> str:
        """Keep a text for clients that will name it by its hash.

        Returns:
            The sha256 of its UTF-8, in hexadecimal.
        """
        digest = text_hash(text)
        if self.prepare(text).document is not None:
            self._persisted.put(digest, text)
        return digest

    def persisted(self, digest: str) -> str | None:
        """The text that was persisted under a hash."""
        return self._persisted.get(digest)

    def _prepare(self, text: str) -> Prepared:
        try:
            document = parse(text, max_tokens=self._limits.max_tokens, no_location=False)
            check_limits(document, self._limits)
            errors = validate(self._schema, document, self._rules, max_errors=_MAX_ERRORS)
        except (GraphQLSyntaxError, LimitError) as error:
            return Prepared(None, (error,))
        except RecursionError:
            return Prepared(None, (LimitError("The query nests too deep to be read."),))
        if not errors:
            return Prepared(document)
        return Prepared(None, tuple(errors[:_MAX_ERRORS]))


def text_hash(text: str) -> str:
    """The sha256 of a text's UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
