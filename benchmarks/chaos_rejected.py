"""What a chaos run pushes and must be refused."""

from __future__ import annotations

import json
import re

from ci_memory_producers.events import MAX_EVENT_BYTES

MARKER_OF_NO_EVENT = re.compile(r"(?:rejected|unknown)\d+x")
"""What is pushed and must be refused carries one, its own."""


def no_event(number: int, marker: str) -> bytes:
    """Bytes that are no event, each in another way, and carry ``marker``."""
    match number % 5:
        case 0:
            return f"{marker} is no JSON {{".encode()
        case 1:
            return json.dumps({"kind": "failure", "repo": marker}).encode()
        case 2:
            return json.dumps(
                {"kind": "pass", "tenant": "NOT A TENANT", "repo": marker, "build_id": "1", "stage": "test"}
            ).encode()
        case 3:
            return b"\xff\xfe" + marker.encode()
        case _:
            return json.dumps({"kind": "surprise", "repo": marker, "more": "x" * (MAX_EVENT_BYTES * (number % 3))}).encode()
