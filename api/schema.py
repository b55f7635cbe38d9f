"""The GraphQL schema's root: each field asks the graph once, whatever is nested below it.

The store is found in the request's context. Errors are bookgraph's own; `api.errors` gives them
their codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import graphene
from graphql import GraphQLResolveInfo, GraphQLSchema
from graphql_relay import from_global_id
from starlette.concurrency import run_in_threadpool

from api.lookahead import DEFAULT_PAGE_SIZE, page_of, wanted_of_connection, wanted_of_node
from api.types import (
    Book,
    BookConnection,
    ConnectionValue,
    Link,
    Row,
    SimilarBookConnection,
    SimilarLinkConnection,
)
from core.errors import UsageError
from graph import answers
from graph.answers import BookFilter, NodeList
from graph.projection import Page
from graph.store import Store

T = TypeVar("T")


class BookFilterInput(graphene.InputObjectType):
    """Which books to list; every condition that is given has to hold."""

    class Meta:
        name = "BookFilter"

    author = graphene.String(description="One of the book's authors, exactly.")
    genre = graphene.String(description="One of its genres, exactly.")
    country = graphene.String(description="One of its countries, exactly.")
    language = graphene.String(description="One of its languages, exactly.")
    publisher = graphene.String(description="One of its publishers, exactly.")
    year_from = graphene.Int(description="First year of publication, inclusive.")
    year_to = graphene.Int(description="Last year of publication, inclusive.")


def _root_list(connection: object, description: str, **arguments: object) -> graphene.Field:
    # Nullable, so that one root field that fails leaves the others their answers.
    return graphene.Field(
        connection,
        description=description,
        first=graphene.Int(default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 100."),
        after=graphene.String(description="Go on behind this cursor."),
        **arguments,
    )


def _names(description: str) -> graphene.NonNull:
    return graphene.NonNull(
        graphene.List(graphene.NonNull(graphene.String)), description=description
    )


class Query(graphene.ObjectType):
    """Books, the pages they link to, and what is near to what."""

    book = graphene.Field(
        Book,
        description="One book, by title or by id. An unknown one is an error with the nearest.",
        title=graphene.String(description="Its exact title."),
        id=graphene.ID(description="Its global id."),
    )
    link = graphene.Field(
        Link,
        description="One link, by name or by id. An unknown one is an error with the nearest.",
        name=graphene.String(description="Its name, in any letter case."),
        id=graphene.ID(description="Its global id."),
    )
    books = _root_list(
        BookConnection,
        "All books by title.",
        filter=graphene.Argument(BookFilterInput, description="Which books."),
    )
    similar_books = _root_list(
        SimilarBookConnection,
        "The books nearest to one book, or to the middle of several, best first.",
        like=_names("Titles of 1 to 50 books."),
    )
    similar_links = _root_list(
        SimilarLinkConnection,
        "The links nearest to one link, or to the middle of several, best first.",
        like=_names("Names of 1 to 50 links."),
    )

    @staticmethod
    async def resolve_book(
        root: None, info: GraphQLResolveInfo, title: str | None = None, id: str | None = None
    ) -> Row:
        """Find it by its title."""
        key = _key_of("Book", "title", title, id)
        wanted = wanted_of_node(info)
        return await _ask(info, lambda store: answers.find_book(store, key, wanted))

    @staticmethod
    async def resolve_link(
        root: None, info: GraphQLResolveInfo, name: str | None = None, id: str | None = None
    ) -> Row:
        """Find it by its name."""
        key = _key_of("Link", "name", name, id)
        wanted = wanted_of_node(info)
        return await _ask(info, lambda store: answers.find_link(store, key, wanted))

    @staticmethod
    async def resolve_books(
        root: None,
        info: GraphQLResolveInfo,
        first: int,
        after: str | None = None,
        filter: BookFilterInput | None = None,
    ) -> ConnectionValue:
        """List them."""
        page = page_of({"first": first, "after": after})
        _, node = wanted_of_connection(info)
        where = BookFilter(**(filter or {}))
        return await _ask_list(
            info, page, lambda store: answers.list_books(store, page, node, where=where)
        )

    @staticmethod
    async def resolve_similar_books(
        root: None,
        info: GraphQLResolveInfo,
        like: Sequence[str],
        first: int,
        after: str | None = None,
    ) -> ConnectionValue:
        """Search the vector index of books."""
        page = page_of({"first": first, "after": after})
        edge, node = wanted_of_connection(info)
        return await _ask_list(
            info, page, lambda store: answers.similar_books(store, like, page, node=node, edge=edge)
        )

    @staticmethod
    async def resolve_similar_links(
        root: None,
        info: GraphQLResolveInfo,
        like: Sequence[str],
        first: int,
        after: str | None = None,
    ) -> ConnectionValue:
        """Search the vector index of links."""
        page = page_of({"first": first, "after": after})
        edge, node = wanted_of_connection(info)
        return await _ask_list(
            info, page, lambda store: answers.similar_links(store, like, page, node=node, edge=edge)
        )


def build_schema() -> GraphQLSchema:
    """Build the schema that the server serves."""
    schema: GraphQLSchema = graphene.Schema(query=Query).graphql_schema
    return schema


async def _ask(info: GraphQLResolveInfo, question: Callable[[Store], T]) -> T:
    # The driver blocks, so each question waits in a thread while the server goes on.
    return await run_in_threadpool(question, info.context["store"])


async def _ask_list(
    info: GraphQLResolveInfo, page: Page, question: Callable[[Store], NodeList]
) -> ConnectionValue:
    found = await _ask(info, question)
    return ConnectionValue(found.items, page, found.total, found.has_next)


def _key_of(type_name: str, argument: str, key: str | None, global_id: str | None) -> str:
    """The one key that was given, as itself or inside a global id."""
    if (key is None) == (global_id is None):
        raise UsageError(f"Give either {argument} or id, and not both.")
    if key is not None:
        return key
    try:
        found = from_global_id(global_id or "")
    except (ValueError, UnicodeDecodeError):
        found = None
    if found is None or found.type != type_name:
        raise UsageError(f"id: {global_id!r} is no id of a {type_name}.")
    return found.id
