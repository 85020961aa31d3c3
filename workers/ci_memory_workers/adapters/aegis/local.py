"""Aegis's local mode: a SQLite file that all workers of one machine share."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ci_memory_workers.adapters.aegis.identity import (
    AGENT_ID,
    DEPRECATED,
    MAX_TOP_K,
    candidates,
    content_with_pattern,
    is_memory_id,
    namespace,
    tenant_of,
    with_pattern_of,
)
from ci_memory_workers.adapters.aegis.memory_file import CARRIED, CARRIED_LENGTH, MemoryFile, in_our_terms
from ci_memory_workers.adapters.aegis.sanitise import Sanitiser
from ci_memory_workers.errors import KnowledgeRefused, KnowledgeUnavailable
from ci_memory_workers.services.ports import Candidate, Memory, MemoryKind, Vote

if TYPE_CHECKING:
    from aegis_memory import AegisClient

    from ci_memory_workers.adapters.aegis.vectors import Near, Vectors

_BEGINNING = f"substr(content, 1, {CARRIED_LENGTH})"
_FIND = f"""
    SELECT id FROM memories INDEXED BY {CARRIED}
    WHERE namespace = ? AND memory_type = ? AND is_deprecated = 0 AND {_BEGINNING} >= ? AND {_BEGINNING} < ?
    ORDER BY created_at, rowid
"""  # noqa: S608 - nothing but our own constants is put in


_PIECE = 200
_ALL = """
    SELECT rowid, id, content, metadata, bullet_helpful, bullet_harmful, is_deprecated FROM memories
    WHERE namespace = ? AND memory_type = ? AND rowid > ? ORDER BY rowid LIMIT ?
"""
_NAMESPACES = "SELECT DISTINCT namespace FROM memories"


class LocalAegis:
    """`Knowledge` over Aegis's local mode, in the SQLite file ``path`` (made on first use).

    Safe for threads, for processes and after a fork (`MemoryFile` says how). Texts are embedded on the spot; nothing is
    downloaded and nothing leaves the machine, whatever the environment says. ``redact`` takes secrets out of what is written.

    Raises `KnowledgeUnavailable` when the file is busy or the disk is in trouble, `KnowledgeRefused` for unknown ids.
    """

    def __init__(self, path: Path, *, redact: Callable[[str], str], lock_timeout: float = 15.0) -> None:
        self._file = MemoryFile(path, lock_timeout=lock_timeout)
        self._sanitiser = Sanitiser(redact)
        # By process: a lock that another thread held at a fork is never let go in the child.
        self._vectors: dict[int, Vectors] = {}

    def add_reflection(
        self, tenant: str, content: str, *, error_pattern: str, correct_approach: str, metadata: Mapping[str, object]
    ) -> str:
        """Store a reflection; one of the same text in the same tenant is the same reflection, with its first metadata."""
        space = namespace(tenant)
        text = self._sanitiser.content(with_pattern_of(content, metadata))
        category = self._sanitiser.error_pattern(error_pattern)
        document = self._sanitiser.metadata(metadata, reserved=2)
        with self._file.writing() as client:
            memory_id = client.add_reflection(
                text,
                AGENT_ID,
                namespace=space,
                error_pattern=category or None,
                correct_approach=self._sanitiser.correct_approach(correct_approach) or None,
                scope="global",
                metadata={**document, "error_pattern": category},
            )
            self._file.count_added()
        return str(memory_id)

    def add_strategy(self, tenant: str, content: str, *, metadata: Mapping[str, object]) -> str:
        """Store a strategy; one of the same text in the same tenant is the same strategy, with its first metadata."""
        operation = {
            "type": "add",
            "content": self._sanitiser.content(with_pattern_of(content, metadata)),
            "memory_type": "strategy",
            "agent_id": AGENT_ID,
            "namespace": namespace(tenant),
            "scope": "global",
            "metadata": self._sanitiser.metadata(metadata),
        }
        with self._file.writing() as client:
            memory_id = _apply(client, operation)
            self._file.count_added()
        return memory_id

    def find(self, tenant: str, pattern_id: str, kind: Literal["reflection", "strategy"]) -> list[str]:
        """Ids of the memories of ``kind`` that carry ``pattern_id`` and are not deprecated, oldest first."""
        prefix = content_with_pattern(pattern_id, "")
        # The prefix ends with a space: what begins with it stands before the same with the character that follows a space.
        rows = self._file.rows(_FIND, (namespace(tenant), kind, prefix, prefix[:-1] + "!"))
        return [str(row[0]) for row in rows]

    def vote(self, tenant: str, memory_id: str, vote: Vote, *, context: str, task_id: str) -> None:
        """Cast one vote. Raises `KnowledgeRefused` where the tenant has no such memory."""
        with self._file.writing() as client:
            # Asked first: a vote on an unknown id fails halfway and leaves the file locked for everybody.
            self._require(client, tenant, memory_id)
            client.vote(
                memory_id,
                vote,
                AGENT_ID,
                context=self._sanitiser.context(context) or None,
                task_id=self._sanitiser.task_id(task_id) or None,
            )

    def update_metadata(self, tenant: str, memory_id: str, metadata: Mapping[str, object]) -> None:
        """Merge ``metadata`` (shallow). Raises `KnowledgeRefused` where the tenant has no such memory."""
        patch = self._sanitiser.metadata(metadata)
        with self._file.writing() as client:
            self._require(client, tenant, memory_id)
            _apply(client, {"type": "update", "memory_id": memory_id, "metadata_patch": patch})

    def get(self, tenant: str, memory_id: str) -> Memory | None:
        """The memory with its votes, or None where the tenant has none of this id."""
        with self._file.reading() as client:
            found = _look_up(client, tenant, memory_id)
        if found is None:
            return None
        return Memory(found.id, found.content, dict(found.metadata), found.bullet_helpful, found.bullet_harmful)

    def deprecate(self, tenant: str, memory_id: str) -> None:
        """Take the memory out of the playbook, and say so in its metadata (``deprecated``)."""
        with self._file.writing() as client:
            self._require(client, tenant, memory_id)
            _apply(client, {"type": "update", "memory_id": memory_id, "metadata_patch": {DEPRECATED: True}})
            _apply(client, {"type": "deprecate", "memory_id": memory_id, "agent_id": AGENT_ID})

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        """The memories nearest to ``query``, nearest first: what Aegis's own playbook gives, which reads all of the tenant's
        memories each time. The first search of a process reads them too, later ones what is new.
        """
        space, text = namespace(tenant), self._sanitiser.query(query)
        if not text or top_k < 1:
            return []
        wanted = min(MAX_TOP_K, top_k * 4)
        # The playbook looks at twice as many before it leaves out those with a low effectiveness.
        found = self._nearest(space, text, 2 * wanted)
        return candidates([one for one in found if one.effectiveness_score >= min_effectiveness][:wanted], top_k)

    def _nearest(self, space: str, text: str, count: int) -> list[Near]:
        from ci_memory_workers.adapters.aegis.vectors import Vectors  # numpy, and only a search needs it

        vectors = self._vectors.setdefault(os.getpid(), Vectors(self._file.path))
        try:
            return vectors.nearest(space, text, count)
        except FileNotFoundError:
            return []  # nobody has written yet
        except OSError as error:
            raise KnowledgeUnavailable(f"the memory file {self._file.path} can't be read: {error.strerror}") from error
        except sqlite3.Error as error:
            if str(error).startswith("no such table"):
                return []  # somebody is about to write for the first time
            raise in_our_terms(error) from error

    def memories(self, tenant: str, kind: MemoryKind) -> Iterator[Memory]:
        """All memories of ``kind``, oldest first, deprecated ones too."""
        last = 0
        while rows := self._file.rows(_ALL, (namespace(tenant), kind, last, _PIECE)):
            for row in rows:
                yield _memory(row)
            last = int(str(rows[-1][0]))

    def tenants(self) -> list[str]:
        """Tenants with memories, sorted."""
        spaces = (str(row[0]) for row in self._file.rows(_NAMESPACES, ()))
        return sorted(tenant for space in spaces if (tenant := tenant_of(space)))

    def close(self) -> None:
        """Close this process's connections. The next call opens them anew."""
        self._file.close()
        if vectors := self._vectors.pop(os.getpid(), None):
            vectors.close()

    def _require(self, client: AegisClient, tenant: str, memory_id: str) -> None:
        if _look_up(client, tenant, memory_id) is None:
            raise KnowledgeRefused(f"no memory {memory_id[:64]!r} of tenant {tenant} in {self._file.path.name}")


def _memory(row: tuple[Any, ...]) -> Memory:
    _, memory_id, content, metadata, helpful, harmful, deprecated = row
    document = json.loads(metadata or "{}")
    return Memory(memory_id, content, document | ({DEPRECATED: True} if deprecated else {}), helpful, harmful)


def _look_up(client: AegisClient, tenant: str, memory_id: str) -> Any:
    """Aegis's memory of this id, or None where ``tenant`` has none."""
    import httpx

    if not is_memory_id(memory_id):
        return None
    try:
        found = client.get(memory_id)
    except httpx.HTTPStatusError:
        # How the client says "not found", in local mode too.
        return None
    return found if found.namespace == namespace(tenant) else None


def _apply(client: AegisClient, operation: Mapping[str, object]) -> str:
    """Apply one delta operation and return the memory's id. The client reports a failure instead of raising it."""
    result = client.apply_delta([dict(operation)]).results[0]
    if not result.success:
        raise KnowledgeUnavailable(f"the memory file could not be written: {result.error}")
    return str(result.memory_id)
