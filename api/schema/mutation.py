"""Changes to the graph: saving and removing books, for requests with a write key.

What a client can correct arrives in the payload's `userErrors`, each with the place in the input.
Errors of the request, the key and the database are GraphQL errors, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import Selections, selections_below
from bookgraph.api.schema.book import Book
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.inputs import enum_of
from bookgraph.api.schema.properties import edit_fields
from bookgraph.api.schema.resolve import call_store
from bookgraph.core.errors import (
    AccessDeniedError,
    BookNotFoundError,
    EditRefusedError,
    RefusalCode,
)
from bookgraph.graph.query.nodes import read_books
from bookgraph.graph.schema import BOOK
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import EditReport, remove_book, save_books
from bookgraph.graph.write.wanted import MAX_LINKS, BookEdit

MAX_INPUTS = 100

_BookEdit: Any = edit_fields(BOOK)

_CODE_TEXTS: Mapping[RefusalCode, str] = {
    "BLANK": "The text is empty, or nothing in it can be seen.",
    "TOO_LONG": "The text is too long.",
    "TOO_MANY": "The list has too many items.",
    "OUT_OF_RANGE": "The number is out of range.",
    "INVALID": "The text names nothing that can be saved; the message says why.",
}
UserErrorCode = enum_of(
    "UserErrorCode",
    "What is wrong with an input.",
    {
        **{code: (code, _CODE_TEXTS[code]) for code in get_args(RefusalCode)},
        "BOOK_NOT_FOUND": ("BOOK_NOT_FOUND", "No book has this title."),
    },
)


class UserError(graphene.ObjectType):
    """Something that the client can correct. Nothing was changed for that input."""

    message = graphene.String(required=True, description="What is wrong, and what to do.")
    code = graphene.NonNull(UserErrorCode, description="The kind of error.")
    field = graphene.List(
        graphene.NonNull(graphene.String),
        description="Path to the value in the arguments: names, and positions in lists from 0.",
    )


_ERRORS = "What the client can correct. Empty after a success."


def _user_errors() -> Any:
    return graphene.NonNull(graphene.List(graphene.NonNull(UserError)), description=_ERRORS)


def _client_id() -> Any:
    return graphene.String(description="The `clientMutationId` of the request.")


def _given_client_id() -> Any:
    return graphene.String(description="Any text; the response returns it.")


class BookInput(_BookEdit, graphene.InputObjectType):
    """A book to save. Fields that are left out keep their values. Null removes a value."""

    null_removes = True

    title = graphene.String(required=True, description="The title, which is the key.")
    links = graphene.List(
        graphene.NonNull(graphene.String),
        description=f"Titles of all pages that the book links to, at most {MAX_LINKS:,}. They "
        "replace the book's present links. Each repeat counts as one more mention. If left out or "
        "null, the links stay as they are.",
    )


class _Saved:
    """The fields of a saved book."""

    book = graphene.Field(Book, description="The saved book. Null after an error.")
    is_new = graphene.Boolean(description="Whether the book did not exist before.")
    is_placed = graphene.Boolean(
        description="Whether the book has a vector: the trained one if its links did not change, "
        "otherwise one computed from the vectors of its links.",
    )
    user_errors = _user_errors()


_SavedFields: Any = _Saved


class SaveBookPayload(_SavedFields, graphene.ObjectType):
    """The result of saving a book."""

    client_mutation_id = _client_id()


class SavedBook(_SavedFields, graphene.ObjectType):
    """The result for one of several books."""


class SaveBooksPayload(graphene.ObjectType):
    """The result of saving several books."""

    results = graphene.List(
        graphene.NonNull(SavedBook), description="The result for each input, in their order."
    )
    user_errors = graphene.NonNull(
        graphene.List(graphene.NonNull(UserError)),
        description="The errors of all inputs. Books without an error are saved.",
    )
    client_mutation_id = _client_id()


class RemoveBookPayload(graphene.ObjectType):
    """The result of removing a book."""

    title = graphene.String(description="Title of the removed book. Null after an error.")
    user_errors = _user_errors()
    client_mutation_id = _client_id()


class Mutation(graphene.ObjectType):
    """Changes to the graph. They need a write key."""

    save_book = graphene.Field(
        SaveBookPayload,
        description="Add or change a book and its links. If the links change, its vector is "
        "computed at once, from the vectors of its links.",
        input=graphene.Argument(BookInput, required=True, description="The book."),
        client_mutation_id=_given_client_id(),
    )
    save_books = graphene.Field(
        SaveBooksPayload,
        description=f"Save at most {MAX_INPUTS} books in one transaction, in order. Books with "
        "errors are left out, and the others are saved.",
        inputs=graphene.Argument(
            graphene.NonNull(graphene.List(graphene.NonNull(BookInput))), description="The books."
        ),
        client_mutation_id=_given_client_id(),
    )
    remove_book = graphene.Field(
        RemoveBookPayload,
        description="Delete a book, and the links and external links that no other book mentions.",
        title=graphene.String(
            required=True, description="Title of the book, or a title that redirects to it."
        ),
        client_mutation_id=_given_client_id(),
    )

    @staticmethod
    async def resolve_save_book(
        root: None,
        info: GraphQLResolveInfo,
        input: Mapping[str, Any],
        client_mutation_id: str | None = None,
    ) -> Row:
        """Write it, then read the selected fields."""
        _check_write(info)
        wanted = selections_below(info, {"book"}).get("Book", ())
        (saved,) = await call_store(
            info, lambda store: _save(store, [input], wanted, places=[("input",)])
        )
        return {**saved, "client_mutation_id": client_mutation_id}

    @staticmethod
    async def resolve_save_books(
        root: None,
        info: GraphQLResolveInfo,
        inputs: Sequence[Mapping[str, Any]],
        client_mutation_id: str | None = None,
    ) -> Row:
        """Write them, then read the selected fields of all of them."""
        _check_write(info)
        if len(inputs) > MAX_INPUTS:
            message = f"inputs: {len(inputs)} were given; give at most {MAX_INPUTS}."
            errors = [_user_error(message, "TOO_MANY", ("inputs",))]
            return {"user_errors": errors, "client_mutation_id": client_mutation_id}
        wanted = selections_below(info, {"results"}, {"book"}).get("Book", ())
        places = [("inputs", str(place)) for place in range(len(inputs))]
        results = await call_store(info, lambda store: _save(store, inputs, wanted, places=places))
        return {
            "results": results,
            "user_errors": [error for one in results for error in one["user_errors"]],
            "client_mutation_id": client_mutation_id,
        }

    @staticmethod
    async def resolve_remove_book(
        root: None, info: GraphQLResolveInfo, title: str, client_mutation_id: str | None = None
    ) -> Row:
        """Delete it."""
        _check_write(info)
        removed, errors = None, []
        try:
            removed = await call_store(info, lambda store: remove_book(store, title))
        except BookNotFoundError as error:
            errors = [_user_error(str(error), "BOOK_NOT_FOUND", ("title",))]
        except EditRefusedError as error:
            errors = _user_errors_of(error)
        return {"title": removed, "user_errors": errors, "client_mutation_id": client_mutation_id}


def _save(
    store: Store,
    inputs: Sequence[Mapping[str, Any]],
    wanted: Selections,
    *,
    places: Sequence[tuple[str, ...]],
) -> list[Row]:
    """Save some books, and read the selected fields of those that were saved.

    Args:
        store: the graph.
        inputs: as GraphQL gives them.
        wanted: the selected fields of each book.
        places: the path of each input in the arguments.
    """
    reports = save_books(store, [_edit_of(one) for one in inputs])
    titles = [one.title for one in reports if isinstance(one, EditReport)]
    # A book that another request has just removed is null.
    books = read_books(store, titles, wanted) if titles and wanted else {key: {} for key in titles}
    return [
        {
            "book": books.get(report.title),
            "is_new": report.is_new,
            "is_placed": report.is_placed,
            "user_errors": [],
        }
        if isinstance(report, EditReport)
        else {"user_errors": _user_errors_of(report, place)}
        for report, place in zip(reports, places, strict=True)
    ]


def _edit_of(given: Mapping[str, Any]) -> BookEdit:
    fields = {name: value for name, value in given.items() if name not in {"title", "links"}}
    return BookEdit(given["title"], given.get("links"), fields)


def _user_errors_of(error: EditRefusedError, place: tuple[str, ...] = ()) -> list[Row]:
    return [_user_error(one.message, one.code, (*place, *one.field)) for one in error.refusals]


def _user_error(message: str, code: str, field: Sequence[str]) -> Row:
    return {"message": message, "code": code, "field": list(field)}


def _check_write(info: GraphQLResolveInfo) -> None:
    if not info.context["can_write"]:
        raise AccessDeniedError(
            "Mutations need a write key. Send the header `Authorization: Bearer KEY` with one of "
            "the keys in BOOKGRAPH_WRITE_KEYS."
        )
