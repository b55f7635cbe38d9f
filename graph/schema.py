"""The graph's schema, as data: labels, keys, properties, relationship types and index names.

Filters, projections, exports, facets, maps, index statements and GraphQL's fields are made from the
tables here, so a new book property is one line in `BOOK`. Nothing here talks to a database:
`bookgraph.graph.write.indexes` creates the constraints and the indexes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, LiteralString

SCHEMA_VERSION = 2
"""Number of the schema that this release writes and reads; `bookgraph.graph.write.migrate` has the
steps that lead to it."""

ValueType = Literal["string", "strings", "int", "float", "floats"]
"""What a property holds: one value, or a list of values."""

Use = Literal[
    "answer",  # queries return it, and GraphQL has a field for it
    "required",  # every node has it
    "values",  # filters match any of several values
    "range",  # filters match values between two bounds
    "range_index",
    "vector_index",  # stored inside the vector indexes, where searches can filter by it
    "facet",  # its values are counted
    "export",  # a column of the exported tables
    "parquet",  # a column of the Parquet tables only
    "projector",  # a column of the Embedding Projector's metadata
    "map",  # a column of the map's points
    "edit",  # `saveBook` sets it
]


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a node, with all that the rest of the code does with it.

    Attributes:
        name: the property's name in Neo4j; GraphQL has it in camelCase.
        value_type: what it holds.
        text: one sentence for people.
        uses: what it is used for.
        plural: name of the list property beside it. It holds all values of a field of which `name`
            holds the first; empty where there is no such list.
    """

    name: LiteralString
    value_type: ValueType
    text: str
    uses: frozenset[Use]
    plural: LiteralString = ""

    @property
    def noun(self) -> str:
        """The start of `text` as a noun phrase for the middle of a sentence."""
        phrase = self.text.split(";")[0].rstrip(".")
        return phrase[0].lower() + phrase[1:]


@dataclass(frozen=True, slots=True)
class NodeKind:
    """Books or links: the two kinds of nodes that have vectors.

    Two kinds are equal when their labels are.

    Attributes:
        label: the node's label.
        key: the property that identifies a node; unique.
        degree: the property that counts its edges.
        to_other: the edge from a node of this kind to one of the other, as a Cypher pattern.
        vector_index: name of its vector index in the first slot.
        text_index: name of its full-text index.
        word: what people call one.
        properties: all properties of its nodes.
    """

    label: LiteralString
    key: LiteralString = field(compare=False)
    degree: LiteralString = field(compare=False)
    to_other: LiteralString = field(compare=False)
    vector_index: LiteralString = field(compare=False)
    text_index: LiteralString = field(compare=False)
    word: LiteralString = field(compare=False)
    properties: tuple[Property, ...] = field(compare=False, repr=False)

    @property
    def other(self) -> NodeKind:
        """Links for books, books for links."""
        return LINK if self == BOOK else BOOK

    def having(self, use: Use) -> tuple[Property, ...]:
        """The properties with a use, in the order of the table."""
        return tuple(one for one in self.properties if use in one.uses)

    def names(self, use: Use) -> tuple[LiteralString, ...]:
        """Names of the properties with a use, without the plural ones."""
        return tuple(one.name for one in self.having(use))

    def stored(self, use: Use) -> Mapping[LiteralString, ValueType]:
        """Name and type of the properties with a use, the plural ones among them."""
        found: dict[LiteralString, ValueType] = {}
        for one in self.having(use):
            found[one.name] = one.value_type
            if one.plural:
                found[one.plural] = "strings"
        return found


def _uses(*names: Use) -> frozenset[Use]:
    return frozenset(names)


_KEY = _uses("answer", "required", "export", "projector", "map")
_FACT = _uses("answer", "range_index", "export")
_NAMES = _FACT | _uses("values", "vector_index", "facet", "edit")
_COUNT = _uses("answer", "required", "range", "range_index", "export", "map")
_ANSWER = _uses("answer")
_PLACE = _uses("answer", "export", "map")
_SEEN = _uses("projector", "map")
_INTERNAL = _uses()

_VECTOR = (
    Property(
        "embedding", "floats", "The vector; in the graph, in the model of the first slot.", _ANSWER
    ),
    Property("embedding_version", "string", "The version of that model.", _INTERNAL),
    Property("embedding_2", "floats", "The vector in the model of the second slot.", _INTERNAL),
    Property("embedding_2_version", "string", "The version of that model.", _INTERNAL),
    Property("x", "float", "Map position, from left to right.", _PLACE),
    Property("y", "float", "Map position, from bottom to top.", _PLACE),
    Property("umap_x", "float", "Position on the UMAP map, from left to right.", _uses("parquet")),
    Property("umap_y", "float", "Position on the UMAP map, from bottom to top.", _uses("parquet")),
)
_REDIRECTS = Property("redirects", "strings", "Other titles that redirect to the page.", _ANSWER)

BOOK = NodeKind(
    label="Book",
    key="title",
    degree="num_links",
    to_other="-[:LINKS_TO]->",
    vector_index="book_embedding",
    text_index="book_title_text",
    word="book",
    properties=(
        Property("title", "string", "Title of the Wikipedia page; unique.", _KEY),
        Property("author", "string", "First author.", _NAMES | _SEEN, plural="authors"),
        Property("genre", "string", "First genre.", _NAMES | _SEEN, plural="genres"),
        Property("country", "string", "First country of origin.", _NAMES | _SEEN, "countries"),
        Property("language", "string", "First original language.", _NAMES | _SEEN, "languages"),
        Property("publisher", "string", "First publisher.", _NAMES, plural="publishers"),
        Property(
            "year",
            "int",
            "Year of first publication; negative for years BC.",
            _FACT | _SEEN | _uses("range", "vector_index", "edit"),
        ),
        Property("pages", "int", "Number of pages.", _FACT | _uses("range", "edit")),
        Property("infobox", "string", "The infobox as it stands on the page.", _ANSWER),
        Property("article_length", "int", "Characters of the article without markup.", _ANSWER),
        Property("edited_at", "string", "Time of the page's last edit; ISO 8601.", _ANSWER),
        _REDIRECTS,
        Property("num_links", "int", "Number of distinct links that the book mentions.", _COUNT),
        *_VECTOR,
        Property("checksum", "string", "Digest of what was loaded for the book.", _INTERNAL),
    ),
)
LINK = NodeKind(
    label="Link",
    key="name",
    degree="num_books",
    to_other="<-[:LINKS_TO]-",
    vector_index="link_embedding",
    text_index="link_title_text",
    word="link",
    properties=(
        Property("name", "string", "Name of the page in lowercase; unique.", _KEY),
        Property("title", "string", "The name as books write it most often.", _KEY),
        _REDIRECTS,
        Property(
            "kind",
            "string",
            "Kind of page: `article`, `category`, `file` or another namespace.",
            _KEY | _uses("values", "range_index", "vector_index", "facet"),
        ),
        Property(
            "num_books",
            "int",
            "Number of books that mention the link.",
            _COUNT | _uses("vector_index", "projector"),
        ),
        *_VECTOR,
    ),
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for the vectors of one model.

    There are two, so that a new model is written beside the current one. The `vector` property of
    an `EmbeddingModel` node names its slot.

    Attributes:
        vector: the property that holds a node's vector.
        version: the property that holds the version of the vector's model.
        index_suffix: what the names of the slot's vector indexes end with.
    """

    vector: LiteralString
    version: LiteralString
    index_suffix: LiteralString

    def index_of(self, kind: NodeKind) -> LiteralString:
        """Name of the vector index of a kind."""
        return kind.vector_index + self.index_suffix


SLOTS = (
    Slot("embedding", "embedding_version", ""),
    Slot("embedding_2", "embedding_2_version", "_2"),
)


def slot_of(vector: str) -> Slot:
    """The slot of a model, by the `vector` of its node."""
    return next(slot for slot in SLOTS if slot.vector == vector)


KINDS: Mapping[str, NodeKind] = {kind.label: kind for kind in (BOOK, LINK)}
"""Label to kind."""

EXTERNAL_LINK: Mapping[LiteralString, str] = {
    "url": "The page's URL; unique.",
    "host": "The host in the URL, without `www.`.",
    "num_books": "Number of books that cite the page.",
}
"""Property to text of the `ExternalLink` nodes, pages outside Wikipedia that books cite."""

UNIQUE_KEYS: Mapping[LiteralString, tuple[LiteralString, LiteralString]] = {
    "book_title": (BOOK.label, BOOK.key),
    "link_name": (LINK.label, LINK.key),
    "external_link_url": ("ExternalLink", "url"),
    "embedding_model_version": ("EmbeddingModel", "version"),
    "dataset_name": ("Dataset", "name"),
    "edit_number": ("Edit", "number"),
    "lease_name": ("Lease", "name"),
}
"""Constraint name to a label and the property that is unique among its nodes."""

NUM_KEPT_EDITS = 10_000
"""Number of `Edit` nodes, the log of the latest edits; older ones are deleted."""

LABELS: tuple[LiteralString, ...] = tuple(label for label, _ in UNIQUE_KEYS.values())
RELATIONSHIP_TYPES: tuple[LiteralString, ...] = ("LINKS_TO", "CITES", "REFERS_TO")

SEARCHED: tuple[LiteralString, ...] = ("title", "redirects")
"""The properties in the full-text indexes."""

MapName = Literal["tsne", "umap"]
"""The two maps that a model can have."""

MAP_POSITIONS: Mapping[MapName, tuple[LiteralString, LiteralString]] = {
    "tsne": ("x", "y"),
    "umap": ("umap_x", "umap_y"),
}
"""The properties that hold a node's position on each map."""
