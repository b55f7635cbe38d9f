"""The tree of errors matches the drawing in its module, and messages offer similar names."""

from __future__ import annotations

import re

import pytest

from bookgraph.core import errors
from bookgraph.core.errors import BookgraphError, BookNotFoundError, LinkNotFoundError


def all_errors() -> list[type[BookgraphError]]:
    found = [BookgraphError]
    for error in found:
        found.extend(error.__subclasses__())
    return [error for error in found if error.__module__ == errors.__name__]


def test_the_module_draws_every_error_with_its_exit_code() -> None:
    drawn = {}
    exit_code = 0
    line = re.compile(r"(\w+Error)\b[^\n]*?(?:exit (\d)|$)", re.MULTILINE)
    for name, code in line.findall(errors.__doc__ or ""):
        exit_code = int(code) if code else exit_code
        drawn[name] = exit_code
    assert drawn == {error.__name__: error.exit_code for error in all_errors()}


@pytest.mark.parametrize("error", all_errors())
def test_every_error_has_a_docstring_and_a_documented_exit_code(
    error: type[BookgraphError],
) -> None:
    assert error.__doc__
    assert error.exit_code in {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("error", "is_retryable"),
    [
        (errors.StoreUnreachableError, True),
        (errors.StoreLoginError, False),
        (errors.DownloadError, True),
        (errors.UsageError, False),
        (errors.DataMissingError, False),
    ],
)
def test_only_temporary_failures_are_retryable(
    error: type[BookgraphError], is_retryable: bool
) -> None:
    assert error.retryable is is_retryable


def test_a_missing_book_offers_similar_titles() -> None:
    error = BookNotFoundError("Wra and Peace", nearest=("War and Peace", "Peace"))
    assert str(error) == (
        "Book not found: 'Wra and Peace'. Similar titles: 'War and Peace', 'Peace'."
    )
    assert (error.title, error.nearest) == ("Wra and Peace", ("War and Peace", "Peace"))


def test_a_missing_link_says_that_no_name_is_similar() -> None:
    error = LinkNotFoundError("qqq")
    assert str(error) == "Link not found: 'qqq'. No name in the graph is similar."
