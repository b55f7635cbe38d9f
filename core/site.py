"""What a wiki's titles mean: its namespaces, their other names, and prefixes of other wikis. Pure.

A dump says in its `<siteinfo>` which namespaces its wiki has. What a dump does not say, the same on
all of Wikimedia's wikis, stands here: MediaWiki's canonical names and aliases (`Namespaces.php`),
and the prefixes of the interwiki map.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape

MAIN = 0
"""The number of the namespace of articles."""

_CANONICAL = {
    -2: "Media",
    -1: "Special",
    1: "Talk",
    2: "User",
    3: "User talk",
    4: "Project",
    5: "Project talk",
    6: "File",
    7: "File talk",
    8: "MediaWiki",
    9: "MediaWiki talk",
    10: "Template",
    11: "Template talk",
    12: "Help",
    13: "Help talk",
    14: "Category",
    15: "Category talk",
    828: "Module",
    829: "Module talk",
}
_ALIASES = {"Image": 6, "Image talk": 7, "WP": 4, "WT": 5}
"""On nearly all of Wikimedia's wikis."""

_ENGLISH = {
    4: "Wikipedia",
    5: "Wikipedia talk",
    100: "Portal",
    101: "Portal talk",
    118: "Draft",
    119: "Draft talk",
    126: "MOS",
    127: "MOS talk",
    710: "TimedText",
    711: "TimedText talk",
}
_ENGLISH_ALIASES = {"H": 12, "T": 10, "TM": 10}

_KINDS = {
    -2: "file",
    -1: "special",
    MAIN: "article",
    2: "user",
    3: "user",
    4: "wikipedia",
    5: "wikipedia",
    6: "file",
    8: "mediawiki",
    10: "template",
    12: "help",
    14: "category",
    100: "portal",
    118: "draft",
    126: "wikipedia",
    710: "file",
    828: "template",
}

_LANGUAGES = """
    aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az
    azb ba ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy
    br bs btm bug bxr ca cbk-zam cdo ce ceb ch cho chr chy ckb co cr crh cs csb cu cv cy cz da
    dag de dga din diq dk dsb dtp dty dv dz ee el eml en eo epo es et eu ext fa fat ff fi
    fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc
    gur guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh
    io is it iu ja jbo jp jv ka kaa kab kaj kbd kbp kcg kg kge ki kj kk kl km kn knc ko koi kr
    krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv lzh
    mad mai map-bms mdf mg mh mhr mi min minnan mk ml mn mni mnw mo mos mr mrj ms mt mus mwl my
    myv mzn na nah nan nap nb nds nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc
    olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pwn qu rm rmy rn ro
    roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd se sg sgs sh shi shn shy si
    simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta tay tcy tdd te tet
    tg th ti tig tk tl tly tn to tokipona tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec
    vep vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-cfr zh-classical zh-cn
    zh-min-nan zh-tw zh-yue zu"""
_PROJECTS = """
    advogato acronym appropedia arxiv b bugzilla c choralwiki citizendium commons commonswiki d
    dbdump dmoz doi doomwiki emacswiki ethnologue ethnologuefamily f fdncms fedora foldoc
    foundation freebsdman gentoo-wiki genwiki gerrit git google googlebooks googledefine
    googlegroups gutenberg gutenbergwiki hdl hrwiki imdbchar imdbcompany imdbname imdbtitle
    incubator infosecpedia irc iso639-3 issn jargonfile jstor kdei linguistlist listarchive
    lostpedia lyricwiki m mailarchive mariowiki mathworld meatball mediawikiwiki mediazilla
    memoryalpha meta metawiki metawikimedia metawikipedia mozillawiki musicbrainz mw mwod mwot n
    netvillage nost nostalgia oclc oeis oldwikisource olpc openlibrary openstreetmap orcid
    orthodoxwiki osmwiki otrs otrswiki outreach outreachwiki patwiki petscan phab phabricator
    planetmath pmid q quarry rev revo rfc s scholar sep11 seattlewiki slashdot sourceforge spcom
    species squeak strategy strategywiki sulutil svn swtrain tclerswiki technorati test
    test2wiki testwiki testwikidata thinkwiki ticket tmbw toolforge toollabs tools translatewiki
    tvtropes tviv twl uncyclopedia unihan urbandict usability usemod utrs v veropedia viaf
    vikidia voy vrts vrtwiki w wg wikia wikianso wikibooks wikicities wikicity wikidata
    wikifunctions wikihow wikiindex wikilivres wikimania wikimedia wikinews wikinfo wikipedia
    wikipediawikipedia wikiquote wikisophia wikisource wikispecies wikitech wikiversity
    wikivoyage wikivoyage-old wikt wiktionary wipipedia wm2005 wm2006 wm2007 wm2008 wm2009
    wm2010 wm2011 wm2012 wm2013 wm2014 wm2015 wm2016 wm2017 wm2018 wmania wmf wmfblog
    wookieepedia wowwiki xboxic zdoom zwiki"""
_INTERWIKI = frozenset(f"{_LANGUAGES} {_PROJECTS}".split())
"""Prefixes of links to other wikis: no article's title can begin with one and a colon."""

# Nobody sees them: control characters other than white space, soft hyphens, zero-width spaces and
# joiners of words, byte order marks, and marks of writing direction, which copying from a browser
# adds. The zero-width joiners of letters (U+200C, U+200D) stay: they change what is seen.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad"
    r"\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+"
)
_SPACES = re.compile(r"[\s_]+")
_NAMESPACE = re.compile(r'<namespace key="(-?\d+)"[^>]*?(?:/>|>([^<]*)</namespace>)')
_CASE = re.compile(r"<case>([^<]*)</case>")


def fold_whitespace(text: str) -> str:
    """Fold what cannot be seen: one space for white space and underscores, no marks, NFC."""
    text = _INVISIBLE.sub("", text)
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


@dataclass(frozen=True, eq=False)
class Site:
    """The rules of one wiki.

    Attributes:
        names: number of a namespace to its name on this wiki; without that of articles.
        aliases: other name of a namespace to its number.
        has_capitals: whether a title's first letter is a capital, as on all wikis but a few.
    """

    names: Mapping[int, str]
    aliases: Mapping[str, int] = field(default_factory=dict)
    has_capitals: bool = True

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Lowercase name to number; a wiki's own names come before MediaWiki's."""
        known = {name: number for number, name in _CANONICAL.items()} | _ALIASES
        own = {name: number for number, name in self.names.items()}
        return {name.lower(): number for name, number in (known | dict(self.aliases) | own).items()}

    def split(self, title: str) -> tuple[str, str, int]:
        """Split a title into its prefix, what follows it, and the number of its namespace.

        Returns:
            The namespace's name on this wiki, or the interwiki prefix, or an empty text; the rest;
            and the number, which is that of articles for a title without a namespace.
        """
        prefix, colon, rest = title.lstrip(": ").partition(":")
        folded = fold_whitespace(prefix).lower() if colon else ""
        number = self._numbers.get(folded)
        if number is not None:
            # A link to `Media:` leads to the file itself.
            number = 6 if number == -2 else number  # noqa: PLR2004
            return self.names.get(number) or _CANONICAL[number], rest.strip(), number
        if folded in _INTERWIKI and rest.strip(" :"):
            return folded, rest.strip(), MAIN
        return "", title, MAIN

    def kind(self, title: str) -> str:
        """The kind of a page: `article`, `interwiki`, or that of its namespace."""
        prefix, _, number = self.split(title)
        if prefix and number == MAIN:
            return "interwiki"
        if number in _KINDS:
            return _KINDS[number]
        return "talk" if number % 2 else prefix.lower()

    def capitalize(self, title: str) -> str:
        """Write a title as this wiki stores it: its first letter is a capital, the others stay.

        MediaWiki capitalizes a letter only to one letter: the capital of Georgian letters, of `ß`
        and of ligatures is the letter itself, that of `dz` in one letter is its titlecase form.
        """
        prefix, rest, number = self.split(title)
        capital = rest[:1].title()
        if not self.has_capitals or len(capital) != 1 or (prefix and number == MAIN):
            return title
        capitalized = capital + rest[1:]
        return f"{prefix}:{capitalized}" if prefix else capitalized


ENGLISH = Site(_ENGLISH, _ENGLISH_ALIASES)
"""The English Wikipedia; also what is assumed of records that do not say where they come from."""


def read_site(siteinfo: str) -> Site:
    """The rules of the wiki that a dump's `<siteinfo>` describes; English ones without any."""
    names = {
        int(number): fold_whitespace(unescape(name))
        for number, name in _NAMESPACE.findall(siteinfo)
        if name.strip()
    }
    if not names:
        return ENGLISH
    case = _CASE.search(siteinfo)
    is_english = names.get(4) == _ENGLISH[4] and names.get(14) == _CANONICAL[14]
    return Site(
        names,
        _ENGLISH_ALIASES if is_english else {},
        has_capitals=case is None or case[1].strip() != "case-sensitive",
    )
