"""Requests that a tool makes from the OpenAPI document: none gets an answer that the document does not describe, none a 5xx."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.web import endpoints, openapi
from door_events import MakeToken
from running_gateway import running_gateway


@pytest.fixture
def address(redis_server: EmbeddedServer, redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway that lets nobody wait for long, and says so: the tool would wait for answers that never come."""
    for module in (endpoints, openapi):
        monkeypatch.setattr(module, "LONGEST_WAIT", 0.05)
    openapi.document.cache_clear()
    with running_gateway(redis_server.url) as running:
        yield running
    openapi.document.cache_clear()


@pytest.mark.timeout(600)
def test_whatever_is_sent_is_answered_as_the_document_says(address: str, bearer: MakeToken, tmp_path: Path) -> None:
    header = bearer(events_per_minute=1_000_000)["Authorization"]
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{address}/openapi.json"),
            *("--header", f"Authorization: {header}", "--phases", "coverage,fuzzing", "--max-examples", "20", "--no-color"),
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert "6 selected" in done.stdout
