"""Arguments on the real sample: null, many keys at once, names in any spelling, exact pages."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any, LiteralString

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql_relay import to_global_id
from starlette.testclient import TestClient

from bookgraph.api import ServerOptions, build_app
from bookgraph.api.schema.build import build_schema
from bookgraph.graph.store import Store
from bookgraph.testing.fakes import CountingStore

SCHEMA = build_schema()

# What a field needs before its other arguments matter.
NEEDED = {
    "book": {"title": '"Dracula"'},
    "link": {"name": '"vampire"'},
    "node": {"id": '"Qm9vazpEdW5l"'},
    "nodes": {"ids": '["Qm9vazpEdW5l"]'},
    "booksByTitle": {"titles": '["Dracula"]'},
    "linksByName": {"names": '["vampire"]'},
    "search": {"text": '"vampire"'},
    "similarBooks": {"like": '["Dracula"]'},
    "similarLinks": {"like": '["vampire"]'},
    "path": {"from": '{book: "Dracula"}', "to": '{link: "leo tolstoy"}'},
    "compare": {"a": '"Dracula"', "b": '"Emma"'},
    "facets": {"field": "GENRE"},
}


def answer_to(client: TestClient, query: str, **variables: Any) -> dict[str, Any]:
    """The response without what differs between two requests for the same."""
    body = client.post("/graphql", json={"query": query, "variables": variables}).json()
    for error in body.get("errors", ()):
        error["extensions"].pop("requestId")
        error.pop("locations", None)
    found: dict[str, Any] = body
    return found


def ask(client: TestClient, query: str, **variables: Any) -> dict[str, Any]:
    body = answer_to(client, query, **variables)
    assert "errors" not in body, body["errors"]
    data: dict[str, Any] = body["data"]
    return data


def refuse(client: TestClient, query: str, **variables: Any) -> dict[str, Any]:
    (error,) = answer_to(client, query, **variables)["errors"]
    found: dict[str, Any] = error
    return found


def paths_to_fields() -> Iterator[tuple[tuple[str, ...], GraphQLField]]:
    """One way to each field of each object type, from the root."""
    assert SCHEMA.query_type is not None
    seen: set[str] = set()
    waiting: list[tuple[tuple[str, ...], GraphQLObjectType]] = [((), SCHEMA.query_type)]
    while waiting:
        path, parent = waiting.pop(0)
        if parent.name in seen:
            continue
        seen.add(parent.name)
        for name, field in parent.fields.items():
            yield (*path, name), field
            inner = get_named_type(field.type)
            # The sample has no external link to name.
            if isinstance(inner, GraphQLObjectType) and name != "externalLink":
                waiting.append(((*path, name), inner))


def nullable_arguments() -> list[tuple[tuple[str, ...], str]]:
    return [
        (path, name)
        for path, field in paths_to_fields()
        for name, argument in field.args.items()
        if not is_non_null_type(argument.type)
    ]


def nullable_input_fields() -> list[tuple[tuple[str, ...], str, str]]:
    """Path, argument and input field, such as (("books",), "filter", "genre")."""
    return [
        (path, name, inner)
        for path, field in paths_to_fields()
        for name, argument in field.args.items()
        if len(path) == 1
        for inner, one in fields_of(argument).items()
        if not is_non_null_type(one.type)
    ]


def fields_of(argument: GraphQLArgument) -> dict[str, Any]:
    named = get_named_type(argument.type)
    return named.fields if isinstance(named, GraphQLInputObjectType) else {}


def below(field: GraphQLField, depth: int) -> str:
    """A selection of everything below a field that takes no arguments."""
    named = get_named_type(field.type)
    if is_leaf_type(named):
        return ""
    if not isinstance(named, GraphQLObjectType):
        return " { __typename }"
    parts = [
        name + below(one, depth - 1)
        for name, one in named.fields.items()
        if not one.args and (is_leaf_type(get_named_type(one.type)) or depth)
    ]
    return " { " + " ".join(parts or ["__typename"]) + " }"


def query_for(path: tuple[str, ...], given: dict[str, str], variables: str = "") -> str:
    """A query with some arguments at the last field of a path."""
    field = dict(paths_to_fields())[path]
    text = path[-1] + arguments({**needed(path[-1], len(path)), **given}) + below(field, 2)
    for at, name in reversed(list(enumerate(path[:-1], 1))):
        text = name + arguments(needed(name, at)) + " { " + text + " }"
    return f"query{variables} {{ {text} }}"


def needed(name: str, depth: int) -> dict[str, str]:
    # Facets need their field wherever they are.
    return NEEDED.get(name, {}) if depth == 1 or name == "facets" else {}


def arguments(given: dict[str, str]) -> str:
    kept = {name: value for name, value in given.items() if value}
    text = ", ".join(f"{name}: {value}" for name, value in kept.items())
    return f"({text})" if text else ""


@pytest.mark.parametrize(("path", "name"), nullable_arguments())
def test_null_is_the_same_as_nothing(client: TestClient, path: tuple[str, ...], name: str) -> None:
    declared = dict(paths_to_fields())[path].args[name].type
    left_out = answer_to(client, query_for(path, {name: ""}))
    as_literal = answer_to(client, query_for(path, {name: "null"}))
    with_variable = query_for(path, {name: "$v"}, f"($v: {declared})")
    as_variable = answer_to(client, with_variable, v=None)
    assert as_literal == as_variable == left_out
    assert answer_to(client, with_variable) == left_out
    assert answer_to(client, query_for(path, {name: "$v"}, f"($v: {declared} = null)")) == left_out
    # Only a field that needs this very argument refuses to do without it.
    assert ("errors" in left_out) == (name in needed(path[-1], len(path)))


@pytest.mark.parametrize(("path", "name", "inner"), nullable_input_fields())
def test_null_in_an_input_is_the_same_as_nothing(
    client: TestClient, path: tuple[str, ...], name: str, inner: str
) -> None:
    argument = dict(paths_to_fields())[path].args[name]
    declared = fields_of(argument)[inner].type
    left_out = answer_to(client, query_for(path, {name: "{}"}))
    as_literal = answer_to(client, query_for(path, {name: f"{{{inner}: null}}"}))
    in_variable = query_for(path, {name: "$v"}, f"($v: {argument.type})")
    with_variable = query_for(path, {name: f"{{{inner}: $v}}"}, f"($v: {declared})")
    assert as_literal == left_out
    assert answer_to(client, in_variable, v={inner: None}) == left_out
    assert answer_to(client, with_variable, v=None) == left_out


def test_null_inside_a_nested_filter_is_the_same_as_nothing(client: TestClient) -> None:
    query = "query($f: BookFilter) { books(filter: $f, first: 3) { totalCount nodes { title } } }"
    left_out = ask(client, query, f={"or": [{"genre": ["Novel"]}], "not": {"yearTo": 1900}})
    given = {"or": [{"genre": ["Novel"], "yearTo": None}], "not": {"yearTo": 1900, "and": None}}
    assert ask(client, query, f=given) == left_out


def test_null_has_the_default_of_the_argument_not_of_the_variable(client: TestClient) -> None:
    query = "query($n: Int = 3) { books(first: $n) { nodes { title } } }"
    assert len(ask(client, query)["books"]["nodes"]) == 3
    assert len(ask(client, query, n=None)["books"]["nodes"]) == 10


def test_two_lists_of_which_one_has_null_are_one_list(client: TestClient) -> None:
    query = (
        '{ book(title: "Dracula") { a: links(first: null, after: null) { nodes { name } } '
        "b: links { nodes { title } } c: links(first: 10) { nodes { name } } } }"
    )
    book = ask(client, query)["book"]
    assert book["a"] == book["c"]
    assert len(book["b"]["nodes"]) == len(book["a"]["nodes"])


@pytest.mark.parametrize(
    ("query", "variables", "says"),
    [
        ("{ books(orderBy: title) { totalCount } }", {}, "TITLE"),
        ("query($o: BookOrder) { books(orderBy: $o) { totalCount } }", {"o": "title"}, "TITLE"),
        ("query($k: NodeKind) { mapPoints(kind: $k) { numPoints } }", {"k": "Book"}, "BOOK"),
        ("{ facets(field: genre) { numValues } }", {}, "GENRE"),
        ("{ facets(field: null) { numValues } }", {}, "null"),
        ("query($f: FacetField!) { facets(field: $f) { numValues } }", {"f": None}, "null"),
        (
            "query($l: [String!]) { similarBooks(like: $l) { nodes { title } } }",
            {"l": ["Dune", None]},
            "null",
        ),
        (
            "query($f: BookFilter) { books(filter: $f) { totalCount } }",
            {"f": {"or": [None]}},
            "null",
        ),
        (
            "query($e: PathEnd!) { path(from: $e, to: $e) { length } }",
            {"e": {"book": True}},
            "true",
        ),
    ],
)
def test_errors_are_in_the_words_of_graphql(
    client: TestClient, query: str, variables: dict[str, Any], says: str
) -> None:
    error = refuse(client, query, **variables)
    assert says in error["message"]
    assert not any(word in error["message"] for word in ("None", "True", "False", "Enum"))


NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Book { title } ... on Link { name } } }"
BOOKS = "query($t: [String!]!) { booksByTitle(titles: $t) { title numLinks } }"
LINKS = "query($n: [String!]!) { linksByName(names: $n) { name books(first: 1) { totalCount } } }"


def global_id(type_name: str, key: str) -> str:
    return to_global_id(type_name, key)


def test_many_books_come_in_order_with_null_for_the_unknown(
    client: TestClient, counting: CountingStore
) -> None:
    titles = ["Emma", "No such book", "dune", "Emma", "War_and  Peace", "", "\U0001f600", '"']
    counting.statements.clear()
    found = ask(client, BOOKS, t=titles)["booksByTitle"]
    assert len(counting.statements) == 1
    assert [book and book["title"] for book in found] == [
        "Emma",
        None,
        "Dune",
        "Emma",
        "War and Peace",
        None,
        None,
        None,
    ]
    alone = ask(client, '{ book(title: "Emma") { title numLinks } }')["book"]
    assert found[0] == found[3] == alone


def test_many_links_come_in_order_with_null_for_the_unknown(
    client: TestClient, counting: CountingStore
) -> None:
    counting.statements.clear()
    found = ask(client, LINKS, n=["Vampire", "no such link", "LEO_TOLSTOY"])["linksByName"]
    assert len(counting.statements) == 1
    assert [link and link["name"] for link in found] == ["vampire", None, "leo tolstoy"]
    assert found[0]["books"]["totalCount"] > 1


def test_many_nodes_come_in_order_with_null_for_unknown_and_malformed_ids(
    client: TestClient, counting: CountingStore
) -> None:
    ids = [
        global_id("Link", "vampire"),
        "x",
        global_id("Book", "Dune"),
        global_id("Book", "No such book"),
        global_id("Author", "Dune"),
        "",
        global_id("Book", "vampire"),
    ]
    counting.statements.clear()
    found = ask(client, NODES, ids=ids)["nodes"]
    assert len(counting.statements) == 1
    assert found == [
        {"id": ids[0], "name": "vampire"},
        None,
        {"id": ids[2], "title": "Dune"},
        None,
        None,
        None,
        None,
    ]


def test_nested_lists_of_many_nodes_are_those_of_each(client: TestClient) -> None:
    below = (
        "{ ... on Book { title links(first: 3) { nodes { name } } "
        "similarBooks(first: 2) { edges { score node { title } why(first: 2) { score } } } } "
        "... on Link { name book { title } books(first: 3) { nodes { title } } } }"
    )
    ids = [global_id("Book", "Dune"), global_id("Link", "dracula"), global_id("Book", "Emma")]
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {below} }}"
    alone = f"query($id: ID!) {{ node(id: $id) {below} }}"
    assert ask(client, query, ids=ids)["nodes"] == [ask(client, alone, id=x)["node"] for x in ids]


@pytest.mark.parametrize(
    ("query", "name", "field"), [(NODES, "ids", 0), (BOOKS, "t", 1), (LINKS, "n", 2)]
)
def test_up_to_a_hundred_keys_are_looked_up_at_once(
    client: TestClient, query: str, name: str, field: int
) -> None:
    argument = ("ids", "titles", "names")[field]
    (found,) = ask(client, query, **{name: [f"x{n}" for n in range(100)]}).values()
    assert found == [None] * 100
    assert ask(client, query, **{name: []}) == {("nodes", "booksByTitle", "linksByName")[field]: []}
    error = refuse(client, query, **{name: ["x"] * 101})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == f"{argument}: 101 were given; give at most 100."


@pytest.fixture
def other_names(sample_store: Store) -> Iterator[None]:
    """Gives a book and a link a redirect each, for one test."""
    change: LiteralString = (
        "MATCH (book:Book {title: 'Les Misérables'}) MATCH (link:Link {name: 'leo tolstoy'}) "
        "SET book.redirects = $of_book, link.redirects = $of_link"
    )
    sample_store.run(change, of_book=["Story of Jean Valjean"], of_link=["The Count of Yasnaya"])
    yield
    sample_store.run(change, of_book=None, of_link=None)


BOOK_SPELLINGS = [
    "Les Misérables",
    "les misérables",
    "LES MISÉRABLES",
    " Les  Misérables ",
    "Les_Misérables",
    "Les%20Mis%C3%A9rables",
    unicodedata.normalize("NFD", "Les Misérables"),
    unicodedata.normalize("NFD", "les_misérables"),
    "Story of Jean Valjean",
    "story of_JEAN VALJEAN",
]
LINK_SPELLINGS = ["Leo Tolstoy", "leo_tolstoy", "LEO  TOLSTOY", "the count of yasnaya"]


@pytest.mark.parametrize("spelling", BOOK_SPELLINGS)
@pytest.mark.usefixtures("other_names")
def test_every_argument_finds_a_book_as_book_does(client: TestClient, spelling: str) -> None:
    query = (
        "query($t: String!, $ts: [String!]!) { book(title: $t) { title } "
        "booksByTitle(titles: $ts) { title } "
        'compare(a: $t, b: "Les Misérables") { score secondBook { title } } '
        "like: similarBooks(like: $ts) { nodes { title } } "
        'unlike: similarBooks(like: ["Emma"], unlike: $ts) { nodes { title } } '
        'exclude: similarBooks(like: ["Germinal"], exclude: $ts) { nodes { title } } '
        "near: similarLinks(likeBooks: $ts) { nodes { name } } }"
    )
    expected = ask(client, query, t="Les Misérables", ts=["Les Misérables"])
    assert expected["book"] == {"title": "Les Misérables"}
    assert ask(client, query, t=spelling, ts=[spelling]) == expected


@pytest.mark.parametrize("spelling", LINK_SPELLINGS)
@pytest.mark.usefixtures("other_names")
def test_every_argument_finds_a_link_as_link_does(client: TestClient, spelling: str) -> None:
    query = (
        "query($n: String!, $ns: [String!]!) { link(name: $n) { name } "
        "linksByName(names: $ns) { name } "
        "like: similarLinks(like: $ns) { nodes { name } } "
        'unlike: similarLinks(like: ["vampire"], unlike: $ns) { nodes { name } } '
        'exclude: similarLinks(like: ["vampire"], exclude: $ns) { nodes { name } } '
        "near: similarBooks(likeLinks: $ns) { nodes { title } } }"
    )
    expected = ask(client, query, n="leo tolstoy", ns=["leo tolstoy"])
    assert expected["link"] == {"name": "leo tolstoy"}
    assert ask(client, query, n=spelling, ns=[spelling]) == expected


@pytest.mark.parametrize("spelling", ["dune messiah", "DUNE_MESSIAH", "Dune messiah"])
def test_an_excluded_book_is_left_out_in_any_spelling(client: TestClient, spelling: str) -> None:
    query = (
        'query($e: [String!]) { similarBooks(like: ["Dune"], exclude: $e, first: 5) '
        "{ nodes { title } pageInfo { hasNextPage } } }"
    )
    before = [book["title"] for book in ask(client, query)["similarBooks"]["nodes"]]
    assert "Dune Messiah" in before
    after = ask(client, query, e=[spelling, "Dune Messiah"])["similarBooks"]
    titles = [book["title"] for book in after["nodes"]]
    assert titles[:4] == [title for title in before if title != "Dune Messiah"]
    assert len(titles) == 5


@pytest.mark.parametrize("argument", ["like", "unlike", "exclude", "likeBooks"])
def test_an_unknown_book_is_named_with_titles_like_it(client: TestClient, argument: str) -> None:
    field = "similarLinks" if argument == "likeBooks" else "similarBooks"
    like = {"unlike": 'like: ["Dune"], ', "exclude": 'like: ["Dune"], '}.get(argument, "")
    query = f'{{ {field}({like}{argument}: ["Wra and Peace"]) {{ edges {{ score }} }} }}'
    error = refuse(client, query)
    assert error["extensions"]["code"] == "BOOK_NOT_FOUND"
    assert error["extensions"]["nearest"][0] == "War and Peace"
    assert "'Wra and Peace'" in error["message"]


@pytest.mark.parametrize("argument", ["like", "unlike", "exclude", "likeLinks"])
def test_an_unknown_link_is_named_with_names_like_it(client: TestClient, argument: str) -> None:
    field = "similarBooks" if argument == "likeLinks" else "similarLinks"
    like = {"unlike": 'like: ["vampire"], ', "exclude": 'like: ["vampire"], '}.get(argument, "")
    query = f'{{ {field}({like}{argument}: ["leo tolstoi"]) {{ edges {{ score }} }} }}'
    error = refuse(client, query)
    assert error["extensions"]["code"] == "LINK_NOT_FOUND"
    assert "leo tolstoy" in error["extensions"]["nearest"]


@pytest.mark.parametrize(
    ("given", "title"),
    [("it", "It"), ("IT", "It"), ("war and peace", "War and Peace"), ("THE TRIAL", "The Trial")],
)
def test_a_title_in_other_letter_case_finds_the_only_book(
    client: TestClient, given: str, title: str
) -> None:
    query = "query($t: String!) { book(title: $t) { title } }"
    assert ask(client, query, t=given) == {"book": {"title": title}}


COMPARE = (
    "query($a: String!, $b: String!) { compare(a: $a, b: $b, first: 100) { score jaccard numShared "
    "firstBook { numLinks } shared { link { name } } onlyFirst { score } onlySecond { score } } }"
)


@pytest.mark.parametrize("other", ["Dune", "dune"])
def test_a_book_compared_with_itself_is_wholly_alike(client: TestClient, other: str) -> None:
    found = ask(client, COMPARE, a="Dune", b=other)["compare"]
    assert (found["score"], found["jaccard"]) == (1, 1)
    assert found["numShared"] == found["firstBook"]["numLinks"] == len(found["shared"])
    assert found["onlyFirst"] == found["onlySecond"] == []


def test_a_book_without_links_is_alike_to_itself_alone(
    client: TestClient, sample_store: Store
) -> None:
    names = ["Blank One", "Blank Two"]
    sample_store.run(
        "UNWIND $names AS name CREATE (:Book {title: name, num_links: 0})", names=names
    )
    try:
        same = ask(client, COMPARE, a=names[0], b=names[0])["compare"]
        other = ask(client, COMPARE, a=names[0], b=names[1])["compare"]
    finally:
        sample_store.run("MATCH (n:Book) WHERE n.title IN $names DELETE n", names=names)
    assert (same["score"], same["jaccard"], same["numShared"]) == (1, 1, 0)
    assert (other["score"], other["jaccard"], other["numShared"]) == (None, 0, 0)


SEARCH = (
    "query($t: String!) { search(text: $t, first: 5) { didYouMean hits { score "
    "node { ... on Book { title } ... on Link { name } } } } }"
)


def test_search_folds_every_mark_alike_in_the_graph_and_in_the_text(
    client: TestClient, sample_store: Store
) -> None:
    titles = [f"q{chr(mark)}uzu{chr(mark)}bix {mark:x}" for mark in range(0x300, 0x370)]
    titles = [unicodedata.normalize("NFC", title) for title in titles]
    titles += ["Đường ở Việt", "がぎぐ ゲーム", "שָׁלוֹם עולם"]
    sample_store.run(
        "UNWIND $titles AS title CREATE (:Book {title: title, num_links: 0})", titles=titles
    )
    try:
        for title in titles:
            plain = "".join(
                c for c in unicodedata.normalize("NFD", title) if not 0x300 <= ord(c) < 0x370
            )
            for text in (plain, unicodedata.normalize("NFD", title)):
                found = ask(client, SEARCH, t=text)["search"]
                assert found["hits"], text
                assert found["hits"][0] == {"score": 1, "node": {"title": title}}, text
                assert found["didYouMean"] is None
    finally:
        sample_store.run("MATCH (n:Book) WHERE n.title IN $titles DELETE n", titles=titles)


PAGE = "{ totalCount nodes { %s } pageInfo { hasNextPage hasPreviousPage endCursor } }"
NESTED_LISTS = [
    ('book(title: "Dracula")', "links", "name"),
    ('link(name: "vampire")', "books", "title"),
    ('book(title: "Dracula")', "externalLinks", "url"),
]


@pytest.fixture
def wrong_counts(sample_store: Store) -> Iterator[None]:
    """Gives two nodes stored counts that are too large, and a book external links."""
    change: LiteralString = (
        "MATCH (book:Book {title: 'Dracula'}) MATCH (link:Link {name: 'vampire'}) "
        "SET book.num_links = book.num_links + $more, link.num_books = link.num_books + $more"
    )
    sample_store.run(change, more=3)
    sample_store.run(
        "MATCH (book:Book {title: 'Dracula'}) UNWIND range(1, 5) AS n "
        "CREATE (book)-[:CITES {count: 1}]->(:ExternalLink {url: 'https://a.example/' + n})"
    )
    yield
    sample_store.run("MATCH (n:ExternalLink) DETACH DELETE n")
    sample_store.run(change, more=-3)


@pytest.mark.parametrize(("parent", "field", "key"), NESTED_LISTS)
@pytest.mark.usefixtures("wrong_counts")
def test_a_nested_list_knows_whether_a_page_follows(
    client: TestClient, parent: str, field: str, key: str
) -> None:
    def page(first: int, after: str | None = None) -> dict[str, Any]:
        query = (
            f"query($f: Int, $a: String) {{ x: {parent} "
            f"{{ list: {field}(first: $f, after: $a) {PAGE % key} }} }}"
        )
        found: dict[str, Any] = ask(client, query, f=first, a=after)["x"]["list"]
        return found

    whole = page(100)
    num = len(whole["nodes"])
    assert 2 < num < 100
    assert whole["pageInfo"]["hasNextPage"] is False
    for first in (0, 1, num - 1, num, num + 1):
        found = page(first)
        assert found["nodes"] == whole["nodes"][:first]
        assert found["pageInfo"]["hasNextPage"] is (first < num)
    before = page(2)
    rest = page(num - 2, before["pageInfo"]["endCursor"])
    assert before["nodes"] + rest["nodes"] == whole["nodes"]
    assert rest["pageInfo"]["hasNextPage"] is False
    assert rest["pageInfo"]["hasPreviousPage"] is True
    nothing = page(3, whole["pageInfo"]["endCursor"])
    assert (nothing["nodes"], nothing["pageInfo"]["hasNextPage"]) == ([], False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ('books(filter: {author: ["Jane Austen"]}, first: $f)', "books"),
        ("links(filter: {numBooksFrom: 100}, first: $f)", "links"),
    ],
)
def test_a_root_list_knows_whether_a_page_follows(
    client: TestClient, query: str, field: str
) -> None:
    text = (
        f"query($f: Int) {{ {query} {{ totalCount nodes {{ id }} pageInfo {{ hasNextPage }} }} }}"
    )
    num = ask(client, text, f=1)[field]["totalCount"]
    assert 1 < num < 100
    for first in (0, num - 1, num, num + 1):
        found = ask(client, text, f=first)[field]
        assert len(found["nodes"]) == min(first, num)
        assert found["pageInfo"]["hasNextPage"] is (first < num)


NUMBERS = (
    "{ stats { numBooks numLinks numPlacedBooks numPlacedLinks } "
    "embeddingModel { numBooks numLinks properties { name value } } }"
)


def test_numbers_of_placed_nodes_are_those_of_now(sample_store: Store) -> None:
    def numbers() -> tuple[int, ...]:
        found = ask(writer, NUMBERS)
        stats, model = found["stats"], found["embeddingModel"]
        properties = {one["name"]: one["value"] for one in model["properties"]}
        placed = (stats["numPlacedBooks"], stats["numPlacedLinks"])
        assert placed == (model["numBooks"], model["numLinks"])
        assert placed == (int(properties["num_books"]), int(properties["num_links"]))
        return (stats["numBooks"], stats["numLinks"], *placed)

    def change(mutation: str) -> None:
        body = answer_to(writer, f"mutation {{ {mutation} }}")
        assert "errors" not in body, body["errors"]

    app = build_app(sample_store, ServerOptions(write_keys=("writer",)))
    with TestClient(app, headers={"Authorization": "Bearer writer"}) as writer:
        start = books, links, placed, placed_links = numbers()
        change('saveBook(input: {title: "Placed", links: ["Vampire"]}) { isPlaced }')
        assert numbers() == (books + 1, links, placed + 1, placed_links)
        change('saveBook(input: {title: "Blank", links: ["Of its own"]}) { isPlaced }')
        assert numbers() == (books + 2, links + 1, placed + 1, placed_links)
        change('saveBook(input: {title: "Placed", links: ["Of its own"]}) { isPlaced }')
        assert numbers() == (books + 2, links + 1, placed, placed_links)
        change('a: removeBook(title: "Placed") { title } b: removeBook(title: "Blank") { title }')
        assert numbers() == start


def test_null_removes_the_value_of_a_saved_book(sample_store: Store) -> None:
    app = build_app(sample_store, ServerOptions(write_keys=("writer",)))
    save = "mutation($b: BookInput!) { saveBook(input: $b) { book { year genres } } }"
    book = {"title": "Dated", "links": ["Vampire"]}
    with TestClient(app, headers={"Authorization": "Bearer writer"}) as writer:
        try:
            ask(writer, save, b={**book, "year": 1999, "genres": ["Novel"]})
            found = ask(writer, save, b={**book, "year": None, "genres": None})
        finally:
            ask(writer, 'mutation { removeBook(title: "Dated") { title } }')
    assert found["saveBook"]["book"] == {"year": None, "genres": None}


@pytest.mark.parametrize("number", ["", "first: null, "])
def test_half_a_surrogate_pair_is_the_clients_fault(client: TestClient, number: str) -> None:
    query = f"query($l: [String!]) {{ similarBooks({number}like: $l) {{ nodes {{ title }} }} }}"
    body = json.dumps({"query": query, "variables": {"l": ["\ud800"]}})
    answer = client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "half of a surrogate pair" in error["message"]
    assert ask(client, '{ book(title: "Dune") { title } }') == {"book": {"title": "Dune"}}
