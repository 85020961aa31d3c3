"""POST /v1/webhooks: what a provider has signed is owed, once; what nobody has signed, or somebody sends again, is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_workers.adapters import redis_door
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.settings import Settings
from ci_memory_workers.web.app import make_app
from webhook_samples import (
    SECRET,
    check_run,
    hook_file,
    job_event,
    pipeline_event,
    signed,
    with_token,
    workflow_job,
    workflow_run,
)


@pytest.fixture
def http(redis_server: EmbeddedServer, redis_client: Redis, tmp_path: Path) -> Iterator[TestClient]:
    app, _ = make_app(Settings(url=redis_server.url, webhooks_file=hook_file(tmp_path, "https://api.example.com", "acme")))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def owed(client: Redis, tenant: str = "acme") -> int:
    return int(str(client.zcard(f"ci-memory:{{{tenant}}}:due:logs")))


def send(http: TestClient, delivery: tuple[bytes, dict[str, str]], hook: str = "ours") -> tuple[int, str]:
    reply = http.post(f"/v1/webhooks/{hook}", content=delivery[0], headers=delivery[1])
    return reply.status_code, reply.json().get("status" if reply.status_code == 202 else "code", "")


def test_a_job_that_failed_at_github_is_owed(http: TestClient, redis_client: Redis) -> None:
    assert send(http, signed(workflow_job())) == (202, "owed")
    assert owed(redis_client) == 1


def test_a_job_that_failed_at_gitlab_is_owed(http: TestClient, redis_client: Redis) -> None:
    assert send(http, with_token(job_event()), "lab") == (202, "owed")
    assert owed(redis_client) == 1


def test_a_delivery_is_taken_in_once_whatever_its_unsigned_headers_say(http: TestClient, redis_client: Redis) -> None:
    body, headers = signed(workflow_job())
    assert send(http, (body, headers)) == (202, "owed")

    assert send(http, (body, headers)) == (409, "replayed")
    assert send(http, (body, headers | {"X-GitHub-Delivery": "another"})) == (409, "replayed")
    assert owed(redis_client) == 1


def test_a_job_is_owed_once_however_often_it_is_told(http: TestClient, redis_client: Redis) -> None:
    assert send(http, signed(workflow_job())) == (202, "owed")
    assert send(http, signed(workflow_job(runner_name="another word"))) == (202, "known")
    assert send(http, signed(workflow_job(job=100, attempt=2))) == (202, "owed")
    assert owed(redis_client) == 2


def test_what_ended_before_anything_is_remembered_is_refused(http: TestClient, redis_client: Redis) -> None:
    assert send(http, signed(workflow_job(completed_at="2020-01-01T00:00:00Z"))) == (409, "replayed")
    assert send(http, with_token(job_event(build_finished_at="2020-01-01 00:00:00 UTC")), "lab") == (409, "replayed")
    assert owed(redis_client) == 0


def unsigned_deliveries() -> list[tuple[str, tuple[bytes, dict[str, str]], str]]:
    body, headers = signed(workflow_job())
    lab, lab_headers = with_token(job_event())
    other = signed(workflow_job(), secret=SECRET + "x")

    def changed(name: str, value: str) -> dict[str, str]:
        return headers | {name: value}

    right = headers["X-Hub-Signature-256"]
    return [
        ("another secret", other, "ours"),
        ("another body", (body + b" ", headers), "ours"),
        ("no signature", (body, {k: v for k, v in headers.items() if k != "X-Hub-Signature-256"}), "ours"),
        ("empty", (body, changed("X-Hub-Signature-256", "")), "ours"),
        ("no scheme", (body, changed("X-Hub-Signature-256", right.removeprefix("sha256="))), "ours"),
        ("upper case", (body, changed("X-Hub-Signature-256", "sha256=" + right[7:].upper())), "ours"),
        ("cut", (body, changed("X-Hub-Signature-256", right[:-1])), "ours"),
        ("a hook that there is none of", (body, headers), "theirs"),
        ("of another provider", (body, headers), "lab"),
        ("another token", with_token(job_event(), token=SECRET[:-1]), "lab"),
        ("no token", (lab, {k: v for k, v in lab_headers.items() if k != "X-Gitlab-Token"}), "lab"),
        ("of the other", (lab, lab_headers), "ours"),
    ]


@pytest.mark.parametrize(
    ("delivery", "hook"), [(d, h) for _, d, h in unsigned_deliveries()], ids=[n for n, _, _ in unsigned_deliveries()]
)
def test_what_the_provider_did_not_send_is_refused(
    http: TestClient, redis_client: Redis, delivery: tuple[bytes, dict[str, str]], hook: str
) -> None:
    assert send(http, delivery, hook) == (401, "unauthenticated")
    assert not list(redis_client.scan_iter("ci-memory:*"))


@pytest.mark.parametrize(
    ("delivery", "hook"),
    [
        (signed({"zen": "Keep it logically awesome.", "hook_id": 1}, event="ping"), "ours"),
        (signed({"action": "completed", "workflow_run": {}}, event="workflow_run"), "ours"),
        (signed(workflow_run(conclusion="skipped"), event="workflow_run"), "ours"),
        (signed(check_run(app="a-bot"), event="check_run"), "ours"),
        (signed(check_run(conclusion="neutral"), event="check_run"), "ours"),
        (signed(workflow_job(), event="push"), "ours"),
        (signed(workflow_job() | {"action": "in_progress"}), "ours"),
        (signed(workflow_job(conclusion="cancelled")), "ours"),
        (signed(workflow_job(conclusion="skipped")), "ours"),
        (with_token(job_event(status="running")), "lab"),
        (with_token(job_event(status="canceled")), "lab"),
        (with_token({"object_kind": "pipeline"}, event="Pipeline Hook"), "lab"),
        (with_token(pipeline_event(status="running"), event="Pipeline Hook"), "lab"),
    ],
)
def test_what_tells_of_no_failure_and_no_pass_is_passed_over(
    http: TestClient, redis_client: Redis, delivery: tuple[bytes, dict[str, str]], hook: str
) -> None:
    assert send(http, delivery, hook) == (202, "nothing")
    assert owed(redis_client) == 0


@pytest.mark.parametrize("conclusion", ["success", "timed_out"])
def test_passes_and_timeouts_are_owed_too(http: TestClient, conclusion: str) -> None:
    assert send(http, signed(workflow_job(conclusion=conclusion))) == (202, "owed")


def without(payload: dict[str, Any], *path: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(payload))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return copy


@pytest.mark.parametrize(
    "payload",
    [
        without(workflow_job(), "repository"),
        without(workflow_job(), "workflow_job", "id"),
        workflow_job(run_id="../../user"),
        workflow_job(id=-1),
        workflow_job(run_attempt=True),
        workflow_job() | {"repository": {"full_name": "acme/../../user"}},
        workflow_job() | {"repository": {"full_name": "acme/shop?x="}},
        workflow_job() | {"repository": {"full_name": "acme"}},
        workflow_job() | {"repository": 7},
    ],
)
def test_a_payload_that_is_not_as_documented_is_refused(http: TestClient, redis_client: Redis, payload: dict[str, Any]) -> None:
    assert send(http, signed(payload)) == (422, "invalid_event")
    assert owed(redis_client) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"payload=%7B%7D", b"\xff"])
def test_a_body_that_is_no_json_is_refused(http: TestClient, body: bytes) -> None:
    assert send(http, signed(body)) == (400, "malformed_json")


def test_a_repository_that_is_not_the_hook_s_is_refused(http: TestClient, redis_client: Redis) -> None:
    payload = workflow_job() | {"repository": {"full_name": "umbrella/shop"}}

    assert send(http, signed(payload)) == (403, "out_of_scope")
    assert owed(redis_client) == 0


def test_too_much_that_is_owed_asks_to_come_again(http: TestClient, redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_door, "MOST_OWED", 2)
    for job in (1, 2):
        assert send(http, signed(workflow_job(job=job))) == (202, "owed")

    late = signed(workflow_job(job=3))
    assert send(http, late) == (429, "busy")
    redis_client.delete("ci-memory:{acme}:due:logs")
    assert send(http, late) == (202, "owed")
