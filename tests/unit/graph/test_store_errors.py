"""Every failure of the driver becomes one of bookgraph's errors that says what to do."""

from __future__ import annotations

import pytest
from neo4j import exceptions as driver_errors

from bookgraph.core.errors import (
    BookgraphError,
    DatabaseDownError,
    DiskFullError,
    IndexMissingError,
    QueryTimeoutError,
    StoreLoginError,
    StoreUnreachableError,
    UsageError,
)
from bookgraph.graph.driver import open_driver, translated_errors


def server_error(code: str, message: str) -> driver_errors.Neo4jError:
    return driver_errors.Neo4jError._hydrate_neo4j(code=code, message=message)


CASES = [
    (
        server_error("Neo.ClientError.Security.Unauthorized", "wrong password"),
        StoreLoginError,
        "NEO4J_PASSWORD",
    ),
    (
        server_error("Neo.ClientError.Database.DatabaseNotFound", "gone"),
        StoreUnreachableError,
        "'books' does not exist",
    ),
    (driver_errors.ServiceUnavailable("refused"), StoreUnreachableError, "cannot be reached"),
    (driver_errors.SessionExpired("gone"), StoreUnreachableError, "cannot be reached"),
    (ConnectionResetError("reset"), StoreUnreachableError, "cannot be reached"),
    (
        server_error("Neo.TransientError.General.MemoryPoolOutOfMemoryError", "pool"),
        BookgraphError,
        "BOOKGRAPH_HEAP_MB",
    ),
    (
        server_error("Neo.TransientError.General.DatabaseUnavailable", "starting"),
        DatabaseDownError,
        "does not work",
    ),
    (
        server_error("Neo.DatabaseError.Transaction.TransactionStartFailed", "critical error"),
        DatabaseDownError,
        "does not work",
    ),
    (
        server_error("Neo.TransientError.General.TransactionMemoryLimit", "limit"),
        BookgraphError,
        "BOOKGRAPH_HEAP_MB",
    ),
    (
        server_error("Neo.TransientError.Transaction.DeadlockDetected", "deadlock"),
        StoreUnreachableError,
        "cannot answer now",
    ),
    (
        server_error("Neo.DatabaseError.General.UnknownError", "No space left on device"),
        DiskFullError,
        "Free some space",
    ),
    (
        server_error("Neo.ClientError.Schema.IndexNotFound", "no such index"),
        IndexMissingError,
        "bookgraph train",
    ),
    (
        server_error("Neo.ClientError.Security.AuthenticationRateLimit", "rate limit"),
        StoreLoginError,
        "Wait a minute",
    ),
    (
        server_error("Neo.ClientError.Security.Forbidden", "no write"),
        BookgraphError,
        "may read and write",
    ),
    (
        server_error("Neo.ClientError.Transaction.TransactionTimedOut", "slow"),
        QueryTimeoutError,
        "took too long",
    ),
    (driver_errors.ResultConsumedError(None, "used"), BookgraphError, "--debug"),
    (
        server_error("Neo.ClientError.Statement.SyntaxError", "bad input"),
        BookgraphError,
        "rejects a query",
    ),
]


@pytest.mark.parametrize(("cause", "kind", "says"), CASES, ids=[c[1].__name__ for c in CASES])
def test_translation(cause: Exception, kind: type[BookgraphError], says: str) -> None:
    with pytest.raises(BookgraphError) as caught, translated_errors("bolt://db", "books"):
        raise cause
    assert type(caught.value) is kind
    assert says in str(caught.value)
    assert "bolt://db" in str(caught.value)
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(("cause", "kind", "says"), CASES, ids=[c[1].__name__ for c in CASES])
def test_no_text_of_the_driver_reaches_the_user(
    cause: Exception, kind: type[BookgraphError], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = str(cause)
    with (
        caplog.at_level("INFO"),
        pytest.raises(kind) as caught,
        translated_errors("bolt://db", "books"),
    ):
        raise cause
    assert "Neo." not in str(caught.value)
    assert own not in str(caught.value)
    assert own in caplog.text


def test_other_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), translated_errors("bolt://db", "books"):
        raise ZeroDivisionError


@pytest.mark.parametrize("uri", ["http://x:7474", "x", "bolt+x://host", ""])
def test_an_invalid_url_is_wrong_usage(uri: str) -> None:
    with pytest.raises(UsageError, match="is an invalid URL"):
        open_driver(uri, ("neo4j", "password"), connection_timeout_s=1, retry_limit_s=1)
