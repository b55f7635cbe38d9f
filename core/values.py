"""The values of a book's fields: one spelling for each, and what does not count as a value. Pure.

Ingest reads values from infobox texts, and `saveBook` receives them in lists. Both follow these
rules, so that a filter or a facet meets one spelling. How a text is parted into values is ingest's
business.
"""

from __future__ import annotations

import re

from bookgraph.core.regions import language_of_code

MAX_VALUE_CHARS = 200
"""A longer text is a sentence, not a name."""

MAX_PAGES = 99_999
MAX_YEAR = 9_999
"""Years have at most four digits, before Christ too."""

_NO_NAME = re.compile(
    r"^(?:n\.?/?a\.?|not (?:applicable|available|known)|none|nil|tb[acd]|unknown|unspecified"
    r"|to be (?:announced|determined|confirmed)|see (?:below|text)|et al\.?"
    r"|(?:and |many |various )?others?|\?+|-+)$",
    re.IGNORECASE,
)

_COUNTRIES = {
    "usa": "United States",
    "us": "United States",
    "unitedstatesofamerica": "United States",
    "theunitedstates": "United States",
    "america": "United States",
    "uk": "United Kingdom",
    "theunitedkingdom": "United Kingdom",
    "greatbritain": "United Kingdom",
    "ussr": "Soviet Union",
    "thesovietunion": "Soviet Union",
    "uae": "United Arab Emirates",
    "thenetherlands": "Netherlands",
    "holland": "Netherlands",
    "prc": "China",
    "peoplesrepublicofchina": "China",
    "republicofireland": "Ireland",
    "gdr": "East Germany",
    "frg": "West Germany",
}
"""Letters only, lowercase: `U.S.A`, `USA` and `U. S. A.` are one key."""

_GENRES = {
    "nonfiction": "Non-fiction",
    "non fiction": "Non-fiction",
    "science-fiction": "Science fiction",
    "sci-fi": "Science fiction",
    "scifi": "Science fiction",
    "sf": "Science fiction",
    "novels": "Novel",
    "role-playing games": "Role-playing game",
    "short story collection": "Short stories",
    "ya": "Young adult",
}
_COMMON_WORD = re.compile(
    r"(?<=[ -])(?:Adult|Adventure|Book|Books|Comedy|Crime|Detective|Drama|Essays?|Fantasy|Fiction"
    r"|Game|Games|History|Horror|Humou?r|Literature|Mystery|Novel|Novels|Poetry|Romance|Satire"
    r"|Science|Stories|Story|Suspense|Thriller)\b"
)
"""Words that are not names: `Science Fiction` is `Science fiction`; `American Novel` keeps `A`."""


def stands_for_nothing(text: str) -> bool:
    """Whether a text says that there is no value: `n/a`, `unknown`, `others`."""
    return bool(_NO_NAME.match(text))


def is_value(text: str) -> bool:
    """Whether a folded text can be a value: it names something and is not a sentence."""
    return (
        len(text) <= MAX_VALUE_CHARS
        and not stands_for_nothing(text)
        and any(map(str.isalnum, text))
    )


def spell_value(text: str, field: str) -> str:
    """Give a value the one spelling that it has in its field.

    Args:
        text: a value, folded.
        field: `genre`, `country` and `language` have rules; values of other fields stay.
    """
    if field not in {"genre", "country", "language"}:
        return text
    value = text[0].upper() + text[1:]
    if field == "genre":
        value = _COMMON_WORD.sub(lambda match: match[0].lower(), value)
        return _GENRES.get(value.lower(), value)
    if field == "country":
        letters = "".join(filter(str.isalpha, value)).lower()
        return _COUNTRIES.get(letters, value.title() if text.islower() else value)
    value = value.removesuffix(" language")
    is_code = text.islower() and len(text) in {2, 3}
    return (language_of_code(text) or value) if is_code else value
