"""One open Neo4j database: run statements, get plain rows, meet only bookgraph's own errors.

What the statements mean is the business of the modules that write them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString, Protocol, TypeVar

import neo4j

from bookgraph.core.errors import (
    BookgraphError,
    DatabaseDownError,
    IndexMissingError,
    SchemaRaceError,
    SchemaVersionError,
)
from bookgraph.graph.driver import open_driver, translated_errors
from bookgraph.graph.schema import SCHEMA_VERSION
from bookgraph.graph.vectors.models import Models, Pin

_CONNECTION_TIMEOUT_S = 15.0
_MOST_TRIES = 50
_INDEX_PAUSE_S = 0.2
_IS_LOADED: LiteralString = "MATCH (d:Dataset {name: 'bookgraph'}) RETURN 1"

Row = dict[str, Any]
T = TypeVar("T")
Diagnose = Callable[[], BookgraphError | None]


class Runner(Protocol):
    """Runs statements: a store, one of its transactions, or a recording fake in tests."""

    def run(self, statement: LiteralString, **parameters: object) -> list[Row]:
        """Run one statement and return all its rows."""
        ...


class Fence(Protocol):
    """The right to write, which each transaction proves at its end; see `graph.write.lease`."""

    def check(self, runner: Runner) -> None:
        """Raise an error if somebody else has the right now."""
        ...

    def properties(self) -> Mapping[str, str | int | float]:
        """How it is stored in the graph."""
        ...


class Transaction:
    """One open transaction; pass it where a `Runner` is expected."""

    def __init__(self, transaction: neo4j.ManagedTransaction) -> None:
        self._transaction = transaction

    def run(self, statement: LiteralString, **parameters: object) -> list[Row]:
        """Run one statement inside the transaction and return all its rows."""
        return [record.data() for record in self._transaction.run(statement, parameters)]

    def read_all(self, statement: LiteralString, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Stream a large result inside the transaction, as tuples in the order of the RETURN."""
        for record in self._transaction.run(statement, parameters):
            yield tuple(record.values())


class Store:
    """A Neo4j database; threads may share one.

    Attributes:
        address: of the server, as it was given.
        models: the models of this database that the process holds in memory.
        pin: in the store of one request, the model that all its answers use.
        lease: the right to write that all writes prove; None for those that need none.
    """

    def __init__(
        self,
        driver: neo4j.Driver,
        *,
        database: str,
        address: str,
        timeout_s: float | None = None,
        models: Models | None = None,
        pin: Pin | None = None,
        lease: Fence | None = None,
        diagnose: Diagnose | None = None,
    ) -> None:
        self._driver = driver
        self._database = database
        self._timeout_s = timeout_s
        self._diagnose = diagnose
        self.address = address
        self.models = models or Models()
        self.pin = pin
        self.lease = lease

    @classmethod
    def open(
        cls,
        uri: str,
        auth: tuple[str, str],
        *,
        database: str,
        retry_limit_s: float,
        connection_timeout_s: float = _CONNECTION_TIMEOUT_S,
        probe: LiteralString = "RETURN 1",
        diagnose: Diagnose | None = None,
    ) -> Store:
        """Connect, and run one query to prove that the database answers.

        Args:
            uri: `bolt://HOST:PORT` or `neo4j://HOST:PORT`.
            auth: user name and password.
            database: name of the database.
            retry_limit_s: how long a write is retried after a transient failure.
            connection_timeout_s: how long opening a connection may take.
            probe: the query.
            diagnose: finds out why the database does not work while its server responds. What it
                returns is raised instead of the general error.

        Raises:
            UsageError: the URI is invalid.
            StoreUnreachableError: no answer, or the database does not exist.
            StoreLoginError: the server refuses the login.
        """
        driver = open_driver(
            uri, auth, connection_timeout_s=connection_timeout_s, retry_limit_s=retry_limit_s
        )
        store = cls(driver, database=database, address=uri, diagnose=diagnose)
        try:
            store.read(probe)
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()

    def with_timeout(self, timeout_s: float) -> Store:
        """The same database with a query timeout, in seconds; Neo4j itself stops what exceeds it.

        The two share their connections: closing one of them closes both.
        """
        return self._like(timeout_s=timeout_s)

    def pinned(self) -> Store:
        """The same database for one request, all of whose answers then use one model."""
        return self._like(pin=Pin())

    def leased(self, lease: Fence) -> Store:
        """The same database, each of whose writes is undone when the lease was lost."""
        return self._like(lease=lease)

    def _like(self, **changes: Any) -> Store:
        options = {
            "timeout_s": self._timeout_s,
            "models": self.models,
            "pin": self.pin,
            "lease": self.lease,
            "diagnose": self._diagnose,
        }
        return Store(
            self._driver, database=self._database, address=self.address, **{**options, **changes}
        )

    def run(self, statement: LiteralString, **parameters: object) -> list[Row]:
        """Run one statement in a transaction of its own, in one round trip.

        Use it for `CALL ... IN TRANSACTIONS` and for single writes. A lease is checked before it,
        as the former cannot be part of a transaction.

        Raises:
            LeaseLostError: another command writes the graph now.
            StoreUnreachableError: no answer; a retry may help.
            QueryTimeoutError: the statement took longer than the store's timeout.
            BookgraphError: the server rejects the statement.
        """
        self._check_lease()
        with self._translated(), self._session() as session:
            return [record.data() for record in session.run(self._query(statement), parameters)]

    def read(self, statement: LiteralString, **parameters: object) -> list[Row]:
        """Run one reading statement in one round trip, on any member of a cluster.

        Raises:
            StoreUnreachableError: no answer; a retry may help.
            QueryTimeoutError: the statement took longer than the store's timeout.
            BookgraphError: the server rejects the statement.
        """
        for _ in range(_MOST_TRIES):
            try:
                return self._read(statement, parameters)
            except IndexMissingError:
                # It may just be replaced by another one of its name. An empty graph has none.
                if not self._read(_IS_LOADED, {}):
                    raise
                time.sleep(_INDEX_PAUSE_S)
        return self._read(statement, parameters)

    def _read(self, statement: LiteralString, parameters: Mapping[str, object]) -> list[Row]:
        with (
            self._translated(),
            self._session(default_access_mode=neo4j.READ_ACCESS) as session,
        ):
            return [
                record.data() for record in session.run(self._query(statement), dict(parameters))
            ]

    def read_all(self, statement: LiteralString, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Stream a large result with one fetch, as tuples in the order of the RETURN.

        `fetch_size=-1` saves a round trip for each 1,000 rows: 1.0 s instead of 9 s for 772,798
        edges.

        Raises:
            StoreUnreachableError: no answer; a retry may help.
            QueryTimeoutError: the statement took longer than the store's timeout.
            BookgraphError: the server rejects the statement.
        """
        with (
            self._translated(),
            self._session(default_access_mode=neo4j.READ_ACCESS, fetch_size=-1) as session,
        ):
            for record in session.run(self._query(statement), parameters):
                yield tuple(record.values())

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do some work in one transaction: all of it or, after an error, nothing.

        The driver runs `work` again after a transient failure, so it must be idempotent.

        Raises:
            LeaseLostError: another command writes the graph now; nothing was written.
            StoreUnreachableError: no answer. The transaction may or may not be committed.
            QueryTimeoutError: the transaction took longer than the store's timeout.
            BookgraphError: the server rejects a statement.
        """
        lease = self.lease

        def checked(transaction: Transaction) -> T:
            result = work(transaction)
            if lease is not None:
                # Last, so that transactions wait for each other only while they commit.
                lease.check(transaction)
            return result

        return self._write(checked)

    def write_schema(self, work: Callable[[Transaction], T]) -> T:
        """Create or drop constraints and indexes in one transaction.

        Neo4j allows no access to data in it, so a lease is checked before it. It is repeated when
        another client changes the schema at the same time, which Neo4j takes for a deadlock, or
        where `IF NOT EXISTS` did not see the other client's index yet.

        Raises:
            LeaseLostError: another command writes the graph now; nothing was changed.
            StoreUnreachableError: no answer. The transaction may or may not be committed.
            BookgraphError: the server rejects a statement.
        """
        self._check_lease()
        try:
            return self._write(work)
        except SchemaRaceError:
            return self._write(work)

    def _check_lease(self) -> None:
        if self.lease is not None:
            self._write(self.lease.check)

    def _write(self, work: Callable[[Transaction], T]) -> T:
        @neo4j.unit_of_work(timeout=self._timeout_s)
        def run(transaction: neo4j.ManagedTransaction) -> T:
            return work(Transaction(transaction))

        with self._translated(), self._session() as session:
            return session.execute_write(run)

    def _query(self, statement: LiteralString) -> neo4j.Query:
        return neo4j.Query(statement, timeout=self._timeout_s)

    def _session(self, **config: Any) -> neo4j.Session:
        return self._driver.session(database=self._database, **config)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated_errors(self.address, self._database):
                yield
        except DatabaseDownError as error:
            found = self._diagnose() if self._diagnose is not None else None
            raise found or error from error.__cause__


def read_schema_version(store: Store) -> int | None:
    """The number of the schema that a graph has, or None where it is not known.

    A database into which bookgraph has loaded nothing has none, nor has a part of a backup.

    Raises:
        SchemaVersionError: a later release made the graph.
    """
    rows = store.read(
        "MATCH (data:Dataset {name: 'bookgraph'}) WHERE data.restoring IS NULL "
        "RETURN coalesce(data.schema_version, 1) AS number"
    )
    version = int(rows[0]["number"]) if rows else None
    if version is not None and version > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"A later release of bookgraph made the graph at {store.address}: its schema is "
            f"{version}, and this release knows schemas up to {SCHEMA_VERSION}. Use that release, "
            "or restore a backup of before its migration (`bookgraph restore FILE --replace`)."
        )
    return version


def check_schema_version(store: Store) -> None:
    """Refuse a graph that this release cannot work with.

    Raises:
        SchemaVersionError: an earlier or a later release made the graph.
    """
    version = read_schema_version(store)
    if version is not None and version < SCHEMA_VERSION:
        raise SchemaVersionError(
            f"An earlier release of bookgraph made the graph at {store.address}. Run `bookgraph "
            f"migrate` to bring it from schema {version} to {SCHEMA_VERSION}; it makes a backup "
            "first. `bookgraph migrate --dry-run` shows what it does."
        )
