"""Reading the body of a request, within bounds of size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from ..errors import Refusal

BODY_SECONDS = 15.0
"""In which a body must be there, whole."""


async def read_body(request: Request, most: int) -> bytes:
    """The body of a request, JSON, at most ``most`` bytes. Raises `Refusal`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refusal("unsupported_media_type", "send JSON, and say so: Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refusal("unsupported_media_type", "send the body as it is, without Content-Encoding")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, most)
    except TimeoutError:
        raise Refusal("too_slow", f"the body was not there after {BODY_SECONDS:.0f} s: send it at once") from None
    except ClientDisconnect:
        raise Refusal("too_slow", "the body ended early") from None


async def _read(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> Refusal:
    return Refusal("body_too_large", f"this token may send {most} bytes in one request: send fewer events at once")
