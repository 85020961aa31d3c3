"""Events as they are sent to the HTTP door, and as the log keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis import Redis

from ci_memory_producers.events import EVENT, FailureEvent, PassEvent, ResolutionEvent
from ci_memory_producers.keys import FIELD, STREAM

MakeToken = Callable[..., dict[str, str]]
"""Makes a token of a tenant, with limits; returns the header that shows it."""
Stored = FailureEvent | PassEvent | ResolutionEvent


def failure(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "failure",
        "repo": "acme/shop",
        "build_id": "1",
        "stage": "test",
        "error_message": "assert 401 == 200",
        **fields,
    }


def logged(client: Redis) -> list[Stored]:
    rows: Any = client.xrange(STREAM)
    return [EVENT.validate_json(fields[FIELD.encode()]) for _, fields in rows]
