"""Everything Neo4j: the server, the schema, loading, write-back, answers. Owns the driver."""

from graph.answers import BookFilter, Neighbour, NodeList, nearest_books
from graph.connection import connect
from graph.load import GraphRows, LoadReport, load_graph
from graph.pairs import GraphPairs, read_book_labels, read_pairs
from graph.server import LocalServer, ServerStatus
from graph.store import Store
from graph.vectors import EmbeddingRows, WriteReport, write_embeddings

__all__ = [
    "BookFilter",
    "EmbeddingRows",
    "GraphPairs",
    "GraphRows",
    "LoadReport",
    "LocalServer",
    "Neighbour",
    "NodeList",
    "ServerStatus",
    "Store",
    "WriteReport",
    "connect",
    "load_graph",
    "nearest_books",
    "read_book_labels",
    "read_pairs",
    "write_embeddings",
]
