# mypy: allow-subclassing-any

# graphene ships no types, so its classes are Any.
"""The root fields about books and links: each asks the graph once, whatever is nested below it.

The store is found in the request's context. Errors are bookgraph's own; `api.execute.errors` gives
them their codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import (
    page_of,
    wanted_below,
    wanted_of_connection,
    wanted_of_node,
)
from bookgraph.api.schema.asking import ask, ask_list, key_of, parse_id
from bookgraph.api.schema.connections import ConnectionValue, Row, page_arguments
from bookgraph.api.schema.inputs import (
    BookFilterInput,
    BookOrder,
    LinkFilterInput,
    LinkOrder,
    book_filter,
    link_filter,
    value_of,
)
from bookgraph.api.schema.types import (
    Book,
    BookConnection,
    Link,
    LinkConnection,
    Node,
    SimilarBookConnection,
    SimilarLinkConnection,
)
from bookgraph.graph.query import nodes as answers
from bookgraph.graph.query.similar import SimilarityRequest, similar_books, similar_links
from bookgraph.graph.schema import KINDS


def _root_list(connection: object, description: str, **arguments: object) -> graphene.Field:
    # Nullable, so that one root field that fails leaves the others their answers.
    return graphene.Field(connection, description=description, **page_arguments(), **arguments)


def _keys(description: str) -> graphene.Argument:
    return graphene.Argument(
        graphene.List(graphene.NonNull(graphene.String)), default_value=(), description=description
    )


class NodeQuery(graphene.ObjectType):
    """Single books and links, and lists of them."""

    class Meta:
        abstract = True

    node = graphene.Field(
        Node,
        description="A book or a link by its global id.",
        id=graphene.ID(required=True, description="As `id` was answered."),
    )
    book = graphene.Field(
        Book,
        description="One book, by title or by id. An unknown one is an error with the nearest.",
        title=graphene.String(description="Its exact title, or one that redirects to it."),
        id=graphene.ID(description="Its global id."),
    )
    link = graphene.Field(
        Link,
        description="One link, by name or by id. An unknown one is an error with the nearest.",
        name=graphene.String(description="Its name or a redirect to it, in any letter case."),
        id=graphene.ID(description="Its global id."),
    )
    books = _root_list(
        BookConnection,
        "Books.",
        filter=graphene.Argument(BookFilterInput, description="Which books."),
        order_by=graphene.Argument(BookOrder, default_value="title", description="In which order."),
    )
    links = _root_list(
        LinkConnection,
        "Links.",
        filter=graphene.Argument(LinkFilterInput, description="Which links."),
        order_by=graphene.Argument(LinkOrder, default_value="name", description="In which order."),
    )
    top_books = _root_list(BookConnection, "Books, those with the most links first.")
    top_links = _root_list(
        LinkConnection,
        "Links, those that most books mention first.",
        filter=graphene.Argument(LinkFilterInput, description="Which links."),
    )

    @staticmethod
    async def resolve_node(root: None, info: GraphQLResolveInfo, id: str) -> Row:
        """Find it by its key."""
        label, key = parse_id(id)
        wanted = wanted_below(info)[label]
        found = await ask(info, lambda store: answers.find_node(store, KINDS[label], key, wanted))
        return {**found, "label": label}

    @staticmethod
    async def resolve_book(
        root: None, info: GraphQLResolveInfo, title: str | None = None, id: str | None = None
    ) -> Row:
        """Find it by its title."""
        key = key_of("Book", "title", title, id)
        wanted = wanted_of_node(info)
        return await ask(info, lambda store: answers.find_book(store, key, wanted))

    @staticmethod
    async def resolve_link(
        root: None, info: GraphQLResolveInfo, name: str | None = None, id: str | None = None
    ) -> Row:
        """Find it by its name."""
        key = key_of("Link", "name", name, id)
        wanted = wanted_of_node(info)
        return await ask(info, lambda store: answers.find_link(store, key, wanted))

    @staticmethod
    async def resolve_books(
        root: None,
        info: GraphQLResolveInfo,
        filter: Mapping[str, Any] | None = None,
        order_by: Any = "title",
        **paging: Any,
    ) -> ConnectionValue:
        """List them."""
        page, where, order = page_of(paging), book_filter(filter), value_of(order_by)
        _, node = wanted_of_connection(info)
        return await ask_list(
            info,
            page,
            lambda store: answers.list_books(store, page, node, where=where, order=order),
        )

    @staticmethod
    async def resolve_links(
        root: None,
        info: GraphQLResolveInfo,
        filter: Mapping[str, Any] | None = None,
        order_by: Any = "name",
        **paging: Any,
    ) -> ConnectionValue:
        """List them."""
        page, where, order = page_of(paging), link_filter(filter), value_of(order_by)
        _, node = wanted_of_connection(info)
        return await ask_list(
            info,
            page,
            lambda store: answers.list_links(store, page, node, where=where, order=order),
        )

    @staticmethod
    async def resolve_top_books(
        root: None, info: GraphQLResolveInfo, **paging: Any
    ) -> ConnectionValue:
        """List them in their order."""
        return await NodeQuery.resolve_books(root, info, order_by="num_links_descending", **paging)

    @staticmethod
    async def resolve_top_links(
        root: None,
        info: GraphQLResolveInfo,
        filter: Mapping[str, Any] | None = None,
        **paging: Any,
    ) -> ConnectionValue:
        """List them in their order."""
        return await NodeQuery.resolve_links(
            root, info, filter=filter, order_by="num_books_descending", **paging
        )


class SimilarQuery(graphene.ObjectType):
    """What is near to what."""

    class Meta:
        abstract = True

    similar_books = _root_list(
        SimilarBookConnection,
        "The books nearest to one book, or to the middle of several, best first.",
        like=_keys("Titles of books to be near to; with `likeLinks` 1 to 50."),
        like_links=_keys("Names of links to be near to."),
        unlike=_keys("Titles of books to be away from."),
        exclude=_keys("Titles of books that are not to be answered."),
        filter=graphene.Argument(BookFilterInput, description="Which books may be answered."),
        min_score=graphene.Float(description="Least score, in [-1, 1]."),
        exclude_same_author=graphene.Boolean(
            default_value=False, description="Leave out books by an author of a liked one."
        ),
    )
    similar_links = _root_list(
        SimilarLinkConnection,
        "The links nearest to one link, or to the middle of several, best first.",
        like=_keys("Names of links to be near to; with `likeBooks` 1 to 50."),
        like_books=_keys("Titles of books to be near to."),
        unlike=_keys("Names of links to be away from."),
        exclude=_keys("Names of links that are not to be answered."),
        filter=graphene.Argument(LinkFilterInput, description="Which links may be answered."),
        min_score=graphene.Float(description="Least score, in [-1, 1]."),
    )

    @staticmethod
    async def resolve_similar_books(
        root: None,
        info: GraphQLResolveInfo,
        like: Sequence[str],
        like_links: Sequence[str],
        filter: Mapping[str, Any] | None = None,
        exclude_same_author: bool = False,
        **others: Any,
    ) -> ConnectionValue:
        """Search the vector index of books."""
        request = SimilarityRequest(
            like=like,
            like_others=like_links,
            unlike=others["unlike"],
            exclude=others["exclude"],
            where=book_filter(filter),
            min_score=others.get("min_score"),
            is_author_excluded=exclude_same_author,
        )
        page = page_of(others)
        edge, node = wanted_of_connection(info)
        return await ask_list(
            info, page, lambda store: similar_books(store, request, page, node=node, edge=edge)
        )

    @staticmethod
    async def resolve_similar_links(
        root: None,
        info: GraphQLResolveInfo,
        like: Sequence[str],
        like_books: Sequence[str],
        filter: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> ConnectionValue:
        """Search the vector index of links."""
        request = SimilarityRequest(
            like=like,
            like_others=like_books,
            unlike=others["unlike"],
            exclude=others["exclude"],
            where=link_filter(filter),
            min_score=others.get("min_score"),
        )
        page = page_of(others)
        edge, node = wanted_of_connection(info)
        return await ask_list(
            info, page, lambda store: similar_links(store, request, page, node=node, edge=edge)
        )
