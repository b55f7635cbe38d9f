"""The structure of wikitext: what MediaWiki's preprocessor sees, in linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.ingest.wikitext.markup import MAX_DEPTH, parse
from bookgraph.ingest.wikitext.nodes import Code, Extension, Link, Parameter, Template


def test_nested_templates_links_and_tags_keep_their_places() -> None:
    code = parse("A {{box|x|who=[[Ann|the {{small|young}} one]]<ref>p. {{p|3}}</ref>}} B")

    young = Template("small", {"1": ("young",)})
    who = (Link("Ann", (("the ", young, " one"),)), Extension("ref", "p. {{p|3}}"))
    assert code == ("A ", Template("box", {"1": ("x",), "who": who}), " B")


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("{{a|1=x|y}}", {"1": ("y",)}),
        ("{{a|x|2=y|z}}", {"1": ("x",), "2": ("z",)}),
        ("{{a|k = v = w}}", {"k": (" v = w",)}),
        ("{{a|k<!-- c -->ey=v}}", {"key": ("v",)}),
        ("{{a|}}", {"1": ()}),
        ("{{a|[[b]] c=d}}", {"[[b]] c": (Link("b", ()), " c=d")}),
        ("{{a|[[x|y=z]]}}", {"1": (Link("x", (("y=z",),)),)}),
        ("{{a|<nowiki>|</nowiki>}}", {"1": (Extension("nowiki", "|"),)}),
        ("{{a|{{!}}}}", {"1": ("|",)}),
        ("{{a|<li>x\n|b=<dd>y}}", {"1": ("<li>x\n",), "b": ("<dd>y",)}),
    ],
)
def test_parameters_are_numbered_and_named_as_in_mediawiki(
    wikitext: str, expected: dict[str, Code]
) -> None:
    assert parse(wikitext) == (Template("a", expected),)


@pytest.mark.parametrize(
    "wikitext",
    [
        "{{Info <!-- one\ntwo --> box}}",
        "{{ Info_box\n}}",
        "{{Info\u00a0box}}",
        "{{Info&nbsp;box}}",
        "{{\nInfo  box<!-- x -->}}",
    ],
)
def test_a_name_may_hold_comments_and_any_white_space(wikitext: str) -> None:
    assert parse(wikitext) == (Template("Info box", {}),)


def test_the_key_of_a_template_forgets_its_namespace_and_case() -> None:
    assert Template("TEMPLATE:Info Box", {}).key == "info box"
    assert Template(":Template : Info Box", {}).key == "info box"


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("{{{x|y}}}", (Parameter(("y",)),)),
        ("{{{x}}}", (Parameter(()),)),
        ("{{{{x}}}}", ("{", Parameter(()), "}")),
        ("{{{{{x}}}|a}}", (Template("", {"1": ("a",)}),)),
        ("[[[a]]]", ("[", Link("a", ()), "]")),
        ("[[a{{!}}b]]", (Link("a", (("b",),)),)),
        ("[[A&amp;B]]", (Link("A&B", ()),)),
        ("[[http://x.org y]]", (Link("", (("http://x.org y",),)),)),
        ("[[a\nb]]", (Link("", (("a\nb",),)),)),
        ("[[a [[b]] c]]", (Link("", (("a ", Link("b", ()), " c"),)),)),
        ("a<!-- [[b]] -->c", ("ac",)),
        ("a\n<!-- alone -->\nb", ("a\nb",)),
        ("a<!-- never closed", ("a",)),
        ("<includeonly>[[a]]</includeonly><noinclude>b</noinclude>", ("b",)),
        ('<ref name="n" />x', (Extension("ref", ""), "x")),
        ("<REF>a</Ref >b", (Extension("ref", "a"), "b")),
        ("<references/>", (Extension("references", ""),)),
    ],
)
def test_braces_brackets_and_tags(wikitext: str, expected: Code) -> None:
    assert parse(wikitext) == expected


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("{{a|[[b}} c", (Template("a", {"1": ("[[b",)}), " c")),
        ("[[a|{{b]] c", (Link("a", (("{{b",),)), " c")),
        ("{{a|[[b|c=d|e}}", (Template("a", {"1": ("[[b",), "c": ("d",), "2": ("e",)}),)),
        ("{{a|<ref>b}} c", (Template("a", {"1": ("<ref>b",)}), " c")),
        ("{{a {{b|c}}", ("{{a ", Template("b", {"1": ("c",)}))),
        ("a}} ]] b", ("a}} ]] b",)),
        ("{{a|b=c|[[d", ("{{a|b=c|[[d",)),
    ],
)
def test_what_is_never_closed_is_text_and_breaks_nothing(wikitext: str, expected: Code) -> None:
    assert parse(wikitext) == expected


def test_what_is_nested_too_deep_is_left_out() -> None:
    def nested(depth: int) -> str:
        return "{{a|" * depth + "x" + "}}" * depth

    assert parse(nested(MAX_DEPTH)) != ()
    assert parse(f"before {nested(MAX_DEPTH + 1)} after") != ()
    assert "x" not in repr(parse(nested(MAX_DEPTH + 1)))


@pytest.mark.parametrize(
    "wikitext",
    [
        "{{" * 300_000,
        "{{" * 499 + "a [[b]] {{c|d}} " * 60_000,
        "[[\n" * 200_000 + "]]" * 200_000,
        "{{[[" * 100_000 + "}}]]" * 100_000,
        "{" * 300_000 + "}" * 300_000,
        '<ref name="' * 100_000,
        "<ref>" * 100_000 + "</ref>",
        "<poem><ref>" * 50_000 + "</ref></poem>" * 50_000,
        "<!--" * 200_000,
    ],
    ids=["braces", "499", "links", "crossed", "one-brace", "tag", "ref", "poem", "comments"],
)
def test_hostile_pages_cost_no_more_than_others(wikitext: str) -> None:
    # Each of these would take hours if its time grew with the square; the suite has a timeout.
    parse(wikitext)


@given(st.text(alphabet="{}[]|=<>!-/ref a\n", max_size=80))
def test_no_text_is_an_error(wikitext: str) -> None:
    parse(wikitext)
