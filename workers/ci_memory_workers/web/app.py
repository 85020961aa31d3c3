"""The HTTP door, as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..adapters.hook_file import read_hooks
from ..adapters.redis_door import RedisDoor
from ..errors import Refusal
from ..services.gateway import Gateway
from ..services.webhooks import WebhookDesk
from ..settings import Settings
from ..world import HOUR_S, now_ms
from . import endpoints
from .metrics import METRICS, GatewayMetrics, Measured
from .openapi import document
from .problems import on_error, on_http_exception, on_refusal

ROUTES = [
    Route("/v1/events", endpoints.push_events, methods=["POST"]),
    Route("/v1/analyses/{event_id}", endpoints.get_analysis, methods=["GET"]),
    Route("/v1/quarantine/{repo:path}", endpoints.get_quarantine, methods=["GET"]),
    Route("/v1/webhooks/{hook}", endpoints.take_delivery, methods=["POST"]),
    Route("/healthz", endpoints.healthz, methods=["GET"]),
    Route("/readyz", endpoints.readyz, methods=["GET"]),
]


def make_app(settings: Settings) -> tuple[Starlette, Callable[[], None]]:
    """The application, and what lets all who wait for an answer go, because it is about to stop.

    What it counts of itself is in ``app.state.metrics``, and served by none of its routes: proxies pass on all that the door
    answers, and come from loopback addresses themselves.
    """
    hooks = read_hooks(settings.webhooks_file)
    door = RedisDoor(settings.redis_url)
    routes = [*ROUTES, Route("/openapi.json", _openapi, methods=["GET"])]
    metrics = GatewayMetrics(routes)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        async with door.opened():
            gateway = app.state.gateway = Gateway(door, now_ms)
            metrics.watch(waiting=lambda: gateway.waiting, bodies=lambda: gateway.bodies)
            app.state.webhooks = WebhookDesk(
                door=door,
                hooks=hooks,
                horizon_ms=settings.dedupe_hours * HOUR_S * 1000,
                grace_ms=int(settings.webhook_grace_seconds * 1000),
                now_ms=now_ms,
            )
            # Uvicorn hands this to the protocol of each connection.
            yield {METRICS: metrics}

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Measured, metrics=metrics)],
        exception_handlers={Refusal: on_refusal, HTTPException: on_http_exception, Exception: on_error},
    )
    app.state.metrics = metrics
    return app, door.stop_waiting


async def _openapi(_: Request) -> Response:
    return JSONResponse(document())
