"""The OpenAPI document: made from the models that requests and answers are made of."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ci_memory_producers.events import Analysis, FailureEvent, PassEvent, ResolutionEvent, ResolutionReceipt
from ci_memory_producers.quarantine_list import QuarantineList

from ..services.incoming import MOST_EVENTS
from .endpoints import LONGEST_WAIT, REPO_PATTERN, Accepted, Delivered, Health
from .problems import MEDIA_TYPE, STATUS

_REF = "#/components/schemas/"
_EVENTS: tuple[type[BaseModel], ...] = (FailureEvent, PassEvent, ResolutionEvent)
_ANSWERS: tuple[type[BaseModel], ...] = (Analysis, ResolutionReceipt, QuarantineList, Accepted, Delivered, Health)
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem (RFC 9457). `errors` names each field that is wrong; no value is ever repeated.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(STATUS)},
        "detail": {"type": "string", "description": "What is wrong, and the way out."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_NOT_BLANK = r"[^\s\u001c-\u001f\u0085]"
_TENANT = {
    "name": "tenant",
    "in": "query",
    "required": False,
    "description": "The token says whose memory; where this says another one, the request is refused.",
    "schema": {"type": "string"},
}
_PROOFS: dict[str, dict[str, str]] = {
    "github": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"},
    "gitlab": {"type": "apiKey", "in": "header", "name": "X-Gitlab-Token"},
    "buildkite": {"type": "apiKey", "in": "header", "name": "X-Buildkite-Signature"},
    "buildkite_token": {"type": "apiKey", "in": "header", "name": "X-Buildkite-Token"},
    "circleci": {"type": "apiKey", "in": "header", "name": "circleci-signature"},
    "jenkins": {"type": "http", "scheme": "basic", "description": "Any name; the hook's secret is the password."},
}
"""What proves a delivery of a webhook: which of them, its hook's provider says."""
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


@cache
def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ci-memory",
            "version": version("ci-memory-workers"),
            "description": "The memory that CI systems lack: push failures, passes and resolutions, read the answers.",
        },
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`ci-memory token create`"},
                **_PROOFS,
            },
            "schemas": _schemas(),
        },
    }


def _paths() -> dict[str, Any]:
    event = {
        "oneOf": [{"$ref": _REF + model.__name__} for model in _EVENTS],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {str(model.model_fields["kind"].default): _REF + model.__name__ for model in _EVENTS},
        },
    }
    answer = {"oneOf": [{"$ref": _REF + "Analysis"}, {"$ref": _REF + "ResolutionReceipt"}]}
    return {
        "/v1/events": {
            "post": {
                "operationId": "push_events",
                "summary": "Take one event or several into the log: all of them, or none.",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "anyOf": [event, {"type": "array", "minItems": 1, "maxItems": MOST_EVENTS, "items": event}]
                            }
                        }
                    },
                },
                "responses": {
                    "202": _said("They are in the log. A repeated event is counted once.", {"$ref": _REF + "Accepted"}),
                    **_refused(400, 401, 403, 408, 413, 415, 422, 429, 503),
                },
            }
        },
        "/v1/analyses/{event_id}": {
            "get": {
                "operationId": "get_analysis",
                "summary": "The answer to an event.",
                "parameters": [
                    _path("event_id", {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"}),
                    {
                        "name": "wait",
                        "in": "query",
                        "required": False,
                        "description": "Seconds to wait for the answer.",
                        "schema": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "multipleOf": 0.001, "default": 0},
                    },
                    _TENANT,
                ],
                "responses": {
                    "200": _said("The answer.", answer),
                    "202": _said("There is none yet: its `status` is `pending`.", {"$ref": _REF + "Analysis"}),
                    **_refused(401, 403, 422, 429, 503),
                },
            }
        },
        "/v1/quarantine/{repo}": {
            "get": {
                "operationId": "get_quarantine",
                "summary": "Which failures of a repository are known to be flaky.",
                "parameters": [_path("repo", {"type": "string", "pattern": f"^{REPO_PATTERN}$"}), _TENANT],
                "responses": {
                    "200": _said("As of the last sweep.", {"$ref": _REF + "QuarantineList"}),
                    **_refused(401, 403, 404, 422, 429, 503),
                },
            }
        },
        "/v1/webhooks/{hook}": {
            "post": {
                "operationId": "take_delivery",
                "summary": "A webhook of a CI provider tells that a job has ended, or a run of many.",
                "description": (
                    "GitHub: `workflow_job`, `workflow_run`, `check_run`. GitLab: job and pipeline events. Buildkite: "
                    "`job.finished`, `build.finished`. CircleCI: `job-completed`, `workflow-completed`. Jenkins: the "
                    "Notification plugin, as JSON. What was sent before, or long ago, is refused."
                ),
                "security": [{name: []} for name in _PROOFS],
                "parameters": [_path("hook", {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,39}$"})],
                "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
                "responses": {
                    "202": _said("It was taken in.", {"$ref": _REF + "Delivered"}),
                    **_refused(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
                },
            }
        },
        "/healthz": {"get": _open("healthz", "This process answers.", {"200": "It does."})},
        "/readyz": {"get": _open("readyz", "Events would be taken.", {"200": "They would.", "503": "Redis is out of reach."})},
        "/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document.",
                "security": [],
                "responses": {"200": _said("This document.", {"type": "object"})},
            }
        },
    }


def _schemas() -> dict[str, Any]:
    _, incoming = models_json_schema([(model, "validation") for model in _EVENTS], ref_template=_REF + "{model}")
    _, outgoing = models_json_schema([(model, "validation") for model in _ANSWERS], ref_template=_REF + "{model}")
    schemas: dict[str, Any] = {**outgoing["$defs"], **incoming["$defs"], "Problem": _PROBLEM}
    for model in _EVENTS:
        properties = schemas[model.__name__]["properties"]
        schemas[model.__name__]["required"] = ["kind", *schemas[model.__name__].get("required", ())]
        for name in ("event_id", "tenant"):
            properties[name].pop("default", None)
        properties["event_id"]["description"] = "Made from what the event says where it is left out."
        properties["tenant"]["description"] = "The token's; where another one is given, the request is refused."
    # What validators say, as far as a schema can say it.
    schemas["FailureEvent"]["properties"]["error_message"]["pattern"] = _NOT_BLANK
    described = {"required": ["fix_description"], "properties": {"fix_description": {"pattern": _NOT_BLANK}}}
    schemas["ResolutionEvent"]["anyOf"] = [{"properties": {"fix_type": {"const": "rerun"}}}, described]
    return schemas


def _said(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refused(*statuses: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}}
    responses: dict[str, Any] = {}
    for status in statuses:
        codes = ", ".join(code for code, its_status in STATUS.items() if its_status == status)
        responses[str(status)] = {"description": codes, "content": content}
        if status in (429, 503):
            responses[str(status)]["headers"] = _RETRY_AFTER
    return responses


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _open(operation: str, summary: str, responses: dict[str, str]) -> dict[str, Any]:
    health = {"$ref": _REF + "Health"}
    return {
        "operationId": operation,
        "summary": summary,
        "security": [],
        "responses": {status: _said(description, health) for status, description in responses.items()},
    }
