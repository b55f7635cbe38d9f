"""Every error that bookgraph raises on purpose, with the exit code of the command line.

This module only defines errors. It never catches, logs or prints them. Exceptions of a library are
translated once, in the folder that owns the library.

    BookgraphError                      exit 1
    ├── UsageError                      exit 2   an argument or a setting is not accepted
    │   ├── ShapeError                           an array has the wrong shape, dtype or range
    │   └── EditRefusedError                     an edit of a book holds texts that cannot be saved
    ├── StoreUnreachableError           exit 3   Neo4j does not answer (a retry may help)
    │   ├── StoreLoginError                      Neo4j refuses the user name or the password
    │   └── DatabaseDownError                    Neo4j answers, but its database does not
    ├── LeaseLostError                  exit 1   another command took over the graph
    ├── QueryTimeoutError               exit 1   a query took longer than its timeout
    ├── LocalServerError                exit 1   the local Neo4j cannot be started or stopped
    │   ├── PortTakenError                       another program uses the port
    │   ├── DiskFullError                        the disk is full
    │   ├── StoreDamagedError                    the local Neo4j cannot open the graph's files
    │   └── ServerDiedError                      the Java process ended unexpectedly
    ├── DownloadError                   exit 1   a download failed (a retry may help)
    │   └── ChecksumError                        a downloaded file has the wrong checksum
    ├── InputError                      exit 4   a file does not hold book records or a dump
    ├── DataMissingError                exit 4   the graph is empty or has no model yet
    │   ├── IndexMissingError                    the graph has no index for a query
    │   ├── RestoreUnfinishedError               the graph holds a part of a backup
    │   ├── BookNotFoundError                    no book has this title; carries similar titles
    │   └── LinkNotFoundError                    no link has this name; carries similar names
    ├── SchemaRaceError                 exit 1   another client made the same index just now
    ├── ForeignDataError                exit 1   the database holds nodes of another program
    ├── SchemaVersionError              exit 1   another release made the graph
    ├── AccessDeniedError               exit 1   a client's key does not permit the request
    ├── TrainingError                   exit 1   training cannot start, or it diverged
    └── QualityGateError                exit 5   a result is below the required quality
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal


class BookgraphError(Exception):
    """The root of all errors that bookgraph raises on purpose.

    The message says what failed, names the offending value, and says what to do next. Subclasses
    carry values as attributes where a caller would use them.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class UsageError(BookgraphError):
    """An argument or a setting has a value that is not accepted."""

    exit_code = 2


class ShapeError(UsageError):
    """An array does not have the shape, dtype or range that the docstring states."""


RefusalCode = Literal["BLANK", "TOO_LONG", "TOO_MANY", "OUT_OF_RANGE", "INVALID"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an edit is refused.

    Attributes:
        field: where the value stands in the edit, such as `("links", "3")`.
        code: the kind of reason.
        message: the field, the value, and what to do.
    """

    field: tuple[str, ...]
    code: RefusalCode
    message: str


class EditRefusedError(UsageError):
    """An edit of a book holds values that cannot be saved. Nothing of it was saved."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(" ".join(one.message for one in refusals))
        self.refusals = tuple(refusals)


class StoreUnreachableError(BookgraphError):
    """Neo4j does not answer at its address."""

    exit_code = 3
    retryable = True


class StoreLoginError(StoreUnreachableError):
    """Neo4j answers, but refuses the user name or the password."""

    retryable = False


class DatabaseDownError(StoreUnreachableError):
    """Neo4j answers, but the database does not: it is starting, or it has failed."""


class LeaseLostError(BookgraphError):
    """Another command writes the graph now. Nothing of this transaction was written."""


class QueryTimeoutError(BookgraphError):
    """A query took longer than its timeout, so Neo4j ended it."""

    retryable = True


class LocalServerError(BookgraphError):
    """A server that bookgraph runs on this machine cannot be started or stopped."""


class PortTakenError(LocalServerError):
    """Another program uses the port."""

    def __init__(self, message: str, *, port: int) -> None:
        super().__init__(message)
        self.port = port


class DiskFullError(LocalServerError):
    """The disk is full. No half-written file is left."""


class StoreDamagedError(LocalServerError):
    """The local Neo4j runs, and cannot open the graph's files. The message names the command.

    Attributes:
        database: whose files: the graph's, or `system`, which holds the users.
    """

    def __init__(self, message: str, *, database: str) -> None:
        super().__init__(message)
        self.database = database


class ServerDiedError(LocalServerError):
    """The local Neo4j's Java process ended while it was starting or in use."""

    retryable = True


class DownloadError(BookgraphError):
    """A file cannot be downloaded."""

    retryable = True


class ChecksumError(DownloadError):
    """A downloaded file does not have the expected checksum. It was deleted."""


class InputError(BookgraphError):
    """A file does not hold book records or a MediaWiki dump."""

    exit_code = 4


class DataMissingError(BookgraphError):
    """The graph is empty or has no model yet. The message names the command to run."""

    exit_code = 4


class SchemaRaceError(BookgraphError):
    """Another client made the same index or constraint at the same moment."""


class IndexMissingError(DataMissingError):
    """The graph has no index for a query: nothing is loaded yet, or it is being replaced."""


class RestoreUnfinishedError(DataMissingError):
    """A restore is running or was interrupted, so the graph holds a part of a backup."""

    def __init__(self, address: str, file: str) -> None:
        super().__init__(
            f"The graph at {address} holds a part of the backup {file}: its restore is running or "
            f"was interrupted. Wait for it, or start it again: bookgraph restore {file}"
        )
        self.file = file


class BookNotFoundError(DataMissingError):
    """No book has this title."""

    def __init__(self, title: str, *, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(_not_found("Book", title, "title", nearest))
        self.title = title
        self.nearest = nearest


class LinkNotFoundError(DataMissingError):
    """No link has this name."""

    def __init__(self, name: str, *, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(_not_found("Link", name, "name", nearest))
        self.name = name
        self.nearest = nearest


class ForeignDataError(BookgraphError):
    """The database holds nodes of another program. It was not changed."""


class SchemaVersionError(BookgraphError):
    """Another release of bookgraph made the graph. It was not changed."""


class AccessDeniedError(BookgraphError):
    """A client's key does not permit the request."""


class TrainingError(BookgraphError):
    """Training cannot start on this graph, or its loss became infinite or NaN."""


class QualityGateError(BookgraphError):
    """A measured quality is below the bound that the caller set."""

    exit_code = 5


def _not_found(kind: str, wanted: str, noun: str, nearest: tuple[str, ...]) -> str:
    if not nearest:
        return f"{kind} not found: {wanted!r}. No {noun} in the graph is similar."
    names = ", ".join(repr(name) for name in nearest)
    return f"{kind} not found: {wanted!r}. Similar {noun}s: {names}."
