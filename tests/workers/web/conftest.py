"""The HTTP door on the tests' own server, and tokens for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_tokens import RedisTokens
from ci_memory_workers.bootstrap import now_ms
from ci_memory_workers.services.access import TokenDesk
from ci_memory_workers.settings import Settings
from ci_memory_workers.web.app import make_app
from door_events import MakeToken


@pytest.fixture
def desk(redis_client: Redis) -> TokenDesk:
    return TokenDesk(RedisTokens(redis_client), secrets.token_hex)


@pytest.fixture
def bearer(desk: TokenDesk) -> MakeToken:
    """Makes a token; returns the header that shows it."""

    def make(tenant: str = "default", **limits: Any) -> dict[str, str]:
        asked = {"events_per_minute": 600, "max_bytes": 1_000_000, "now_ms": now_ms(), **limits}
        _, spelled = desk.create(tenant, **asked)
        return {"Authorization": f"Bearer {spelled}"}

    return make


@pytest.fixture
def http(redis_server: EmbeddedServer, redis_client: Redis) -> Iterator[TestClient]:
    app, _ = make_app(Settings(url=redis_server.url))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
