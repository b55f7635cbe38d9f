"""What readers see of an infobox value: templates where they stand, references and notes gone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.ingest.wikitext.markup import parse
from bookgraph.ingest.wikitext.nodes import Template
from bookgraph.ingest.wikitext.render import render


def _render(wikitext: str) -> str:
    return render(parse(wikitext), unknown=Counter())


@pytest.mark.parametrize(
    "wikitext",
    [
        "Emma<ref>Gray 1999, p. 5</ref>",
        "Emma<REF>Gray 1999</Ref >",
        'Emma<ref name="a" />',
        "Emma<ref name=a/><ref>b</ref>",
        "Emma<ref>{{cite book|last=Gray|title=T}} at [[page]] 5</ref>",
        "<ref>a</ref>Emma<ref group=n>b}} c</ref>",
        "Emma<ref>never closed",
        "Emma{{efn|As E.}}",
        "Emma{{Efn-ua|name=x|As E.}}",
        "Emma{{sfn|Gray|1999|p=3}}{{sfnp|Gray|1999}}",
        "Emma{{refn|group=n|text {{nowrap|of a note}}}}",
        "Emma{{r|gray}}{{rp|12}}",
        "Emma{{citation needed|date=May 2020}}{{Better source needed}}",
        "Emma{{Cite web|url=http://x.org|title=A page}}",
        "Emma{{harvnb|Gray|1999}}",
        "Emma<sup>[1]</sup><sup>[note 2]</sup>",
        "Emma<!-- or Anne? -->",
        "Emma[[File:x.jpg|20px|a picture of [[Anne]]]]",
        "[[Image:x.png]] Emma [[Category:Novels|Emma]]",
        '<span style="display:none">Austen, </span>Emma',
        "<span style='DISPLAY : none'><b>x</b></span>Emma<span style='visibility:hidden'>z</span>",
        "<del>Anne</del><s>Ann</s> Emma",
        "{{hs|Emma}}Emma{{anchor|e}}",
        '<span class="sortkey">x</span>Emma',
        "{{nowrap|Emma<ref>x</ref>}}",
        "Emma __NOTOC__",
        "'''''Emma'''''",
        "<b>Emma",
        "<div><p>Emma</p></div>",
        "[http://x.org Emma]",
        "Emma [http://x.org]",
        "[[Emma (novel)|Emma]]",
        "[[Emma (novel)|]]",
        "[[Emma#Plot]]",
        "[[:Emma]]",
        "{{nobr|{{lang|en|{{small|Emma}}}}}}",
        "{{ nowrap\n| 1 = Emma }}",
        "{{Template:No_wrap|Emma}}",
        "{{{1|Emma}}}",
        "{{#if:yes|Emma|Anne}}",
        "{{#if:|Anne|Emma}}",
        "{{unknown wrapper|Emma}}",
        "Emma {{unknown note|see there}}",
        "Emma&#32;",
        "E<nowiki/>mma",
    ],
)
def test_only_the_name_is_left(wikitext: str) -> None:
    assert _render(wikitext) == "Emma"


@pytest.mark.parametrize(
    "wikitext",
    [
        "{{hlist|Ann|Bo}}",
        "{{Hlist|class=x|Ann|Bo|}}",
        "{{hlist|1=Ann|2=Bo}}",
        "{{hlist|2=Bo|1=Ann}}",
        "{{ubl|Ann|Bo}}",
        "{{Unbulleted list | Ann | Bo }}",
        "{{unbulleted_list|Ann|Bo}}",
        "{{plainlist|\n* Ann\n* Bo\n}}",
        "{{Plainlist|1=\n* [[Ann]]\n* {{nowrap|Bo}}\n}}",
        "{{plainlist}}\n* Ann\n* Bo\n{{endplainlist}}",
        "{{flatlist|\n*Ann\n*Bo}}",
        "{{br list|Ann|Bo}}",
        "{{Comma separated entries|Ann|Bo}}",
        "{{cslist|Ann|Bo}}",
        "{{enum|Ann|Bo}}",
        "{{collapsible list|title=|Ann|Bo}}",
        "{{ubl|{{nowrap|Ann}}|{{small|{{nobr|Bo}}}}}}",
        "{{ubl|{{ubl|Ann}}|Bo<ref>x|y</ref>}}",
        "<ul><li>Ann</li><li>Bo</li></ul>",
        "<ul><li>Ann<li>Bo",
        "<ol>\n<li>Ann</li>\n<li>Bo</li>\n</ol>",
        "<dl><dd>Ann<dd>Bo</dl>",
        "<p>Ann</p><p>Bo</p>",
        "Ann<br>Bo",
        "Ann<br/>\n<br />Bo",
        "Ann</br>Bo",
        "Ann<BR clear=all>Bo",
        "Ann{{br}}Bo",
        "*Ann\n*Bo",
        "* Ann\n** Bo",
        "# Ann\n# Bo",
        ":Ann\n;Bo",
        "{|\n|-\n| Ann\n| Bo\n|}",
        '{| class="x"\n! Ann || Bo\n|}',
    ],
)
def test_a_list_has_one_item_a_line(wikitext: str) -> None:
    assert _render(wikitext).split("\n") == ["Ann", "Bo"]


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("{{nowrap|Ann}} and {{nowrap|Bo}}", "Ann and Bo"),
        ("Ann{{snd}}{{nowrap|Bo}}", "Ann \N{EN DASH} Bo"),
        ("Ann{{Spaced ndash}}Bo", "Ann \N{EN DASH} Bo"),
        ("1999{{ndash}}2001", "1999\N{EN DASH}2001"),
        ("a{{mdash}}b{{nbsp}}c{{dot}}d", "a\N{EM DASH}b c · d"),
        ("a{{!}}b{{=}}c", "a|b=c"),
        ("{{start date|1999|5|1}} (UK)", "1999-5-1 (UK)"),
        ("{{Start date|df=yes|1999|05}}", "1999-05"),
        ("{{start date|1999|5|1|df=y}}<br>{{start date|2000}} (US)", "1999-5-1\n2000 (US)"),
        ("{{Film date|1999|5|1|Cannes|1999|6|2}}", "1999-5-1"),
        ("{{start date and age|1999}}", "1999"),
        ("{{dts|format=dmy|1999|5|1}}", "1999-5-1"),
        ("{{dts|May 1, 1999}}", "May 1, 1999"),
        ("{{circa|1345}}", "c. 1345"),
        ("{{c.|1345|1350}}", "c. 1345\N{EN DASH}1350"),
        ("{{OldStyleDate|12 May|1726|1 May}}", "12 May 1726"),
        ("{{BCE|300}}", "300 BC"),
        ("{{lang|fr|Roman}} / {{native name|it|Novella}}", "Roman / Novella"),
        ("{{lang-de|Roman}} {{langx|de|Satire}}", "Roman Satire"),
        ("{{transl|ja|Hepburn|Taro}}", "Taro"),
        ("{{nihongo|Kokoro|\u3053\u3053\u308d}}", "Kokoro"),
        ("{{sortname|Ann|Gray}}", "Ann Gray"),
        ("{{sortname|Ann|Gray|nolink=1}}", "Ann Gray"),
        ("{{ill|Ann Gray|de|Ann Gray (Autorin)}}", "Ann Gray"),
        ("{{Interlanguage link|Ann Gray (writer)|fr|lt=Ann Gray}}", "Ann Gray"),
        ("{{flag|Belgium}}, {{flagcountry|FRA}}", "Belgium, France"),
        ("{{flagicon|FRA}} France", "France"),
        ("{{flagu|Japan|name=Empire of Japan}}", "Empire of Japan"),
        ("{{JPN}}<br>{{LBN}} {{UK}} {{USA}}", "Japan\nLebanon United Kingdom United States"),
        ("{{URS}} {{GDR}} {{SCG}}", "Soviet Union East Germany Serbia and Montenegro"),
        ("{{formatnum:1234}} {{formatnum:{{val|12}}}}", "1234"),
        ("{{val|1234}} {{convert|24|cm}}", "1234 24 cm"),
        ("{{abbr|ed.|editor}} {{tooltip|x|y}} {{sic|teh}}", "ed. x teh"),
        ("{{color|red|Ann}} {{font color|red|Bo}}", "Ann Bo"),
        ('{{"|Ann}}', '"Ann"'),
        ("AT&amp;T &lt;ref&gt; a < b", "AT&T <ref> a < b"),
        ("<nowiki>[[x]] <b></nowiki>", "[[x]] <b>"),
        ("[[a|b]] [[c_d]] [[a|'''e''']] [[Caf\u00e9]]", "b c d e Caf\u00e9"),
        ("[[:Category:Novels]] [[:File:x.jpg]]", "Category:Novels File:x.jpg"),
        ("x<small>(y)</small> <span style='color:red'>z</span>", "x(y) z"),
        ("1&nbsp;234&thinsp;pp", "1 234 pp"),
        ("[[never closed", "[[never closed"),
        ("{{never closed", "{{never closed"),
        ("{{unknown|345}}", ""),
        ("{{unknown|Ann}} {{other|Bo}}", ""),
        ("{{hlist}}", ""),
        ("{{lang}}", ""),
        ("{{efn|x}}", ""),
        ("<!-- x -->", ""),
    ],
)
def test_templates_are_rendered_where_they_stand(wikitext: str, text: str) -> None:
    assert _render(wikitext) == text


def test_templates_that_no_rule_knows_are_counted() -> None:
    unknown: Counter[str] = Counter()
    seen: list[tuple[str, str | None]] = []

    def note(template: Template, text: str | None) -> None:
        seen.append((template.name, text))

    code = parse("{{small|{{Odd one|x}}}}{{odd_one}}{{efn|y}}")
    assert render(code, unknown=unknown, on_template=note) == ""
    assert unknown == {"odd one": 2}
    assert seen == [("Odd one", None), ("small", ""), ("odd one", None), ("efn", "")]


def test_deep_nesting_ends() -> None:
    assert _render("&#" + "9" * 5_000 + ";").startswith("&#9")
    assert _render("{{small|" * 100 + "Emma" + "}}" * 100) == "Emma"
    assert _render("<b>" * 20_000 + "Emma").endswith("Emma")
    assert _render("<b>" * 200 + "Emma") == "Emma"
    assert _render("{{ubl|" * 50_000 + "Emma").endswith("Emma")


@given(st.text(alphabet="{}[]|=<>!-/ref&;'a\n", max_size=80))
def test_no_value_is_an_error(wikitext: str) -> None:
    _render(wikitext)
