"""Requests, counted for `/metrics`: how many there were of each kind, how long they took, and what was refused."""

from typing import Final

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

METHODS: Final = frozenset({*hdrs.METH_ALL} - {hdrs.METH_ANY})
OTHER: Final = "other"
"""Whatever a client calls its method: no client makes series of its own."""
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The buckets of times, as their upper bounds."""
NOWHERE: Final = "none"
"""The route of what no route takes."""


class Traffic:
    """Counts the requests of one application. Labels have few values, and none of a client's choice."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "incidentlog_http_requests", "Requests that were answered.", ("method", "route", "status"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "incidentlog_http_request_duration_seconds",
            "Seconds from a request to its answer; what is streamed is left out.",
            ("method", "route"), buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._problems = Counter(
            "incidentlog_problems", "Requests that were refused, by the problem's slug.", ("problem",),
            registry=self.registry,
        )  # fmt: skip
        ProcessCollector(registry=self.registry)
        self._known: dict[tuple[str, str, int], Counter] = {}

    def note(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """Count a request by its answer. One that is `prepared` was sent piece by piece, and is not timed."""
        method, route = method_and_route(request)
        of = method, route, response.status
        counter = self._known.get(of)
        if counter is None:  # looking up labels costs more than counting
            counter = self._known[of] = self._requests.labels(*map(str, of))
        counter.inc()
        if not response.prepared:
            self._seconds.labels(method, route).observe(seconds)

    def refuse(self, slug: str) -> None:
        """Count a refusal."""
        self._problems.labels(slug).inc()


def method_and_route(request: web.Request) -> tuple[str, str]:
    """What was asked for, in words of which there are few."""
    method = request.method if request.method in METHODS else OTHER
    resource = request.match_info.route.resource
    return method, NOWHERE if resource is None or resource.canonical.startswith("/{") else resource.canonical
