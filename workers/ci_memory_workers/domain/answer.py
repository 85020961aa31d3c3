"""The answer to a failure, from what is known of its pattern."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from ci_memory_producers.events import Analysis, Evidence

from .aging import DAY_MS, outdated
from .confidence import at_least_in, confidence_in
from .pattern import Fix, Outbreak, Pattern

FEW_OUTCOMES = 0.1
"""How far the lower bound of a confidence may be below it without a word."""
END_OF_TIME_MS = 253_402_300_799_000
"""The end of the year 9999: an entry of the log may be given any id."""


def at(ms: int) -> datetime | None:
    """The time of ``ms`` since the epoch; None for 0, and for what no calendar holds."""
    return datetime.fromtimestamp(ms / 1000, UTC) if 0 < ms < END_OF_TIME_MS else None


@lru_cache(maxsize=1_024)
def _date(ms: int, form: str = "%Y-%m-%d") -> str:
    date = at(ms)
    return f"{date:{form}}" if date else "an unknown date"


_NOT_ASKED = {
    "llm_budget_spent": "The language model's budget of today is spent",
    "llm_rate_limited": "The language model is asked about older failures first",
    "worker_stops": "Whoever asked the language model was replaced meanwhile",
}
"""Why a language model that works was not asked, by the reason of `errors.AnalystNotAsked`."""

WITHOUT_PLAYBOOK = "without the playbook, which was out of reach"
"""Begins the reason of an analysis for which the playbook could not be searched."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What an answer knows of: the newest event that was read (ms since the epoch), and how many were not read yet."""

    newest_ms: int = 0
    log_lag: int | None = None


def answer(event_id: str, pattern: Pattern, *, known: bool, freshness: Freshness | None = None) -> Analysis:
    """The answer to the event ``event_id``, whose failure is ``pattern``; ``known`` is False for the event that was first."""
    newest_event, log_lag = (at(freshness.newest_ms), freshness.log_lag) if freshness is not None else (None, None)
    if pattern.analysed:
        return (_known if known else _new)(event_id, pattern, newest_event, log_lag)
    return Analysis(
        status="pending",
        event_id=event_id,
        pattern_id=pattern.pattern_id,
        category=pattern.category,
        signal=pattern.signal,
        message="Not analysed yet: ask again in a moment.",
        newest_event=newest_event,
        log_lag=log_lag,
    )


def _new(event_id: str, pattern: Pattern, newest_event: datetime | None, log_lag: int | None) -> Analysis:
    caveats = _caveat(pattern) + _unsearched(pattern)
    return Analysis(
        status="new_pattern",
        event_id=event_id,
        pattern_id=pattern.pattern_id,
        pattern_status=pattern.status,
        category=pattern.category,
        signal=pattern.signal,
        similar_failures=pattern.occurrences,
        last_seen=at(pattern.last_ms),
        analysis=pattern.diagnosis,
        analyst=pattern.analyst,
        provisional=pattern.analysed == "provisional",
        message=f"New failure. This is a first diagnosis ({pattern.analyst}), not a proven fix.{caveats}",
        newest_event=newest_event,
        log_lag=log_lag,
    )


def _known(event_id: str, pattern: Pattern, newest_event: datetime | None, log_lag: int | None) -> Analysis:
    fix = pattern.fix
    suggestion = fix.description if fix else (pattern.diagnosis.suggested_fix if pattern.diagnosis else "")
    return Analysis(
        status="known_pattern",
        event_id=event_id,
        pattern_id=pattern.pattern_id,
        pattern_status=pattern.status,
        category=pattern.category,
        signal=pattern.signal,
        confidence=confidence_now(pattern),
        suggested_fix=suggestion,
        similar_failures=pattern.occurrences,
        last_seen=at(pattern.last_ms),
        analysis=None if fix else pattern.diagnosis,
        analyst=pattern.analyst,
        provisional=pattern.analysed == "provisional",
        evidence=_evidence(pattern),
        message=message(pattern, tried(pattern)),
        newest_event=newest_event,
        log_lag=log_lag,
    )


def confidence_now(pattern: Pattern) -> float:
    """How sure the suggestion is when ``pattern`` was seen last: half of what its outcomes say where they are outdated."""
    return confidence_in(pattern.fix) * _trust(pattern, pattern.fix) if pattern.fix else 0.0


def _trust(pattern: Pattern, fix: Fix) -> float:
    if pattern.generic:
        return 0.0
    return 0.5 if outdated(fix, now_ms=pattern.last_ms) else 1.0


def _evidence(pattern: Pattern) -> Evidence:
    fix, outbreak = pattern.fix, outbreak_now(pattern)
    return Evidence(
        source="fix" if fix else "analysis",
        occurrences=pattern.occurrences,
        repositories=pattern.repositories,
        first_seen=at(pattern.first_ms),
        fix_id=fix.fix_id if fix else "",
        fix_type=fix.fix_type if fix else None,
        fix_commit=fix.commit if fix else "",
        fix_repo=fix.repo if fix else "",
        fixed_by=fix.fixed_by if fix else "",
        resolved_at=at(fix.resolved_ms) if fix else None,
        fix_worked=fix.all_worked if fix else 0,
        fix_failed=fix.all_failed if fix else 0,
        fix_pending=fix.pending if fix else 0,
        fix_repositories=fix.repositories if fix else 0,
        fix_last_worked=at(fix.last_worked_ms) if fix else None,
        fix_learned=fix.learned if fix else False,
        confidence_at_least=at_least_in(fix) * _trust(pattern, fix) if fix else 0.0,
        flaky_episodes=pattern.flaky_episodes,
        episodes=pattern.episodes,
        match_votes=pattern.match_votes,
        outbreak_builds=outbreak.builds if outbreak else 0,
        outbreak_repositories=outbreak.repositories if outbreak else 0,
        outbreak_since=at(outbreak.since_ms) if outbreak else None,
        note=note(pattern),
    )


def note(pattern: Pattern) -> str:
    """What else is to be known of the suggestion, and of fixes that are not suggested; mostly nothing."""
    fix = pattern.fix
    notes = [f"pinned by {fix.pin.by}: {fix.pin.why}"] if fix and fix.pin else []
    if fix and fix.changed_since:
        notes.append(f"{fix.changed_file} was changed on {_date(fix.changed_ms)}, after the fix last proved itself")
    if fix and pattern.recurred:
        notes.append(f"came back in {pattern.recurred} builds since it was fixed")
    notes += [f"fix {one.fix_id} vetoed by {one.veto.by}: {one.veto.why}" for one in pattern.fixes if one.veto]
    return "; ".join(notes)


def outbreak_now(pattern: Pattern) -> Outbreak | None:
    """The outbreak that the newest failure belongs to."""
    return pattern.outbreak if pattern.outbreak and pattern.outbreak.covers(pattern.last_ms) else None


def _outbreak_says(outbreak: Outbreak, pattern: Pattern) -> str:
    cause = f": {pattern.diagnosis.likely_cause}" if pattern.diagnosis else "."
    builds = f"{outbreak.builds} builds in {outbreak.repositories} repositories since {_date(outbreak.since_ms, '%H:%M UTC')}"
    return f"An outbreak: {builds}, probably infrastructure{cause}"


def _history(pattern: Pattern) -> str:
    if outbreak := outbreak_now(pattern):
        return _outbreak_says(outbreak, pattern)
    times = "once" if pattern.occurrences == 1 else f"{pattern.occurrences} times"
    where = "1 repository" if pattern.repositories == 1 else f"{pattern.repositories} repositories"
    return f"Known failure, seen {times} in {where}."


def message(pattern: Pattern, tried: str) -> str:
    """What is said of a known failure; ``tried`` is what `tried` says of its pattern."""
    return f"{_history(pattern)} {_verdict(pattern, tried)}{_caveat(pattern)}"


def _verdict(pattern: Pattern, tried: str) -> str:
    if pattern.status in ("flaky", "quarantined"):
        said = f"It passed when run again in {pattern.flaky_episodes} of {pattern.episodes} builds"
        return f"{said}: likely flaky." + (" It is quarantined." if pattern.status == "quarantined" else "")
    if pattern.fix is None:
        return tried
    since = f" The failure came back in {pattern.recurred} builds since." if pattern.recurred else ""
    return tried + _outdated(pattern, pattern.fix) + since


def tried(pattern: Pattern) -> str:
    """What came of the suggestion where it was tried."""
    if pattern.fix:
        return _outcomes(pattern.fix)
    if any(one.vetoed for one in pattern.fixes):
        return f"What was recorded as its fix is vetoed; the suggestion is a diagnosis ({pattern.analyst}), not a proven fix."
    return f"No fix is recorded yet; the suggestion is a diagnosis ({pattern.analyst}), not a proven fix."


def _outcomes(fix: Fix) -> str:
    how = "Learned from the commit after which it passed" if fix.learned else "Reported"
    tried = fix.all_worked + fix.all_failed
    if not tried:
        return f"{how}; it has not proved itself yet."
    last = f", last on {_date(fix.last_worked_ms)}" if fix.last_worked_ms else ""
    where = f", in {fix.repositories} repositories" if fix.repositories > 1 else ""
    return f"{how}; this fix worked {fix.all_worked} of {tried} times{last}{where}.{_room_below(fix)}"


def _room_below(fix: Fix) -> str:
    """That few outcomes allow to say little, where they do."""
    lowest = at_least_in(fix)
    return f" Few outcomes yet: count on {lowest:.0%}." if confidence_in(fix) - lowest > FEW_OUTCOMES else ""


def _outdated(pattern: Pattern, fix: Fix) -> str:
    if not outdated(fix, now_ms=pattern.last_ms):
        return ""
    days = f" It has not proved itself for {(pattern.last_ms - fix.proved_ms) // DAY_MS} days"
    return f"{days}, and {fix.changed_file} has changed since: it may not apply any more." if fix.changed_since else f"{days}."


def _caveat(pattern: Pattern) -> str:
    if pattern.generic:
        return " The log says too little to be sure that it is the same failure: report more of it."
    if pattern.analysed == "provisional":
        why = _NOT_ASKED.get(pattern.analyst_reason, "The language model is out of reach")
        return f" {why}: rules answered, its analysis follows."
    return ""


def _unsearched(pattern: Pattern) -> str:
    if not pattern.analyst_reason.startswith(WITHOUT_PLAYBOOK):
        return ""
    return " The playbook was out of reach: a known pattern that this may be is missed where only the playbook tells."
