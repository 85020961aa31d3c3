"""All memories of a namespace, as the server exports them: one answer, a memory a line."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

import httpx

from ci_memory_workers.adapters.aegis.calls import CONNECT_TIMEOUT
from ci_memory_workers.errors import KnowledgeRefused, KnowledgeUnavailable
from ci_memory_workers.services.ports import Memory, MemoryKind

if TYPE_CHECKING:
    from aegis_memory import AegisClient

MOST_MEMORIES = 100_000
"""The server exports no more at once, and its export has no pages."""
EXPORT_TIMEOUT = 120.0
"""Seconds that the server may take until it begins: it reads the whole namespace first."""
_IN_MEMORY = 8_000_000


def export(client: AegisClient, space: str) -> IO[bytes]:
    """The export of a namespace, from its beginning, in a file of no name. Raises what httpx raises."""
    body = {"namespace": space, "format": "jsonl", "limit": MOST_MEMORIES}
    timeout = httpx.Timeout(EXPORT_TIMEOUT, connect=CONNECT_TIMEOUT)
    # The SDK's own export_json holds all of it in memory, twice.
    with ExitStack() as unread, client.client.stream("POST", "/memories/export", json=body, timeout=timeout) as response:
        if response.is_error:
            response.read()
        response.raise_for_status()
        lines: IO[bytes] = unread.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
        for piece in response.iter_bytes():
            lines.write(piece)
        unread.pop_all()
    lines.seek(0)
    return lines


def exported_memories(lines: IO[bytes], space: str, kind: MemoryKind) -> Iterator[Memory]:
    """The memories of ``kind`` in an export, oldest first within what the server gives. Closes ``lines``."""
    with lines:
        count = sum(1 for line in lines if line.strip())
        if count >= MOST_MEMORIES:
            raise KnowledgeRefused(f"{space} has {count} memories or more: an Aegis server exports no more than that")
        lines.seek(0)
        for line in lines:
            row = _row(line)
            if row and row.get("memory_type") == kind and row.get("namespace") == space:
                votes = row.get("bullet_helpful"), row.get("bullet_harmful")
                yield Memory(str(row["id"]), str(row["content"]), row.get("metadata") or {}, *votes)


def _row(line: bytes) -> dict[str, Any]:
    if not line.strip():
        return {}
    try:
        row: dict[str, Any] = json.loads(line)
        return row
    except ValueError as error:
        raise KnowledgeUnavailable("Aegis's export holds a line that is no JSON: is it an Aegis server?") from error
