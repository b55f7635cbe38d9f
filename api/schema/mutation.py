"""Changes to the graph: `saveBook` and `removeBook`, for requests with a write key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import selections_below
from bookgraph.api.schema.book import Book
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.properties import edit_fields, edited_properties
from bookgraph.api.schema.resolve import call_store
from bookgraph.core.errors import AccessDeniedError
from bookgraph.graph.query import nodes
from bookgraph.graph.schema import BOOK
from bookgraph.graph.write.edit import BookEdit, remove_book, save_book

_BookEdit: Any = edit_fields(BOOK)


class BookInput(_BookEdit, graphene.InputObjectType):
    """A book to save. Fields that are left out or null keep their values."""

    title = graphene.String(required=True, description="The title, which is the key.")
    links = graphene.NonNull(
        graphene.List(graphene.NonNull(graphene.String)),
        description="Titles of all pages that the book links to, at most 5,000. They replace the "
        "book's present links. Each repeat counts as one more mention.",
    )


class SavedBook(graphene.ObjectType):
    """The result of saving a book."""

    book = graphene.NonNull(Book, description="The saved book.")
    is_new = graphene.Boolean(required=True, description="Whether the book did not exist before.")
    is_placed = graphene.Boolean(
        required=True,
        description="Whether the book has a vector, computed from the vectors of its links.",
    )


class RemovedBook(graphene.ObjectType):
    """The result of removing a book."""

    title = graphene.String(required=True, description="Title of the removed book.")


class Mutation(graphene.ObjectType):
    """Changes to the graph. They need a write key."""

    save_book = graphene.Field(
        SavedBook,
        description="Add or change a book and its links. Its vector is computed at once, from the "
        "vectors of its links.",
        input=graphene.Argument(BookInput, required=True, description="The book."),
    )
    remove_book = graphene.Field(
        RemovedBook,
        description="Delete a book, and the links that no other book mentions.",
        title=graphene.String(required=True, description="Title of the book."),
    )

    @staticmethod
    async def resolve_save_book(
        root: None,
        info: GraphQLResolveInfo,
        input: Mapping[str, Any],
    ) -> Row:
        """Write it, then read the selected fields."""
        _check_write(info)
        wanted = selections_below(info, {"book"}).get("Book", ())
        edit = BookEdit(input["title"], input["links"], edited_properties(BOOK, input))
        report = await call_store(info, lambda store: save_book(store, edit))
        book = await call_store(info, lambda store: nodes.find_book(store, report.title, wanted))
        return {"book": book, "is_new": report.is_new, "is_placed": report.is_placed}

    @staticmethod
    async def resolve_remove_book(root: None, info: GraphQLResolveInfo, title: str) -> Row:
        """Delete it."""
        _check_write(info)
        removed = await call_store(info, lambda store: remove_book(store, title))
        return {"title": removed}


def _check_write(info: GraphQLResolveInfo) -> None:
    if not info.context["can_write"]:
        raise AccessDeniedError(
            "Mutations need a write key. Send the header `Authorization: Bearer KEY` with one of "
            "the keys in BOOKGRAPH_WRITE_KEYS."
        )
