"""Search by title: the root field `search`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.cursors import decode_cursor, encode_cursor
from bookgraph.api.execute.filters import filter_of
from bookgraph.api.execute.lookahead import DEFAULT_PAGE_SIZE, selections_below
from bookgraph.api.schema.book import Book
from bookgraph.api.schema.connections import PageInfo, Row
from bookgraph.api.schema.inputs import (
    BookFilterInput,
    LinkFilterInput,
    NodeKindInput,
    kind_of,
)
from bookgraph.api.schema.link import Link
from bookgraph.api.schema.node import typed
from bookgraph.api.schema.resolve import call_store
from bookgraph.graph.query.search import search
from bookgraph.graph.query.selection import Position
from bookgraph.graph.schema import BOOK, LINK


class SearchNode(graphene.Union):
    """A book or a link."""

    class Meta:
        types = (Book, Link)


class SearchHit(graphene.ObjectType):
    """A book or link whose title, or a redirect to it, resembles the text."""

    score = graphene.Float(
        required=True,
        description="How well the title matches: 1 for the text itself, 0.3 at least.",
    )
    redirect = graphene.String(
        description="The redirect that matches the text. Null if the title itself matches."
    )
    node = graphene.NonNull(SearchNode, description="The book or link.")
    cursor = graphene.String(required=True, description="Position of the hit.")


class SearchResult(graphene.ObjectType):
    """The result of a search."""

    hits = graphene.NonNull(
        graphene.List(graphene.NonNull(SearchHit)),
        description="The best first; of equal scores, books before links.",
    )
    page_info = graphene.NonNull(PageInfo, description="The position of these hits among all.")
    did_you_mean = graphene.String(
        description="Title of the best hit. Null if a title equals the text."
    )


class SearchQuery(graphene.ObjectType):
    """Search by title."""

    class Meta:
        abstract = True

    search = graphene.Field(
        SearchResult,
        description="Books and links whose title, or a redirect to it, resembles a text. The "
        "search ignores letter case and accents, and tolerates typing errors, unfinished words "
        "and a missing `(novel)`.",
        text=graphene.String(required=True, description="The text to search for."),
        first=graphene.Int(
            default_value=DEFAULT_PAGE_SIZE, description="Number of hits, at most 50."
        ),
        after=graphene.String(description="Return the hits after this cursor."),
        kind=graphene.Argument(NodeKindInput, description="Return only books or only links."),
        filter=graphene.Argument(BookFilterInput, description="Of books, only those that match."),
        link_filter=graphene.Argument(
            LinkFilterInput, description="Of links, only those that match."
        ),
    )

    @staticmethod
    async def resolve_search(
        root: None,
        info: GraphQLResolveInfo,
        text: str,
        first: int,
        kind: Any = None,
        after: str | None = None,
        filter: Mapping[str, Any] | None = None,
        link_filter: Mapping[str, Any] | None = None,
    ) -> Row:
        """Search the full-text indexes."""
        wanted = selections_below(info, {"hits"}, {"node"})
        book, link = (
            wanted.get(one.label, ()) if kind is None or kind_of(kind) == one else None
            for one in (BOOK, LINK)
        )
        where = (filter_of(BOOK, filter), filter_of(LINK, link_filter))
        place = None if after is None else decode_cursor("after", after)
        found = await call_store(
            info,
            lambda store: search(
                store, text, first=first, book=book, link=link, where=where, after=place
            ),
        )
        hits = [
            {
                "score": one["score"],
                "redirect": one["redirect"],
                "node": typed(one["label"], one["node"]),
                "cursor": encode_cursor(Position("search", tuple(one["at"]))),
            }
            for one in found.items
        ]
        page_info = PageInfo(
            has_next_page=found.has_more,
            has_previous_page=after is not None,
            start_cursor=hits[0]["cursor"] if hits else None,
            end_cursor=hits[-1]["cursor"] if hits else None,
        )
        return {"hits": hits, "page_info": page_info, "did_you_mean": found.did_you_mean}
