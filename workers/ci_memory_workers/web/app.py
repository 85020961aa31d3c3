"""The HTTP door, as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..adapters.redis_door import RedisDoor
from ..bootstrap import now_ms
from ..errors import Refusal
from ..services.gateway import Gateway
from . import endpoints
from .openapi import document
from .problems import on_error, on_http_exception, on_refusal

ROUTES = [
    Route("/v1/events", endpoints.push_events, methods=["POST"]),
    Route("/v1/analyses/{event_id}", endpoints.get_analysis, methods=["GET"]),
    Route("/v1/quarantine/{repo:path}", endpoints.get_quarantine, methods=["GET"]),
    Route("/healthz", endpoints.healthz, methods=["GET"]),
    Route("/readyz", endpoints.readyz, methods=["GET"]),
]


def make_app(redis_url: str) -> tuple[Starlette, Callable[[], None]]:
    """The application, and what lets all who wait for an answer go, because it is about to stop."""
    door = RedisDoor(redis_url)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with door.opened():
            app.state.gateway = Gateway(door, now_ms)
            yield

    app = Starlette(
        routes=[*ROUTES, Route("/openapi.json", _openapi, methods=["GET"])],
        lifespan=lifespan,
        exception_handlers={Refusal: on_refusal, HTTPException: on_http_exception, Exception: on_error},
    )
    return app, door.stop_waiting


async def _openapi(_: Request) -> Response:
    return JSONResponse(document())
