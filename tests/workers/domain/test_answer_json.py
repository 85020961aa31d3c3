"""Answers to known failures as JSON: byte for byte what pydantic makes of the answers."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any
from unittest.mock import Mock

import pytest
from fakes import NOW, pattern
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticSerializationError

from ci_memory_producers.events import Diagnosis
from ci_memory_workers.domain import answer_json
from ci_memory_workers.domain.aging import DAY_MS, FIX_DAYS
from ci_memory_workers.domain.answer import END_OF_TIME_MS, Freshness, answer
from ci_memory_workers.domain.answer_json import AnswerWriter
from ci_memory_workers.domain.pattern import Fix, Outbreak, Pattern, Ruling

EVENT = "event-0001"
FIX = Fix("fix1", "config_change", "set AUTH_TOKEN", "abc123", "dev@example.com", "acme/shop", NOW - 1_000, worked=7, failed=1)

texts = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('"\\\x00\x1f\x7f\n\t\u2028\ufeff\U0001f600')))
counts = st.integers(0, 2**53)
times = st.one_of(st.integers(1, END_OF_TIME_MS - 1), st.integers(NOW - 200 * DAY_MS, NOW), st.sampled_from([1, 999, 1_000]))
any_times = st.one_of(times, st.integers(-5, 5), st.integers(END_OF_TIME_MS - 2, 2**64))
rulings = st.none() | st.builds(Ruling, texts, texts, any_times)
fixes = st.builds(
    Fix,
    fix_id=texts,
    fix_type=st.sampled_from(["code_change", "config_change", "environment_fix", "rerun"]),
    description=texts,
    commit=texts,
    fixed_by=texts,
    repo=texts,
    resolved_ms=any_times,
    learned=st.booleans(),
    worked=counts,
    failed=counts,
    learned_worked=st.integers(0, 3),
    learned_failed=st.integers(0, 3),
    pending=counts,
    repositories=counts,
    last_worked_ms=any_times,
    changed_ms=any_times,
    changed_file=texts,
    veto=rulings,
    pin=rulings,
)
ALL_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "pattern_id": st.sampled_from(["pat_aaaaaaaaaaaa", "pat_bbbbbbbbbbbb"]),
    "status": st.sampled_from(["unresolved", "resolved", "flaky", "quarantined", "deprecated"]),
    "category": st.sampled_from(["test_flaky", "integration_auth", "unknown"]),
    "signal": texts,
    "generic": st.booleans(),
    "occurrences": counts,
    "episodes": counts,
    "flaky_episodes": counts,
    "repositories": counts,
    "match_votes": counts,
    "recurred": st.integers(0, 3),
    "first_ms": any_times,
    "last_ms": any_times,
    "analysed": st.sampled_from(["provisional", "final"]),
    "analyst": texts,
    "analyst_reason": texts | st.sampled_from(["llm_budget_spent", "llm_rate_limited", "worker_stops"]),
    "diagnosis": st.none() | st.builds(Diagnosis, summary=texts, likely_cause=texts, suggested_fix=texts, prevention=texts),
    "fix": st.none() | fixes,
    "fixes": st.lists(fixes, max_size=2).map(tuple),
    "outbreak": st.none() | st.builds(Outbreak, any_times, any_times, counts, counts),
}
OF_NO_ANSWER = {
    "stage", "fingerprint", "test_key", "headline", "revision", "attempts", "takes", "status_reason", "reflection_id",
    "merged_into", "quarantine", "broken", "owner", "repeated",
}  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> list[Pattern]:
    """What becomes of a pattern: now and then something of it is different."""
    now = pattern(**draw(st.fixed_dictionaries(ALL_FIELDS)))
    found = [now]
    for _ in range(draw(st.integers(0, 6))):
        names = draw(st.lists(st.sampled_from(sorted(ALL_FIELDS)), max_size=3, unique=True))
        found.append(now := replace(now, **{name: draw(ALL_FIELDS[name]) for name in names}))
    return found


def by_pydantic(event_id: str, known: Pattern, freshness: Freshness) -> str:
    return answer(event_id, known, known=True, freshness=freshness).model_dump_json(exclude_none=True)


def test_every_field_of_a_pattern_is_known_to_matter_or_not() -> None:
    assert {field.name for field in fields(Pattern)} == ALL_FIELDS.keys() | OF_NO_ANSWER


@given(
    lives(),
    st.from_regex(r"[A-Za-z0-9_-]{8,64}", fullmatch=True),
    st.builds(Freshness, any_times, st.none() | counts),
)
def test_every_answer_in_the_life_of_a_pattern_is_what_pydantic_writes(
    life: list[Pattern], event_id: str, freshness: Freshness
) -> None:
    writer = AnswerWriter()
    for known in life:
        written = writer.write(event_id, known, freshness)

        assert written == (event_id, by_pydantic(event_id, known, freshness), known.analysed == "provisional")


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({"fix": FIX, "fixes": (FIX,)}, {"generic": True}),
        ({"fix": FIX, "fixes": (FIX,)}, {"fix": replace(FIX, pending=1)}),
        ({"fixes": (FIX,)}, {"fixes": (replace(FIX, veto=Ruling("dev@example.com", "wrong", NOW)),)}),
        ({"analysed": "provisional"}, {"analyst_reason": "llm_budget_spent"}),
    ],
)
def test_what_seldom_changes_is_seen_when_it_does(before: dict[str, Any], change: dict[str, Any]) -> None:
    writer, known = AnswerWriter(), pattern(**before)
    for one in (known, replace(known, **change)):
        assert writer.write(EVENT, one, Freshness()).json == by_pydantic(EVENT, one, Freshness())
    assert by_pydantic(EVENT, known, Freshness()) != by_pydantic(EVENT, replace(known, **change), Freshness())


def test_what_lasts_is_written_once_and_again_when_the_fix_is_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting = Mock(wraps=answer_json._lasting)
    monkeypatch.setattr(answer_json, "_lasting", lasting)
    writer, known = AnswerWriter(), pattern(fix=FIX, fixes=(FIX,), last_ms=NOW)
    later = replace(known, occurrences=2, episodes=2, repositories=2, match_votes=1, recurred=1, last_ms=NOW + 5, revision=2)
    too_late = replace(later, last_ms=NOW + FIX_DAYS * DAY_MS)
    for one, times_written in ((known, 1), (later, 1), (too_late, 2)):
        assert writer.write(EVENT, one, Freshness()).json == by_pydantic(EVENT, one, Freshness())
        assert lasting.call_count == times_written


def test_of_few_patterns_is_remembered_what_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_json, "MOST_REMEMBERED", 2)
    writer = AnswerWriter()
    for number in range(5):
        writer.write(EVENT, pattern(pattern_id=f"pat_aaaaaa{number}"), Freshness())

    assert list(writer._lasting) == ["pat_aaaaaa3", "pat_aaaaaa4"]


PINNED = replace(FIX, pin=Ruling("dev@example.com", "\ud800", NOW))


@pytest.mark.parametrize("half", [{"signal": "\ud800"}, {"analyst": "\ud800"}, {"fix": PINNED, "fixes": (PINNED,)}])
def test_half_a_character_is_refused_as_by_pydantic(half: dict[str, Any]) -> None:
    with pytest.raises(PydanticSerializationError):
        by_pydantic(EVENT, pattern(**half), Freshness())
    with pytest.raises(PydanticSerializationError):
        AnswerWriter().write(EVENT, pattern(**half), Freshness())
