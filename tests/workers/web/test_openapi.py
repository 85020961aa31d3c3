"""The OpenAPI document says what the door does: each path, each status, and schemas that requests and answers keep to."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from redis import Redis
from starlette.routing import Route
from starlette.testclient import TestClient

from ci_memory_producers.events import Analysis
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.settings import Settings
from ci_memory_workers.web.app import make_app
from ci_memory_workers.web.openapi import document
from ci_memory_workers.web.problems import STATUS
from door_events import MakeToken, failure

EVENT_ID = "e" * 32


def described(path: str, method: str, status: int) -> Any:
    """The schema of an answer, with what it refers to; fails where the document does not describe it."""
    (content,) = document()["paths"][path][method]["responses"][str(status)]["content"].values()
    return {**content["schema"], "components": document()["components"]}


def check(schema: Any, value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def test_what_is_described_is_what_there_is(redis_server: EmbeddedServer) -> None:
    app, _ = make_app(Settings(url=redis_server.url))
    there = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert there == {(path, method) for path, methods in document()["paths"].items() for method in methods}


def test_the_document_is_given_to_anybody(http: TestClient) -> None:
    assert http.get("/openapi.json").json() == document()


def test_each_operation_that_needs_a_token_describes_what_comes_without(http: TestClient) -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            sent = path.replace("{event_id}", EVENT_ID).replace("{repo}", "a/b").replace("{hook}", "ours")
            reply = http.request(method.upper(), sent, json={} if method == "post" else None)
            assert (reply.status_code == 401) == (operation.get("security") != []) == ("401" in operation["responses"]), path


def test_answers_keep_to_their_schemas(http: TestClient, redis_client: Redis, bearer: MakeToken) -> None:
    index = RedisIndex(redis_client, dedupe_seconds=60, answer_seconds=60, flush_ms=0)
    index.publish("default", [Analysis(status="new_pattern", event_id=EVENT_ID, message="here it is")])
    header = bearer()
    asked: list[tuple[str, str, str, Any]] = [
        ("/v1/events", "post", "/v1/events", [failure()]),
        ("/v1/events", "post", "/v1/events", {"kind": "party"}),
        ("/v1/analyses/{event_id}", "get", f"/v1/analyses/{EVENT_ID}", None),
        ("/v1/analyses/{event_id}", "get", "/v1/analyses/" + "f" * 32, None),
        ("/v1/analyses/{event_id}", "get", "/v1/analyses/x", None),
        ("/v1/quarantine/{repo}", "get", "/v1/quarantine/acme/shop", None),
        ("/healthz", "get", "/healthz", None),
        ("/readyz", "get", "/readyz", None),
    ]
    statuses = []
    for path, method, sent, body in asked:
        reply = http.request(method, sent, json=body, headers=header)
        statuses.append(reply.status_code)
        assert check(described(path, method, reply.status_code), reply.json()) == [], path

    assert statuses == [202, 422, 200, 202, 422, 200, 200, 200]


def test_events_that_keep_to_the_schema_are_those_that_are_accepted(http: TestClient, bearer: MakeToken) -> None:
    schema = document()["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = {**schema, "components": document()["components"]}
    resolution = {"kind": "resolution", "repo": "a/b", "pattern_id": "pat_000000", "fix_type": "code_change"}
    bodies: list[tuple[Any, int]] = [
        (failure(), 202),
        ([failure()], 202),
        ({"kind": "pass", "repo": "a/b", "build_id": "1", "stage": "test"}, 202),
        (resolution | {"fix_description": "pin it"}, 202),
        (resolution | {"fix_type": "rerun"}, 202),
        (resolution, 422),
        (resolution | {"fix_description": " "}, 422),
        (failure(error_message=" "), 422),
        (failure(stage="lunch"), 422),
        ([], 422),
        ([failure()] * 101, 422),
        ({}, 422),
        ("x", 422),
    ]
    header = bearer()
    for body, status in bodies:
        assert http.post("/v1/events", json=body, headers=header).status_code == status, body
        assert (check(schema, body) == []) == (status == 202), body


@pytest.mark.parametrize("reason", STATUS)
def test_each_reason_has_a_status_that_is_described_somewhere(reason: str) -> None:
    everywhere = {status for methods in document()["paths"].values() for one in methods.values() for status in one["responses"]}

    # What no client should ever see, and what a wrong path or method is answered with, belongs to no operation.
    assert str(STATUS[reason]) in everywhere or STATUS[reason] in (405, 500)
