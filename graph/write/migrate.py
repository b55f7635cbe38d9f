"""Brings a graph that an earlier release made to the schema of this one, in numbered steps.

The `Dataset` node carries the number of the graph's schema; a graph without one has schema 1. Each
step is one small transaction that sets the number too, so a migration that is killed continues
where it stopped. Servers of the release before go on answering meanwhile: a step adds, and what it
makes superfluous is removed by a step of a later release.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.schema import SCHEMA_VERSION
from bookgraph.graph.store import Store, Transaction, read_schema_version
from bookgraph.graph.write.indexes import await_indexes, create_schema, outdated_indexes
from bookgraph.graph.write.lease import leased

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a migration.

    Attributes:
        number: the schema that the graph has after it.
        text: what it does, for people.
        statements: they may run twice.
    """

    number: int
    text: str
    statements: Sequence[LiteralString]


@dataclass(frozen=True, slots=True)
class Migration:
    """What a graph lacks.

    Attributes:
        from_version: the graph's schema.
        to_version: the schema of this release.
        steps: what is to be done, in order.
        indexes: names of the indexes that are to be built anew because their definition changed.
    """

    from_version: int
    to_version: int
    steps: Sequence[Step]
    indexes: Sequence[str]

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps or self.indexes)


STEPS: tuple[Step, ...] = (
    Step(
        2,
        "Name the current model on the Dataset node, and the place of its vectors on each model.",
        (
            # Models of releases with one place for vectors do not name it.
            """
            MATCH (model:EmbeddingModel {is_current: true}) WHERE model.vector IS NULL
            SET model.vector = 'embedding', model.book_index = 'book_embedding',
              model.link_index = 'link_embedding'
            """,
            """
            MATCH (data:Dataset {name: 'bookgraph'}) WHERE data.model IS NULL
            MATCH (model:EmbeddingModel {is_current: true})
            SET data.model = model.version
            """,
        ),
    ),
)


def plan_migration(store: Store) -> Migration:
    """What `migrate` would do; changes nothing.

    Raises:
        SchemaVersionError: a later release made the graph.
    """
    version = read_schema_version(store)
    if version is None:
        return Migration(SCHEMA_VERSION, SCHEMA_VERSION, (), ())
    return Migration(
        version,
        SCHEMA_VERSION,
        tuple(step for step in STEPS if step.number > version),
        tuple(index.name for index in outdated_indexes(store)),
    )


@leased("migrate")
def migrate(store: Store, *, on_progress: OnProgress = ignore_progress) -> Migration:
    """Bring the graph to this release's schema.

    Readers go on reading. A full-text search waits only where the name of its index stands for
    another definition, about a second for each 100,000 nodes.

    Returns:
        What was done.

    Raises:
        SchemaVersionError: a later release made the graph.
        StoreUnreachableError: the server went away; run it again.
    """
    todo = plan_migration(store)
    if todo.is_needed:
        # First, so that they answer before servers that need them accept the graph.
        on_progress(Progress("Building indexes", 0))
        create_schema(store)
        await_indexes(store)
    for done, step in enumerate(todo.steps):
        on_progress(Progress("Migrating the graph", done, len(todo.steps), "steps"))
        _take(store, step)
        logger.info("migrated the graph to schema %d: %s", step.number, step.text)
    return todo


def _take(store: Store, step: Step) -> None:
    def work(transaction: Transaction) -> None:
        for statement in step.statements:
            transaction.run(statement)
        transaction.run(
            "MATCH (data:Dataset {name: 'bookgraph'}) SET data.schema_version = $number",
            number=step.number,
        )

    store.write(work)
