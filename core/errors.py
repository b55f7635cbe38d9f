"""Every error that bookgraph raises on purpose, and the exit code that each one leads to.

This module only names failures; it never catches, logs or prints them. Foreign exceptions are
translated once, at the edge of the folder that owns the library they come from.

    BookgraphError                      exit 1
    ├── UsageError                      exit 2   the caller asked for something impossible
    │   └── ShapeError                           an array with the wrong shape or dtype
    ├── StoreUnreachableError           exit 3   no Neo4j answers (a retry may help)
    │   └── StoreLoginError                      Neo4j answers and refuses the login
    ├── QueryTimeoutError               exit 1   a question took longer than it may
    ├── LocalServerError                exit 1   the managed Neo4j cannot be run
    │   ├── PortTakenError                       something else listens on its port
    │   ├── DiskFullError                        no room for the jars, the store or the models
    │   └── ServerDiedError                      the JVM ended by itself
    ├── DownloadError                   exit 1   a jar cannot be fetched (a retry may help)
    │   └── ChecksumError                        what arrived is not what the lock names
    ├── InputError                      exit 4   a file that cannot be read as book records
    ├── DataMissingError                exit 4   the graph or a model is not there yet
    │   ├── BookNotFoundError                    no such title; carries the nearest ones
    │   └── LinkNotFoundError                    no such link name; carries the nearest ones
    ├── ForeignDataError                exit 1   a database that holds somebody else's graph
    ├── AccessDeniedError               exit 1   a client may not do this
    ├── TrainingError                   exit 1   training diverged or cannot start
    └── QualityGateError                exit 5   a result is below the bound that was asked for
"""

from __future__ import annotations

from typing import ClassVar


class BookgraphError(Exception):
    """Root of the errors that bookgraph raises on purpose.

    The message is one paragraph for a person: what was attempted, the offending value, and what
    to do next. Subclasses repeat the values as attributes where a caller would use them.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class UsageError(BookgraphError):
    """An argument or a setting has a value that can never work."""

    exit_code = 2


class ShapeError(UsageError):
    """An array does not have the shape, dtype or range that its docstring states."""


class StoreUnreachableError(BookgraphError):
    """No Neo4j answers at the address."""

    exit_code = 3
    retryable = True


class StoreLoginError(StoreUnreachableError):
    """Neo4j answers and refuses the user name or the password."""

    retryable = False


class QueryTimeoutError(BookgraphError):
    """Neo4j gave a question up because it took longer than it may."""

    retryable = True


class LocalServerError(BookgraphError):
    """A server that bookgraph runs on this machine cannot be started or stopped."""


class PortTakenError(LocalServerError):
    """A port that the managed Neo4j was told to use belongs to another program."""

    def __init__(self, message: str, *, port: int) -> None:
        super().__init__(message)
        self.port = port


class DiskFullError(LocalServerError):
    """There is not enough free space; nothing was left half written."""


class ServerDiedError(LocalServerError):
    """The JVM ended while it was being started or used."""

    retryable = True


class DownloadError(BookgraphError):
    """A jar of the lock cannot be fetched."""

    retryable = True


class ChecksumError(DownloadError):
    """A downloaded file differs from the sha256 that the lock names; it was deleted."""


class InputError(BookgraphError):
    """A file cannot be read as book records or as a MediaWiki dump."""

    exit_code = 4


class DataMissingError(BookgraphError):
    """The graph is empty, or no embeddings were trained; the message names the command to run."""

    exit_code = 4


class BookNotFoundError(DataMissingError):
    """No book has this title."""

    def __init__(self, title: str, *, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(_not_found("book", title, nearest))
        self.title = title
        self.nearest = nearest


class LinkNotFoundError(DataMissingError):
    """No link has this name."""

    def __init__(self, name: str, *, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(_not_found("link", name, nearest))
        self.name = name
        self.nearest = nearest


class ForeignDataError(BookgraphError):
    """A database holds nodes that bookgraph did not make; it was left untouched."""


class AccessDeniedError(BookgraphError):
    """A client asked for what its key does not permit."""


class TrainingError(BookgraphError):
    """Training cannot start on this graph, or its loss stopped being a number."""


class QualityGateError(BookgraphError):
    """A measured quality is below the bound that the caller set."""

    exit_code = 5


def _not_found(kind: str, wanted: str, nearest: tuple[str, ...]) -> str:
    if not nearest:
        return f"There is no {kind} {wanted!r} in the graph, nor one with a similar name."
    names = ", ".join(repr(name) for name in nearest)
    return f"There is no {kind} {wanted!r} in the graph. Nearest: {names}."
