# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""What changes the graph: one book at a time, for those who have a key that may write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import wanted_below
from bookgraph.api.schema.asking import ask
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.properties import edit_fields, edited_properties
from bookgraph.api.schema.types import Book
from bookgraph.core.errors import AccessDeniedError
from bookgraph.graph.query import nodes as answers
from bookgraph.graph.schema import BOOK
from bookgraph.graph.write.edit import BookEdit, remove_book, save_book

_BookEdit: Any = edit_fields(BOOK)


class BookInput(_BookEdit, graphene.InputObjectType):
    """A book as it is to be; what is not given stays as it is."""

    title = graphene.String(required=True, description="Its title, the key.")
    links = graphene.NonNull(
        graphene.List(graphene.NonNull(graphene.String)),
        description="Titles of all that its page links to, at most 5,000; repeats count.",
    )


class SavedBook(graphene.ObjectType):
    """What became of a book that was saved."""

    book = graphene.NonNull(Book, description="The book as it is now.")
    is_new = graphene.Boolean(required=True, description="Whether it was not there before.")
    is_placed = graphene.Boolean(
        required=True, description="Whether its links gave it a vector, so that it can be near."
    )


class RemovedBook(graphene.ObjectType):
    """What became of a book that was removed."""

    title = graphene.String(required=True, description="Its title.")


class Mutation(graphene.ObjectType):
    """Changes, for requests that carry a key that may write."""

    save_book = graphene.Field(
        SavedBook,
        description="Add a book or change it, with its links; its vector is made of theirs at "
        "once.",
        input=graphene.Argument(BookInput, required=True, description="The book."),
    )
    remove_book = graphene.Field(
        RemovedBook,
        description="Remove a book, and the links that no other book mentions.",
        title=graphene.String(required=True, description="Its title."),
    )

    @staticmethod
    async def resolve_save_book(
        root: None,
        info: GraphQLResolveInfo,
        input: Mapping[str, Any],  # noqa: A002  # the schema's word
    ) -> Row:
        """Write it, then read what is wanted of it."""
        _check_write(info)
        wanted = wanted_below(info, {"book"}).get("Book", ())
        edit = BookEdit(input["title"], input["links"], edited_properties(BOOK, input))
        report = await ask(info, lambda store: save_book(store, edit))
        book = await ask(info, lambda store: answers.find_book(store, report.title, wanted))
        return {"book": book, "is_new": report.is_new, "is_placed": report.is_placed}

    @staticmethod
    async def resolve_remove_book(root: None, info: GraphQLResolveInfo, title: str) -> Row:
        """Delete it."""
        _check_write(info)
        removed = await ask(info, lambda store: remove_book(store, title))
        return {"title": removed}


def _check_write(info: GraphQLResolveInfo) -> None:
    if not info.context["can_write"]:
        raise AccessDeniedError(
            "A mutation needs a key that may write: Authorization: Bearer KEY. Without such keys "
            "in its settings the server takes no mutations."
        )
