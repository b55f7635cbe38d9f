"""A wiki's own rules: its namespaces, the first letter of its titles."""

from __future__ import annotations

import pytest

from bookgraph.core.names import dropping_steps, spelling_steps
from bookgraph.core.site import ENGLISH, Site, read_site

_VIETNAMESE = """<siteinfo><sitename>Wikipedia</sitename><dbname>viwiki</dbname>
<case>first-letter</case><namespaces>
<namespace key="-2" case="first-letter">Ph\u01b0\u01a1ng ti\u1ec7n</namespace>
<namespace key="-1" case="first-letter">\u0110\u1eb7c bi\u1ec7t</namespace>
<namespace key="0" case="first-letter" />
<namespace key="2" case="first-letter">Th\u00e0nh vi\u00ean</namespace>
<namespace key="3" case="first-letter">Th\u1ea3o lu\u1eadn Th\u00e0nh vi\u00ean</namespace>
<namespace key="6" case="first-letter">T\u1eadp tin</namespace>
<namespace key="10" case="first-letter">B\u1ea3n m\u1eabu</namespace>
<namespace key="14" case="first-letter">Th\u1ec3 lo\u1ea1i</namespace>
<namespace key="104" case="first-letter">Ph\u1ee5 l\u1ee5c &amp; b\u1ea3ng</namespace>
</namespaces></siteinfo>"""


@pytest.fixture(name="vietnamese")
def _vietnamese() -> Site:
    return read_site(_VIETNAMESE)


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Th\u1ec3 lo\u1ea1i:Ti\u1ec3u thuy\u1ebft", "category"),
        ("Category:Ti\u1ec3u thuy\u1ebft", "category"),
        ("t\u1eadp tin:B\u00eca.jpg", "file"),
        ("Image:B\u00eca.jpg", "file"),
        ("Ph\u01b0\u01a1ng ti\u1ec7n:B\u00eca.ogg", "file"),
        ("B\u1ea3n m\u1eabu:X", "template"),
        ("Th\u1ea3o lu\u1eadn Th\u00e0nh vi\u00ean:X", "user"),
        ("\u0110\u1eb7c bi\u1ec7t:T\u00ecm", "special"),
        ("Ph\u1ee5 l\u1ee5c & b\u1ea3ng:X", "ph\u1ee5 l\u1ee5c & b\u1ea3ng"),
        ("Draft:X", "article"),
        ("en:X", "interwiki"),
        ("Truy\u1ec7n Ki\u1ec1u", "article"),
    ],
)
def test_a_dump_s_own_namespaces_give_the_kinds(vietnamese: Site, title: str, kind: str) -> None:
    assert vietnamese.kind(title) == kind


def test_all_names_of_a_namespace_are_one_page(vietnamese: Site) -> None:
    def title_of(text: str) -> str | None:
        found: str | None = text
        for step in (*spelling_steps(vietnamese), *dropping_steps(vietnamese)):
            found = step.apply(found) if found is not None else None
        return found

    local = "Th\u1ec3 lo\u1ea1i:Ti\u1ec3u thuy\u1ebft"
    assert title_of(local) == local
    assert title_of("category: Ti\u1ec3u_thuy\u1ebft") == local
    assert title_of("Media:B\u00eca.ogg") == "T\u1eadp tin:B\u00eca.ogg"
    assert title_of("Template:X") is None
    assert title_of("Th\u00e0nh vi\u00ean:X") is None


def test_without_a_description_the_rules_are_the_english_ones() -> None:
    assert read_site("") is ENGLISH
    assert read_site("<siteinfo><dbname>x</dbname></siteinfo>") is ENGLISH


def test_the_english_dump_gets_its_aliases() -> None:
    site = read_site(
        '<siteinfo><namespace key="4" case="first-letter">Wikipedia</namespace>'
        '<namespace key="14" case="first-letter">Category</namespace></siteinfo>'
    )
    assert site.kind("T:Cite") == "template"
    assert site.kind("WP:X") == site.kind("Project:X") == "wikipedia"


@pytest.mark.parametrize(
    ("title", "capitalized"),
    [
        ("dune", "Dune"),
        ("\u00e9mile", "\u00c9mile"),
        ("\u00dfa", "\u00dfa"),
        ("\u0149a", "\u0149a"),
        ("\ufb01n", "\ufb01n"),
        ("\u01c6a", "\u01c5a"),
        ("\u01c5a", "\u01c5a"),
        ("\u10d0\u10d1", "\u10d0\u10d1"),
        ("\u0436", "\u0416"),
        ("category:novels", "Category:Novels"),
        ("image:x.jpg", "File:X.jpg"),
        ("ru:\u0432\u043e\u0439\u043d\u0430", "ru:\u0432\u043e\u0439\u043d\u0430"),
        ("1984", "1984"),
        ("", ""),
    ],
)
def test_the_first_letter_follows_mediawiki(title: str, capitalized: str) -> None:
    assert ENGLISH.capitalize(title) == capitalized


def test_some_wikis_keep_the_first_letter() -> None:
    site = read_site(
        "<siteinfo><case>case-sensitive</case>"
        '<namespace key="14" case="case-sensitive">Category</namespace></siteinfo>'
    )
    assert site.capitalize("dune") == "dune"
