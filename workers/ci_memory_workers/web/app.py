"""The HTTP door, as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
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
    """The application, and what lets all who wait for an answer go, because it is about to stop."""
    hooks = read_hooks(settings.webhooks_file)
    door = RedisDoor(settings.redis_url)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with door.opened():
            app.state.gateway = Gateway(door, now_ms)
            app.state.webhooks = WebhookDesk(
                door=door,
                hooks=hooks,
                horizon_ms=settings.dedupe_hours * HOUR_S * 1000,
                grace_ms=int(settings.webhook_grace_seconds * 1000),
                now_ms=now_ms,
            )
            yield

    app = Starlette(
        routes=[*ROUTES, Route("/openapi.json", _openapi, methods=["GET"])],
        lifespan=lifespan,
        exception_handlers={Refusal: on_refusal, HTTPException: on_http_exception, Exception: on_error},
    )
    return app, door.stop_waiting


async def _openapi(_: Request) -> Response:
    return JSONResponse(document())
