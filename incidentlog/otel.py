"""Traces by OpenTelemetry: from a request through the append and the projections to those who follow (docs/tracing.md).

A trace cannot be kept in the log, which is read by others for ever: it is remembered here for the newest appends of
this process, by position, and what is done for a position later is added to it.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from incidentlog import __version__
from incidentlog.tracing import Answered, Carried

REMEMBERED: Final = 1_000
"""How many appends are remembered until they are projected and told, the newest."""
TOLD: Final = 32
"""How many channels an append is followed to."""
FAILED: Final = 500
TRACEPARENT: Final = ("traceparent", "tracestate")


@dataclass(slots=True)
class _Appended:
    """An append whose trace goes on."""

    context: Context
    written_ns: int
    projected_ns: int | None = None
    told: int = 0


class OpenTelemetry:
    """Sends traces to where `OTEL_EXPORTER_OTLP_ENDPOINT` says, or to a processor of spans that is given."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "incidentlog", "service.version": __version__})
        )
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("incidentlog", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._appended: OrderedDict[int, _Appended] = OrderedDict()

    def close(self) -> None:
        """Send what is not sent yet; may take as long as the exporter's own limit."""
        self._provider.shutdown()

    @contextmanager
    def request(self, method: str, route: str, headers: Mapping[str, str]) -> Iterator[Answered]:
        """A request, while it is answered."""
        parent = self._propagator.extract({name: headers[name] for name in TRACEPARENT if name in headers})
        said = {"http.request.method": method, "http.route": route}
        with self._tracer.start_as_current_span(f"{method} {route}", parent, SpanKind.SERVER, said) as span:

            def answered(status: int) -> None:
                span.set_attribute("http.response.status_code", status)
                if status >= FAILED:
                    span.set_status(StatusCode.ERROR)

            yield answered

    def carried(self) -> Carried | None:
        """The trace of the request that is answered here, if it is kept."""
        span = trace.get_current_span()
        return trace.set_span_in_context(span, Context()) if span.is_recording() else None

    @contextmanager
    def batch(self, carried: Sequence[Carried], events: int) -> Iterator[None]:
        """An append: a trace of its own, since many requests wait for it, with a link to each."""
        links = [Link(trace.get_current_span(each).get_span_context()) for each in carried if isinstance(each, Context)]
        said = {"incidentlog.events": events}
        with self._tracer.start_as_current_span("append", Context(), SpanKind.INTERNAL, said, links):
            yield

    def written(self, carried: Carried, position: int) -> None:
        """Remember the trace of what is in the log up to a position."""
        assert isinstance(carried, Context)  # noqa: S101 - `carried` made it
        self._appended[position] = _Appended(carried, time.time_ns())
        while len(self._appended) > REMEMBERED:
            self._appended.popitem(last=False)

    def projected(self, position: int) -> None:
        """Say of each append up to a position how long it took until it was in the projections."""
        now = time.time_ns()
        for at, appended in self._appended.items():
            if at <= position and appended.projected_ns is None:
                self._span("project", appended, appended.written_ns, now, {"incidentlog.position": at})
                appended.projected_ns = now

    def told(self, followed: str, after: int, upto: int) -> None:
        """Say of each append between two positions that followers of a projection are told of it."""
        now = time.time_ns()
        for at, appended in self._appended.items():
            if after < at <= upto and appended.told < TOLD:
                appended.told += 1
                said: dict[str, str | int] = {"incidentlog.position": at, "incidentlog.projection": followed}
                self._span("tell followers", appended, appended.projected_ns or appended.written_ns, now, said)

    def _span(self, name: str, of: _Appended, start_ns: int, end_ns: int, said: dict[str, str | int]) -> None:
        span = self._tracer.start_span(name, of.context, SpanKind.INTERNAL, said, start_time=start_ns)
        span.end(max(start_ns, end_ns))
