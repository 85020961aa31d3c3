"""The story of a memory that is brought back: Redis is lost, and all that was learned is not.

Every reflection in Aegis carries the whole state of its pattern (`services.pattern_state`). `Archivist.rebuild` reads them and
puts the patterns back, each in one step that never overwrites what is newer; then what the journal holds beyond the states, where
the journal has survived. `Archivist.add_fingerprints` lets what is known be found by a newer way to read failures.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ci_memory_producers.events import ResolutionEvent

from ..domain.fingerprint import fingerprint
from ..domain.pattern import Fix
from ..errors import Permanent
from .pattern_state import FORGOTTEN, UnreadableState, read, read_sample
from .ports import FailureContext, Index, Knowledge, Lookalikes, Memory
from .ports.archive import Aliased, Archive, FixState, JournalEntry, PatternState, RulingState
from .resolutions import fix_of

DECISIONS = frozenset({"merge", "split", "veto", "lift", "pin", "unpin", "own", "forget"})

log = logging.getLogger(__name__)


class IndexNotEmpty(Permanent):
    """A rebuild would put what Aegis knows beside what the index knows, and nobody asked for that."""

    reason = "index_not_empty"

    def __init__(self, tenant: str) -> None:
        super().__init__(f"the index of tenant {tenant} is not empty: with --merge, what Aegis knows is added to it")
        self.tenant = tenant


@dataclass(frozen=True, slots=True)
class Archivist:
    """What bringing knowledge back needs."""

    archive: Archive
    index: Index
    knowledge: Knowledge
    lookalikes: Lookalikes

    def rebuild(self, tenant: str, now_ms: int, *, merge: bool = False) -> Counter[str]:
        """Make a tenant's index from Aegis and the journal; may be repeated with ``merge``. Raises `IndexNotEmpty` without.

        Counts patterns by what became of each (``restored``, ``updated``, ``unchanged``, ``merged``), reflections without a
        state that can be read (``unreadable``), and entries of the journal that were ``reapplied``.
        """
        if not merge and not self.archive.is_empty(tenant):
            raise IndexNotEmpty(tenant)
        # What comes later is written by this rebuild, or by who works meanwhile: it is in effect.
        journal_end = self.archive.journal_end(tenant)
        counts = self._forget(tenant)
        withdrawn: list[PatternState] = []
        for memory in self.knowledge.memories(tenant, "reflection"):
            if FORGOTTEN in memory.metadata:
                continue
            state = self._read(tenant, memory)
            if state is None:
                counts["unreadable"] += "pattern_id" in memory.metadata
            elif memory.metadata.get("deprecated") and state.fields["status"] != "deprecated":
                withdrawn.append(state)
            else:
                counts[self._restore(tenant, state, memory, now_ms)] += 1
        for state in withdrawn:
            counts[self._restore_withdrawn(tenant, state, now_ms)] += 1
        counts["reapplied"] = self._reapply_journal(tenant, journal_end)
        return +counts

    def _forget(self, tenant: str) -> Counter[str]:
        """What a person let be forgotten does not come back, by whichever of its reflections."""
        counts: Counter[str] = Counter()
        for memory in self.knowledge.memories(tenant, "reflection"):
            if ruling := memory.metadata.get(FORGOTTEN):
                pattern_id = str(memory.metadata["pattern_id"])
                counts["forgotten"] += self.archive.keep_forgotten(tenant, pattern_id, RulingState.model_validate(ruling))
        return counts

    def _read(self, tenant: str, memory: Memory) -> PatternState | None:
        try:
            state = read(memory.metadata)
        except UnreadableState as error:
            log.warning("a reflection is skipped memory_id=%s reason=%s", memory.memory_id, error.why)
            return None
        return self._with_dropped_fixes(tenant, state) if state.dropped else state

    def _with_dropped_fixes(self, tenant: str, state: PatternState) -> PatternState:
        """Fixes whose words, or more, had no room in the state: their strategies have the words; the outcomes are gone."""
        fixes = {fix.fix_id: fix for fix in state.fixes}
        for memory_id in self.knowledge.find(tenant, state.pattern_id, "strategy"):
            memory = self.knowledge.get(tenant, memory_id)
            if memory and (fix := _fix_of_strategy(memory.metadata)):
                known = fixes.get(fix.fix_id, fix)
                fixes[fix.fix_id] = known.model_copy(update={"description": known.description or fix.description})
        return state.model_copy(update={"fixes": tuple(fixes.values())})

    def _restore(self, tenant: str, state: PatternState, memory: Memory, now_ms: int) -> str:
        sample = read_sample(memory.metadata)
        outcome = self.archive.restore(tenant, state, now_ms=now_ms, owe=False, sample=sample, journalled=True)
        if outcome in ("restored", "updated") and not memory.metadata.get("deprecated"):
            self.index.link(tenant, state.pattern_id, reflection_id=memory.memory_id)
        if outcome == "restored" and sample:
            self.lookalikes.remember(tenant, sample, cause=state.cause)
        return outcome

    def _restore_withdrawn(self, tenant: str, state: PatternState, now_ms: int) -> str:
        """A pattern that left the playbook because it was merged. Only where the one that stays does not know of it."""
        if self.archive.owner(tenant, state.fields["fingerprint"]):
            return "merged"
        return self.archive.restore(tenant, state, now_ms=now_ms, owe=True, journalled=True)

    def _reapply_journal(self, tenant: str, until: str) -> int:
        reapplied = 0
        for entry in self.archive.journal(tenant, until):
            decision = _decision(entry)
            if decision is None:
                log.warning("an entry of the journal is skipped entry_id=%s kind=%s", entry.entry_id, entry.fields.get("kind"))
                continue
            pattern_id, fix = decision
            reapplied += self.archive.reapply(tenant, pattern_id, entry, fix)
        self.archive.journal_applied(tenant)
        return reapplied

    def add_fingerprints(self, tenant: str, now_ms: int) -> Counter[str]:
        """Read each pattern's first failure anew, and let the pattern be known by what its fingerprint is now, too.

        Counts patterns: ``added``, ``known`` (nothing has changed), ``taken`` (another pattern has the new fingerprint: to the
        new way of reading they are one failure), ``no_sample`` (its text is kept neither here nor in Aegis).
        """
        counts: Counter[str] = Counter()
        textless: set[str] = set()
        for pattern_id in self.archive.pattern_ids(tenant):
            if sample := self.archive.sample(tenant, pattern_id):
                counts[self._add_fingerprint(tenant, pattern_id, sample, now_ms)] += 1
            else:
                textless.add(pattern_id)
        for memory in self.knowledge.memories(tenant, "reflection") if textless else ():
            pattern_id = str(memory.metadata.get("pattern_id", ""))
            if pattern_id in textless and (sample := read_sample(memory.metadata)):
                textless.remove(pattern_id)
                counts[self._add_fingerprint(tenant, pattern_id, sample, now_ms)] += 1
        counts["no_sample"] = len(textless)
        return +counts

    def _add_fingerprint(self, tenant: str, pattern_id: str, sample: FailureContext, now_ms: int) -> Aliased:
        mark = fingerprint(sample.error_message, stage=sample.stage, test_id=sample.test_id, stack_trace=sample.stack_trace)
        return self.archive.add_fingerprint(tenant, pattern_id, mark.value, now_ms=now_ms)


def _fix_of_strategy(metadata: Mapping[str, object]) -> FixState | None:
    """The fix in a strategy's metadata, without outcomes; None where it is no strategy of ours."""
    if metadata.get("type") != "ci_fix_strategy" or not metadata.get("fix_id") or not metadata.get("description"):
        return None
    names = {"fix_id": "fix_id", "fix_type": "fix_type", "description": "description", "fix_commit": "commit"}
    return FixState.model_validate({field: metadata[name] for name, field in names.items() if name in metadata})


def _decision(entry: JournalEntry) -> tuple[str, Fix | None] | None:
    """The pattern that an entry is about, and the fix that it reports; None for a kind that this version does not know."""
    fields = entry.fields
    match fields.get("kind"):
        case "resolution":
            event = ResolutionEvent.model_validate(json.loads(fields["entry"]))
            return event.pattern_id, fix_of(event, entry.ms)
        case "alias":
            return fields["into"], None
        case "decision" if fields.get("decision") == "merge":
            return fields["into"], None
        case "decision" if fields.get("decision") not in DECISIONS:
            return None
        case "status" | "learned_fix" | "fingerprint" | "decision":
            return fields["pattern_id"], None
        case _:
            return None
