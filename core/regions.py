"""Countries and languages: their codes, and one English name for each. From Unicode's CLDR data."""

from __future__ import annotations

from functools import cache

from babel import Locale
from babel.core import get_global

_FORMER = {
    "AUT-HUN": "Austria-Hungary",
    "CSK": "Czechoslovakia",
    "TCH": "Czechoslovakia",
    "DDR": "East Germany",
    "GDR": "East Germany",
    "FRG": "West Germany",
    "ENG": "England",
    "NIR": "Northern Ireland",
    "SCG": "Serbia and Montenegro",
    "SCO": "Scotland",
    "SUN": "Soviet Union",
    "URS": "Soviet Union",
    "USSR": "Soviet Union",
    "UAE": "United Arab Emirates",
    "UK": "United Kingdom",
    "GER": "Germany",
    "NED": "Netherlands",
    "DEN": "Denmark",
    "SUI": "Switzerland",
    "POR": "Portugal",
    "GRE": "Greece",
    "RSA": "South Africa",
    "WAL": "Wales",
    "YUG": "Yugoslavia",
    "ROC": "Taiwan",
    "PRC": "China",
    "HOL": "Netherlands",
}
"""Codes that ISO 3166 does not have or not any longer: former countries, nations of the United
Kingdom, and those of the Olympic Committee that the English Wikipedia's flag templates take."""

_FORMER_WITH_AND = (
    "Serbia and Montenegro",
    "England and Wales",
    "United Kingdom of Great Britain and Ireland",
    "Federation of Rhodesia and Nyasaland",
)

_NAMES = {
    "CZ": "Czech Republic",
    "CI": "Ivory Coast",
    "HK": "Hong Kong",
    "MO": "Macau",
    "MM": "Myanmar",
    "PS": "Palestine",
    "TR": "Turkey",
    "VC": "Saint Vincent and the Grenadines",
    "CD": "Democratic Republic of the Congo",
    "CG": "Republic of the Congo",
}
"""Where the English Wikipedia's article has another title than CLDR's name."""


def country_of_code(code: str) -> str | None:
    """The country of a code of two or three capitals (`FR`, `FRA`), or None."""
    if code in _FORMER:
        return _FORMER[code]
    # CLDR knows codes of three letters as aliases of those of two.
    alpha_2 = get_global("territory_aliases").get(code, [code])[0]
    return _territories().get(alpha_2) if code.isupper() else None


def language_of_code(code: str) -> str | None:
    """The language of a code such as `fr`, `fra` or `zh-Hans`, or None."""
    base = code.strip().lower().replace("_", "-").split("-")[0]
    alias = get_global("language_aliases").get(base, base)
    return Locale("en").languages.get(alias.split("_")[0])


@cache
def countries_with_and() -> tuple[str, ...]:
    """Names of countries that hold an "and": it does not part two countries."""
    names = {name for name in _territories().values() if " and " in name}
    return tuple(sorted({*names, *_FORMER_WITH_AND}, key=len, reverse=True))


@cache
def _territories() -> dict[str, str]:
    """Code of two letters to the name, written as the English Wikipedia writes it."""
    names = Locale("en").territories
    return {
        code: _NAMES.get(code) or name.replace(" & ", " and ").replace("St. ", "Saint ")
        for code, name in names.items()
        if code.isalpha()
    }
