"""OpenTelemetry traces: a span for each request, and below it one for each statement.

OpenTelemetry is optional (the extra `otel`) and is not imported while tracing is off. Its own
variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, ...) say where the traces are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, LiteralString

from starlette.types import ASGIApp, Receive, Scope, Send

from bookgraph.core.errors import UsageError
from bookgraph.graph.store import Row, Store

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_SERVER_ERROR = 500


def start_tracing() -> Tracer:
    """Return the tracer that the application's spans come from.

    It belongs to the tracer provider that the process has set up, or else to a new one, which is
    not made the process's own.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415  # optional
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  # optional
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # optional
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # optional
    except ImportError as error:
        raise UsageError(
            "BOOKGRAPH_OTEL is on, but OpenTelemetry is not installed. Install it with "
            "`pip install bookgraph[otel]`, or turn BOOKGRAPH_OTEL off."
        ) from error
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        resource = Resource.create()
        # OTEL_SERVICE_NAME takes precedence over this name.
        if str(resource.attributes["service.name"]).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "bookgraph"}))
        # It sends what is left when the process exits.
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("bookgraph")


class TracedStore:
    """A store whose reads are spans. Everything else is passed on unchanged."""

    def __init__(self, store: Store, tracer: Tracer) -> None:
        """Store the arguments."""
        self._store = store
        self._tracer = tracer

    def read(self, statement: LiteralString, **parameters: object) -> list[Row]:
        """See `Store.read`. The text of a statement holds no values, so the span may show it."""
        attributes = {"db.system.name": "neo4j", "db.query.text": statement}
        with self._tracer.start_as_current_span("neo4j", attributes=attributes):
            return self._store.read(statement, **parameters)

    def read_all(self, statement: LiteralString, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """See `Store.read_all`; the span ends when the rows have been read."""
        attributes = {"db.system.name": "neo4j", "db.query.text": statement}
        with self._tracer.start_as_current_span("neo4j", attributes=attributes):
            yield from self._store.read_all(statement, **parameters)

    def pinned(self) -> TracedStore:
        """See `Store.pinned`."""
        return TracedStore(self._store.pinned(), self._tracer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class TracedApp:
    """An ASGI application whose requests are spans, below the caller's span if it sends one."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        """Store the arguments."""
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request in a span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract  # noqa: PLC0415  # optional
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415  # optional

        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        with self._tracer.start_as_current_span(
            f"{scope['method']} {scope['path']}", context=extract(headers), kind=SpanKind.SERVER
        ) as span:
            await self._app(scope, receive, send)
            record = scope.get("bookgraph", {})
            span.set_attributes(
                {
                    "http.request.method": scope["method"],
                    "url.path": scope["path"],
                    **_attributes(record),
                }
            )
            if record.get("status", 0) >= _SERVER_ERROR:
                span.set_status(Status(StatusCode.ERROR))


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    names = {
        "status": "http.response.status_code",
        "operation": "graphql.operation.type",
        "name": "graphql.operation.name",
        "cost": "bookgraph.cost",
        "codes": "bookgraph.error_codes",
        "id": "bookgraph.request_id",
    }
    return {names[key]: value for key, value in record.items() if key in names and value}
