"""Reading the body of a request, within bounds of size and time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from ..errors import Refusal

BODY_SECONDS = 15.0
"""In which a body must be there, whole."""
PASS_OVER_SECONDS = 3.0
PASS_OVER_BYTES = 2_000_000


def _hold(_: int) -> None:
    """Nobody counts what is held."""


async def read_body(request: Request, most: int, hold: Callable[[int], None] = _hold) -> bytes:
    """The body of a request, JSON, at most ``most`` bytes; ``hold`` is told the length of each part. Raises `Refusal`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refusal("unsupported_media_type", "send JSON, and say so: Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refusal("unsupported_media_type", "send the body as it is, without Content-Encoding")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(request, most, hold)
    except TimeoutError:
        raise Refusal("too_slow", f"the body was not there after {BODY_SECONDS:.0f} s: send it at once") from None
    except ClientDisconnect:
        raise Refusal("too_slow", "the body ended early") from None
    if body is None:
        raise Refusal("body_too_large", f"this token may send {most} bytes in one request: send fewer events at once")
    return body


async def pass_over(request: Request) -> None:
    """Read what a refused request still sends, within bounds: who has not sent all of it does not read the answer."""
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(PASS_OVER_SECONDS):
            await _read(request, 0, _hold)


async def _read(request: Request, most: int, hold: Callable[[int], None]) -> bytes | None:
    """The body; None for one that is larger than ``most``."""
    body = bytearray()
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= most:
            hold(len(chunk))
            body += chunk
        elif length > most + PASS_OVER_BYTES:
            break
    return bytes(body) if length <= most else None
