"""The story of a decision: a person outranks hash, similarity and model, says who and why; it holds until a person changes it."""

from __future__ import annotations

from dataclasses import dataclass

from ci_memory_producers.redact import redact

from ..domain.pattern import Ruling
from ..errors import DecisionRefused
from .ports.decisions import Decisions, FixDecision, Split

MOST_CHARACTERS = 500
"""Of who and why, each."""


@dataclass(frozen=True, slots=True)
class DecisionDesk:
    """Takes decisions down. What follows from one (an analysis, a memory that is withdrawn) is owed by the same atomic step, and
    beat rings for it.
    """

    decisions: Decisions

    def merge(self, tenant: str, pattern_id: str, into: str, ruling: Ruling) -> str:
        """Make ``pattern_id`` one with ``into``, whatever kept them apart before; returns the pattern that stays."""
        return self.decisions.merge(tenant, pattern_id, into, sound(ruling))

    def split(self, tenant: str, target: str, ruling: Ruling) -> Split:
        """Take a merge back for good. ``target`` is a fingerprint or the id of a merged pattern."""
        return self.decisions.split(tenant, target, sound(ruling))

    def about_fix(self, tenant: str, pattern_id: str, fix_id: str, decision: FixDecision, ruling: Ruling) -> str:
        """Veto or pin a fix, or take that back; returns the pattern."""
        return self.decisions.about_fix(tenant, pattern_id, fix_id, decision, sound(ruling))

    def own(self, tenant: str, pattern_id: str, owner: str, ruling: Ruling) -> str:
        """Say who looks after a pattern, '' for nobody; returns the pattern."""
        clean = " ".join(redact(owner).split())[:MOST_CHARACTERS]
        return self.decisions.own(tenant, pattern_id, clean, sound(ruling))

    def forget(self, tenant: str, pattern_id: str, ruling: Ruling) -> None:
        """Forget a pattern: it and its fixes are suggested no more, and when it fails again it is new."""
        self.decisions.forget(tenant, pattern_id, sound(ruling))


def sound(ruling: Ruling) -> Ruling:
    """``ruling`` without secrets and line breaks: the journal is kept for ever. Raises `DecisionRefused` without who or why."""
    by, why = (" ".join(redact(text).split())[:MOST_CHARACTERS] for text in (ruling.by, ruling.why))
    if not by:
        raise DecisionRefused("nobody decides: say who with --by")
    if not why:
        raise DecisionRefused("a decision needs its reason: say why with --why")
    return Ruling(by=by, why=why, ms=ruling.ms)
