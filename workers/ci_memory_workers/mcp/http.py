"""The MCP server over HTTP (its streamable transport), behind the gateway's tokens: a token says whose memory is asked.

Each request stands alone: no session is kept, so any number of these may stand behind one address, and nobody can hold many open.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ..adapters.redis_door import RedisDoor
from ..bootstrap import now_ms
from ..domain.access_token import AccessToken
from ..errors import Refusal
from ..services.asking import AskingDesk
from ..services.gateway import Gateway
from ..web.body import pass_over, read_body
from ..web.endpoints import healthz
from ..web.problems import on_error, on_refusal
from .server import make_server
from .tools import Asked

PATH = "/mcp"
MOST_BYTES = 8 * 1024 * 1024
"""Of one request, whatever its token may send: a log of a million characters, as JSON spells it."""
TOKEN = "ci_memory.token"  # noqa: S105 - a name, not a token


class Endpoint:
    """Admits the token, reads the body within its bounds, and hands both to the protocol."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        request = Request(scope, receive)
        if request.method != "POST":
            # There is nothing to listen to: answers come with their questions.
            raise HTTPException(405, headers={"Allow": "POST"})
        gateway: Gateway = request.app.state.gateway
        sessions: StreamableHTTPSessionManager = request.app.state.sessions
        try:
            token = await gateway.admit(request.headers.get("authorization", ""))
        except Refusal:
            await pass_over(request)
            raise
        with gateway.reading(token):
            body = await read_body(request, min(token.max_bytes, MOST_BYTES))
            await sessions.handle_request({**scope, TOKEN: token}, _again(body, receive), send)


def make_app(redis_url: str, desk: Callable[[], AskingDesk]) -> tuple[Starlette, Callable[[], None]]:
    """The application, and what is to be called because it is about to stop."""
    door = RedisDoor(redis_url)

    def asked_by(request: Any) -> Asked:
        token: AccessToken = request.scope[TOKEN]
        return Asked(token, desk())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        server = make_server(asked_by)
        sessions = StreamableHTTPSessionManager(server, json_response=True, stateless=True, max_request_body_size=MOST_BYTES)
        async with door.opened(), sessions.run():
            app.state.gateway, app.state.sessions = Gateway(door, now_ms), sessions
            yield

    app = Starlette(
        routes=[Route(PATH, Endpoint()), Route("/healthz", healthz, methods=["GET"])],
        lifespan=lifespan,
        exception_handlers={Refusal: on_refusal, Exception: on_error},
    )
    return app, door.stop_waiting


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, for who reads it next; then what comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again
