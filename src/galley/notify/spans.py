"""Traces on their way to whoever collects them, by OTLP over HTTP as OpenTelemetry's variables say.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ names the variables: the endpoint, its
headers and its certificate are read by OpenTelemetry's own exporter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from galley.errors import MissingExtraError
from galley.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NANOSECONDS = 1000
_SCOPE = "galley.runs"


Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in microseconds, below its ``parent``; ``error`` says what went wrong."""

    id: str
    parent: str | None
    name: str
    start: int
    end: int
    attributes: Mapping[str, Value]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of a run, itself first. Ids are hexadecimal and follow from the run's."""

    id: str
    spans: tuple[Span, ...]


def wanted() -> bool:
    """Whether traces are to be sent anywhere."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    none = os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none"
    return not disabled and not none and any(os.environ.get(name) for name in ENDPOINTS)


class Collector:
    """Where traces go."""

    def __init__(self) -> None:
        """Raises MissingExtraError: the libraries are not installed."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
        except ImportError as error:
            raise MissingExtraError(
                f"{' or '.join(ENDPOINTS)} is set, and OpenTelemetry is not installed",
                hint="pip install 'galley-dataops[telemetry]'",
            ) from error
        told = {"service.version": VERSION}
        if "OTEL_SERVICE_NAME" not in os.environ:
            told["service.name"] = "galley"
        self._resource = Resource.create(told)
        self._exporter = OTLPSpanExporter()

    def send(self, trace: Trace) -> bool:
        """Send a trace; whether it was taken. Tries for as long as the timeout says (10 s)."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        found = [_span(one, trace.id, self._resource) for one in trace.spans]
        return self._exporter.export(found) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Send nothing more; one that is being tried again is given up."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def _span(one: Span, trace: str, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(id: str) -> SpanContext:
        sampled = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(int(trace, 16), int(id, 16), is_remote=False, trace_flags=sampled)

    failed = one.error is not None
    return ReadableSpan(
        name=one.name,
        context=context(one.id),
        parent=context(one.parent) if one.parent else None,
        resource=resource,
        attributes=dict(one.attributes),
        status=Status(StatusCode.ERROR, one.error) if failed else Status(StatusCode.OK),
        start_time=one.start * _NANOSECONDS,
        end_time=one.end * _NANOSECONDS,
        instrumentation_scope=InstrumentationScope(_SCOPE, VERSION),
    )
