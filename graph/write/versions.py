"""Switches between the models that the graph holds, and removes those that it does not need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.read.model import StoredModel, list_models
from bookgraph.graph.schema import BOOK, LINK, SLOTS, slot_of
from bookgraph.graph.store import Store
from bookgraph.graph.write.lease import leased
from bookgraph.graph.write.vectors import remove_vectors


@leased("models use")
def use_model(store: Store, version: str) -> StoredModel:
    """Make a model that the graph holds the current one, in one small transaction.

    Raises:
        DataMissingError: the graph does not hold it.
    """
    rows = store.write(lambda transaction: transaction.run(_USE, version=version))
    for model in list_models(store):
        if rows and model.version == version:
            return model
    held = [model.version for model in list_models(store) if model.is_held]
    raise DataMissingError(
        f"The graph does not hold the model {version!r}. It holds: {', '.join(held) or 'none'}. "
        "`bookgraph models list` shows all."
    )


@leased("models rollback")
def roll_back(store: Store) -> StoredModel:
    """Make the model beside the current one the current one.

    Raises:
        DataMissingError: the graph holds no other model.
    """
    others = [model for model in list_models(store) if model.is_held and not model.is_current]
    if not others:
        raise DataMissingError(
            "The graph holds no other model to go back to. It keeps the one before the current "
            "one, until `bookgraph models prune` or the next training."
        )
    return use_model(store, others[0].version)


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was removed.

    Attributes:
        versions: models that are gone, vectors and facts.
    """

    versions: Sequence[str]


@leased("models prune")
def prune_models(store: Store) -> PruneReport:
    """Remove the vectors of all models but the current one, and what is stored about them.

    Raises:
        DataMissingError: the graph has no current model.
    """
    models = list_models(store)
    current = next((model for model in models if model.is_current), None)
    if current is None:
        raise DataMissingError("The graph has no current model, so nothing was removed.")
    kept = slot_of(current.properties["vector"])
    # First the facts: nobody then starts to use vectors that are being removed.
    store.write(lambda transaction: transaction.run(_REMOVE_OTHERS))
    for slot in SLOTS:
        for kind in (BOOK, LINK):
            remove_vectors(store, kind, slot, kept=current.version if slot == kept else None)
        if slot != kept:
            for kind in (BOOK, LINK):
                store.run("DROP INDEX " + slot.index_of(kind) + " IF EXISTS")
    return PruneReport(tuple(model.version for model in models if not model.is_current))


_USE: LiteralString = """
MATCH (chosen:EmbeddingModel {version: $version}) WHERE chosen.vector IS NOT NULL
OPTIONAL MATCH (other:EmbeddingModel {is_current: true} WHERE other <> chosen)
SET other.is_current = false
WITH DISTINCT chosen
SET chosen.is_current = true
WITH chosen
OPTIONAL MATCH (data:Dataset {name: 'bookgraph'})
SET data.model = chosen.version
RETURN chosen.version AS version
"""
_REMOVE_OTHERS: LiteralString = """
MATCH (model:EmbeddingModel) WHERE NOT coalesce(model.is_current, false)
DETACH DELETE model
"""
