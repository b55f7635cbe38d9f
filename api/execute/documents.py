"""Prepares query texts: parses them, checks them against limits and schema, and caches the result.

Parsing and validating a small query costs more than running it. The cache also serves persisted
queries, which a client names by their hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache
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

_MAX_CACHED = 500
_MAX_ERRORS = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query text after parsing and checking.

    Attributes:
        document: what to run, or None if there are errors.
        errors: what is wrong with the text.
    """

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()


class Documents:
    """Prepares query texts for one schema. Safe between threads."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, is_hidden: bool) -> None:
        """Start with empty caches.

        Args:
            schema: the schema to validate against.
            limits: the limits of a document.
            is_hidden: refuse introspection.
        """
        self._schema = schema
        self._limits = limits
        self._rules = (
            [*specified_rules, NoSchemaIntrospectionCustomRule] if is_hidden else specified_rules
        )
        self._lock = Lock()
        self._prepared: LRUCache[str, Prepared] = LRUCache(_MAX_CACHED)
        self._persisted: LRUCache[str, str] = LRUCache(_MAX_CACHED)

    def prepare(self, text: str) -> Prepared:
        """Parse and check a text, or return the cached result."""
        with self._lock:
            known = self._prepared.get(text)
        if known is None:
            known = self._prepare(text)
            with self._lock:
                self._prepared[text] = known
        return known

    def persist(self, text: str) -> str:
        """Cache a valid text for clients that will send only its hash.

        Returns:
            The sha256 of its UTF-8, in hexadecimal.
        """
        digest = text_hash(text)
        if self.prepare(text).document is not None:
            with self._lock:
                self._persisted[digest] = text
        return digest

    def persisted(self, digest: str) -> str | None:
        """The text that was persisted under a hash, or None if there is none."""
        with self._lock:
            return self._persisted.get(digest)

    def _prepare(self, text: str) -> Prepared:
        try:
            document = parse(text, max_tokens=self._limits.max_tokens, no_location=False)
            check_limits(document, self._limits)
            errors = validate(self._schema, document, self._rules, max_errors=_MAX_ERRORS)
        except (GraphQLSyntaxError, LimitError) as error:
            return Prepared(None, (error,))
        except RecursionError:
            return Prepared(None, (LimitError("The query is nested too deeply."),))
        if not errors:
            return Prepared(document)
        return Prepared(None, tuple(errors[:_MAX_ERRORS]))


def text_hash(text: str) -> str:
    """The sha256 of a text's UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
