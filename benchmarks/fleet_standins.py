"""What stands in for a language model and for Aegis: both answer at once, and the model's calls are counted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from random import Random

from ci_memory_producers.events import Diagnosis
from ci_memory_workers.errors import KnowledgeRefused
from ci_memory_workers.services.ports import AnalystAnswer, Candidate, FailureContext, Memory, MemoryKind, Vote

MISSED, MISTAKEN = 0.05, 0.01
"""How often the stand-in does not see that a candidate is the same failure, and how often it names one that is not."""
_PATTERN = re.compile(r"\[(pat_[a-z0-9]+)\]")
_WORD = re.compile(r"[A-Za-z_]{3,}")


@dataclass(slots=True)
class StandInAnalyst:
    """Says by the truth whether a failure is one of the candidates, with errors. ``causes`` tells the causes of a pattern."""

    seed: int
    causes: Callable[[str], Counter[str]]
    name: str = "stand-in"
    calls: Counter[str] = field(default_factory=Counter)
    offered: int = 0
    merged: int = 0

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        """See `Analyst.analyze`. A call is counted under the failure's true cause."""
        (cause, _), *_ = self.causes(failure.pattern_id).most_common(1) or [("", 0)]
        self.calls[cause] += 1
        rng = Random(f"{self.seed}|{failure.build_id}|{failure.test_id}|{cause}")
        same = [one for one in candidates if (most := self.causes(one.pattern_id).most_common(1)) and most[0][0] == cause]
        self.offered += bool(same)
        luck = rng.random()
        chosen = same[0].pattern_id if same and luck >= MISSED else None
        if not same and candidates and luck < MISTAKEN:
            chosen = candidates[0].pattern_id
        self.merged += chosen is not None
        said = Diagnosis(summary="A failure.", likely_cause="Unknown.", suggested_fix="Look at the log.", prevention="None.")
        return AnalystAnswer(said, self.name, chosen, "the stand-in says so" if chosen else "")


@dataclass(slots=True)
class _Kept:
    kind: MemoryKind
    content: str
    metadata: dict[str, object]
    pattern_id: str
    words: frozenset[str]
    gone: bool = False


@dataclass(slots=True)
class MemoryInMemory:
    """Satisfies `Knowledge`. The shortlist is ranked by shared words, rare ones weighing more: no embedding is involved."""

    kept: dict[str, _Kept] = field(default_factory=dict)
    by_word: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_pattern: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add_reflection(
        self, tenant: str, content: str, *, error_pattern: str, correct_approach: str, metadata: Mapping[str, object]
    ) -> str:
        """See `Knowledge.add_reflection`."""
        return self._add("reflection", content, metadata)

    def add_strategy(self, tenant: str, content: str, *, metadata: Mapping[str, object]) -> str:
        """See `Knowledge.add_strategy`."""
        return self._add("strategy", content, metadata)

    def find(self, tenant: str, pattern_id: str, kind: MemoryKind) -> list[str]:
        """See `Knowledge.find`."""
        return [one for one in self.by_pattern[pattern_id] if self.kept[one].kind == kind and not self.kept[one].gone]

    def vote(self, tenant: str, memory_id: str, vote: Vote, *, context: str, task_id: str) -> None:
        """See `Knowledge.vote`. Votes are not looked at."""
        self._memory(memory_id)

    def update_metadata(self, tenant: str, memory_id: str, metadata: Mapping[str, object]) -> None:
        """See `Knowledge.update_metadata`."""
        self._memory(memory_id).metadata.update(metadata)

    def get(self, tenant: str, memory_id: str) -> Memory | None:
        """See `Knowledge.get`."""
        one = self.kept.get(memory_id)
        return Memory(memory_id, one.content, one.metadata) if one else None

    def deprecate(self, tenant: str, memory_id: str) -> None:
        """See `Knowledge.deprecate`."""
        self._memory(memory_id).gone = True

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        """See `Knowledge.shortlist`."""
        scores: Counter[str] = Counter()
        for word in _words(query):
            holders = self.by_word.get(word, set())
            for memory_id in holders:
                scores[memory_id] += log(1 + len(self.kept) / len(holders))  # type: ignore[assignment] # a counter of floats
        best = sorted((one for one in scores if not self.kept[one].gone), key=lambda one: (-scores[one], one))[:top_k]
        return [Candidate(self.kept[one].pattern_id, one, self.kept[one].content, 0.0, self.kept[one].kind) for one in best]

    def memories(self, tenant: str, kind: MemoryKind) -> Iterator[Memory]:
        """See `Knowledge.memories`."""
        return (
            Memory(key, one.content, one.metadata | {"deprecated": one.gone})
            for key, one in self.kept.items()
            if one.kind == kind
        )

    def tenants(self) -> list[str]:
        """See `Knowledge.tenants`."""
        return ["default"] if self.kept else []

    def close(self) -> None:
        """See `Knowledge.close`."""

    def _add(self, kind: MemoryKind, content: str, metadata: Mapping[str, object]) -> str:
        memory_id = f"mem-{len(self.kept):06}"
        found = _PATTERN.match(content)
        kept = self.kept[memory_id] = _Kept(kind, content, dict(metadata), found[1] if found else "", _words(content))
        self.by_pattern[kept.pattern_id].append(memory_id)
        for word in kept.words:
            self.by_word[word].add(memory_id)
        return memory_id

    def _memory(self, memory_id: str) -> _Kept:
        if memory_id not in self.kept:
            raise KnowledgeRefused(f"no memory {memory_id}")
        return self.kept[memory_id]


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))
