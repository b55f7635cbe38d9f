"""Texts as other programs read them: cells that no spreadsheet runs, and characters that XML has.

Anybody can write a Wikipedia title, and a file is opened far from here.
"""

from __future__ import annotations

import re

# Characters that a reader does not see, and that a program may drop before it looks.
_INVISIBLE = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
# What starts a formula in a spreadsheet, by OWASP's list, with the full-width forms.
_SIGNS = "=+\\-@＝＋－＠"  # noqa: RUF001  # the full-width forms
_FORMULA = rf"['{_INVISIBLE}]*[{_SIGNS}\t\r]"
# A spreadsheet with another separator than the file's begins a cell inside of a text. A tab or a
# line end there is a separator itself.
_SEPARATED = rf"['{_INVISIBLE}]*[{_SIGNS}]"
_SEPARATOR = r"(?<=[,;|\t\r\n])"
_UNGUARDED = re.compile(rf"\A(?={_FORMULA})|{_SEPARATOR}(?={_SEPARATED})")
_GUARDED = re.compile(rf"\A'(?={_FORMULA})|{_SEPARATOR}'(?={_SEPARATED})")

# The characters that XML 1.0 does not have, not even escaped (its production `Char`).
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_ID = re.compile(rf"{_NOT_XML.pattern}|\\(?=u)")


def guard_formulas(text: str) -> str:
    """Put an apostrophe before each place at which a spreadsheet would start a formula.

    These are `=`, `+`, `-` and `@`, at the start of the text or after a separator (comma,
    semicolon, bar, tab, line end), and a tab or a carriage return at its start; with or without
    apostrophes and invisible characters before them.
    """
    return _UNGUARDED.sub("'", text)


def unguard_formulas(text: str) -> str:
    """Undo `guard_formulas`, exactly."""
    return _GUARDED.sub("", text)


def xml_text(value: object) -> str:
    """A value as text that XML 1.0 can hold: other characters become U+FFFD."""
    return _NOT_XML.sub("\ufffd", str(value))


def xml_id(text: str) -> str:
    r"""A text that XML 1.0 can hold, different for different texts.

    Characters that XML does not have become `\u0007`, and a backslash before a `u` is escaped too.
    """
    return _NOT_ID.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
