"""The same tools over HTTP: a token says whose memory is asked, and nothing is told without one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from mcp import types
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_tokens import RedisTokens
from ci_memory_workers.bootstrap import now_ms
from ci_memory_workers.mcp.http import make_app
from ci_memory_workers.services.access import TokenDesk
from memory_at_hand import LOG, MemoryAtHand, told

LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPTS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def http(redis_server: EmbeddedServer, memory: MemoryAtHand) -> Iterator[TestClient]:
    app, _ = make_app(redis_server.url, lambda: memory.box.asking)
    with TestClient(app, raise_server_exceptions=False, headers=ACCEPTS) as client:
        yield client


def bearer(redis_client: Redis, tenant: str = "default", **limits: Any) -> dict[str, str]:
    asked: dict[str, Any] = {"events_per_minute": 600, "max_bytes": 1_000_000, "now_ms": now_ms(), **limits}
    _, spelled = TokenDesk(RedisTokens(redis_client), secrets.token_hex).create(tenant, **asked)
    return {"Authorization": f"Bearer {spelled}"}


def call(http: TestClient, headers: dict[str, str], name: str, **arguments: Any) -> types.CallToolResult:
    message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    reply = http.post("/mcp", json=message, headers=headers)
    assert reply.status_code == 200, reply.text
    return types.CallToolResult.model_validate(reply.json()["result"])


def test_without_a_token_nothing_is_told(http: TestClient) -> None:
    for headers in ({}, {"Authorization": "Bearer cim_" + "0" * 76}, {"Authorization": "Basic eDp5"}):
        reply = http.post("/mcp", json=LIST, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        assert "explain_log" not in reply.text


def test_the_token_says_whose_memory_is_asked(http: TestClient, memory: MemoryAtHand, redis_client: Redis) -> None:
    pattern_id = memory.fails(LOG.format(line=7), "1")[0].pattern_id
    mine, theirs = bearer(redis_client), bearer(redis_client, "theirs")
    log = {"log_text": LOG.format(line=9), "stage": "test"}

    assert told(call(http, mine, "explain_log", **log))["failures"][0]["known"]["pattern_id"] == pattern_id
    assert told(call(http, theirs, "explain_log", **log))["status"] == "unknown"
    assert call(http, theirs, "get_pattern", pattern_id=pattern_id).isError


def test_a_limited_token_records_for_its_repositories_alone(http: TestClient, memory: MemoryAtHand, redis_client: Redis) -> None:
    fix = {
        "pattern_id": memory.fails(LOG.format(line=7), "1")[0].pattern_id,
        "fix_type": "code_change",
        "fix_description": "mended",
    }
    shop = bearer(redis_client, repositories=["acme/shop"])
    assert call(http, shop, "record_resolution", repo="acme/billing", **fix).isError
    assert told(call(http, shop, "record_resolution", repo="acme/shop", **fix))["status"] == "recorded"


def test_a_request_is_bounded_by_its_token(http: TestClient, redis_client: Redis) -> None:
    small = bearer(redis_client, max_bytes=1_000)
    assert http.post("/mcp", json=LIST, headers=small).status_code == 200
    large = http.post("/mcp", json=LIST | {"params": {"cursor": "x" * 2_000}}, headers=small)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")

    few = bearer(redis_client, events_per_minute=2)
    statuses = [http.post("/mcp", json=LIST, headers=few).status_code for _ in range(4)]
    assert (statuses[0], statuses[-1]) == (200, 429)


def test_what_is_no_question_is_refused(http: TestClient, redis_client: Redis) -> None:
    mine = bearer(redis_client)
    assert http.get("/mcp", headers=mine).status_code == 405
    assert http.delete("/mcp", headers=mine).status_code == 405
    assert http.post("/mcp", content=b"{", headers={**mine, "Content-Type": "application/json"}).status_code == 400
    assert http.post("/mcp", content=b"x", headers={**mine, "Content-Type": "text/plain"}).status_code == 415
    assert http.get("/healthz").json() == {"status": "ok"}


def test_the_sdks_own_client_talks_to_it(memory: MemoryAtHand, redis_server: EmbeddedServer, redis_client: Redis) -> None:
    app, _ = make_app(redis_server.url, lambda: memory.box.asking)
    headers = bearer(redis_client)

    async def talk() -> tuple[list[str], types.CallToolResult]:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=headers) as client,
            streamable_http_client("http://127.0.0.1/mcp", http_client=client) as (received, sent, _),
            ClientSession(received, sent) as session,
        ):
            await session.initialize()
            listed = await session.list_tools()
            return [tool.name for tool in listed.tools], await session.call_tool("search_known_failures", {"query": "x"})

    names, result = anyio.run(talk)
    assert "explain_log" in names
    assert told(result)["found"] == []
