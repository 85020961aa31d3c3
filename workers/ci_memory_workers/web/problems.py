"""What the door says when it refuses: a problem document (RFC 9457) that names the field and the way out, never a value."""

from __future__ import annotations

import logging
import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import Refusal, origin

log = logging.getLogger(__name__)

STATUS = {
    "malformed_json": 400,
    "unauthenticated": 401,
    "out_of_scope": 403,
    "unknown_path": 404,
    "wrong_method": 405,
    "too_slow": 408,
    "replayed": 409,
    "body_too_large": 413,
    "event_too_large": 413,
    "too_many_events": 413,
    "unsupported_media_type": 415,
    "invalid_event": 422,
    "invalid_parameter": 422,
    "rate_limited": 429,
    "busy": 429,
    "too_many_at_once": 429,
    "internal_error": 500,
    "unavailable": 503,
}
"""The HTTP status of each reason for a refusal."""
MEDIA_TYPE = "application/problem+json"
REFUSED = "ci_memory.refused"
"""Where a request's scope says for which reason it was refused."""
_BY_STATUS = {404: "unknown_path", 405: "wrong_method"}


def problem(refusal: Refusal) -> Response:
    """The answer to a request that was refused."""
    status = STATUS[refusal.reason]
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": refusal.reason.replace("_", " "),
        "status": status,
        "code": refusal.reason,
        "detail": str(refusal),
    }
    if refusal.problems:
        body["errors"] = [{"field": field, "message": message} for field, message in refusal.problems]
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="ci-memory"'
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


async def on_refusal(request: Request, error: Exception) -> Response:
    """Starlette's handler for `Refusal`."""
    assert isinstance(error, Refusal)  # noqa: S101 - registered for this class alone
    log.info("refused code=%s method=%s", error.reason, request.method)
    request.scope[REFUSED] = error.reason
    return problem(error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's handler for what it refuses by itself: paths and methods that there are none of."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    reason = _BY_STATUS.get(error.status_code)
    if reason is None:
        return Response(status_code=error.status_code, headers=error.headers)
    request.scope[REFUSED] = reason
    answer = problem(Refusal(reason, "there is nothing here: GET /openapi.json says what there is"))
    answer.headers.update(error.headers or {})
    return answer


async def on_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for what nobody foresaw: its kind and where it came from are logged, and nothing is told."""
    log.error("a request fails error=%s", origin(error))
    return problem(Refusal("internal_error", "the gateway failed: its log says where"))
