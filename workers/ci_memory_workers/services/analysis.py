"""The story of a new failure: one worker claims it, an analyst speaks, and everybody who waits gets the answer.

Whatever the concurrency, a new fingerprint is analysed once: the work is owed by the atomic step that counted the failure,
and taken under a lease. A worker that dies loses its lease, and another takes the work over. While the language model is out
of reach, the rules answer, marked as provisional; the model is asked again later, with growing delays.

A run in which most tests fail is one incident: of the failures that have the same reason, the first is analysed, and the others
get its analysis. They stay patterns of their own: each has its own fixes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..domain.answer import WITHOUT_PLAYBOOK, Freshness, answer
from ..domain.backoff import delay
from ..domain.mass_failure import incident
from ..domain.match import playbook_query, reflection_text
from ..domain.pattern import Pattern
from ..errors import AnalystMisbehaved, AnalystNotAsked, Permanent, Retryable, UnknownPattern
from .ports import (
    Analyst,
    AnalystAnswer,
    Bell,
    Candidate,
    FailureContext,
    Index,
    Lease,
    Lookalike,
    Lookalikes,
    NoLookalikes,
    Playbook,
)

log = logging.getLogger(__name__)

MISBEHAVED_ATTEMPTS = 3
"""How often a model may answer nonsense about one failure, before the rules' analysis stays."""
MOST_CRASHES = 3
"""How many workers may die over one failure, before the rules' analysis stays."""
MOST_CANDIDATES = 8
"""Known patterns that an analyst is shown."""
PUBLISH_BATCH = 500
LONGEST_PUT_OFF_MS = 3_600_000
"""After so long it is asked again whether the language model may be asked: its budget may have been raised meanwhile."""


@dataclass(frozen=True, slots=True)
class AnalysisDesk:
    """What an analysis needs. ``analyst`` is the model, or the rules where there is no model; ``rules`` never fail."""

    index: Index
    knowledge: Playbook
    analyst: Analyst
    rules: Analyst
    bell: Bell
    lease_ms: int
    max_attempts: int
    jitter: Callable[[], float]
    lookalikes: Lookalikes = field(default_factory=NoLookalikes)
    freshness: Callable[[str], Freshness | None] = lambda _: None

    def analyze(self, tenant: str, pattern_id: str, clock: Callable[[], int]) -> str:
        """Analyse a pattern if that is due and nobody else does it. Returns what came of it, in a word."""
        lease = self.index.take("analysis", tenant, pattern_id, now_ms=clock(), lease_ms=self.lease_ms)
        if lease is None:
            return "not_due"
        pattern = self.index.pattern(tenant, pattern_id)
        if pattern is not None and pattern.analysed == "final":
            return self._tell(lease, pattern_id)
        sample = self.index.sample(tenant, pattern_id)
        if pattern is None or sample is None:
            self.index.finish(lease)
            raise UnknownPattern(pattern_id)
        attempt = pattern.attempts + 1
        if pattern.takes - attempt >= MOST_CRASHES:
            return self._answer_by_rules_for_good(lease, sample, attempt, "analysis_crashed", clock())
        lookalikes = self._lookalikes(tenant, sample)
        if lookalikes and lookalikes[0].accept and not sample.generic:
            best = lookalikes[0]
            if self._merge(lease, best.pattern_id, f"looks the same ({best.score:.2f}): {best.why}", clock()):
                return "alias"
        if shared := self._of_the_incident(lease, sample, pattern, clock()):
            return shared
        candidates, searched = self._shortlist(tenant, sample, lookalikes)
        try:
            reply = self.analyst.analyze(replace(sample, first_ms=pattern.first_ms), candidates)
        except AnalystNotAsked as error:
            return self._put_off(lease, sample, pattern, error, clock())
        except Retryable as error:
            patience = MISBEHAVED_ATTEMPTS if isinstance(error, AnalystMisbehaved) else self.max_attempts
            if attempt < patience:
                return self._answer_by_rules_for_now(lease, sample, attempt, error, clock())
            return self._answer_by_rules_for_good(lease, sample, attempt, error.reason, clock())
        except Permanent as error:
            return self._answer_by_rules_for_good(lease, sample, attempt, error.reason, clock())
        if not searched and reply.same_as is None and reply.analyst != self.rules.name:
            reply = replace(reply, reason=f"{WITHOUT_PLAYBOOK}; {reply.reason}")
        return self._settle(lease, reply, candidates, attempt, clock())

    def _of_the_incident(self, lease: Lease, sample: FailureContext, pattern: Pattern, now_ms: int) -> str:
        """Share the analysis of the failure that speaks for this one's incident, or wait for it; '' where none does."""
        group = incident(sample.mass_run, sample.error_message, sample.stack_trace)
        speaker = self.index.speaks_for(lease.tenant, group, lease.work_id) if group else lease.work_id
        if speaker == lease.work_id:
            return ""
        spoken = self.index.pattern(lease.tenant, speaker)
        if spoken is not None and not spoken.analysed:
            # Its end makes this one due again, or else the time of a lease: it waits once.
            self.index.finish(lease, again_ms=now_ms + self.lease_ms)
            return "waits_for_its_incident"
        if spoken is None or spoken.analysed != "final" or spoken.diagnosis is None:
            return ""
        reply = AnalystAnswer(spoken.diagnosis, spoken.analyst, reason=f"most tests of its run failed for one reason: {speaker}")
        return self._settle(lease, reply, [], pattern.attempts + 1, now_ms)

    def _lookalikes(self, tenant: str, sample: FailureContext) -> list[Lookalike]:
        """What looks like it, as the patterns that stand for it now: some were merged since, some a person let be forgotten."""
        found: dict[str, Lookalike] = {}
        for one in self.lookalikes.nearest(tenant, sample):
            stands = self.index.surviving(tenant, one.pattern_id)
            if stands not in found and stands != sample.pattern_id and self.index.pattern(tenant, stands) is not None:
                found[stands] = replace(one, pattern_id=stands)
        return list(found.values())

    def _shortlist(self, tenant: str, sample: FailureContext, lookalikes: Sequence[Lookalike]) -> tuple[list[Candidate], bool]:
        """Known patterns that this may be: what looks like it, then what the playbook finds for it, each once; and whether the
        playbook was searched.
        """
        by_text = [found for one in lookalikes if (found := self._candidate(tenant, one))]
        query = playbook_query(sample.category, sample.headline, sample.stage)
        by_playbook, searched = [], True
        try:
            by_playbook = self.knowledge.shortlist(tenant, query)
        except (Retryable, Permanent) as error:
            # A memory that is out of reach must not delay the answer.
            log.warning("no playbook pattern_id=%s reason=%s", sample.pattern_id, error.reason)
            searched = False
        candidates: dict[str, Candidate] = {}
        for one in (*by_text, *by_playbook):
            if one.pattern_id != sample.pattern_id:
                candidates.setdefault(one.pattern_id, one)
        return list(candidates.values())[:MOST_CANDIDATES], searched

    def _candidate(self, tenant: str, lookalike: Lookalike) -> Candidate | None:
        pattern = self.index.pattern(tenant, lookalike.pattern_id)
        if pattern is None or pattern.diagnosis is None:
            return None
        said = pattern.diagnosis
        text = reflection_text(pattern.category, pattern.stage, pattern.headline, said.summary, said.likely_cause)
        return Candidate(pattern.pattern_id, "", text, 0.0, "reflection")

    def _settle(self, lease: Lease, reply: AnalystAnswer, candidates: list[Candidate], attempt: int, now_ms: int) -> str:
        offered = {candidate.pattern_id for candidate in candidates}
        if reply.same_as in offered:
            if self._merge(lease, reply.same_as, reply.reason, now_ms):
                return "alias"
            # A person outranks the analyst: what is kept apart is new.
            reply = replace(reply, same_as=None, reason=f"not merged with {reply.same_as}: kept apart, or gone meanwhile")
        if not self.index.record_analysis(lease, reply, attempts=attempt, now_ms=now_ms):
            return "lease_lost"
        self._remember(lease, reply)
        self._wake_incident(lease.tenant, self.index.sample(lease.tenant, lease.work_id), now_ms)
        return self._tell(lease, lease.work_id)

    def _merge(self, lease: Lease, into: str, reason: str, now_ms: int) -> bool:
        """Make the failure an alias of a known pattern, and answer who waits with what is known of that."""
        sample = self.index.sample(lease.tenant, lease.work_id)
        if not self.index.merge(lease, into, reason=reason, now_ms=now_ms):
            return False
        survivor = self.index.surviving(lease.tenant, into)
        if sample is not None:
            # By its own id, which leads to the survivor: a person may take the merge back.
            self.lookalikes.remember(lease.tenant, sample)
        self._publish(lease.tenant, survivor)
        self.bell.ring("analysis", lease.tenant, survivor)
        self._wake_incident(lease.tenant, sample, now_ms)
        return True

    def _wake_incident(self, tenant: str, sample: FailureContext | None, now_ms: int) -> None:
        """Those who wait for the analysis of this one's incident have it now."""
        if sample is None or not (group := incident(sample.mass_run, sample.error_message, sample.stack_trace)):
            return
        for pattern_id in self.index.incident_analysed(tenant, group, now_ms):
            self.bell.ring("analysis", tenant, pattern_id)

    def _remember(self, lease: Lease, reply: AnalystAnswer) -> None:
        """Keep the text and its cause, so that the next failure that looks like it is recognised."""
        sample = self.index.sample(lease.tenant, lease.work_id)
        if sample is not None:
            cause = f"{sample.headline}\n{reply.diagnosis.summary}\n{reply.diagnosis.likely_cause}"
            self.lookalikes.remember(lease.tenant, sample, cause=cause)

    def _put_off(self, lease: Lease, sample: FailureContext, pattern: Pattern, error: AnalystNotAsked, now_ms: int) -> str:
        """The model may not be asked now: rules answer who waits, once, and the model is asked when it may be."""
        again_ms = now_ms + min(error.wait_ms, LONGEST_PUT_OFF_MS)
        if pattern.analysed:
            self.index.finish(lease, again_ms=again_ms)
            return "put_off"
        log.info("analyst not asked pattern_id=%s reason=%s", lease.work_id, error.reason)
        reply = replace(self.rules.analyze(sample, ()), reason=error.reason)
        if not self.index.record_analysis(lease, reply, attempts=pattern.attempts, now_ms=now_ms, retry_ms=again_ms):
            return "lease_lost"
        self._remember(lease, reply)
        self._wake_incident(lease.tenant, sample, now_ms)
        self._publish(lease.tenant, lease.work_id)
        self.bell.ring("memory", lease.tenant, lease.work_id)
        return "provisional"

    def _answer_by_rules_for_now(self, lease: Lease, sample: FailureContext, attempt: int, error: Retryable, now_ms: int) -> str:
        seconds = delay(attempt, jitter=self.jitter(), retry_after=error.retry_after)
        log.warning("analyst fails pattern_id=%s reason=%s again_in_s=%.0f", lease.work_id, error.reason, seconds)
        reply = replace(self.rules.analyze(sample, ()), reason=error.reason)
        retry_ms = now_ms + int(seconds * 1000)
        if not self.index.record_analysis(lease, reply, attempts=attempt, now_ms=now_ms, retry_ms=retry_ms):
            return "lease_lost"
        if attempt == 1:
            self._remember(lease, reply)
        self._wake_incident(lease.tenant, sample, now_ms)
        self._publish(lease.tenant, lease.work_id)
        self.bell.ring("memory", lease.tenant, lease.work_id)
        return "provisional"

    def _answer_by_rules_for_good(self, lease: Lease, sample: FailureContext, attempt: int, reason: str, now_ms: int) -> str:
        log.warning("analyst gives up pattern_id=%s reason=%s", lease.work_id, reason)
        reply = replace(self.rules.analyze(sample, ()), reason=reason)
        if not self.index.record_analysis(lease, reply, attempts=attempt, now_ms=now_ms):
            return "lease_lost"
        if attempt == 1:
            self._remember(lease, reply)
        self._wake_incident(lease.tenant, sample, now_ms)
        return self._tell(lease, lease.work_id)

    def _tell(self, lease: Lease, pattern_id: str) -> str:
        """Answer everybody who waits, then end the lease: a worker that dies in between is followed by one that tells again."""
        waiting = self._publish(lease.tenant, pattern_id)
        self.index.answered(lease.tenant, pattern_id, waiting)
        self.index.finish(lease)
        self.bell.ring("memory", lease.tenant, pattern_id)
        return "analysed"

    def _publish(self, tenant: str, pattern_id: str) -> list[str]:
        pattern = self.index.pattern(tenant, pattern_id)
        if pattern is None:
            raise UnknownPattern(pattern_id)
        waiting = self.index.awaiting(tenant, pattern_id)
        event_ids = list(waiting)
        freshness = self.freshness(tenant) if event_ids else None
        for start in range(0, len(event_ids), PUBLISH_BATCH):
            chunk = event_ids[start : start + PUBLISH_BATCH]
            replies = [answer(event_id, pattern, known=waiting[event_id], freshness=freshness) for event_id in chunk]
            for work_id in self.index.publish(tenant, replies):
                self.bell.ring("notify", tenant, work_id)
        return event_ids
