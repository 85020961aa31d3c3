"""The JSON of answers to known failures. Most of it is the same for all failures of a pattern: that is written once."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import to_json

from .aging import outdated
from .answer import Freshness, answer, at, message, note, outbreak_now, tried
from .pattern import Pattern

MOST_REMEMBERED = 4_096
"""Patterns of which is remembered what their answers have in common; a few kB each."""
_NO_EVENT = "no-event"
_LASTING = attrgetter("status", "category", "signal", "first_ms", "generic", "analysed", "analyst", "diagnosis", "fix", "fixes")
"""What `_Lasting` depends on, but for whether the fix is outdated. The rest of a pattern changes with every failure."""


class AnswerJson(NamedTuple):
    """An answer as it is stored."""

    event_id: str
    json: str
    provisional: bool


class _Lasting(NamedTuple):
    """What answers to failures of a pattern have in common: runs of members of their JSON objects, and of their message."""

    of: tuple[Any, ...]
    suggestion: str
    fix: str
    analysis: str
    tried: str


class AnswerWriter:
    """Writes answers to known failures, byte for byte as `Analysis.model_dump_json` writes those of `domain.answer.answer`."""

    def __init__(self) -> None:
        self._lasting: dict[str, _Lasting] = {}

    def write(self, event_id: str, pattern: Pattern, freshness: Freshness) -> AnswerJson:
        """The answer to the event with this id (an `EventId`), whose failure is ``pattern``: known, and analysed."""
        lasting = self._of(pattern)
        json = (
            f'{{"status":"known_pattern","event_id":"{event_id}",{lasting.suggestion},'
            f'"similar_failures":{pattern.occurrences}{_time("last_seen", pattern.last_ms)},'
            f'"message":{_text(message(pattern, lasting.tried))},'
            f'"evidence":{{"source":"{"fix" if pattern.fix else "analysis"}",'
            f'"occurrences":{pattern.occurrences},"repositories":{pattern.repositories},'
            f'{lasting.fix},"flaky_episodes":{pattern.flaky_episodes},"episodes":{pattern.episodes},'
            f'"match_votes":{pattern.match_votes},{_outbreak(pattern)},"note":{_text(note(pattern))}}},'
            f"{lasting.analysis}{_freshness(freshness.newest_ms, freshness.log_lag)}}}"
        )
        return AnswerJson(event_id, json, pattern.analysed == "provisional")

    def _of(self, pattern: Pattern) -> _Lasting:
        of = (*_LASTING(pattern), pattern.fix is not None and outdated(pattern.fix, now_ms=pattern.last_ms))
        lasting = self._lasting.get(pattern.pattern_id)
        if lasting is None or lasting.of != of:
            if lasting is None and len(self._lasting) >= MOST_REMEMBERED:
                del self._lasting[next(iter(self._lasting))]
            lasting = self._lasting[pattern.pattern_id] = _lasting(pattern, of)
        return lasting


def _lasting(pattern: Pattern, of: tuple[Any, ...]) -> _Lasting:
    said = answer(_NO_EVENT, pattern, known=True)
    evidence: Any = said.evidence
    return _Lasting(
        of,
        suggestion=_members(said, "pattern_id", "pattern_status", "category", "signal", "confidence", "suggested_fix"),
        fix=_members(
            evidence, "first_seen", "fix_id", "fix_type", "fix_commit", "fix_repo", "fixed_by", "resolved_at", "fix_worked",
            "fix_failed", "fix_pending", "fix_repositories", "fix_last_worked", "fix_learned", "confidence_at_least",
        ),
        analysis=_members(said, "analysis", "analyst", "provisional", "others"),
        tried=tried(pattern),
    )  # fmt: skip


def _members(model: BaseModel, *fields: str) -> str:
    """These members of a JSON object, without the braces around them."""
    return model.model_dump_json(exclude_none=True, include=set(fields))[1:-1]


def _text(text: str) -> str:
    return to_json(text).decode() if text else '""'


@lru_cache(maxsize=1_024)
def _time(name: str, ms: int) -> str:
    """A member that comes after others, where there is such a time."""
    time = at(ms)
    return f',"{name}":{to_json(time).decode()}' if time else ""


@lru_cache(maxsize=16)
def _freshness(newest_ms: int, log_lag: int | None) -> str:
    """The same for all answers of a batch."""
    return _time("newest_event", newest_ms) + ("" if log_lag is None else f',"log_lag":{log_lag}')


def _outbreak(pattern: Pattern) -> str:
    outbreak = outbreak_now(pattern)
    if outbreak is None:
        return '"outbreak_builds":0,"outbreak_repositories":0'
    since = _time("outbreak_since", outbreak.since_ms)
    return f'"outbreak_builds":{outbreak.builds},"outbreak_repositories":{outbreak.repositories}{since}'
