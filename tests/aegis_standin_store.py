"""What the Aegis stand-in holds, and how it answers: the rules of the server, none of its code."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from aegis_standin_screening import screened

MAX_ERROR_PATTERN = 128
MAX_CONTEXT = 1_000
MAX_ID = 64
MAX_TOP_K = 100
MAX_OPERATIONS = 100
MAX_EXPORT = 100_000

_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body (JSON, or text where it is a str) and headers."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @classmethod
    def detail(cls, status: int, detail: str, headers: dict[str, str] | None = None) -> Self:
        return cls(status, {"detail": detail}, headers or {})

    @classmethod
    def invalid(cls, kind: str, where: list[str | int], message: str) -> Self:
        return cls(422, {"detail": [{"type": kind, "loc": where, "msg": message, "input": {}}]})

    @classmethod
    def crash(cls) -> Self:
        return cls(500, "Internal Server Error", content_type="text/plain; charset=utf-8")

    def encoded(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(slots=True)
class StoredMemory:
    """One memory, with what the server never tells: whether it is deprecated, and its votes one by one."""

    id: str
    content: str
    memory_type: str
    agent_id: str | None
    namespace: str
    scope: str
    metadata: dict[str, Any]
    created_at: datetime
    error_pattern: str | None = None
    deprecated: bool = False
    votes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def helpful(self) -> int:
        return sum(vote["vote"] == "helpful" for vote in self.votes)

    @property
    def harmful(self) -> int:
        return len(self.votes) - self.helpful

    @property
    def effectiveness(self) -> float:
        return (self.helpful - self.harmful) / (len(self.votes) + 1)

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "content": self.content,
            "memory_type": self.memory_type,
            "user_id": None,
            "agent_id": self.agent_id,
            "namespace": self.namespace,
            "metadata": self.metadata,
            "created_at": self.created_at.isoformat().replace("+00:00", "Z"),
            "scope": self.scope,
            "shared_with_agents": [],
            "derived_from_agents": [],
            "coordination_metadata": {},
            "score": None,
            "relevance_score": 0.0,
            "content_flags": [],
            "trust_level": "internal",
        }

    def as_playbook_entry(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "content": self.content,
            "memory_type": self.memory_type,
            "effectiveness_score": self.effectiveness,
            "bullet_helpful": self.helpful,
            "bullet_harmful": self.harmful,
            "error_pattern": self.error_pattern,
            "created_at": self.created_at.isoformat().replace("+00:00", "Z"),
        }


@dataclass(slots=True)
class MemoryStore:
    """The memories. Each method is an endpoint: it takes the request's body and returns the answer."""

    memories: dict[str, StoredMemory] = field(default_factory=dict)
    embeddings_down: bool = False
    _last: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def add_reflection(self, body: dict[str, Any]) -> Answer:
        """Neither screened nor deduplicated, as recorded."""
        if not body.get("content") or not body.get("agent_id"):
            return Answer.invalid("missing", ["body", "content"], "Field required")
        if len(body.get("error_pattern") or "") > MAX_ERROR_PATTERN:
            return Answer.invalid("string_too_long", ["body", "error_pattern"], "String should have at most 128 characters")
        if self.embeddings_down or "\0" in json.dumps(body) or len(body.get("namespace", "default")) > MAX_ID:
            return Answer.crash()
        metadata = dict(body.get("metadata") or {})
        if body.get("correct_approach"):
            metadata["correct_approach"] = body["correct_approach"]
        memory = self._add(body, "reflection", body.get("scope") or "global", metadata)
        memory.error_pattern = body.get("error_pattern")
        answer = {"id": memory.id, "memory_type": "reflection", "scope": memory.scope, "effectiveness_score": 0.0}
        return Answer(200, answer)

    def delta(self, body: dict[str, Any]) -> Answer:
        operations = body.get("operations") or []
        if not 0 < len(operations) <= MAX_OPERATIONS:
            return Answer.invalid("too_long", ["body", "operations"], "List should have at most 100 items after validation")
        if any(operation.get("type") not in ("add", "update", "deprecate") for operation in operations):
            return Answer.invalid(
                "literal_error", ["body", "operations", 0, "type"], "Input should be 'add', 'update' or 'deprecate'"
            )
        return Answer(200, {"results": [self._apply(operation) for operation in operations], "total_time_ms": 1.0})

    def vote(self, memory_id: str, body: dict[str, Any]) -> Answer:
        """Counted every time, whoever casts it."""
        if body.get("vote") not in ("helpful", "harmful"):
            return Answer.invalid("literal_error", ["body", "vote"], "Input should be 'helpful' or 'harmful'")
        for name, longest in (("context", MAX_CONTEXT), ("task_id", MAX_ID), ("voter_agent_id", MAX_ID)):
            if len(body.get(name) or "") > longest:
                return Answer.invalid("string_too_long", ["body", name], f"String should have at most {longest} characters")
        memory = self.memories.get(memory_id)
        if memory is None:
            return Answer.detail(404, "Memory not found")
        memory.votes.append(body)
        counts = {"bullet_helpful": memory.helpful, "bullet_harmful": memory.harmful}
        return Answer(200, {"memory_id": memory_id, **counts, "effectiveness_score": memory.effectiveness})

    def get(self, memory_id: str) -> Answer:
        memory = self.memories.get(memory_id)
        return Answer(200, memory.shown()) if memory else Answer.detail(404, f"Memory not found: {memory_id}")

    def patch(self, memory_id: str, body: dict[str, Any]) -> Answer:
        """A shallow merge. The stored content is screened again, for its own scope."""
        memory = self.memories.get(memory_id)
        if memory is None:
            return Answer.detail(404, f"Memory not found: {memory_id}")
        merged = {**memory.metadata, **(body.get("metadata") or {})}
        if (flags := screened(memory.content, merged, memory.scope)) is not None:
            return Answer.detail(422, f"Content rejected by security policy: {flags}")
        memory.metadata = merged
        return Answer(200, memory.shown())

    def playbook(self, body: dict[str, Any]) -> Answer:
        """Nearest first. Twice ``top_k`` are looked at, then those below ``min_effectiveness`` are left out."""
        if (wrong := _invalid_query(body)) is not None:
            return wrong
        if self.embeddings_down:
            return Answer.crash()
        kinds, top_k, least = ("reflection", "strategy"), body.get("top_k", 20), body.get("min_effectiveness", -1.0)
        near = [memory for memory in self._nearest(body) if memory.memory_type in kinds and not memory.deprecated]
        entries = [memory.as_playbook_entry() for memory in near[: top_k * 2] if memory.effectiveness >= least]
        return Answer(200, {"entries": entries[:top_k], "query_time_ms": 1.0})

    def hybrid_query(self, body: dict[str, Any]) -> Answer:
        """Memories that have a word of the query come first, deprecated ones too; then whatever else there is."""
        if (wrong := _invalid_query(body)) is not None:
            return wrong
        if self.embeddings_down:
            return Answer.crash()
        results = [
            {
                "id": memory.id,
                "content": memory.content,
                "score": 0.03,
                "memory_type": memory.memory_type,
                "scope": memory.scope,
                "effectiveness": memory.effectiveness,
                "agent_id": memory.agent_id,
            }
            for memory in self._nearest(body)[: body.get("top_k", 10)]
        ]
        return Answer(200, {"results": results, "query_time_ms": 1.0, "mode": "hybrid"})

    def export(self, body: dict[str, Any]) -> Answer:
        """All memories of a namespace, deprecated ones too, without a flag; as lines of JSON where the format says so."""
        if not 1 <= (limit := body.get("limit") or MAX_EXPORT) <= MAX_EXPORT:
            return Answer.invalid("less_than_equal", ["body", "limit"], "Input should be less than or equal to 100000")
        here = [memory for memory in self.memories.values() if memory.namespace == body.get("namespace", memory.namespace)]
        chosen = here[:limit]
        votes = [{"bullet_helpful": memory.helpful, "bullet_harmful": memory.harmful} for memory in chosen]
        rows = [memory.shown() | counts for memory, counts in zip(chosen, votes, strict=True)]
        if body.get("format", "jsonl") == "jsonl":
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            return Answer(200, lines, {"x-export-total": str(len(rows))}, content_type="application/x-ndjson")
        return Answer(200, {"memories": rows, "stats": {"total_exported": len(rows), "format": "json"}})

    def _apply(self, operation: dict[str, Any]) -> dict[str, Any]:
        kind = operation["type"]
        if kind == "add":
            return self._added(operation)
        memory_id = operation.get("memory_id")
        if not memory_id:
            return _result(kind, None, "memory_id required")
        memory = self.memories.get(memory_id)
        if memory is None:
            return _result(kind, memory_id, "Memory not found")
        if kind == "deprecate":
            memory.deprecated = True
        # An update reports success and saves nothing where the memory has metadata; so it was recorded.
        elif not memory.metadata:
            memory.metadata = dict(operation.get("metadata_patch") or {})
        return _result(kind, memory_id, None)

    def _added(self, operation: dict[str, Any]) -> dict[str, Any]:
        if not operation.get("content"):
            return _result("add", None, "Content required")
        scope = operation.get("scope") or "agent-private"
        metadata = dict(operation.get("metadata") or {})
        if (flags := screened(operation["content"], metadata, scope)) is not None:
            return _result("add", None, f"Content rejected by security policy: {flags}")
        if self.embeddings_down:
            return _result("add", None, "Embedding failed after 3 attempts: Connection error.")
        return _result("add", self._add(operation, operation.get("memory_type") or "standard", scope, metadata).id, None)

    def _add(self, body: dict[str, Any], kind: str, scope: str, metadata: dict[str, Any]) -> StoredMemory:
        self._last += timedelta(milliseconds=1)
        namespace = body.get("namespace", "default")
        memory = StoredMemory(
            uuid.uuid4().hex, body["content"], kind, body.get("agent_id"), namespace, scope, metadata, self._last
        )
        self.memories[memory.id] = memory
        return memory

    def _nearest(self, body: dict[str, Any]) -> list[StoredMemory]:
        asked = set(_WORD.findall(body["query"].lower()))
        here = [memory for memory in self.memories.values() if memory.namespace == body.get("namespace", "default")]
        return sorted(here, key=lambda memory: -len(asked & set(_WORD.findall(memory.content.lower()))))


def _invalid_query(body: dict[str, Any]) -> Answer | None:
    if not body.get("query"):
        return Answer.invalid("string_too_short", ["body", "query"], "String should have at least 1 character")
    if not 1 <= body.get("top_k", 10) <= MAX_TOP_K:
        return Answer.invalid("less_than_equal", ["body", "top_k"], "Input should be less than or equal to 100")
    return None


def _result(operation: str, memory_id: str | None, error: str | None) -> dict[str, Any]:
    return {"operation": operation, "success": error is None, "memory_id": memory_id, "error": error}
