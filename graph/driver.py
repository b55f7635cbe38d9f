"""Opens the Neo4j driver, and translates its exceptions into bookgraph's, here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import neo4j
from neo4j import exceptions as driver_errors

from bookgraph.core.errors import (
    BookgraphError,
    DatabaseDownError,
    DiskFullError,
    IndexMissingError,
    QueryTimeoutError,
    SchemaRaceError,
    StoreLoginError,
    StoreUnreachableError,
    UsageError,
)

logger = logging.getLogger(__name__)

_UNREACHABLE = (
    driver_errors.ServiceUnavailable,
    driver_errors.SessionExpired,
    driver_errors.ReadServiceUnavailable,
    driver_errors.WriteServiceUnavailable,
    driver_errors.ConfigurationError,
    ConnectionError,
)


# A database that could not be opened, and one that failed in use, as on a full disk.
_DOWN = ("DatabaseUnavailable", "TransactionStartFailed", "TransactionCommitFailed")
_SCHEMES = {f"{name}{suffix}" for name in ("bolt", "neo4j") for suffix in ("", "+s", "+ssc")}
_INVALID_URI = (
    "NEO4J_URI={uri!r} is an invalid URL. Use bolt://HOST:PORT or neo4j://HOST:PORT; add +s to the "
    "scheme for TLS (neo4j+s://HOST)."
)


def open_driver(
    uri: str, auth: tuple[str, str], *, connection_timeout_s: float, retry_limit_s: float
) -> neo4j.Driver:
    """Create a driver; it connects with its first query.

    Args:
        uri: `bolt://HOST:PORT`, `neo4j://HOST:PORT`, or one of these with `+s` or `+ssc`.
        auth: user name and password.
        connection_timeout_s: how long opening a connection may take.
        retry_limit_s: how long a write is retried after a transient failure.

    Raises:
        UsageError: the URI is invalid.
    """
    # The driver would send queries over HTTP as well, which is a preview of its own.
    if uri.partition("://")[0] not in _SCHEMES:
        raise UsageError(_INVALID_URI.format(uri=uri))
    try:
        return neo4j.GraphDatabase.driver(
            uri,
            auth=auth,
            connection_timeout=connection_timeout_s,
            max_transaction_retry_time=retry_limit_s,
            user_agent="bookgraph",
            # Neo4j would warn with each response about labels that an empty graph does not have.
            notifications_min_severity="OFF",
            # A query that nobody waits for any more must not hold a connection for 60 s.
            connection_acquisition_timeout=2 * connection_timeout_s,
        )
    except (driver_errors.ConfigurationError, ValueError) as error:
        raise UsageError(_INVALID_URI.format(uri=uri)) from error


@contextmanager
def translated_errors(address: str, database: str) -> Iterator[None]:
    """Turn the driver's exceptions into bookgraph's.

    The messages name the address and say what to do. The log keeps Neo4j's own code and text.
    """
    try:
        yield
    except (driver_errors.Neo4jError, driver_errors.DriverError, ConnectionError) as error:
        logger.info("Neo4j at %s failed: %s: %s", address, type(error).__name__, error)
        raise _translate(error, address, database) from error
    except UnicodeEncodeError as error:
        raise UsageError(
            "A text has half of a surrogate pair (U+D800 to U+DFFF), which is not a character. "
            "Remove it."
        ) from error


def _translate(error: Exception, address: str, database: str) -> BookgraphError:
    if isinstance(error, _UNREACHABLE):
        return StoreUnreachableError(
            f"Neo4j at {address} cannot be reached. Check that it is running (`bookgraph neo4j "
            "status`) and that NEO4J_URI is correct."
        )
    if not isinstance(error, driver_errors.Neo4jError):
        return BookgraphError(
            f"The Neo4j driver failed on the connection to {address}. For its reason, run the "
            "command with --debug."
        )
    if "TransactionTimedOut" in str(error.code):
        return QueryTimeoutError(
            f"The query took too long, so Neo4j at {address} stopped it. Request less at once."
        )
    if isinstance(error, driver_errors.ClientError):
        return _translate_client_error(error, address, database)
    return _translate_server_error(error, address, database)


def _translate_server_error(
    error: driver_errors.Neo4jError, address: str, database: str
) -> BookgraphError:
    if "memory" in str(error.code).lower():
        return BookgraphError(
            f"Neo4j at {address} ran out of memory. Raise BOOKGRAPH_HEAP_MB for the local Neo4j, "
            "or the heap size of a remote one."
        )
    if any(code in str(error.code) for code in _DOWN):
        return DatabaseDownError(
            f"The database {database!r} of Neo4j at {address} does not work: it is starting, or it "
            "has failed. Retry in a moment; if it fails again, look for the reason in Neo4j's log, "
            "and restart Neo4j."
        )
    if isinstance(error, driver_errors.TransientError):
        return StoreUnreachableError(f"Neo4j at {address} cannot answer now. Retry in a moment.")
    if "space" in str(error.message).lower():
        return DiskFullError(
            f"The disk of Neo4j at {address} is full. Free some space, restart Neo4j, and run the "
            "command again: acknowledged batches are kept."
        )
    return StoreUnreachableError(
        f"Neo4j at {address} failed while it ran a query. Retry; if it fails again, read the "
        "server's own log (`bookgraph neo4j status` names it)."
    )


def _translate_client_error(
    error: driver_errors.ClientError, address: str, database: str
) -> BookgraphError:
    code, text = str(error.code), str(error.message)
    if "AuthenticationRateLimit" in code:
        return StoreLoginError(
            f"Neo4j at {address} refuses logins for a while after too many wrong passwords. Wait "
            "a minute, then check NEO4J_USERNAME and NEO4J_PASSWORD."
        )
    if isinstance(error, driver_errors.Forbidden):
        return BookgraphError(
            f"The account for Neo4j at {address} may not run this query. Set NEO4J_USERNAME and "
            "NEO4J_PASSWORD to an account that may read and write."
        )
    if isinstance(error, driver_errors.AuthError) or "CredentialsExpired" in code:
        return StoreLoginError(
            f"Neo4j at {address} refuses the login. Set NEO4J_USERNAME and NEO4J_PASSWORD to a "
            "valid account."
        )
    if "DatabaseNotFound" in code:
        return StoreUnreachableError(
            f"The database {database!r} does not exist in Neo4j at {address}. Set NEO4J_DATABASE "
            "to an existing one."
        )
    return _translate_schema_error(code, text, address) or BookgraphError(
        f"Neo4j at {address} rejects a query of bookgraph. Check that the server is Neo4j 2026.08 "
        f"or newer. For its reason, run the command with --debug."
    )


def _translate_schema_error(code: str, text: str, address: str) -> BookgraphError | None:
    if "EquivalentSchemaRuleAlreadyExists" in code:
        return SchemaRaceError(
            f"Another client made the same index in the database at {address} just now. Run the "
            "command again."
        )
    if "IndexNotFound" in code or "no such fulltext schema index" in text:
        return IndexMissingError(
            f"The graph at {address} has no index for this query yet. Load books (`bookgraph "
            "ingest PATH`), then train (`bookgraph train`)."
        )
    return None
