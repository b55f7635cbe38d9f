"""Everything Neo4j: the server, the schema, loading, write-back, answers. Owns the driver."""

from bookgraph.graph.connection import connect
from bookgraph.graph.query.filters import BookFilter
from bookgraph.graph.query.nodes import Neighbour, nearest_books
from bookgraph.graph.query.overview import ModelFit, read_model_fit
from bookgraph.graph.query.selection import NodeList
from bookgraph.graph.read.edges import GraphEdges, read_edges
from bookgraph.graph.read.labels import read_book_labels
from bookgraph.graph.server.local import LocalServer, ServerStatus
from bookgraph.graph.store import Store
from bookgraph.graph.write.load import GraphRows, LoadReport, load_graph
from bookgraph.graph.write.vectors import EmbeddingRows, WriteReport, write_embeddings

__all__ = [
    "BookFilter",
    "EmbeddingRows",
    "GraphEdges",
    "GraphRows",
    "LoadReport",
    "LocalServer",
    "ModelFit",
    "Neighbour",
    "NodeList",
    "ServerStatus",
    "Store",
    "WriteReport",
    "connect",
    "load_graph",
    "nearest_books",
    "read_book_labels",
    "read_edges",
    "read_model_fit",
    "write_embeddings",
]
