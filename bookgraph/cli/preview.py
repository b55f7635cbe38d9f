"""`bookgraph preview`: what an ingest would make of some files, without a database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bookgraph.cli.common import AsJson
from bookgraph.cli.ingest import AnyTitle, Namespaces, Paths, Workers, check_files
from bookgraph.cli.render import counted, print_json, say
from bookgraph.core.errors import DataMissingError
from bookgraph.core.names import MAIN_ONLY
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import load_settings

if TYPE_CHECKING:
    from bookgraph.core.types import BookRow
    from bookgraph.ingest.preview import Explanation, Preview

_NUM_TEMPLATES = 10
_LINE_CHARS = 300


def preview(
    paths: Paths,
    title: Annotated[
        str | None,
        typer.Option(
            help="Show this page only, and which parameter, templates and rule gave each value."
        ),
    ] = None,
    skipped: Annotated[
        bool,
        typer.Option("--skipped", help="List the pages that name the infobox and are no books."),
    ] = False,
    namespaces: Namespaces = None,
    any_title: AnyTitle = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Show the books that an ingest of these files would load, without a database.

    All links are kept, however few books mention one. What is read from a dump is saved in
    BOOKGRAPH_HOME, so that an ingest of the same file is quick.
    """
    from bookgraph.ingest.preview import preview_files  # noqa: PLC0415  # slow to import

    check_files(paths)
    with ProgressPrinter() as progress:
        found = preview_files(
            paths,
            namespaces=None if any_title else frozenset(namespaces or MAIN_ONLY),
            work_dir=load_settings().spools_dir,
            num_workers=workers,
            on_progress=progress,
        )
    if title is not None:
        _print_page(found, title, paths, as_json=as_json)
    elif skipped:
        _print_skipped(found, as_json=as_json)
    elif as_json:
        for book in found.to_json():
            say(json.dumps(book, ensure_ascii=False))
    else:
        for row in found.graph.books:
            say(_describe(row))
        _print_summary(found)


def _describe(book: BookRow) -> str:
    """One line for a book."""
    values = book.properties
    names = (values.get(name) for name in ("authors", "genres", "countries", "languages"))
    parts = ["; ".join(value) for value in names if isinstance(value, list) and value]
    year, pages = values.get("year"), values.get("pages")
    parts += [str(year)] if year is not None else []
    parts += [counted(pages, "page")] if isinstance(pages, int) else []
    parts.append(counted(len(book.links), "link"))
    return f"{book.title}: {', '.join(parts)}"


def _print_summary(found: Preview) -> None:
    """Counts on stderr, so that a pipe gets the books alone."""
    graph = found.graph
    lines = [f"{counted(len(graph.books), 'book')}, {counted(len(graph.links), 'link')}."]
    if found.skipped:
        lines.append(f"Pages skipped: {len(found.skipped):,}. List them with --skipped.")
    for reason, num in found.bad_records.num_by_reason.most_common():
        lines.append(f"Records that cannot be read: {num:,}: {reason}")
    common = found.unknown_templates.most_common(_NUM_TEMPLATES)
    if common:
        names = ", ".join(f"{name} ({num:,})" for name, num in common)
        lines.append(f"Templates left out because no rule knows them: {names}")
    sys.stderr.write("\n".join(lines) + "\n")


def _print_skipped(found: Preview, *, as_json: bool) -> None:
    for path, page in found.skipped:
        if as_json:
            fields = {"title": page.title, "reason": page.reason, "page": page.position}
            say(json.dumps({**fields, "file": str(path)}, ensure_ascii=False))
        else:
            say(f"{page.title}: {page.reason} (page {page.position:,} of {path})")


def _print_page(found: Preview, title: str, paths: list[Path], *, as_json: bool) -> None:
    from bookgraph.ingest.preview import explain_book  # noqa: PLC0415  # slow to import

    match = found.find(title)
    if match is None:
        reasons = {page.title: page.reason for _, page in found.skipped}
        why = f": {reasons[title]}" if title in reasons else " in these files"
        raise DataMissingError(f"No book {title!r}{why}.")
    book, record = match
    explanations = explain_book(record, paths)
    if as_json:
        fields = next(one for one in found.to_json() if one["title"] == book.title)
        print_json({**fields, "explanations": [_to_json(one) for one in explanations]})
        return
    say(_describe(book))
    for explanation in explanations:
        _print_explanation(explanation)


def _print_explanation(explanation: Explanation) -> None:
    reading = explanation.reading
    value = "; ".join(reading.value) if isinstance(reading.value, list) else reading.value
    say(f"\n{reading.name}: {'(none)' if value in {None, ''} else value}")
    say(f"  wikitext   {reading.parameter} = {_shorten(explanation.source)}")
    for name, text in explanation.templates:
        shown = "no rule knows it" if text is None else _shorten(text) or "nothing"
        say(f"  template   {name}: {shown}")
    say(f"  text       {_shorten(reading.text)}")
    say(f"  rule       {reading.rule}")


def _shorten(text: str) -> str:
    """One line, with a bar where a line ended."""
    line = " | ".join(" ".join(part.split()) for part in text.split("\n") if part.strip())
    return line if len(line) <= _LINE_CHARS else f"{line[:_LINE_CHARS]} ..."


def _to_json(explanation: Explanation) -> dict[str, object]:
    reading = explanation.reading
    return {
        "name": reading.name,
        "value": reading.value,
        "parameter": reading.parameter,
        "source": explanation.source,
        "templates": [{"name": name, "text": text} for name, text in explanation.templates],
        "text": reading.text,
        "rule": reading.rule,
    }
