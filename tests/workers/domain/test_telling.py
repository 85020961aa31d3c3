"""What is told where: the table of `domain.telling`, row by row; and the line beside a commit's checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ci_memory_producers.events import Analysis, Diagnosis, Evidence
from ci_memory_workers.domain.notice import Place
from ci_memory_workers.domain.status_text import LONGEST, PASSES, commit_line, job_line
from ci_memory_workers.domain.telling import PATIENCE_MS, Said, by_weight, may_speak, said_of, topic_of

MAIN = Place("acme/shop", "main", "main", "a" * 40, "1", "unit", 1, "github", "", 1, 0)
TOPIC = replace(MAIN, branch="topic")
DIAGNOSIS = Diagnosis(summary="the token is missing", likely_cause="c", suggested_fix="f", prevention="p")


def analysis(status: str = "known_pattern", pattern_status: str = "unresolved", **evidence: Any) -> Analysis:
    found = Evidence.model_validate({"source": "analysis", "episodes": 5, **evidence}) if status == "known_pattern" else None
    return Analysis.model_validate(
        {"status": status, "event_id": "event-0001", "pattern_id": "pat_aaaaaaaaaaaa", "pattern_status": pattern_status,
         "evidence": found, "analysis": DIAGNOSIS, "suggested_fix": "set AUTH_TOKEN", "similar_failures": 4}
    )  # fmt: skip


FIXED_ON = datetime(2026, 11, 1, tzinfo=UTC)
ANSWERS: dict[Said, Analysis] = {
    "new": analysis("new_pattern"),
    "known": analysis(),
    "fixed": analysis(pattern_status="resolved", source="fix", resolved_at=FIXED_ON),
    "flaky": analysis(pattern_status="quarantined", flaky_episodes=3),
    "outbreak": analysis(pattern_status="flaky", outbreak_builds=9, outbreak_repositories=4),
}


@pytest.mark.parametrize("said", ANSWERS)
def test_an_answer_says_one_thing(said: Said) -> None:
    assert said_of(ANSWERS[said]) == said


@pytest.mark.parametrize(
    ("said", "on_main", "on_topic"),
    [
        ("new", "failure|pat_aaaaaaaaaaaa|acme/shop|", None),
        ("known", "failure|pat_aaaaaaaaaaaa|acme/shop|", None),
        ("fixed", "failure|pat_aaaaaaaaaaaa|acme/shop|20261101T000000", None),
        ("flaky", "flaky|pat_aaaaaaaaaaaa|acme/shop", None),
        ("outbreak", "outbreak|pat_aaaaaaaaaaaa", "outbreak|pat_aaaaaaaaaaaa"),
    ],
)
def test_a_chat_hears_of_default_branches_and_outbreaks(said: Said, on_main: str, on_topic: str | None) -> None:
    heard, unheard = topic_of(ANSWERS[said], MAIN), topic_of(ANSWERS[said], TOPIC)

    assert heard is not None
    assert heard.key == on_main
    assert (unheard.key if unheard else None) == on_topic
    assert topic_of(ANSWERS["new"], replace(MAIN, branch="", default_branch="")) is None


def test_what_people_can_act_on_comes_first() -> None:
    order = [ANSWERS[said] for said in ("flaky", "outbreak", "known", "new")]

    assert [said_of(one) for one in by_weight(order)] == ["known", "new", "outbreak", "flaky"]


def test_a_chat_waits_for_all_final_answers_or_until_its_patience_ends() -> None:
    final, early = ANSWERS["new"], ANSWERS["new"].model_copy(update={"provisional": True})

    assert may_speak([final, final], failures=2, first_ms=0, now_ms=0)
    assert not may_speak([final], failures=2, first_ms=0, now_ms=PATIENCE_MS - 1)
    assert not may_speak([final, early], failures=2, first_ms=0, now_ms=0)
    assert may_speak([early], failures=2, first_ms=0, now_ms=PATIENCE_MS)
    assert may_speak([early, ANSWERS["outbreak"]], failures=9, first_ms=0, now_ms=0)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("new", "new: the token is missing"),
        ("known", "known, no fix yet: seen 4 times"),
        ("fixed", "known, fix: set AUTH_TOKEN"),
        ("flaky", "known flaky: passed when run again in 3 of 5 builds"),
        ("outbreak", "outbreak, not this change: 9 builds in 4 repositories"),
    ],
)
def test_the_line_of_a_job_says_what_is_known(said: Said, line: str) -> None:
    assert job_line([ANSWERS[said]]) == line


def test_several_failures_and_several_jobs_are_counted() -> None:
    assert job_line(list(ANSWERS.values())) == (
        "5 failures: 1 new, 1 known without a fix, 1 known with a fix, 1 known flaky, 1 of an outbreak"
    )
    assert commit_line({"unit": "new: a", "lint": PASSES}) == "new: a"
    assert commit_line({"unit": "new: a", "lint": "known, no fix yet: seen 4 times"}) == (
        "2 jobs fail: lint: known, no fix yet: seen 4 times; unit: new: a"
    )
    assert commit_line({"unit": PASSES, "lint": PASSES}) == PASSES


def test_a_line_is_one_line_that_hosts_take() -> None:
    long = ANSWERS["fixed"].model_copy(update={"suggested_fix": "set\n\u202eit\x1b[31m " + "x" * 500})

    line = job_line([long])
    assert len(line) == LONGEST
    assert line.startswith("known, fix: set it [31m x")
    assert len(commit_line({f"job {n}": line for n in range(30)})) == LONGEST
