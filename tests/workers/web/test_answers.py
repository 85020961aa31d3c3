"""GET /v1/analyses and /v1/quarantine: answers, waiting for them, and that nobody sees what is another's."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_producers.events import Analysis, ResolutionReceipt
from ci_memory_producers.keys import quarantine_key, result_key, waiting_key
from ci_memory_producers.quarantine_list import QuarantineEntry, QuarantineList
from ci_memory_workers.adapters import wake_calls
from ci_memory_workers.adapters.redis_index import RedisIndex
from door_events import MakeToken, failure, logged

EVENT_ID = "e" * 32


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return RedisIndex(redis_client, dedupe_seconds=60, answer_seconds=60, flush_ms=0)


@pytest.fixture
def woken_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits does not look by itself again."""
    monkeypatch.setattr(wake_calls, "LOOK_AGAIN_SECONDS", 1_000.0)


def answered(event_id: str = EVENT_ID) -> Analysis:
    return Analysis(status="new_pattern", event_id=event_id, pattern_id="pat_0123456789ab", message="here it is")


def wait_for_key(client: Redis, key: str) -> None:
    pause = threading.Event()
    for _ in range(1_000):
        if client.exists(key):
            return
        pause.wait(0.01)
    raise AssertionError(f"nobody waits at {key}")


def test_an_answer_that_is_there_is_given(http: TestClient, index: RedisIndex, bearer: MakeToken) -> None:
    index.publish("default", [answered()])

    reply = http.get(f"/v1/analyses/{EVENT_ID}", headers=bearer())

    assert reply.status_code == 200
    assert Analysis.model_validate(reply.json()) == answered()


def test_a_receipt_is_given_as_it_is(http: TestClient, index: RedisIndex, bearer: MakeToken) -> None:
    receipt = ResolutionReceipt(status="recorded", event_id=EVENT_ID, pattern_id="pat_0123456789ab", message="thanks")
    index.publish("default", [receipt])

    assert ResolutionReceipt.model_validate(http.get(f"/v1/analyses/{EVENT_ID}", headers=bearer()).json()) == receipt


def test_what_has_no_answer_is_pending(http: TestClient, bearer: MakeToken) -> None:
    reply = http.get(f"/v1/analyses/{EVENT_ID}", headers=bearer())

    assert (reply.status_code, reply.json()["status"], reply.json()["event_id"]) == (202, "pending", EVENT_ID)


@pytest.mark.usefixtures("woken_alone")
def test_who_waits_is_woken_by_the_answer(http: TestClient, redis_client: Redis, index: RedisIndex, bearer: MakeToken) -> None:
    header = bearer()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.get, f"/v1/analyses/{EVENT_ID}?wait=60", headers=header)
        wait_for_key(redis_client, waiting_key("default", EVENT_ID))
        index.publish("default", [answered()])

        assert waiting.result(30).json()["status"] == "new_pattern"


@pytest.mark.usefixtures("woken_alone")
def test_many_wait_at_once_on_few_connections(
    http: TestClient, redis_client: Redis, index: RedisIndex, bearer: MakeToken
) -> None:
    ids = [f"{n:032d}" for n in range(60)]
    header = bearer()
    with ThreadPoolExecutor(len(ids)) as pool:
        waiting = [pool.submit(http.get, f"/v1/analyses/{one}?wait=60", headers=header) for one in ids]
        for one in ids:
            wait_for_key(redis_client, waiting_key("default", one))
        connected: Any = redis_client.info("clients")
        index.publish("default", [answered(one) for one in ids])

        assert [one.result(30).json()["event_id"] for one in waiting] == ids
    assert connected["connected_clients"] < len(ids)


@pytest.mark.usefixtures("woken_alone")
def test_two_wait_for_one_answer(http: TestClient, redis_client: Redis, index: RedisIndex, bearer: MakeToken) -> None:
    header = bearer()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(http.get, f"/v1/analyses/{EVENT_ID}?wait=60", headers=header) for _ in range(2)]
        wait_for_key(redis_client, waiting_key("default", EVENT_ID))
        index.publish("default", [answered()])

        assert [one.result(30).status_code for one in waiting] == [200, 200]


def test_a_wait_ends(http: TestClient, bearer: MakeToken) -> None:
    assert http.get(f"/v1/analyses/{EVENT_ID}?wait=0.2", headers=bearer()).status_code == 202


@pytest.mark.parametrize("wait", ["-1", "61", "1e3", "soon", "nan", "inf", "", "1" * 1_000, "0x10", "\u0663"])
def test_a_wait_that_is_no_wait_is_refused_by_its_name(http: TestClient, bearer: MakeToken, wait: str) -> None:
    reply = http.get(f"/v1/analyses/{EVENT_ID}", params={"wait": wait}, headers=bearer())

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "wait")


@pytest.mark.parametrize("event_id", ["short", "a" * 65, "e" * 31 + "*", "e" * 31 + "%0a", "e" * 31 + "%7d"])
def test_an_id_that_is_none_is_refused_by_its_name(http: TestClient, bearer: MakeToken, event_id: str) -> None:
    reply = http.get(f"/v1/analyses/{event_id}", headers=bearer())

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "event_id")


def test_a_tenant_does_not_see_the_answers_of_another(
    http: TestClient, redis_client: Redis, index: RedisIndex, bearer: MakeToken
) -> None:
    index.publish("acme", [answered()])
    other = bearer("umbrella")

    assert http.get(f"/v1/analyses/{EVENT_ID}", headers=other).status_code == 202
    assert http.get(f"/v1/analyses/{EVENT_ID}?wait=0.1", headers=other).status_code == 202
    assert http.get(f"/v1/analyses/{EVENT_ID}?tenant=acme", headers=other).status_code == 403
    assert http.get(f"/v1/analyses/{EVENT_ID}?tenant=acme", headers=bearer("acme")).status_code == 200


def test_a_token_of_a_repository_does_not_see_the_answers_of_others(
    http: TestClient, index: RedisIndex, bearer: MakeToken
) -> None:
    index.publish("default", [answered()])
    header = bearer(repositories=["acme/shop"])
    # Whatever it sends under this id is its own event.
    assert http.post("/v1/events", json=failure(event_id=EVENT_ID), headers=header).status_code == 202

    assert http.get(f"/v1/analyses/{EVENT_ID}", headers=header).status_code == 202


def test_a_token_of_a_repository_sees_its_own_answers_under_the_ids_that_it_knows(
    http: TestClient, redis_client: Redis, index: RedisIndex, bearer: MakeToken
) -> None:
    header = bearer(repositories=["acme/shop"])
    (event_id,) = http.post("/v1/events", json=failure(), headers=header).json()["event_ids"]
    (event,) = logged(redis_client)
    index.publish("default", [answered(event.event_id)])

    reply = http.get(f"/v1/analyses/{event_id}", headers=header)

    assert (reply.status_code, reply.json()["event_id"]) == (200, event_id)


def quarantined(redis_client: Redis, tenant: str, *repositories: str) -> None:
    entry = QuarantineEntry(pattern_id="pat_0123456789ab", repositories=repositories, repository_count=len(repositories))
    redis_client.set(quarantine_key(tenant), QuarantineList(entries=(entry,)).model_dump_json())


def test_what_is_in_quarantine_in_a_repository(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    quarantined(redis_client, "default", "acme/shop", "acme/billing")
    header = bearer()

    assert len(http.get("/v1/quarantine/acme/shop", headers=header).json()["entries"]) == 1
    assert len(http.get("/v1/quarantine/acme%2Fshop", headers=header).json()["entries"]) == 1
    assert http.get("/v1/quarantine/acme/other", headers=header).json()["entries"] == []


def test_nothing_is_in_quarantine_before_the_first_sweep(http: TestClient, bearer: MakeToken) -> None:
    assert http.get("/v1/quarantine/acme/shop", headers=bearer()).json() == {"entries": []}


def test_a_tenant_does_not_see_the_quarantine_of_another(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    quarantined(redis_client, "acme", "acme/shop")

    assert http.get("/v1/quarantine/acme/shop", headers=bearer("umbrella")).json()["entries"] == []
    assert http.get("/v1/quarantine/acme/shop?tenant=acme", headers=bearer("umbrella")).status_code == 403


def test_a_token_of_a_repository_is_told_of_no_other(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    quarantined(redis_client, "default", "acme/shop", "secret/project")
    header = bearer(repositories=["acme/*"])

    assert http.get("/v1/quarantine/secret/project", headers=header).status_code == 403
    listed = http.get("/v1/quarantine/acme/shop", headers=header)
    assert listed.json()["entries"][0]["repositories"] == ["acme/shop"]
    assert "secret" not in listed.text


def test_an_answer_is_not_kept_by_what_stands_between(http: TestClient, index: RedisIndex, bearer: MakeToken) -> None:
    index.publish("default", [answered()])

    assert http.get(f"/v1/analyses/{EVENT_ID}", headers=bearer()).headers["cache-control"] == "no-store"
    assert http.get(f"/v1/analyses/{EVENT_ID}").headers["cache-control"] == "no-store"


def test_asking_leaves_nothing_behind_but_that_somebody_waited(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    http.get(f"/v1/analyses/{EVENT_ID}?wait=0.1", headers=bearer())

    assert not redis_client.exists(result_key("default", EVENT_ID))
    assert 0 < int(str(redis_client.ttl(waiting_key("default", EVENT_ID)))) <= 10
