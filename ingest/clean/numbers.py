"""The year and the number of pages in an infobox text. Pure.

A number that the text does not clearly give is left out, never guessed. Each function returns the
number together with the rule that found it, in words.
"""

from __future__ import annotations

import re

from bookgraph.core.values import MAX_PAGES

Reading = tuple[int | None, str]

_NOT_A_YEAR = (
    r"(?!\s*(?:copies|pages|pp\b|prints|units|volumes|vols?\b|words|lines|verses|cm\b|mm\b))"
)
_NUMBER_BC = re.compile(r"\b(\d{1,4})\s*(?:BCE?\b|B\.\s?C\.)", re.IGNORECASE)
_NUMBER_AD = re.compile(
    r"\b(?:AD|A\.D\.|CE)\s*(\d{1,4})\b|\b(\d{1,4})\s*(?:AD\b|A\.D\.|CE\b|C\.E\.)", re.IGNORECASE
)
# Not 1,999 copies, ISBN 1-999, the 1990s, the 1900th or 2000.5.
_YEAR = re.compile(
    r"(?<![\d,.$£€#])(?<!\d[-/])(1\d{3}|20\d{2})(?![\d%]|,\d{3}\b|s\b|'s\b|th\b|\.\d)" + _NOT_A_YEAR
)
_EARLY_YEAR = re.compile(r"^(?:c\.? ?|ca\.? ?|circa |about |around )*(\d{3})\??$", re.IGNORECASE)
_ISBN = re.compile(r"\b(?:ISBN|ISSN|OCLC|LCCN|ASIN)[\s:]*[\dX][\dX -]*", re.IGNORECASE)

_DIGITS = r"(\d{1,2}[, ]\d{3}(?!\d)|\d+)"
_UNIT = r"\s*(?:numbered |printed )?(?:pp?\b|pgs?\b|pages?\b)"
_WITH_UNIT = re.compile(rf"(?<![\d+\u2013\u2014-])(?<!\d[,.]){_DIGITS}{_UNIT}", re.IGNORECASE)
_RANGE = re.compile(r"\d\s*[-\u2013\u2014]\s*\d|\d\s*\+\s*\d")
_SEVERAL = re.compile(
    r"\b(?:vols?|volumes?|books|tomes?|parts|(?:book|part)\s*\d)\b|\d\s*v\b|\d\s+to\s+\d",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    rf"^\D*{_DIGITS}(?:{_UNIT})?[.,]?\s+\(?in\s+\w+\s+(?:vol|volume|book|part)s?\b", re.IGNORECASE
)
_NOT_PAGES_BEFORE = re.compile(r"(?:\bno|\bch(?:apters?)?|#|[$£€])[.:\s]*$", re.IGNORECASE)
_NOT_PAGES_AFTER = re.compile(
    r"\s*(?:cm|mm|inches|maps?|copies|chapters?|plates?|illustrations?|words|lines|poems|stories"
    r"|st|nd|rd|th|%|kg|g|oz|editions?|ed|hours?|minutes?|hrs?|mins?|leaves|x\s*\d|\u00d7)\b",
    re.IGNORECASE,
)
_PLAIN = re.compile(rf"(?<![\d+\u2013\u2014/-])(?<!\d[,.]){_DIGITS}(?![\d.\u2013\u2014-]*\d)")
_ASIDES = re.compile(r"\([^()]*\)")
# Pages before the first one, and plates, are counted apart: `xii+270`, `160 + 8 plates`.
_COUNTED_APART = re.compile(
    r"\b[ivxlc]+\s*[-+\u2013]\s*(?=\d)|\+\s*\d+\s*(?:plates?|illus\w*\.?|maps?)\b", re.IGNORECASE
)


def read_year(text: str) -> Reading:
    """The first year in a date; negative before Christ.

    Args:
        text: one line, without markup.
    """
    text = _ISBN.sub(" ", text)
    if match := _NUMBER_BC.search(text):
        return -int(match[1]), "the number before BC"
    if match := _NUMBER_AD.search(text):
        return int(match[1] or match[2]), "the number with AD"
    if match := _YEAR.search(text):
        return int(match[1]), "the first year from 1000 to 2099"
    if match := _EARLY_YEAR.match(text):
        return int(match[1]), "the only number"
    return None, "no clear year"


def read_pages(text: str) -> Reading:
    """The number of pages: the first with a unit, or else the first plain number.

    Args:
        text: one line, without markup.
    """
    text = _COUNTED_APART.sub(" ", _ISBN.sub(" ", text))
    if match := _TOTAL.search(text):
        return _bounded(match[1], "the total of the volumes")
    outside = _ASIDES.sub(" ", text)
    if _SEVERAL.search(outside):
        return None, "several volumes or numbers"
    if match := _WITH_UNIT.search(text):
        return _bounded(match[1], "the first number before pp or pages")
    if _RANGE.search(outside):
        return None, "a range or a sum"
    for match in _PLAIN.finditer(outside if any(map(str.isdecimal, outside)) else text):
        before, after = match.string[: match.start()], match.string[match.end() :]
        if not _NOT_PAGES_BEFORE.search(before) and not _NOT_PAGES_AFTER.match(after):
            return _bounded(match[1], "the first whole number")
    return None, "no clear number"


def _bounded(digits: str, rule: str) -> Reading:
    # Python refuses to read whole numbers of thousands of digits.
    pages = int(digits.replace(",", "").replace(" ", "")[:9])
    return (pages, rule) if 0 < pages <= MAX_PAGES else (None, "no number of pages of a book")
