"""Counts again what a graph keeps counted, for tests of writes."""

from __future__ import annotations

from bookgraph.graph.store import Store


def wrong_counts(store: Store) -> list[str]:
    """The nodes whose counts are wrong, and links that no book mentions; empty if all is right."""
    rows = store.read(
        "CYPHER 25 RETURN COLLECT { MATCH (n:Link) LET num = COUNT { (n)<-[:LINKS_TO]-() } "
        "FILTER num = 0 OR n.num_books IS NULL OR n.num_books <> num RETURN n.name } AS links, "
        "COLLECT { MATCH (n:Book) LET num = COUNT { (n)-[:LINKS_TO]->() } "
        "FILTER n.num_links IS NULL OR n.num_links <> num RETURN n.title } AS books, "
        "COLLECT { MATCH (n:ExternalLink) LET num = COUNT { (n)<-[:CITES]-() } "
        "FILTER num = 0 OR n.num_books IS NULL OR n.num_books <> num RETURN n.url } AS urls"
    )
    return [name for names in rows[0].values() for name in names]
