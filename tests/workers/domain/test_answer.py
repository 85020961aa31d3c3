"""The answer to a failure: what is suggested, on what evidence, and how sure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fakes import DIAGNOSIS, NOW, pattern

from ci_memory_workers.domain.answer import END_OF_TIME_MS, answer, at
from ci_memory_workers.domain.confidence import confidence
from ci_memory_workers.domain.pattern import Fix, Outbreak, Status

EVENT = "event-0001"
FIX = Fix("fix1", "config_change", "set AUTH_TOKEN", "abc123", "dev@example.com", "acme/shop", NOW - 1_000, worked=7, failed=1)

BEYOND = END_OF_TIME_MS + 5


def test_a_time_of_nothing_is_none() -> None:
    assert at(0) is None
    assert at(1_500) == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outbreak": Outbreak(BEYOND, BEYOND, 30, 9), "last_ms": BEYOND}, "30 builds in 9 repositories since an unknown date"),
        ({"fix": replace(FIX, last_worked_ms=BEYOND)}, "7 of 8 times, last on an unknown date."),
        ({"fix": replace(FIX, changed_ms=BEYOND, changed_file="uv.lock")}, "uv.lock was changed on an unknown date"),
    ],
)
def test_a_date_beyond_the_calendar_is_unknown(fields: dict[str, Any], said: str) -> None:
    reply = answer(EVENT, pattern(**fields), known=True)

    assert reply.evidence is not None
    assert said in f"{reply.message} {reply.evidence.note}"


def test_before_the_analysis_the_answer_is_pending_and_names_the_pattern() -> None:
    reply = answer(EVENT, pattern(analysed="", analyst="", diagnosis=None), known=True)

    assert (reply.status, reply.event_id, reply.pattern_id) == ("pending", EVENT, "pat_aaaaaaaaaaaa")
    assert reply.analysis is None


def test_a_new_failure_gets_its_first_diagnosis_and_no_confidence() -> None:
    reply = answer(EVENT, pattern(), known=False)

    assert (reply.status, reply.confidence, reply.suggested_fix) == ("new_pattern", 0.0, "")
    assert reply.analysis == DIAGNOSIS
    assert (reply.analyst, reply.provisional) == ("model-x", False)
    assert "not a proven fix" in reply.message


def test_a_known_failure_without_a_fix_suggests_its_diagnosis_with_confidence_0() -> None:
    reply = answer(EVENT, pattern(occurrences=2, repositories=1), known=True)

    assert (reply.status, reply.confidence) == ("known_pattern", 0.0)
    assert reply.suggested_fix == DIAGNOSIS.suggested_fix
    assert reply.evidence is not None
    assert reply.evidence.source == "analysis"
    assert reply.message.startswith("Known failure, seen 2 times in 1 repository.")
    assert "No fix is recorded yet" in reply.message


def test_a_known_failure_with_a_fix_suggests_the_fix_with_its_evidence() -> None:
    known = pattern(status="resolved", fix=FIX, fixes=(FIX,), occurrences=12, repositories=3, match_votes=5, episodes=9)
    reply = answer(EVENT, known, known=True)

    assert reply.suggested_fix == "set AUTH_TOKEN"
    assert reply.confidence == confidence(7, 1)
    assert reply.analysis is None
    assert reply.evidence is not None
    assert reply.evidence.model_dump().items() >= {
        "source": "fix", "occurrences": 12, "repositories": 3, "fix_id": "fix1", "fix_type": "config_change",
        "fix_commit": "abc123", "fix_repo": "acme/shop", "fixed_by": "dev@example.com", "fix_worked": 7, "fix_failed": 1,
        "flaky_episodes": 0, "episodes": 9, "match_votes": 5, "note": "",
    }.items()  # fmt: skip
    assert reply.evidence.resolved_at == at(NOW - 1_000)
    assert (reply.similar_failures, reply.last_seen) == (12, at(known.last_ms))
    assert reply.message.startswith("Known failure, seen 12 times in 3 repositories.")
    assert "fix worked 7 of 8 times" in reply.message


def test_votes_for_having_matched_do_not_raise_the_confidence() -> None:
    few, many = (answer(EVENT, pattern(fix=FIX, match_votes=votes), known=True) for votes in (0, 1_000))

    assert few.confidence == many.confidence


def test_a_fix_that_did_not_stick_says_in_how_many_builds_it_came_back() -> None:
    reply = answer(EVENT, pattern(status="resolved", fix=FIX, recurred=4), known=True)

    assert "came back in 4 builds since" in reply.message
    assert reply.evidence is not None
    assert "4 builds" in reply.evidence.note


@pytest.mark.parametrize(("status", "quarantined"), [("flaky", False), ("quarantined", True)])
def test_a_flaky_failure_is_called_flaky(status: Status, quarantined: bool) -> None:
    reply = answer(EVENT, pattern(status=status, flaky_episodes=3, episodes=4), known=True)

    assert "passed when run again in 3 of 4 builds: likely flaky." in reply.message
    assert ("It is quarantined." in reply.message) is quarantined
    assert reply.pattern_status == status


def test_what_says_too_little_to_be_recognised_by_is_never_answered_with_confidence() -> None:
    reply = answer(EVENT, pattern(generic=True, fix=FIX), known=True)

    assert reply.confidence == 0.0
    assert "says too little" in reply.message


@pytest.mark.parametrize("known", [True, False])
def test_an_answer_by_rules_while_the_model_is_out_of_reach_says_so(known: bool) -> None:
    reply = answer(EVENT, pattern(analysed="provisional", analyst="rules"), known=known)

    assert reply.provisional
    assert "out of reach" in reply.message


def test_few_outcomes_say_so_and_how_far_they_may_be_counted_on() -> None:
    few, many = (replace(FIX, worked=worked, failed=0) for worked in (1, 40))

    said = answer(EVENT, pattern(fix=few, fixes=(few,)), known=True)
    assert said.evidence is not None
    assert f"Few outcomes yet: count on {said.evidence.confidence_at_least:.0%}." in said.message
    assert said.evidence.confidence_at_least < said.confidence
    assert "Few outcomes" not in answer(EVENT, pattern(fix=many, fixes=(many,)), known=True).message
