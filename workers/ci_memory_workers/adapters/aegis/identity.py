"""Who writes, where to, and which pattern a memory belongs to: the names that both modes of Aegis share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

from ci_memory_workers.errors import KnowledgeRefused
from ci_memory_workers.services.ports import Candidate

AGENT_ID = "ci-memory"
NAMESPACE = "ci-memory-"
"""What the Aegis namespace of every tenant begins with."""
DEPRECATED = "deprecated"
"""Metadata key of a memory that was taken out of the playbook: Aegis itself does not tell (neither `get` nor `export`)."""
PATTERN_KEY = "pattern_id"
"""Metadata key of the pattern that a memory belongs to."""
MAX_TOP_K = 100
"""The server refuses to return more."""

_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MEMORY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATTERN_ID = re.compile(r"pat_[a-z0-9]{6,32}")
_CARRIED = re.compile(r"\[(pat_[a-z0-9]{6,32})\](?:\s|\Z)")


class PlaybookEntry(Protocol):
    """What a playbook returns for a memory, as far as we read it."""

    id: str
    content: str
    memory_type: str
    effectiveness_score: float


def namespace(tenant: str) -> str:
    """The Aegis namespace of ``tenant`` (at most 64 characters). Raises `KnowledgeRefused` where it is not a tenant's name."""
    if not _TENANT.fullmatch(tenant):
        raise KnowledgeRefused(f"{tenant[:60]!r} is not a tenant: small letters, digits, - and _, at most 40")
    return f"{NAMESPACE}{tenant}"


def tenant_of(space: str) -> str | None:
    """The other way; None where ``space`` is no tenant's."""
    tenant = space.removeprefix(NAMESPACE)
    return tenant if space.startswith(NAMESPACE) and _TENANT.fullmatch(tenant) else None


def is_memory_id(memory_id: str) -> bool:
    """Whether ``memory_id`` has the shape of an Aegis id; what has not is unknown and never becomes part of a URL."""
    return bool(_MEMORY_ID.fullmatch(memory_id))


def known_memory_id(memory_id: str) -> str:
    """``memory_id`` itself. Raises `KnowledgeRefused` where it can't be an id."""
    if not is_memory_id(memory_id):
        raise KnowledgeRefused(f"no memory {memory_id[:64]!r} in Aegis: it is not an id")
    return memory_id


def content_with_pattern(pattern_id: str, content: str) -> str:
    """``[pat_xxxxxx] content``: a memory's text that carries its pattern, so that it is found again by the text alone."""
    if not _PATTERN_ID.fullmatch(pattern_id):
        raise KnowledgeRefused(f"{pattern_id[:40]!r} is not a pattern id (pat_ and 6 to 32 small letters or digits)")
    return f"[{pattern_id}] {content}"


def pattern_id_in(content: str) -> str | None:
    """The pattern id at the beginning of ``content``, or None. An id further on is a mention, and does not count."""
    carried = _CARRIED.match(content)
    return carried.group(1) if carried else None


def with_pattern_of(content: str, metadata: Mapping[str, object]) -> str:
    """``content`` carrying the pattern id: the one it has, else that of ``metadata``, else as it is."""
    named = metadata.get(PATTERN_KEY)
    if pattern_id_in(content) or not isinstance(named, str) or not named:
        return content
    return content_with_pattern(named, content)


def candidates(entries: Iterable[PlaybookEntry], top_k: int) -> list[Candidate]:
    """The first ``top_k`` entries that carry a pattern id, in the playbook's order (nearest first)."""
    found: list[Candidate] = []
    for entry in entries:
        pattern_id = pattern_id_in(entry.content)
        kind = _kind(entry.memory_type)
        if pattern_id and kind and len(found) < top_k:
            found.append(Candidate(pattern_id, entry.id, entry.content, entry.effectiveness_score, kind))
    return found


def _kind(memory_type: str) -> Literal["reflection", "strategy"] | None:
    match memory_type:
        case "reflection":
            return "reflection"
        case "strategy":
            return "strategy"
        case _:
            return None
