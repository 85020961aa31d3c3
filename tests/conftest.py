"""What tests share: a Redis-compatible server on a free socket, empty for each test, and small makers of events."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer

# How long an example takes is the machine's affair: a loaded one must not fail a test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

pytest_plugins = ["fleet_fixtures"]
"""The running fleet, for the end-to-end tests."""


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One server for all tests of a session."""
    directory = tmp_path_factory.mktemp("redis")
    server = EmbeddedServer.at(directory)
    with (directory / "redis.log").open("wb") as log:
        process = subprocess.Popen(server.command(), stdout=log, stderr=subprocess.STDOUT)
        try:
            server.wait_until_ready(process)
            yield server
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def redis_client(redis_server: EmbeddedServer) -> Iterator[Redis]:
    """A client of the server, which is empty."""
    client = Redis.from_url(redis_server.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads this machine's settings, keys, CI provider or data directory."""
    for name in list(os.environ):
        if (
            name.startswith(("CI_MEMORY_", "OPENAI_", "GITHUB_", "CI_", "BUILDKITE", "CIRCLE", "JENKINS", "GITLAB"))
            or name == "CI"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CI_MEMORY_DATA_DIR", str(tmp_path / "data"))
