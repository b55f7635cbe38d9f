"""Texts without secrets, for what is passed on to other people."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
SET = "(set)"
"""In place of a secret that is set."""

_USER_IN_URL = re.compile(r"(\b[a-zA-Z][\w+.-]*://)[^\s\"']*@")
_NAMED = re.compile(
    r"(?i)([\"']?[\w.-]*(?:password|passwd|secret|token|api[_-]?key|[_-]keys?|credential|cookie)"
    r"[\w.-]*[\"']?\s*[=: ]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
)
_AUTHORIZATION = re.compile(
    r"(?i)(authorization[\"']?\s*[=:]\s*[\"']?(?:bearer|basic)?\s*|\bbearer\s+)[^\s\"',]+"
)


def mask_urls(text: str) -> str:
    """A text whose URLs have no user name and no password."""
    return _USER_IN_URL.sub(rf"\1{MASK}@", text)


def mask_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without secrets.

    Args:
        text: of any kind, such as the end of a log or a command line.
        secrets: values that must not be in it, wherever they stand.

    Returns:
        The text without these values, without users in URLs, without what follows `Authorization`
        and `Bearer`, and without the values of names such as `password`, `token` or `key`.
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        if secret:
            text = text.replace(secret, MASK)
    text = _AUTHORIZATION.sub(rf"\1{MASK}", mask_urls(text))
    return _NAMED.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    name, value = match.groups()
    quote = value[0] if value[0] in "\"'" else ""
    # Without its quotes, JSON would not be JSON any more. What settings show is no secret.
    is_public = value.strip("\"'") in {"", SET, "null"}
    return match[0] if is_public else f"{name}{quote}{MASK}{quote}"
