"""A wiki's Action API, by its etiquette: one request at a time, `maxlag`, pauses as it asks.

https://www.mediawiki.org/wiki/API:Etiquette. Requests are POSTs, because fifty titles are longer
than a URL may be.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from bookgraph.core.errors import DownloadError, UsageError
from bookgraph.core.http import describe_http_error, is_retryable, retry_after
from bookgraph.ingest.fetch.site import RetryPolicy

MAX_TITLES = 50
"""As many titles, page ids or pages with text as a client without rights may ask for at once."""

_MAXLAG_S = 5
"""What Wikimedia recommends: while its databases lag more, it answers people only."""

_BUSY = re.compile(r"maxlag|ratelimited|readonly|internal_api_error_.*|.*timeout.*")
_MAX_WAITS = 60
_NO_ANSWER = "the answer is no JSON object of the API"
_PROJECTS = "wiktionary|wikibooks|wikinews|wikiquote|wikisource|wikiversity|wikivoyage"
_SPECIAL = {
    "commonswiki": "commons.wikimedia.org",
    "metawiki": "meta.wikimedia.org",
    "specieswiki": "species.wikimedia.org",
    "wikidatawiki": "www.wikidata.org",
    "mediawikiwiki": "www.mediawiki.org",
    "be_x_oldwiki": "be-tarask.wikipedia.org",
    "foundationwiki": "foundation.wikimedia.org",
    "incubatorwiki": "incubator.wikimedia.org",
    "outreachwiki": "outreach.wikimedia.org",
    "sourceswiki": "wikisource.org",
}


def api_url(wiki: str) -> str:
    """The address of a wiki's API by its database name.

    Raises:
        UsageError: the name is none of Wikimedia's.
    """
    if wiki in _SPECIAL:
        return f"https://{_SPECIAL[wiki]}/w/api.php"
    match = re.fullmatch(rf"([a-z][a-z_]*?)(wiki|{_PROJECTS})", wiki)
    if match is None:
        raise UsageError(
            f"No address is known for --wiki {wiki}. Name one with --api https://HOST/w/api.php."
        )
    project = "wikipedia" if match[2] == "wiki" else match[2]
    return f"https://{match[1].replace('_', '-')}.{project}.org/w/api.php"


class WikiApi:
    """Asks one wiki, one request after the other."""

    def __init__(self, client: httpx.Client, url: str, policy: RetryPolicy) -> None:
        self.url = url
        self.num_requests = 0
        self._client = client
        self._policy = policy

    def query(self, **params: str | int) -> dict[str, Any]:
        """Ask once: `action=query` with these parameters.

        Raises:
            DownloadError: the wiki cannot be reached, refuses, or is too busy for too long.
        """
        fields = {
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "maxlag": _MAXLAG_S,
            **params,
        }
        num_failures = num_waits = 0
        while True:
            self.num_requests += 1
            asked = None
            try:
                response = self._client.post(self.url, data=fields)
                response.raise_for_status()
                answer = _read_answer(response)
                problem = (
                    "an answer that is no JSON object of the API"
                    if answer is None
                    else _error_of(answer)
                )
                asked = response.headers.get("Retry-After")
            except httpx.HTTPError as error:
                if not is_retryable(error):
                    raise self._failed(describe_http_error(error)) from error
                problem, asked, answer = describe_http_error(error), retry_after(error), None
            if answer is not None and not problem:
                return answer
            if answer is not None and not _BUSY.fullmatch(problem):
                raise self._failed(f"the API refuses with the code {problem}")
            # A wiki that says that it is busy works; its pauses count apart from failures.
            num_waits, num_failures = (
                (num_waits + 1, num_failures) if asked else (num_waits, num_failures + 1)
            )
            if num_failures >= self._policy.num_attempts or num_waits >= _MAX_WAITS:
                raise self._failed(problem)
            time.sleep(self._policy.pause(max(num_failures, 1), asked))

    def query_all(self, **params: str | int) -> Iterator[dict[str, Any]]:
        """Ask until the wiki says that there is no more."""
        following: Mapping[str, str | int] = {}
        while True:
            answer = self.query(**{**params, **following})
            yield answer
            if "continue" not in answer:
                return
            following = answer["continue"]

    def _failed(self, reason: str) -> DownloadError:
        return DownloadError(
            f"Cannot read {self.url}: {reason}. What was fetched is kept. Check the network and "
            "--wiki, and run the command again to resume."
        )


def _read_answer(response: httpx.Response) -> dict[str, Any] | None:
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    is_known = isinstance(answer, dict) and isinstance(answer.get("query", {}), dict)
    return answer if is_known else None


def _error_of(answer: Mapping[str, Any]) -> str:
    """The code of the API's error; empty for none."""
    error = answer.get("error") or (answer.get("errors") or [{}])[0]
    return str(error.get("code", "")) if isinstance(error, dict) else "unknown"
