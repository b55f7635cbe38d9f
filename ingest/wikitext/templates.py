"""What the templates show that infoboxes of books hold: one table, from a name to a rule. Pure.

The names are those of the English Wikipedia's templates and of the redirects to them. A rule gets
the template and a function that renders the value of a parameter; it returns HTML, with one item of
a list a line, or an empty text for what readers do not see or what is no part of a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from bookgraph.core.regions import country_of_code, language_of_code
from bookgraph.ingest.wikitext.nodes import Code, Template

RenderCode = Callable[[Code], str]
Rule = Callable[[Template, RenderCode], str]

_NOTE = re.compile(
    r"efn\b.*|sfnm?p?\b.*|refn\b.*|harv.*|cite .*|citation.*|citeref.*|.* needed|.*\bnote"
    r"|use (?:dmy|mdy|ymd) dates|use .* english|flag ?icon.*|flagdeco|wikidata.*"
)
_LANGUAGE = re.compile(r"lang-([a-z]{2,3}(?:-[a-z]+)*)")
_CODE = re.compile(r"[A-Z]{2,4}")
_NUMBER = re.compile(r"\d{1,4}")
_DATE_PARTS = 3
_NEGATED = frozenset({"", "0", "no", "n", "false"})


def find_rule(template: Template) -> Rule | None:
    """The rule for a template, or None where none is known."""
    key = template.key.replace("_", " ")
    if rule := _RULES.get(key):
        return rule
    name, colon, _ = key.partition(":")
    if colon and (rule := _FUNCTIONS.get(name.strip())):
        return rule
    if _NOTE.fullmatch(key):
        return _nothing
    if _LANGUAGE.fullmatch(key):
        return _first
    if _CODE.fullmatch(template.name) and country_of_code(template.name):
        return _country_code
    return None


def _argument(template: Template, name: str, render: RenderCode) -> str:
    return render(template.params.get(name, ())).strip()


def _arguments(template: Template, render: RenderCode) -> list[str]:
    """The numbered parameters that are not empty, by number, whether or not they are named so."""
    numbers = sorted(int(name) for name in template.params if _NUMBER.fullmatch(name))
    texts = (_argument(template, str(number), render) for number in numbers)
    return [text for text in texts if text]


def _nothing(_template: Template, _render: RenderCode) -> str:
    return ""


def _first(template: Template, render: RenderCode) -> str:
    return _argument(template, "1", render) or _argument(template, "text", render)


def _second(template: Template, render: RenderCode) -> str:
    return _argument(template, "2", render) or _argument(template, "text", render)


def _last(template: Template, render: RenderCode) -> str:
    return (_arguments(template, render) or [""])[-1]


def _items(template: Template, render: RenderCode) -> str:
    items = _arguments(template, render)
    return "\n{}\n".format("\n".join(items)) if items else "\n"


def _titled_items(template: Template, render: RenderCode) -> str:
    title = _argument(template, "title", render)
    return f"\n{title}\n{_items(template, render)}" if title else _items(template, render)


def _date(template: Template, render: RenderCode) -> str:
    """`{{start date|1999|5|1}}`: year, month and day; text such as `May 1999` stays."""
    arguments = _arguments(template, render)
    parts: list[str] = []
    for argument in arguments[:_DATE_PARTS]:
        if not argument.isdecimal():
            break
        parts.append(argument)
    return "-".join(parts) or (arguments[0] if arguments else "")


def _circa(template: Template, render: RenderCode) -> str:
    arguments = _arguments(template, render)
    return "c. " + "\N{EN DASH}".join(arguments[:2])


def _old_date(template: Template, render: RenderCode) -> str:
    return " ".join(_arguments(template, render)[:2])


def _era(era: str) -> Rule:
    return lambda template, render: f"{_argument(template, '1', render)} {era}".strip()


def _sort_name(template: Template, render: RenderCode) -> str:
    names = (_argument(template, number, render) for number in ("1", "2"))
    return " ".join(filter(None, names))


def _foreign_link(template: Template, render: RenderCode) -> str:
    return _argument(template, "lt", render) or _argument(template, "1", render)


def _flag(template: Template, render: RenderCode) -> str:
    name = _argument(template, "name", render) or _argument(template, "1", render)
    return country_of_code(name) or name


def _country_code(template: Template, _render: RenderCode) -> str:
    return country_of_code(template.name) or ""


def _language_name(template: Template, render: RenderCode) -> str:
    code = _argument(template, "1", render)
    return language_of_code(code) or code


def _number_with_unit(template: Template, render: RenderCode) -> str:
    return " ".join(_arguments(template, render)[:2])


def _fraction(template: Template, render: RenderCode) -> str:
    return "/".join(_arguments(template, render))


def _quoted(template: Template, render: RenderCode) -> str:
    return f'"{_first(template, render)}"'


def _character(text: str) -> Rule:
    return lambda _template, _render: text


def _text_after_colon(template: Template, render: RenderCode) -> str:
    text = template.name.partition(":")[2].strip()
    return text or _first(template, render)


def _if(template: Template, render: RenderCode) -> str:
    condition = template.name.partition(":")[2].strip()
    return _argument(template, "1" if condition else "2", render)


def _table(*groups: tuple[Rule, str]) -> dict[str, Rule]:
    """Names separated by bars, so that the table below stays readable."""
    return {name.strip(): rule for rule, names in groups for name in _split(names)}


def _split(names: str) -> Iterable[str]:
    return (name for name in re.split(r"\s*\|\s*", names.strip()) if name)


_RULES = _table(
    (
        _items,
        """hlist | horizontal list | flatlist | flat list | plainlist | plain list
        | indented plainlist | unbulleted list | unbulletedlist | unbullet | ubl | ublist
        | ubli | ubt | bulleted list | bulletedlist | bullet list | unordered list
        | ordered list | br list | brlist | br separated entries | break separated entries
        | comma separated entries | comma separated values | comma separated list | comma list
        | cslist | csl | csv | enum | enumerate | vlist | pipe list | piped list | pipelist
        | dotlist | list | semicolon separated entries | slash separated entries
        | space separated entries | cl | hanging indent list | unbulleted indent list
        | columns-list | colist | column list | div col | and list | or list | bulleted""",
    ),
    (
        _titled_items,
        """collapsible list | ctl | collapsible | collapse | collapsed infobox section""",
    ),
    (
        _nothing,
        """r | rp | ran | ref | ref label | reflabel | note | note label | notetag | nt | cn
        | fact | cref | cref2 | who | when | where | which | whom | by whom | clarify
        | dubious | better source | unreliable source | dead link | webarchive | verify
        | failed verification | page number | pn | vague | fake ref | listref | full | specify
        | as of | update after | anchor | anchors | clear | - | clr | icon | hs
        | hidden sort key | hsk | hidden | hidden begin | hidden end | italic title
        | italictitle | coord | shortcut | pp | main | see also | endplainlist | plainlist end
        | end plainlist | endflatlist | flatlist end | end flatlist | endhlist | end hlist
        | div col end | colend | nowrap begin | nowrapbegin | nowrap end | nowrapend
        | collapse top | collapse bottom | zwsp | shy | wbr | zwj | zwnj | pagename
        | short description | wikisource | gutenberg | listen | audio | ipa | respell | pron""",
    ),
    (
        _first,
        """nowrap | no wrap | no break | nobreak | nobr | nowraplinks | nwr | avoid wrap | small
        | smaller | smalldiv | big | bigger | larger | large | longitem | long item | noitalic
        | no italic | noitalics | no italics | normal | nobold | no bold | em | strong | b | i
        | bold | italic | italics | italic correction | smallcaps | small caps | sc | allcaps
        | caps | lowercase | uppercase | as written | not a typo | proper name | notatypo
        | typo | sic | abbr | abbrlink | abbreviation | tooltip | h:title | hover title
        | linktext | visible anchor | vanchor | va | sup | sub | nihongo | nihongo2 | nihongo3
        | nihongo krt | zh | ruby | center | centre | no selflink | isbn | isbnt | oclc | lccn
        | asin | issn | val | num | number | nts | ntsh | formatnum | commas | gaps | author
        | authorlink | book title | script | kbd | code | mono | var | samp | ins | highlight
        | quote | blockquote""",
    ),
    (
        _second,
        """lang | langx | native name | nativename | native phrase | color | colour | font color
        | fontcolor | fgcolor | align | sort | sortdate | script/hebrew | rtl-lang""",
    ),
    (
        _last,
        """transl | transliteration | translit | xlit | resize | fontsize | font size""",
    ),
    (
        _date,
        """start date | start-date | startdate | start date and age | start-date and age
        | start and end dates | film date | filmdate | film release date | television date
        | date | dts | dtsh | date table sorting | published date | publication date
        | release date | vgrelease date | end date | end-date | end date and age | birth date
        | birth date and age | birth year and age | bda | dob | death date
        | death date and age | year | years | iso date | isodate | mdy | dmy | year and age""",
    ),
    (_circa, "circa | c. | ca | ca. | c | approx | approximately"),
    (_old_date, "oldstyledate | old style date | oldstyledatedy | oldstyledatenb"),
    (_era("BC"), "bc | bce"),
    (_era("AD"), "ad | ce"),
    (_sort_name, "sortname | sort name"),
    (
        _foreign_link,
        """ill | illm | ill2 | ill-wd | ill-wd2 | interlanguage link | interlanguage link multi
        | interwiki link | iw2 | link-interwiki | red link | redlink | link if exists
        | wikidata link""",
    ),
    (
        _flag,
        """flag | flagu | flagcountry | flag country | flag+link | flaglink | flagg | flagb
        | flagc | flagname | flag name | noflag | country | country name | countryname""",
    ),
    (
        _language_name,
        """iso 639 name | iso639name | language name | langname | lang name | iso-639""",
    ),
    (_number_with_unit, "convert | cvt"),
    (_fraction, "frac | fraction | sfrac | ratio"),
    (_quoted, '" | \' " | quotation | double quote | dq | qq'),
    (
        _character(" \N{EN DASH} "),
        """snd | spaced ndash | spnd | sndash | spndash | spaced en dash | spaced endash | dash""",
    ),
    (_character("\N{EN DASH}"), "ndash | endash | en dash | en-dash | nsndns"),
    (
        _character("\N{EM DASH}"),
        "mdash | emdash | em dash | em-dash | spaced mdash | spaced em dash",
    ),
    (_character("-"), "hyphen | nbhyph | nbhyphen | non breaking hyphen"),
    (
        _character(" "),
        """nbsp | space | spaces | thinsp | thin space | hairsp | hair space | nnbsp | ensp
        | emsp""",
    ),
    (_character("\n"), "br | break | line break | linebreak | crlf | lf | newline | *"),
    (_character(" · "), "· | • | dot | middot | mdot | bullet | bull | bullets | spaced dot"),
    (_character(" / "), "/ | slash | spaced slash"),
    (_character("&amp;"), "& | amp | ampersand"),
    (_character(", "), "comma | ,"),
    (_character("'"), "' | apostrophe | okina | hamza | ayin"),
    (_character("="), "= | equals"),
    (_character("|"), "! | pipe"),
    (_character("||"), "!!"),
)

_FUNCTIONS = _table(
    (_text_after_colon, "formatnum | lc | uc | lcfirst | ucfirst"),
    (_if, "#if"),
    (_nothing, "#tag | #expr | #time | #ifeq | #ifexpr | defaultsort | displaytitle"),
)
