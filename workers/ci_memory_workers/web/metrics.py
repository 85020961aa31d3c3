"""What the HTTP door counts of itself, for Prometheus.

Labels are routes, statuses and reasons: each a short list of our own. Nothing that a client sends becomes one (no path, method,
token, tenant or repository), so that whoever asks for nonsense makes no series, and who reads them learns of nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import REFUSED, STATUS

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
NOWHERE = "none"
"""The route of a request that is for none."""
CAME = ("owed", "known", "nothing")
CUT_OFF = ("no_head", "no_http", "too_many")
METRICS = "ci_memory.metrics"
"""Where the state of a server has them."""
_NAMESPACE = "ci_memory_gateway"


class GatewayMetrics:
    """Counters of one gateway process, in a registry of its own."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "requests", "Requests that were answered.", ["route", "code"], namespace=_NAMESPACE, registry=registry
        )
        self.seconds = Histogram(
            "request_seconds", "From the head of a request to the end of its answer; waiting for an analysis is part of it.",
            ["route"], namespace=_NAMESPACE, registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self.refusals = Counter(
            "refusals", "Requests that were refused, by the code of their problem.", ["reason"],
            namespace=_NAMESPACE, registry=registry,
        )  # fmt: skip
        self.events = Counter("events_accepted", "Events that were taken into the log.", namespace=_NAMESPACE, registry=registry)
        self.bytes = Counter(
            "accepted_bytes", "Bodies of requests whose events were taken into the log.", namespace=_NAMESPACE, registry=registry
        )
        self.deliveries = Counter(
            "deliveries", "Webhooks that were taken in, by what came of them.", ["came"], namespace=_NAMESPACE, registry=registry
        )
        self.connections = Gauge("connections", "Connections that are open.", namespace=_NAMESPACE, registry=registry)
        self.cut_off = Counter(
            "connections_cut_off", "Connections that were closed: no head in time, what is no HTTP, or too many.", ["why"],
            namespace=_NAMESPACE, registry=registry,
        )  # fmt: skip
        self._waiting = Gauge("waiting", "Requests that wait for an answer.", namespace=_NAMESPACE, registry=registry)
        self._bodies = Gauge("bodies", "Requests whose bodies are read and taken in.", namespace=_NAMESPACE, registry=registry)
        # A series that begins with its first event has no rate until the second.
        for route in (*(route.path for route in routes), NOWHERE):
            self.seconds.labels(route)
        for counter, values in ((self.refusals, STATUS), (self.deliveries, CAME), (self.cut_off, CUT_OFF)):
            for value in values:
                counter.labels(value)

    def watch(self, waiting: Callable[[], int], bodies: Callable[[], int]) -> None:
        """Where to ask how many requests are held now."""
        self._waiting.set_function(waiting)
        self._bodies.set_function(bodies)

    def accepted(self, events: int, length: int) -> None:
        """A request's events are in the log."""
        self.events.inc(events)
        self.bytes.inc(length)

    def delivered(self, came: str) -> None:
        """A webhook was taken in."""
        self.deliveries.labels(came).inc()


class Measured:
    """Counts and times each request around ``app``."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, code = time.perf_counter(), "none"

        async def sent(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            # Whoever stands around this one answers with the problem, and logs where it came from.
            scope[REFUSED], code = "internal_error", str(STATUS["internal_error"])
            raise
        finally:
            self._count(scope, code, time.perf_counter() - began)

    def _count(self, scope: Scope, code: str, seconds: float) -> None:
        # The template of the route, never the path.
        route = scope.get("route")
        name = route.path if isinstance(route, Route) else NOWHERE
        self._metrics.requests.labels(name, code).inc()
        self._metrics.seconds.labels(name).observe(seconds)
        if reason := scope.get(REFUSED):
            self._metrics.refusals.labels(reason).inc()
