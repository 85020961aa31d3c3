"""POST /v1/events: what is accepted is in the log, and what is not names the field and the way out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_producers.events import MAX_EVENT_BYTES, FailureEvent
from ci_memory_producers.keys import FIELD, LOG_LIMIT_KEY, STREAM
from door_events import MakeToken, failure, logged


def test_an_event_is_in_the_log_when_it_was_accepted(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    reply = http.post("/v1/events", json=failure(), headers=bearer())

    assert reply.status_code == 202
    (event,) = logged(redis_client)
    assert isinstance(event, FailureEvent)
    assert event.error_message == "assert 401 == 200"
    assert reply.json() == {"accepted": 1, "event_ids": [event.event_id]}


def test_several_events_are_in_the_log_in_their_order(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    reply = http.post("/v1/events", json=[failure(build_id=str(n)) for n in range(100)], headers=bearer())

    assert reply.status_code == 202
    assert reply.json()["event_ids"] == [event.event_id for event in logged(redis_client)]
    assert [getattr(event, "build_id", "") for event in logged(redis_client)] == [str(n) for n in range(100)]


def test_of_several_events_all_are_accepted_or_none(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    reply = http.post("/v1/events", json=[failure(), failure(stage="lunch"), failure(repo="")], headers=bearer())

    assert reply.status_code == 422
    assert [error["field"] for error in reply.json()["errors"]] == ["[1].stage", "[2].repo"]
    assert "nothing was accepted" in reply.json()["detail"]
    assert logged(redis_client) == []


def test_the_token_says_whose_memory(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    http.post("/v1/events", json=failure(), headers=bearer("acme"))

    assert [event.tenant for event in logged(redis_client)] == ["acme"]


def test_another_tenant_is_refused_and_named(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    reply = http.post("/v1/events", json=[failure(), failure(tenant="umbrella")], headers=bearer("acme"))

    assert reply.status_code == 403
    assert [error["field"] for error in reply.json()["errors"]] == ["[1].tenant"]
    assert logged(redis_client) == []


@pytest.mark.parametrize(
    ("limit", "repo", "status"),
    [
        ("acme/shop", "acme/shop", 202),
        ("acme/*", "acme/shop", 202),
        ("acme/*", "acme/group/shop", 202),
        ("acme/*", "acme-evil/shop", 403),
        ("acme/shop", "acme/shop2", 403),
        ("acme/shop", "ACME/shop", 403),
        ("acme/*", "acme", 403),
    ],
)
def test_a_token_of_repositories_takes_events_of_these_alone(
    http: TestClient, redis_client: Redis, bearer: MakeToken, limit: str, repo: str, status: int
) -> None:
    reply = http.post("/v1/events", json=failure(repo=repo), headers=bearer(repositories=[limit]))

    assert reply.status_code == status
    assert len(logged(redis_client)) == (status == 202)


def test_an_id_that_somebody_foretells_does_not_take_the_place_of_another_repository_s_event(
    http: TestClient, redis_client: Redis, bearer: MakeToken
) -> None:
    foretold = FailureEvent.model_validate(failure(repo="acme/vault")).event_id

    reply = http.post("/v1/events", json=failure(event_id=foretold), headers=bearer(repositories=["acme/shop"]))

    assert reply.json()["event_ids"] == [foretold]
    assert [event.event_id for event in logged(redis_client)] != [foretold]


def test_secrets_are_taken_out_at_the_door(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    fields = ("error_message", "stack_trace", "commit_message", "branch", "job", "author", "test_id", "url")
    event = failure(**dict.fromkeys(fields, f"x {secret}"), changed_files=[f"a/{secret}"])

    assert http.post("/v1/events", json=event, headers=bearer()).status_code == 202
    rows: Any = redis_client.xrange(STREAM)
    assert secret.encode() not in rows[0][1][FIELD.encode()]


def test_a_text_that_grows_by_what_hides_its_secrets_is_still_accepted_by_the_workers(
    http: TestClient, redis_client: Redis, bearer: MakeToken
) -> None:
    job = " ".join(["password=abc123"] * 18)
    text = "password=abc123\n" * 1500

    reply = http.post("/v1/events", json=failure(job=job, error_message=text), headers=bearer())

    assert reply.status_code == 202
    (event,) = logged(redis_client)
    assert isinstance(event, FailureEvent)
    assert "abc123" not in event.job + event.error_message


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"repo": "acme/shop"}, "kind"),
        ({"kind": "party", "repo": "acme/shop"}, "kind"),
        (failure(stage=None), "stage"),
        (failure(error_message=" \n"), "error_message"),
        (failure(attempt=0), "attempt"),
        (failure(tenant="NO SUCH"), "tenant"),
        (failure(event_id="../../x"), "event_id"),
        (failure(changed_files=["a"] * 301), "changed_files"),
        (failure(changed_files=["a" * 501]), "changed_files.0"),
        (failure(run_totals={"tests": -1, "failed": 0}), "run_totals.tests"),
        ({"kind": "resolution", "repo": "a/b", "pattern_id": "pat_000000", "fix_type": "code_change"}, "event"),
        ("boom", "event"),
        (None, "event"),
    ],
)
def test_an_event_that_is_none_is_refused_by_its_field(http: TestClient, bearer: MakeToken, event: Any, field: str) -> None:
    reply = http.post("/v1/events", content=json.dumps(event), headers=bearer() | {"Content-Type": "application/json"})

    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["errors"][0]["field"] == field


def test_no_value_is_repeated_in_a_refusal(http: TestClient, bearer: MakeToken) -> None:
    event = failure(stage="hunter2-stage", attempt="hunter2-attempt", tenant="hunter2 tenant", kind="failure", hunter2="hunter2")

    assert "hunter2" not in http.post("/v1/events", json=event, headers=bearer()).text
    assert "hunter2" not in http.post("/v1/events", json={"kind": "hunter2"}, headers=bearer()).text


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1,", b'{"a": NaN}', b"\xff\xfe", b'{"kind": "\\ud800"}', b"[" * 100_000, b'{"a":' * 10_000],
)
def test_a_body_that_is_no_json_is_refused(http: TestClient, redis_client: Redis, bearer: MakeToken, body: bytes) -> None:
    reply = http.post("/v1/events", content=body, headers=bearer() | {"Content-Type": "application/json"})

    assert (reply.status_code, reply.json()["code"]) == (400, "malformed_json")
    assert logged(redis_client) == []


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/plain"}, {}, {"Content-Type": "application/json", "Content-Encoding": "gzip"}]
)
def test_a_body_must_say_that_it_is_json(http: TestClient, bearer: MakeToken, headers: dict[str, str]) -> None:
    reply = http.post("/v1/events", content=json.dumps(failure()), headers=bearer() | headers)

    assert reply.status_code == 415
    assert "Content-" in reply.json()["detail"]


@pytest.mark.parametrize("count", [0, 101])
def test_a_request_carries_a_hundred_events_at_most_and_one_at_least(http: TestClient, bearer: MakeToken, count: int) -> None:
    reply = http.post("/v1/events", json=[failure(build_id=str(n)) for n in range(count)], headers=bearer())

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "event")


def test_a_body_is_read_up_to_the_token_s_limit(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    header = bearer(max_bytes=200_000)
    size = len(json.dumps(failure()))
    fits = json.dumps(failure()) + " " * (200_000 - size)

    def send(body: str) -> int:
        return http.post("/v1/events", content=body, headers=header | {"Content-Type": "application/json"}).status_code

    assert send(fits) == 202
    assert send(fits + " ") == 413
    assert len(logged(redis_client)) == 1


def test_a_body_that_does_not_say_its_length_is_bounded_too(http: TestClient, bearer: MakeToken) -> None:
    header = bearer(max_bytes=200_000) | {"Content-Type": "application/json"}

    reply = http.post("/v1/events", content=(b" " * 50_000 for _ in range(5)), headers=header)

    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


def test_an_event_that_workers_would_not_read_is_refused(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    wide = "\U0001f4a5" * 300
    event = failure(changed_files=[wide + str(n) for n in range(300)])

    reply = http.post("/v1/events", json=event, headers=bearer())

    assert (reply.status_code, reply.json()["code"]) == (413, "event_too_large")
    assert str(MAX_EVENT_BYTES) in reply.json()["detail"]
    assert logged(redis_client) == []


def test_a_full_log_asks_to_come_again(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    redis_client.set(LOG_LIMIT_KEY, 2)
    header = bearer()
    assert http.post("/v1/events", json=[failure(), failure(build_id="2")], headers=header).status_code == 202

    reply = http.post("/v1/events", json=failure(build_id="3"), headers=header)

    assert (reply.status_code, reply.json()["code"]) == (429, "busy")
    assert int(reply.headers["retry-after"]) >= 1
    assert len(logged(redis_client)) == 2


def test_a_server_without_memory_asks_to_come_again(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    header = bearer()
    redis_client.config_set("maxmemory", 1)
    try:
        reply = http.post("/v1/events", json=failure(), headers=header)
    finally:
        redis_client.config_set("maxmemory", 0)

    assert (reply.status_code, reply.json()["code"]) == (429, "busy")
    assert logged(redis_client) == []


def test_a_token_sends_so_many_events_a_minute(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    slow, other = bearer(events_per_minute=10), bearer(events_per_minute=10)

    replies = [http.post("/v1/events", json=failure(build_id=str(n)), headers=slow) for n in range(12)]

    assert [reply.status_code for reply in replies] == [202] * 10 + [429] * 2
    assert replies[-1].json()["code"] == "rate_limited"
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 6
    assert len(logged(redis_client)) == 10
    assert http.post("/v1/events", json=failure(build_id="13"), headers=other).status_code == 202


def test_each_event_of_a_request_counts_against_the_limit(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    header = bearer(events_per_minute=10)

    def send(count: int) -> tuple[int, str]:
        reply = http.post("/v1/events", json=[failure(build_id=str(n)) for n in range(count)], headers=header)
        return reply.status_code, reply.json().get("code", "")

    assert send(11) == (413, "too_many_events")
    assert send(5) == (202, "")
    assert send(5) == (429, "rate_limited")
    assert len(logged(redis_client)) == 5


def test_requests_that_are_refused_count_too(http: TestClient, bearer: MakeToken) -> None:
    header = bearer(events_per_minute=5)

    codes = [http.post("/v1/events", json={"kind": "party"}, headers=header).status_code for _ in range(6)]

    assert codes == [422] * 5 + [429]
