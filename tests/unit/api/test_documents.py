"""Query texts are prepared once, hidden schemas stay hidden, and hashes find their texts."""

from __future__ import annotations

import hashlib

import pytest
from cachetools import LRUCache
from graphql import GraphQLSchema, get_introspection_query

from bookgraph.api.execute.documents import Documents, text_hash
from bookgraph.api.execute.errors import format_error
from bookgraph.api.options import Limits
from bookgraph.api.schema.build import build_schema


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


@pytest.fixture
def documents(schema: GraphQLSchema) -> Documents:
    return Documents(schema, Limits(), is_hidden=False)


def test_a_text_is_prepared_once(documents: Documents) -> None:
    text = '{ similarBooks(like: "x") { edges { score node { title } } } }'
    first = documents.prepare(text)
    assert first.document is not None
    assert documents.prepare(text) is first


def test_errors_are_cached_too(documents: Documents) -> None:
    assert documents.prepare("{ nothing }") is documents.prepare("{ nothing }")
    assert documents.prepare("{") is documents.prepare("{")


def test_the_cache_is_bounded_and_keeps_what_was_used_last(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_prepared", LRUCache(2))
    first = documents.prepare("{ a: __typename }")
    second = documents.prepare("{ b: __typename }")
    assert documents.prepare("{ a: __typename }") is first
    documents.prepare("{ c: __typename }")
    assert documents.prepare("{ a: __typename }") is first
    assert documents.prepare("{ b: __typename }") is not second


def test_a_hidden_schema_reveals_nothing(schema: GraphQLSchema) -> None:
    hidden = Documents(schema, Limits(), is_hidden=True)
    assert hidden.prepare(get_introspection_query()).document is None
    assert hidden.prepare("{ __typename }").document is not None
    (error,) = hidden.prepare("{ bok { title } }").errors
    assert "Did you mean" in format_error(error)["message"]
    assert "Did you mean" not in format_error(error, is_hidden=True)["message"]


def test_at_most_five_errors_are_reported(documents: Documents) -> None:
    text = "{" + "".join(f" no{n}" for n in range(20)) + "}"
    assert len(documents.prepare(text).errors) <= 5


def test_only_valid_texts_are_persisted(documents: Documents) -> None:
    digest = documents.persist("{ stats { numBooks } }")
    assert digest == hashlib.sha256(b"{ stats { numBooks } }").hexdigest()
    assert documents.persisted(digest) == "{ stats { numBooks } }"
    assert documents.persisted(documents.persist("{ nothing }")) is None


def test_any_text_has_a_hash() -> None:
    assert len(text_hash("\ud800")) == 64
