"""Texts are parsed and validated once; hidden schemas stay hidden; hashes find their texts."""

from __future__ import annotations

import hashlib
import time

import pytest
from graphql import GraphQLSchema, get_introspection_query

from bookgraph.api.execute.documents import Documents, Lru, text_hash
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
    start_s = time.perf_counter()
    first = documents.prepare(text)
    once_s = time.perf_counter() - start_s
    start_s = time.perf_counter()
    again = documents.prepare(text)
    assert again is first
    assert time.perf_counter() - start_s < once_s / 7


def test_errors_are_kept_too(documents: Documents) -> None:
    assert documents.prepare("{ nothing }") is documents.prepare("{ nothing }")
    assert documents.prepare("{") is documents.prepare("{")


def test_the_least_used_is_forgotten() -> None:
    kept: Lru[int] = Lru(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)
    assert len(kept) == 2


def test_a_hidden_schema_tells_nothing(schema: GraphQLSchema) -> None:
    hidden = Documents(schema, Limits(), is_hidden=True)
    assert hidden.prepare(get_introspection_query()).document is None
    assert hidden.prepare("{ __typename }").document is not None
    (error,) = hidden.prepare("{ bok { title } }").errors
    assert "Did you mean" in format_error(error)["message"]
    assert "Did you mean" not in format_error(error, is_hidden=True)["message"]


def test_errors_are_few(documents: Documents) -> None:
    text = "{" + "".join(f" no{n}" for n in range(20)) + "}"
    assert len(documents.prepare(text).errors) <= 5


def test_only_valid_texts_are_persisted(documents: Documents) -> None:
    digest = documents.persist("{ stats { numBooks } }")
    assert digest == hashlib.sha256(b"{ stats { numBooks } }").hexdigest()
    assert documents.persisted(digest) == "{ stats { numBooks } }"
    assert documents.persisted(documents.persist("{ nothing }")) is None


def test_any_text_has_a_hash() -> None:
    assert len(text_hash("\ud800")) == 64
