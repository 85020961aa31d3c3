"""Aegis's server, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import httpx

from ci_memory_workers.adapters.aegis.calls import Calls
from ci_memory_workers.adapters.aegis.export import export, exported_memories
from ci_memory_workers.adapters.aegis.identity import (
    AGENT_ID,
    DEPRECATED,
    MAX_TOP_K,
    candidates,
    content_with_pattern,
    is_memory_id,
    known_memory_id,
    namespace,
    pattern_id_in,
    with_pattern_of,
)
from ci_memory_workers.adapters.aegis.rate import RateWindow
from ci_memory_workers.adapters.aegis.sanitise import Sanitiser
from ci_memory_workers.errors import InvalidSettings, KnowledgeRefused, KnowledgeUnavailable
from ci_memory_workers.services.ports import Candidate, Memory, MemoryKind, Vote

if TYPE_CHECKING:
    from aegis_memory import AegisClient

SEARCH_RETRY_BUDGET = 1.0
"""Seconds in which a failed search of the playbook is begun again: somebody waits for it, and can do without."""
_REFUSALS = ("not found", "rejected", "required")
"""What the error of a failed delta operation says where trying again changes nothing."""


class RemoteAegis:
    """`Knowledge` over an Aegis server. Made without a call; each process has its own client, made on first use.

    Unlike the local mode the server keeps two reflections of the same text, tells no votes on `get`, and may answer a `get`
    right after an add with None or the state before. What was possibly sent is sent again only where that does no harm:
    never a vote, never an add (look with `find` before adding again).

    ``rate_per_minute`` bounds the calls of this process (0: no bound); ``timeout`` is the longest wait for one answer and
    ``retry_budget`` the time in which failed calls are begun again, both in seconds. A search of the playbook, for which a new
    failure waits, takes about ``search_timeout`` at most. Raises `InvalidSettings` for a URL or a
    key that can't be used, and from its methods `KnowledgeUnavailable` and `KnowledgeRefused`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        redact: Callable[[str], str],
        rate_per_minute: int = 60,
        timeout: float = 15.0,
        retry_budget: float = 8.0,
        search_timeout: float = 5.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        _check_address(base_url, api_key)
        self._sanitiser = Sanitiser(redact)
        rate = RateWindow(rate_per_minute)
        self._calls = Calls(base_url, api_key, rate=rate, timeout=timeout, budget=retry_budget, sleep=sleep)
        soon = min(SEARCH_RETRY_BUDGET, retry_budget)
        self._searches = Calls(base_url, api_key, rate=rate, timeout=search_timeout, budget=soon, sleep=sleep)

    def add_reflection(
        self, tenant: str, content: str, *, error_pattern: str, correct_approach: str, metadata: Mapping[str, object]
    ) -> str:
        """Store a reflection and return its id. Not repeated once sent: the server would keep both."""
        space = namespace(tenant)
        text = self._sanitiser.content(with_pattern_of(content, metadata))
        category = self._sanitiser.error_pattern(error_pattern)
        approach = self._sanitiser.correct_approach(correct_approach)
        document = {**self._sanitiser.metadata(metadata, reserved=2), "error_pattern": category}

        def ask(client: AegisClient) -> Any:
            return client.add_reflection(
                text,
                AGENT_ID,
                namespace=space,
                error_pattern=category or None,
                correct_approach=approach or None,
                scope="global",
                metadata=document,
            )

        return str(self._calls.call(ask, repeatable=False))

    def add_strategy(self, tenant: str, content: str, *, metadata: Mapping[str, object]) -> str:
        """Store a strategy and return its id. Not repeated once sent: the server would keep both."""
        operation = {
            "type": "add",
            "content": self._sanitiser.content(with_pattern_of(content, metadata)),
            "memory_type": "strategy",
            "agent_id": AGENT_ID,
            "namespace": namespace(tenant),
            "scope": "global",
            "metadata": self._sanitiser.metadata(metadata),
        }
        return self._apply(operation, repeatable=False)

    def find(self, tenant: str, pattern_id: str, kind: Literal["reflection", "strategy"]) -> list[str]:
        """Ids of the memories of ``kind`` that carry ``pattern_id`` and are not deprecated, oldest first.

        One call, and one more for each that is found. The hybrid query's full-text half finds the id as a word of its own,
        whatever the embeddings are; a purely semantic query may miss it, and an export reads the whole namespace.
        """
        space = namespace(tenant)
        word = content_with_pattern(pattern_id, "")[len("[pat_") : -len("] ")]
        answer = self._calls.call(
            lambda client: client.hybrid_query(
                word, agent_id=AGENT_ID, namespace=space, top_k=MAX_TOP_K, candidate_pool=MAX_TOP_K
            ),
            repeatable=True,
        )
        carrying = [
            str(hit["id"])
            for hit in _results(answer)
            if hit.get("memory_type") == kind and pattern_id_in(str(hit.get("content", ""))) == pattern_id
        ]
        found = [memory for memory in (self._fetch(tenant, memory_id) for memory_id in carrying) if memory is not None]
        return [str(memory.id) for memory in sorted(found, key=_age) if not memory.metadata.get(DEPRECATED)]

    def vote(self, tenant: str, memory_id: str, vote: Vote, *, context: str, task_id: str) -> None:
        """Cast one vote. An error may come after the vote has counted; it is never sent twice.

        Raises `KnowledgeRefused` where the id is unknown.
        """
        namespace(tenant)
        known_memory_id(memory_id)
        why = self._sanitiser.context(context) or None
        task = self._sanitiser.task_id(task_id) or None
        self._calls.call(lambda client: client.vote(memory_id, vote, AGENT_ID, context=why, task_id=task), repeatable=False)

    def update_metadata(self, tenant: str, memory_id: str, metadata: Mapping[str, object]) -> None:
        """Merge ``metadata`` (shallow). Raises `KnowledgeRefused` where the id is unknown."""
        namespace(tenant)
        known_memory_id(memory_id)
        patch = self._sanitiser.metadata(metadata)
        # PATCH, because a delta's update reports success and saves nothing.
        self._calls.call(lambda client: client.update_memory(memory_id, metadata=patch), repeatable=True)

    def get(self, tenant: str, memory_id: str) -> Memory | None:
        """The memory, or None where the tenant has none of this id. The server tells no votes here."""
        found = self._fetch(tenant, memory_id)
        return None if found is None else Memory(found.id, found.content, dict(found.metadata))

    def deprecate(self, tenant: str, memory_id: str) -> None:
        """Take the memory out of the playbook, and say so in its metadata (``deprecated``)."""
        self.update_metadata(tenant, memory_id, {DEPRECATED: True})
        self._apply({"type": "deprecate", "memory_id": memory_id, "agent_id": AGENT_ID}, repeatable=True)

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        """The memories nearest to ``query``, nearest first."""
        space = namespace(tenant)
        text = self._sanitiser.query(query)
        if not text or top_k < 1:
            return []
        # The agent's playbook: the general one is answered with 500 by servers up to 2.7.0.
        playbook = self._searches.call(
            lambda client: client.get_playbook_for_agent(
                AGENT_ID,
                query=text,
                namespace=space,
                top_k=min(MAX_TOP_K, top_k * 4),
                min_effectiveness=min_effectiveness,
            ),
            repeatable=True,
        )
        return candidates(playbook.entries, top_k)

    def memories(self, tenant: str, kind: MemoryKind) -> Iterator[Memory]:
        """All memories of ``kind``, oldest first, deprecated ones too. The namespace comes as one export, kept in a file.

        Raises `KnowledgeRefused` where there are more than the server exports at once.
        """
        space = namespace(tenant)
        return exported_memories(self._calls.call(lambda client: export(client, space), repeatable=True), space, kind)

    def tenants(self) -> list[str]:
        """Raises `KnowledgeRefused`: the server does not list its namespaces."""
        raise KnowledgeRefused("an Aegis server does not list its tenants: name each with --tenant")

    def close(self) -> None:
        """Release this process's connections. The next call opens them anew."""
        self._calls.close()
        self._searches.close()

    def _fetch(self, tenant: str, memory_id: str) -> Any:
        """Aegis's memory of this id, or None where ``tenant`` has none."""
        space = namespace(tenant)
        if not is_memory_id(memory_id):
            return None
        found = self._calls.call(lambda client: _get(client, memory_id), repeatable=True)
        return found if found is not None and found.namespace == space else None

    def _apply(self, operation: Mapping[str, object], *, repeatable: bool) -> str:
        """Apply one delta operation and return the memory's id. A failure comes as an answer of 200."""
        answer = self._calls.call(lambda client: client.apply_delta([dict(operation)]), repeatable=repeatable)
        result = answer.results[0]
        if result.success:
            return str(result.memory_id)
        said = f"Aegis did not {operation['type']} a memory: {str(result.error)[:300]}"
        if any(word in said.lower() for word in _REFUSALS):
            raise KnowledgeRefused(said)
        raise KnowledgeUnavailable(said)


def _get(client: AegisClient, memory_id: str) -> Any:
    try:
        return client.get(memory_id)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            return None
        raise


def _age(memory: Any) -> tuple[Any, str]:
    return memory.created_at, memory.id


def _results(answer: Any) -> list[dict[str, Any]]:
    return [hit for hit in answer["results"] if isinstance(hit, dict)]


def _check_address(base_url: str, api_key: str) -> None:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise InvalidSettings(f"the URL of Aegis is no URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidSettings(f"the URL of Aegis must look like http://aegis:8000, not {base_url!r}")
    if not api_key or not api_key.isascii() or not api_key.isprintable() or api_key != api_key.strip():
        raise InvalidSettings("Aegis is to be asked at a URL, and its API key is empty or has characters that no key has")
