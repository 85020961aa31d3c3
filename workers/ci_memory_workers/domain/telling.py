"""What is told of an answer, and where: quiet where nobody would act on it.

| | comment on the change request | commit status | chat |
|---|---|---|---|
| outbreak | one paragraph, once a change request | "outbreak" | one message for the incident, and one when it is over |
| known to be flaky | one line | "known flaky" | default branch: one line a day for each failure and repository |
| known, fixed before | fix, evidence, veto | "known, fix: …" | default branch: once, see below |
| known, no fix yet | diagnosis | "known, no fix yet" | default branch: once |
| new | diagnosis | "new" | default branch: once |
| passes again | resolved | "passes" | nothing |

A failure of a change request is told there and in no chat; nor is one of any other branch. *Once* is once for each failure and
repository, until it stays away for a week or is fixed anew: what comes back after its fix is told again. One execution of
a job is one message, however many of its tests fail, when all of its answers are final, or after `PATIENCE_MS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ci_memory_producers.events import Analysis

from .notice import Place
from .pattern import OUTBREAK_TAIL_MS

Said = Literal["outbreak", "flaky", "fixed", "known", "new"]
DAY_S = 86_400
PATIENCE_MS = 600_000
"""How long a chat waits for final answers: what is said there can't be taken back."""


def said_of(analysis: Analysis) -> Said:
    """What an answer says of a failure, in a word."""
    evidence = analysis.evidence
    if evidence is not None and evidence.outbreak_builds:
        return "outbreak"
    if evidence is not None and analysis.pattern_status in ("flaky", "quarantined"):
        return "flaky"
    if analysis.status == "known_pattern":
        return "fixed" if evidence is not None and evidence.source == "fix" else "known"
    return "new"


_RANKS: dict[Said, int] = {"new": 0, "known": 0, "fixed": 0, "outbreak": 1, "flaky": 2}


def by_weight(answers: Iterable[Analysis]) -> list[Analysis]:
    """What should be read first comes first; what weighs the same stays in order."""
    return sorted(answers, key=lambda one: _RANKS[said_of(one)])


@dataclass(frozen=True, slots=True)
class Topic:
    """What a chat is told once: not again for ``seconds``, and where it ``goes_on`` not until it has stayed away so long."""

    key: str
    seconds: int
    goes_on: bool


def topic_of(analysis: Analysis, place: Place) -> Topic | None:
    """What a chat is told of an answer; None for what is not said there."""
    said, pattern_id = said_of(analysis), analysis.pattern_id or ""
    if said == "outbreak":
        return Topic(f"outbreak|{pattern_id}", OUTBREAK_TAIL_MS // 1000, goes_on=True)
    if not place.on_default_branch:
        return None
    if said == "flaky":
        return Topic(f"flaky|{pattern_id}|{place.repo}", DAY_S, goes_on=False)
    resolved = analysis.evidence.resolved_at if analysis.evidence else None
    fixed = f"{resolved:%Y%m%dT%H%M%S}" if resolved else ""
    return Topic(f"failure|{pattern_id}|{place.repo}|{fixed}", 7 * DAY_S, goes_on=True)


def may_speak(answers: Sequence[Analysis], *, failures: int, first_ms: int, now_ms: int) -> bool:
    """Whether a chat is told now: nothing more will come, or it has waited long enough. An outbreak waits for nothing."""
    final = [one for one in answers if not one.provisional]
    if any(said_of(one) == "outbreak" for one in answers):
        return True
    return len(final) >= failures or now_ms >= first_ms + PATIENCE_MS
