"""The story of what is remembered for good: one writer at a time brings a pattern's memories in Aegis up to date.

`sync` may be repeated, and interrupted, at any point: it looks for what a killed writer left before it adds, takes a vote off
the list before it casts it (a vote reaches Aegis at most once; our own ledger is exact), and writes counters as a summary,
never as a change.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..domain.answer import at
from ..domain.match import reflection_text, strategy_text
from ..domain.pattern import Fix, Pattern
from ..errors import KnowledgeNotAsked, KnowledgeRefused, Permanent, Retryable
from .pattern_state import FORGOTTEN, SAMPLE_KEY, STATE_KEY, compact, compact_sample
from .ports import Index, Knowledge, Lease, MemoryKind, PendingVote
from .ports.archive import Archive

log = logging.getLogger(__name__)

LEASE_MS = 120_000
RETRY_MS = 15_000
STRATEGY = "strategy_"
"""Before a fix's id: the link to its strategy."""
WITHDRAWN = "withdrawn"
"""Stands in the place of a strategy's id where the strategy was taken out of the playbook."""


@dataclass(frozen=True, slots=True)
class Librarian:
    """Writes what the index knows into Aegis. ``flush_ms`` is how long counts may be collected before the next writing,
    ``lease_ms`` how long one may take.
    """

    index: Index
    knowledge: Knowledge
    archive: Archive
    flush_ms: int
    lease_ms: int = LEASE_MS

    def sync(self, tenant: str, pattern_id: str, now_ms: int) -> str:
        """Bring Aegis up to date with a pattern, if that is due. Returns what came of it, in a word."""
        lease = self.index.take("memory", tenant, pattern_id, now_ms=now_ms, lease_ms=self.lease_ms)
        if lease is None:
            return "not_due"
        pattern = self.index.pattern(tenant, pattern_id)
        if pattern is not None and not pattern.analysed:
            self.index.finish(lease)
            return "nothing_to_write"
        try:
            if pattern is None or pattern.merged_into:
                return self._withdraw(lease, pattern, now_ms)
            return self._write(lease, pattern, now_ms)
        except Retryable as error:
            wait_ms = max(RETRY_MS, int((error.retry_after or 0) * 1000))
            self.index.finish(lease, again_ms=now_ms + wait_ms)
            log.warning("aegis is out of reach pattern_id=%s reason=%s", pattern_id, error.reason)
            return error.reason
        except Permanent as error:
            self.index.finish(lease)
            log.error("aegis refuses pattern_id=%s reason=%s", pattern_id, error.reason)
            return error.reason

    def _write(self, lease: Lease, pattern: Pattern, now_ms: int) -> str:
        tenant = lease.tenant
        if pattern.status == "deprecated" and not self.index.links(tenant, pattern.pattern_id).get("reflection_id"):
            self._withdraw_reflections(tenant, pattern)
            self.index.finish(lease)
            return "nothing_to_write"
        reflection_id = self._reflection(tenant, pattern)
        strategies = {fix.fix_id: self._strategy(tenant, pattern, fix) for fix in pattern.fixes if not fix.vetoed}
        self._withdraw_strategies(tenant, pattern, strategies)
        while vote := self.index.next_vote(tenant, pattern.pattern_id):
            if vote.target == "strategy" and vote.fix_id not in strategies:
                strategies[vote.fix_id] = self._strategy_known_since(tenant, pattern.pattern_id, vote.fix_id)
            self._cast(tenant, pattern, vote, strategies[vote.fix_id] if vote.target == "strategy" else reflection_id)
        self.knowledge.update_metadata(tenant, reflection_id, summary(pattern) | self._state(tenant, pattern))
        if pattern.status == "deprecated":
            # Aegis can't bring a memory back: should the pattern recur, it gets a new reflection. The link goes first: a writer
            # that dies in between must not leave one to what is no longer in the playbook.
            self.index.link(tenant, pattern.pattern_id, reflection_id="")
            self._withdraw_reflections(tenant, pattern, reflection_id)
        self.index.finish(lease, revision=pattern.revision, later_ms=now_ms + self.flush_ms)
        return "written"

    def _state(self, tenant: str, pattern: Pattern) -> dict[str, object]:
        """The whole state of a pattern, for the day when Redis is lost."""
        state = self.archive.state(tenant, pattern.pattern_id)
        return {STATE_KEY: compact(state)} if state else {}

    def _withdraw(self, lease: Lease, pattern: Pattern | None, now_ms: int) -> str:
        """Take the memories of a pattern out of the playbook: it was merged, and the one that stays speaks for both; or it was
        forgotten (None).
        """
        kinds: tuple[MemoryKind, ...] = ("reflection", "strategy")
        for kind in kinds:
            for memory_id in self.knowledge.find(lease.tenant, lease.work_id, kind):
                if pattern is None:
                    self.knowledge.update_metadata(lease.tenant, memory_id, self._forgotten(lease))
                self.knowledge.deprecate(lease.tenant, memory_id)
        # A person may have taken the merge back meanwhile.
        self.index.finish(lease, revision=pattern.revision if pattern else 0, later_ms=now_ms)
        return "withdrawn"

    def _forgotten(self, lease: Lease) -> dict[str, object]:
        """What says that a memory's pattern was forgotten, for the day when Redis is lost; its state goes."""
        ruling = self.archive.forgotten(lease.tenant).get(lease.work_id)
        return {FORGOTTEN: ruling.model_dump(), STATE_KEY: ""} if ruling else {}

    def _withdraw_reflections(self, tenant: str, pattern: Pattern, *known: str) -> None:
        """Take the reflections of a pattern that grew old out of the playbook: ``known`` ones, and what a killed writer left."""
        for memory_id in dict.fromkeys((*known, *self.knowledge.find(tenant, pattern.pattern_id, "reflection"))):
            self.knowledge.deprecate(tenant, memory_id)

    def _withdraw_strategies(self, tenant: str, pattern: Pattern, stays: Collection[str]) -> None:
        """Take strategies out of the playbook, once: of fixes that a person vetoed, and of those that left with a split."""
        links = self.index.links(tenant, pattern.pattern_id)
        linked = {name.removeprefix(STRATEGY): memory_id for name, memory_id in links.items() if name.startswith(STRATEGY)}
        vetoed = {fix.fix_id for fix in pattern.fixes if fix.vetoed}
        for fix_id in sorted((vetoed | linked.keys()) - set(stays)):
            known = linked.get(fix_id, "")
            if known == WITHDRAWN:
                continue
            for memory_id in dict.fromkeys((*([known] if known else ()), *self._strategies_of(tenant, pattern, fix_id))):
                self.knowledge.deprecate(tenant, memory_id)
            self.index.link(tenant, pattern.pattern_id, **{STRATEGY + fix_id: WITHDRAWN})

    def _reflection(self, tenant: str, pattern: Pattern) -> str:
        links = self.index.links(tenant, pattern.pattern_id)
        if known := links.get("reflection_id"):
            return known
        found = self.knowledge.find(tenant, pattern.pattern_id, "reflection")
        reflection_id = found[0] if found else self._add_reflection(tenant, pattern)
        self.index.link(tenant, pattern.pattern_id, reflection_id=reflection_id)
        return reflection_id

    def _add_reflection(self, tenant: str, pattern: Pattern) -> str:
        diagnosis = pattern.diagnosis
        text = reflection_text(
            pattern.category,
            pattern.stage,
            pattern.headline,
            diagnosis.summary if diagnosis else "",
            diagnosis.likely_cause if diagnosis else "",
        )
        return self.knowledge.add_reflection(
            tenant,
            f"[{pattern.pattern_id}] {text}",
            error_pattern=pattern.category,
            correct_approach=pattern.fix.description if pattern.fix else "",
            metadata=summary(pattern) | self._sample(tenant, pattern),
        )

    def _sample(self, tenant: str, pattern: Pattern) -> dict[str, object]:
        """The text of the first failure: Redis keeps it for a month, and a newer way to read failures may come later."""
        sample = self.archive.sample(tenant, pattern.pattern_id)
        return {SAMPLE_KEY: compact_sample(sample)} if sample else {}

    def _strategy(self, tenant: str, pattern: Pattern, fix: Fix) -> str:
        link = STRATEGY + fix.fix_id
        links = self.index.links(tenant, pattern.pattern_id)
        if (known := links.get(link)) and known != WITHDRAWN:
            return known
        strategy_id = self._told_alike(tenant, pattern, fix) or self.knowledge.add_strategy(
            tenant,
            f"[{pattern.pattern_id}] {strategy_text(pattern.headline, fix.fix_type, fix.description)}",
            metadata={
                "type": "ci_fix_strategy",
                "pattern_id": pattern.pattern_id,
                "fix_id": fix.fix_id,
                "error_pattern": pattern.category,
                "stage": pattern.stage,
                "fix_type": fix.fix_type,
                "fix_commit": fix.commit,
                "description": fix.description,
            },
        )
        self.index.link(tenant, pattern.pattern_id, **{link: strategy_id})
        return strategy_id

    def _strategy_known_since(self, tenant: str, pattern_id: str, fix_id: str) -> str:
        """The strategy of a fix that came up while its pattern was written; '' where the fix is gone, or vetoed."""
        pattern = self.index.pattern(tenant, pattern_id)
        fixes = pattern.fixes if pattern else ()
        fix = next((one for one in fixes if one.fix_id == fix_id and not one.vetoed), None)
        return self._strategy(tenant, pattern, fix) if pattern and fix else ""

    def _told_alike(self, tenant: str, pattern: Pattern, fix: Fix) -> str:
        """A strategy that tells ``fix`` as it is told now; '' for none. Those that tell it in other words leave the playbook."""
        alike = ""
        for memory_id in list(self._strategies_of(tenant, pattern, fix.fix_id)):
            memory = self.knowledge.get(tenant, memory_id)
            if memory and memory.metadata.get("description") != fix.description:
                self.knowledge.deprecate(tenant, memory_id)
            else:
                alike = alike or memory_id
        return alike

    def _strategies_of(self, tenant: str, pattern: Pattern, fix_id: str) -> Iterator[str]:
        """Strategies that carry a fix's id: one that a killed writer may have left too."""
        for memory_id in self.knowledge.find(tenant, pattern.pattern_id, "strategy"):
            memory = self.knowledge.get(tenant, memory_id)
            if memory and memory.metadata.get("fix_id") == fix_id:
                yield memory_id

    def _cast(self, tenant: str, pattern: Pattern, vote: PendingVote, memory_id: str) -> None:
        if not memory_id:
            return
        try:
            self.knowledge.vote(tenant, memory_id, vote.vote, context=vote.context, task_id=pattern.pattern_id)
        except KnowledgeNotAsked:
            self.index.return_vote(tenant, pattern.pattern_id, vote)
            raise
        except (KnowledgeRefused, Retryable) as error:
            # Taken off the list already: at most once. The ledger in the index has counted it.
            log.warning("a vote is lost to aegis pattern_id=%s reason=%s", pattern.pattern_id, error.reason)


def summary(pattern: Pattern) -> dict[str, object]:
    """What the reflection's metadata says of a pattern: the counters as they are now, and the fix."""
    fix, diagnosis = pattern.fix, pattern.diagnosis
    data: dict[str, object] = {
        "pattern_id": pattern.pattern_id,
        "error_signature": pattern.fingerprint,
        "error_pattern": pattern.category,
        "signal": pattern.signal,
        "stage": pattern.stage,
        "test_key": pattern.test_key,
        "status": pattern.status,
        "status_reason": pattern.status_reason,
        "first_seen": _iso(pattern.first_ms),
        "last_seen": _iso(pattern.last_ms),
        "occurrence_count": pattern.occurrences,
        "flaky_count": pattern.flaky_episodes,
        "episodes": pattern.episodes,
        "repositories": pattern.repositories,
        "analyst": pattern.analyst,
    }
    if diagnosis:
        data["analysis"] = diagnosis.model_dump()
    if fix:
        data |= {
            "correct_approach": fix.description,
            "fix_type": fix.fix_type,
            "fix_commit": fix.commit,
            "fixed_by": fix.fixed_by,
            "resolved_at": _iso(fix.resolved_ms),
            "fix_worked": fix.all_worked,
            "fix_failed": fix.all_failed,
        }
    elif pattern.fixes:
        # Metadata is merged: what was said of a fix that a person vetoed must not stay.
        data |= {"correct_approach": "", "fix_type": "", "fix_commit": "", "fixed_by": "", "fix_worked": 0, "fix_failed": 0}
    return data


def _iso(ms: int) -> str:
    moment = at(ms)
    return moment.isoformat(timespec="milliseconds") if moment else ""
