"""The story of a fix: somebody reports it, the pattern remembers it, and the next failure is answered with it."""

from __future__ import annotations

from dataclasses import dataclass

from ci_memory_producers.events import ResolutionEvent, ResolutionReceipt

from ..domain.learned_fix import telling_files
from ..domain.pattern import Fix, Pattern, fix_identity
from .ports import Bell, Index
from .ports.watch import FixWatch

LEASE_MS = 60_000


@dataclass(frozen=True, slots=True)
class ResolutionDesk:
    """What applying a resolution needs, and how long it may take."""

    index: Index
    watch: FixWatch
    bell: Bell
    lease_ms: int = LEASE_MS

    def apply(self, tenant: str, event_id: str, now_ms: int) -> str:
        """Apply a resolution exactly once, if it is due. Returns what came of it, in a word."""
        lease = self.index.take("resolutions", tenant, event_id, now_ms=now_ms, lease_ms=self.lease_ms)
        if lease is None:
            return "not_due"
        event = self.index.resolution(tenant, event_id)
        if event is None:
            self.index.finish(lease)
            return "applied_before"
        pattern_id = self.index.surviving(tenant, event.pattern_id)
        fix = fix_of(event, now_ms)
        if fix is not None:
            self.watch.watch(tenant, pattern_id, fix)
        receipt = _receipt(event, pattern_id, self.index.pattern(tenant, pattern_id))
        if not self.index.apply_resolution(lease, fix, event, receipt, now_ms=now_ms):
            return "lease_lost"
        self.bell.ring("memory", tenant, pattern_id)
        return "flaky" if fix is None else "resolved"


def fix_of(event: ResolutionEvent, now_ms: int) -> Fix | None:
    """The fix that ``event`` reports; None for a rerun, which fixes nothing."""
    if event.fix_type == "rerun":
        return None
    return Fix(
        fix_id=fix_identity(event.fix_type, event.fix_description, event.fix_commit),
        fix_type=event.fix_type,
        description=event.fix_description,
        commit=event.fix_commit,
        fixed_by=event.fixed_by,
        repo=event.repo,
        resolved_ms=now_ms,
        files=telling_files(event.changed_files),
    )


def _receipt(event: ResolutionEvent, pattern_id: str, pattern: Pattern | None) -> ResolutionReceipt:
    fix_id = fix_identity(event.fix_type, event.fix_description, event.fix_commit)
    veto = next((fix.veto for fix in pattern.fixes if fix.fix_id == fix_id), None) if pattern else None
    if pattern is None:
        message = f"{pattern_id} was forgotten meanwhile: the report is kept in the journal, and nothing is suggested."
        return ResolutionReceipt(status="rejected", event_id=event.event_id, pattern_id=pattern_id, message=message)
    if veto:
        message = f"{pattern_id} is resolved, and this fix is not suggested: {veto.by} has vetoed it ({veto.why})."
    elif event.fix_type == "rerun":
        message = f"{pattern_id} is marked flaky: it went away when run again, and nothing is learned as its fix."
    else:
        message = f"{pattern_id} is resolved: this fix is suggested when the failure comes back."
    return ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id, message=message)
