"""What the door does for each path. Each admits the token first, then calls the gateway, then says what came of it."""

from __future__ import annotations

import re

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import LogUnreachable, Refusal
from ..services.gateway import Gateway, pending
from ..services.webhooks import WebhookDesk
from .body import pass_over, read_body
from .metrics import GatewayMetrics

LONGEST_WAIT = 60.0
"""Seconds of one request: proxies cut longer ones."""
MOST_DELIVERY_BYTES = 2_000_000
"""What tells of a job has some 50 kB."""
NOT_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
REPO_PATTERN = r"[^\u0000-\u001f\u007f]{1,300}"
_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SECONDS = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,6})?")


class Accepted(BaseModel):
    """The events that are in the log now, by their ids, in their order."""

    accepted: int
    event_ids: tuple[str, ...]


class Delivered(BaseModel):
    """What came of a webhook: ``owed`` (the log of its job, or the jobs of its run, will be fetched), ``known`` (they are or
    were) or ``nothing`` (it tells of nothing that has failed or passed).
    """

    status: str


class Health(BaseModel):
    """How the gateway is. ``unread`` events were accepted and not read by a worker yet."""

    status: str
    unread: int | None = None
    problem: str | None = None


async def push_events(request: Request) -> Response:
    """POST /v1/events."""
    gateway = _gateway(request)
    try:
        token = await gateway.admit(request.headers.get("authorization", ""))
    except Refusal:
        await pass_over(request)
        raise
    with gateway.reading(token):
        body = await read_body(request, token.max_bytes)
        event_ids = await gateway.report(token, body)
    _metrics(request).accepted(len(event_ids), len(body))
    return _json(Accepted(accepted=len(event_ids), event_ids=tuple(event_ids)), 202)


async def get_analysis(request: Request) -> Response:
    """GET /v1/analyses/{event_id}."""
    gateway = _gateway(request)
    token = await gateway.admit(request.headers.get("authorization", ""))
    _own_tenant(request, token.tenant)
    event_id = str(request.path_params["event_id"])
    if not _EVENT_ID.fullmatch(event_id):
        raise _invalid("event_id", "is no id of an event: POST /v1/events says the ids")
    found = await gateway.answer(token, event_id, _wait(request))
    return _json(found, 200) if found is not None else _json(pending(event_id), 202)


async def get_quarantine(request: Request) -> Response:
    """GET /v1/quarantine/{repo}."""
    gateway = _gateway(request)
    token = await gateway.admit(request.headers.get("authorization", ""))
    _own_tenant(request, token.tenant)
    repo = str(request.path_params["repo"])
    if not re.fullmatch(REPO_PATTERN, repo):
        raise _invalid("repo", "is no repository: write owner/name")
    return _json(await gateway.quarantine(token, repo), 200)


async def take_delivery(request: Request) -> Response:
    """POST /v1/webhooks/{hook}."""
    webhooks: WebhookDesk = request.app.state.webhooks
    name = str(request.path_params["hook"])
    with _gateway(request).delivering() as hold:
        body = await read_body(request, MOST_DELIVERY_BYTES, hold)
        came = await webhooks.take(name, request.headers, body)
    _metrics(request).delivered(came)
    return _json(Delivered(status=came), 202)


async def healthz(_: Request) -> Response:
    """GET /healthz: this process answers, whatever else is wrong."""
    return _json(Health(status="ok"), 200)


async def readyz(request: Request) -> Response:
    """GET /readyz: events would be taken."""
    try:
        return _json(Health(status="ready", unread=await _gateway(request).unread()), 200)
    except LogUnreachable as error:
        return _json(Health(status="not ready", problem=str(error)), 503)


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


def _metrics(request: Request) -> GatewayMetrics:
    metrics: GatewayMetrics = request.app.state.metrics
    return metrics


def _json(model: BaseModel, status: int) -> Response:
    data = model.model_dump(mode="json", exclude_none=True)
    return JSONResponse(data, status_code=status, headers=NOT_KEPT)


def _wait(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    if not _SECONDS.fullmatch(text) or float(text) > LONGEST_WAIT:
        raise _invalid("wait", f"is no number of seconds between 0 and {LONGEST_WAIT:.0f}: ask again for a longer wait")
    return float(text)


def _own_tenant(request: Request, tenant: str) -> None:
    if request.query_params.get("tenant", tenant) != tenant:
        told = "is not this token's: leave it out, or use a token of that tenant"
        raise Refusal("out_of_scope", f"tenant {told}", problems=(("tenant", told),))


def _invalid(field: str, message: str) -> Refusal:
    return Refusal("invalid_parameter", f"{field} {message}", problems=((field, message),))
