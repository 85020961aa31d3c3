"""What the HTTP door counts of itself: enough to see who is refused and how fast it is, and nothing of who asked for what."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client import generate_latest
from redis import Redis
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.services.gateway import Gateway
from ci_memory_workers.settings import Settings
from ci_memory_workers.web import server
from ci_memory_workers.web.app import make_app
from door_events import MakeToken, failure
from running_fleet import wait_until
from running_gateway import serving
from webhook_samples import hook_file, signed, workflow_job


@pytest.fixture
def app(redis_server: EmbeddedServer, redis_client: Redis, tmp_path: Path) -> Starlette:
    app, _ = make_app(Settings(url=redis_server.url, webhooks_file=hook_file(tmp_path, "https://api.example.com", "acme")))
    return app


@pytest.fixture
def http(app: Starlette) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def exposed(app: Starlette) -> str:
    return generate_latest(app.state.metrics.registry).decode()


def samples(app: Starlette) -> dict[str, float]:
    rows = (line.rpartition(" ") for line in exposed(app).splitlines() if not line.startswith("#"))
    return {name.removeprefix("ci_memory_gateway_"): float(value) for name, _, value in rows}


def test_requests_are_counted_by_route_and_status_and_refusals_by_their_code(
    http: TestClient, app: Starlette, bearer: MakeToken
) -> None:
    events = [failure(build_id=str(number)) for number in range(3)]
    taken = http.post("/v1/events", json=events, headers=bearer())
    http.post("/v1/events", json=events)
    http.post("/v1/events", json=events, headers=bearer(events_per_minute=2))
    http.get(f"/v1/analyses/{'e' * 32}", headers=bearer())
    http.get("/nowhere")

    found = samples(app)

    assert taken.status_code == 202
    assert [found[f'requests_total{{code="{code}",route="/v1/events"}}'] for code in (202, 401, 413)] == [1, 1, 1]
    assert found['requests_total{code="202",route="/v1/analyses/{event_id}"}'] == 1
    assert found['requests_total{code="404",route="none"}'] == 1
    assert [
        found[f'refusals_total{{reason="{reason}"}}'] for reason in ("unauthenticated", "too_many_events", "unknown_path")
    ] == [
        1,
        1,
        1,
    ]
    assert found['refusals_total{reason="rate_limited"}'] == 0
    assert (found["events_accepted_total"], found["accepted_bytes_total"]) == (3, len(taken.request.content))
    assert found['request_seconds_count{route="/v1/events"}'] == 3
    assert found['request_seconds_bucket{le="+Inf",route="/v1/quarantine/{repo:path}"}'] == 0


def test_deliveries_are_counted_by_what_came_of_them(http: TestClient, app: Starlette) -> None:
    body, headers = signed(workflow_job())
    for _ in range(2):
        http.post("/v1/webhooks/ours", content=body, headers=headers)

    found = samples(app)

    assert (found['deliveries_total{came="owed"}'], found['refusals_total{reason="replayed"}']) == (1, 1)


def test_what_nobody_foresaw_counts_as_a_failure(
    http: TestClient, app: Starlette, bearer: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(Gateway, "report", broken)
    assert http.post("/v1/events", json=failure(), headers=bearer()).status_code == 500

    found = samples(app)

    assert found['requests_total{code="500",route="/v1/events"}'] == 1
    assert found['refusals_total{reason="internal_error"}'] == 1


def test_no_client_makes_series_and_nothing_of_any_is_told(http: TestClient, app: Starlette, bearer: MakeToken) -> None:
    header = bearer("tenant-of-somebody")
    http.post("/v1/events", json=failure(repo="secret-owner/secret-repo"), headers=header)
    http.get("/v1/quarantine/secret-owner/secret-repo", headers=header)
    http.get(f"/v1/analyses/{'f' * 32}", headers=header)
    http.request("SECRETS", "/secret-path")
    before = set(samples(app))

    for number in range(100):
        http.get(f"/secret-path/{number}", headers=header)
        http.get(f"/v1/analyses/{number:032d}", headers=header)
        http.get(f"/v1/quarantine/secret-owner/secret-{number}", headers=header)
        http.request("SECRETS", f"/secret-path/{number}")

    assert set(samples(app)) == before
    said = exposed(app)
    for unsaid in ("secret", "SECRETS", "somebody", "ffff", header["Authorization"].split("_")[1][:12]):
        assert unsaid not in said


def test_the_door_itself_does_not_serve_them(http: TestClient, bearer: MakeToken) -> None:
    for path in ("/metrics", "/metrics/", "/v1/metrics", "//metrics"):
        assert http.get(path).status_code == 404
        assert http.get(path, headers=bearer()).status_code == 404


def test_who_waits_is_counted_while_it_waits(app: Starlette, bearer: MakeToken) -> None:
    with serving(app) as url, httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor() as pool:
        answer = pool.submit(client.get, f"/v1/analyses/{'e' * 32}?wait=2", headers=bearer())
        wait_until(lambda: samples(app)["waiting"] == 1, what="the waiter")
        assert samples(app)["connections"] == 1
        assert answer.result().status_code == 202
        assert samples(app)["waiting"] == 0


def test_connections_that_are_cut_off_are_counted(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    with serving(app) as url:
        address = "127.0.0.1", urlsplit(url).port or 0
        for sent in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET /healthz HTTP/1.1\r\nX-Slow: "):
            with socket.create_connection(address, timeout=30) as client:
                client.sendall(sent)
                assert b"".join(iter(lambda: client.recv(65_536), b"")).count(b"200 OK") == 0
        found = samples(app)
        assert [found[f'connections_cut_off_total{{why="{why}"}}'] for why in ("no_http", "no_head")] == [1, 1]
        wait_until(lambda: samples(app)["connections"] == 0, what="no connection")
