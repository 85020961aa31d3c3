"""POST /v1/webhooks of Buildkite, CircleCI and Jenkins; and whatever a provider may sign, it gets no 5xx."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.settings import Settings
from ci_memory_workers.web.app import make_app
from provider_samples import (
    circle_job_completed,
    circle_workflow_completed,
    from_buildkite,
    from_circleci,
    from_jenkins,
    jenkins_notification,
    kite_build,
    kite_build_finished,
    kite_job,
    kite_job_finished,
)
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

Delivery = tuple[bytes, dict[str, str]]


@pytest.fixture(scope="module")
def http(redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    directory: Path = tmp_path_factory.mktemp("hooks")
    app, _ = make_app(Settings(url=redis_server.url, webhooks_file=hook_file(directory, "https://api.example.com", "acme")))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def owed(client: Redis) -> int:
    return int(str(client.zcard("ci-memory:{acme}:due:logs")))


def send(http: TestClient, delivery: Delivery, hook: str) -> tuple[int, str]:
    reply = http.post(f"/v1/webhooks/{hook}", content=delivery[0], headers=delivery[1])
    return reply.status_code, reply.json().get("status" if reply.status_code == 202 else "code", "")


TOLD: list[tuple[str, Callable[[], Delivery]]] = [
    ("ours", lambda: signed(workflow_run(), event="workflow_run")),
    ("ours", lambda: signed(check_run(), event="check_run")),
    ("ours", lambda: signed(check_run(app="github-actions", conclusion="timed_out"), event="check_run")),
    ("lab", lambda: with_token(pipeline_event(), event="Pipeline Hook")),
    ("kite", lambda: from_buildkite(kite_job_finished())),
    ("kite", lambda: from_buildkite(kite_job_finished(kite_job(state="timed_out")))),
    ("kite", lambda: from_buildkite(kite_build_finished())),
    ("circle", lambda: from_circleci(circle_job_completed())),
    ("circle", lambda: from_circleci(circle_job_completed(status="infrastructure_fail"))),
    ("circle", lambda: from_circleci(circle_workflow_completed())),
    ("butler", lambda: from_jenkins(jenkins_notification())),
    ("butler", lambda: from_jenkins(jenkins_notification(status="UNSTABLE", phase="COMPLETED"))),
    ("butler", lambda: from_jenkins(jenkins_notification(scm={}))),
]


@pytest.mark.parametrize(("hook", "made"), TOLD)
def test_what_has_ended_is_owed_once(http: TestClient, redis_client: Redis, hook: str, made: Callable[[], Delivery]) -> None:
    delivery = made()

    assert send(http, delivery, hook) == (202, "owed")
    assert send(http, delivery, hook) == (409, "replayed")
    assert owed(redis_client) == 1


def test_both_phases_of_a_build_at_jenkins_are_one(http: TestClient, redis_client: Redis) -> None:
    assert send(http, from_jenkins(jenkins_notification(phase="COMPLETED")), "butler") == (202, "owed")
    assert send(http, from_jenkins(jenkins_notification(phase="FINALIZED")), "butler") == (202, "known")


def with_plain_token(payload: Any, token: str = SECRET) -> Delivery:
    return json.dumps(payload).encode(), {"Content-Type": "application/json", "X-Buildkite-Token": token}


def test_buildkite_may_send_the_secret_in_place_of_a_signature(http: TestClient, redis_client: Redis) -> None:
    assert send(http, with_plain_token(kite_job_finished()), "kite") == (202, "owed")


def test_a_signature_of_a_later_version_may_stand_beside(http: TestClient, redis_client: Redis) -> None:
    body, headers = from_circleci(circle_job_completed())

    headers["Circleci-Signature"] = f"v2={'0' * 64}, {headers['Circleci-Signature']}"
    assert send(http, (body, headers), "circle") == (202, "owed")


def test_a_script_may_show_the_secret_as_a_bearer(http: TestClient, redis_client: Redis) -> None:
    body, headers = from_jenkins(jenkins_notification())

    assert send(http, (body, headers | {"Authorization": f"Bearer {SECRET}"}), "butler") == (202, "owed")


@pytest.mark.parametrize("seconds", [-301, 302])
def test_what_buildkite_sent_some_minutes_ago_is_refused(http: TestClient, redis_client: Redis, seconds: int) -> None:
    delivery = from_buildkite(kite_job_finished(), at=int(time.time()) + seconds)

    assert send(http, delivery, "kite") == (409, "replayed")
    assert owed(redis_client) == 0


def changed(delivery: Delivery, **headers: str) -> Delivery:
    return delivery[0], delivery[1] | {name.replace("_", "-"): value for name, value in headers.items()}


UNPROVEN: dict[str, tuple[str, Delivery]] = {
    "Buildkite, another secret": ("kite", from_buildkite(kite_job_finished(), secret=SECRET + "x")),
    "Buildkite, another body": ("kite", (b" " + from_buildkite(kite_job_finished())[0], from_buildkite(kite_job_finished())[1])),
    "Buildkite, another time": (
        "kite",
        changed(from_buildkite(kite_job_finished()), X_Buildkite_Signature="timestamp=1,signature="),
    ),
    "Buildkite, another token": ("kite", with_plain_token(kite_job_finished(), SECRET[:-1])),
    "Buildkite, no token": ("kite", with_plain_token(kite_job_finished(), "")),
    "CircleCI, another secret": ("circle", from_circleci(circle_job_completed(), secret=SECRET + "x")),
    "CircleCI, no version": ("circle", changed(from_circleci(circle_job_completed()), Circleci_Signature="0" * 64)),
    "CircleCI, many": ("circle", changed(from_circleci(circle_job_completed()), Circleci_Signature="v1=0," * 3_000)),
    "CircleCI, none": ("circle", signed(circle_job_completed())),
    "Jenkins, another password": ("butler", from_jenkins(jenkins_notification(), secret=SECRET[:-1])),
    "Jenkins, no base64": ("butler", changed(from_jenkins(jenkins_notification()), Authorization=f"Basic ci-memory:{SECRET}")),
    "Jenkins, the secret as the name": ("butler", changed(from_jenkins(jenkins_notification()), Authorization="Basic OjE=")),
    "Jenkins, another scheme": ("butler", changed(from_jenkins(jenkins_notification()), Authorization=f"Digest {SECRET}")),
    "Jenkins, none": ("butler", signed(jenkins_notification())),
}


@pytest.mark.parametrize("name", UNPROVEN)
def test_what_the_provider_did_not_send_is_refused(http: TestClient, redis_client: Redis, name: str) -> None:
    hook, delivery = UNPROVEN[name]

    assert send(http, delivery, hook) == (401, "unauthenticated")
    assert not list(redis_client.scan_iter("ci-memory:*"))


@pytest.mark.parametrize(
    ("hook", "made"),
    [
        ("kite", lambda: from_buildkite({"event": "ping"})),
        ("kite", lambda: from_buildkite(kite_job_finished() | {"event": "job.started"})),
        ("kite", lambda: from_buildkite(kite_job_finished(kite_job(state="canceled")))),
        ("kite", lambda: from_buildkite(kite_job_finished(kite_job(type="trigger")))),
        ("kite", lambda: from_buildkite(kite_build_finished(state="skipped"))),
        ("circle", lambda: from_circleci({"type": "ping"})),
        ("circle", lambda: from_circleci(circle_job_completed(status="canceled"))),
        ("circle", lambda: from_circleci(circle_workflow_completed(status="unauthorized"))),
        ("butler", lambda: from_jenkins(jenkins_notification(phase="STARTED"))),
        ("butler", lambda: from_jenkins(jenkins_notification(status="ABORTED"))),
        ("butler", lambda: from_jenkins({"name": "shop"})),
    ],
)
def test_what_tells_of_no_failure_and_no_pass_is_passed_over(
    http: TestClient, redis_client: Redis, hook: str, made: Callable[[], Delivery]
) -> None:
    assert send(http, made(), hook) == (202, "nothing")
    assert owed(redis_client) == 0


def jenkins_at(url: Any) -> Delivery:
    return from_jenkins(jenkins_notification(url=url))


@pytest.mark.parametrize(
    ("hook", "made"),
    [
        ("kite", lambda: from_buildkite(kite_job_finished(kite_job(job="../../../user")))),
        ("kite", lambda: from_buildkite(kite_job_finished(build=kite_build(url="https://api.buildkite.com/v2/user")))),
        ("kite", lambda: from_buildkite(kite_job_finished(build=kite_build(id=7)))),
        ("circle", lambda: from_circleci(circle_job_completed(workflow="../../me"))),
        ("circle", lambda: from_circleci(circle_job_completed() | {"project": {"slug": "github/../me"}})),
        ("circle", lambda: from_circleci(circle_job_completed(number=-1))),
        ("butler", lambda: jenkins_at("https://evil.example.com/12/")),
        ("butler", lambda: jenkins_at("job/../12/")),
        ("butler", lambda: jenkins_at("job/%2e%2e/12/")),
        ("butler", lambda: jenkins_at("job/shop/13/")),
        ("butler", lambda: jenkins_at("view/shop/12/")),
        ("butler", lambda: jenkins_at("job/" * 500 + "12")),
        ("butler", lambda: jenkins_at("12/")),
        ("butler", lambda: jenkins_at(None)),
    ],
)
def test_what_would_lead_elsewhere_is_refused(
    http: TestClient, redis_client: Redis, hook: str, made: Callable[[], Delivery]
) -> None:
    assert send(http, made(), hook) == (422, "invalid_event")
    assert owed(redis_client) == 0


VALID: list[tuple[str, Callable[[Any], Delivery], Any]] = [
    ("ours", signed, workflow_job()),
    ("ours", lambda payload: signed(payload, event="workflow_run"), workflow_run()),
    ("ours", lambda payload: signed(payload, event="check_run"), check_run()),
    ("lab", with_token, job_event()),
    ("lab", lambda payload: with_token(payload, event="Pipeline Hook"), pipeline_event()),
    ("kite", from_buildkite, kite_job_finished()),
    ("kite", from_buildkite, kite_build_finished()),
    ("circle", from_circleci, circle_job_completed()),
    ("circle", from_circleci, circle_workflow_completed()),
    ("butler", from_jenkins, jenkins_notification()),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, Delivery]:
    """A payload as documented, where anything stands in the place of some values; now and then, anything at all."""
    hook, sent, payload = draw(st.sampled_from(VALID))
    copy: Any = json.loads(json.dumps(payload))
    for _ in range(draw(st.integers(0, 3))):
        inner = copy
        keys = list(inner)
        while True:
            key = draw(st.sampled_from(keys))
            if not isinstance(inner[key], dict) or not inner[key] or draw(st.booleans()):
                inner[key] = draw(ANYTHING)
                break
            inner, keys = inner[key], list(inner[key])
    return hook, sent(draw(ANYTHING) if draw(st.integers(0, 9)) == 0 else copy)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bent())
def test_whatever_is_signed_is_taken_in_or_refused(http: TestClient, sent: tuple[str, Delivery]) -> None:
    hook, delivery = sent

    status, word = send(http, delivery, hook)
    assert status in (202, 400, 403, 409, 422)
    assert word
