"""The contract: what is an event, which events are the same, and what is kept of a long one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ci_memory_producers.events import (
    ANSWER,
    EVENT,
    Analysis,
    FailureEvent,
    PassEvent,
    ResolutionEvent,
    ResolutionReceipt,
)
from ci_memory_producers.tail import MAX_TEXT, keep_tail

NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
PLACE: dict[str, Any] = {"repo": "acme/shop", "build_id": "1", "stage": "test"}


def failure(**fields: Any) -> FailureEvent:
    return FailureEvent(**{**PLACE, "error_message": "E   assert 401 == 200", **fields})


def resolution(**fields: Any) -> ResolutionEvent:
    usual = {"repo": "acme/shop", "pattern_id": "pat_aaaaaaaaaaaa", "fix_type": "code_change", "fix_description": "pin it"}
    return ResolutionEvent(**{**usual, **fields})


def test_a_repeated_push_is_the_same_event_whenever_it_is_made() -> None:
    first = failure(timestamp=datetime(2026, 1, 1, tzinfo=UTC))

    assert failure(timestamp=datetime(2026, 1, 2, tzinfo=UTC)).event_id == first.event_id
    assert failure(commit_message="amended", exit_code=2, url="https://ci.example.com/1").event_id == first.event_id


def test_saying_a_default_is_saying_nothing() -> None:
    assert failure(attempt=1, tenant="default", job="", provider="", test_id="").event_id == failure().event_id


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": "github"},
        {"tenant": "other"},
        {"repo": "acme/other"},
        {"build_id": "2"},
        {"job": "unit (3.12)"},
        {"attempt": 2},
        {"stage": "build"},
        {"test_id": "tests/a.py::test_a"},
        {"error_message": "E   assert 500 == 200"},
    ],
)
def test_another_place_or_another_failure_is_another_event(fields: dict[str, Any]) -> None:
    assert failure(**fields).event_id != failure().event_id


def test_the_same_test_of_the_same_job_is_one_failure_whatever_its_text() -> None:
    one, other = (failure(test_id="t", error_message=text) for text in ("took 3 s", "took 4 s"))

    assert one.event_id == other.event_id


def test_a_failure_a_pass_and_a_resolution_of_the_same_place_are_three_events() -> None:
    assert len({failure(test_id="t").event_id, PassEvent(**PLACE, test_id="t").event_id, resolution().event_id}) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"pattern_id": "pat_bbbbbbbbbbbb"},
        {"fix_type": "config_change"},
        {"fix_description": "x"},
        {"fixed_by": "dev@example.com"},
    ],
)
def test_another_fix_is_another_resolution(fields: dict[str, Any]) -> None:
    assert resolution(**fields).event_id != resolution().event_id
    assert resolution().event_id == resolution().event_id


@given(st.lists(st.tuples(NAME, NAME, NAME, NAME), unique=True, min_size=2, max_size=4))
def test_places_that_differ_never_make_the_same_event(places: list[tuple[str, str, str, str]]) -> None:
    ids = {failure(repo=repo, build_id=build, job=job, test_id=test).event_id for repo, build, job, test in places}

    assert len(ids) == len(places)


@given(NAME, NAME)
def test_an_event_keeps_its_id_on_its_way(repo: str, message: str) -> None:
    event = failure(repo=repo, error_message=message)

    assert EVENT.validate_json(event.model_dump_json()) == event


def test_an_id_that_is_given_is_kept_and_one_that_is_none_is_refused() -> None:
    assert failure(event_id="my-own-id-1").event_id == "my-own-id-1"
    for wrong in ("short", "x" * 65, "with space 1", "semi;colon;1"):
        with pytest.raises(ValidationError, match="event_id"):
            failure(event_id=wrong)


def test_what_a_newer_producer_says_beyond_is_ignored() -> None:
    data = {**json.loads(failure().model_dump_json()), "invented_later": {"a": 1}, "schema_version": 2}

    event = EVENT.validate_json(json.dumps(data))

    assert event.schema_version == 2
    assert not hasattr(event, "invented_later")


def test_times_are_in_utc_and_a_time_without_a_zone_is_taken_as_utc() -> None:
    there = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    assert failure(timestamp=there).timestamp == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert failure(timestamp=there).timestamp.tzinfo is UTC
    assert failure(timestamp=datetime(2026, 1, 1, 12)).timestamp == datetime(2026, 1, 1, 12, tzinfo=UTC)  # noqa: DTZ001 - the point
    assert failure().timestamp.tzinfo is UTC


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"])
def test_a_time_that_is_none_in_utc_is_invalid_and_no_crash(time: str) -> None:
    with pytest.raises(ValidationError, match="timestamp"):
        failure(timestamp=time)


def test_of_a_long_text_the_tail_is_kept_from_a_lines_beginning() -> None:
    log = "".join(f"line {n}\n" for n in range(10_000)) + "E   the reason"

    event = failure(error_message=log, stack_trace=log)

    assert event.error_message.endswith("E   the reason")
    assert MAX_TEXT * 3 // 4 < len(event.error_message) <= MAX_TEXT
    assert event.error_message.startswith("line ")
    assert event.stack_trace == event.error_message


@given(st.text(alphabet="ab\n", max_size=60), st.integers(min_value=1, max_value=40))
def test_a_kept_tail_is_a_tail_and_within_its_limit(text: str, limit: int) -> None:
    kept = keep_tail(text, limit)

    assert text.endswith(kept)
    assert len(kept) <= limit
    assert len(kept) >= min(len(text), limit - limit // 4)


@pytest.mark.parametrize(
    "fields",
    [
        {"error_message": ""},
        {"error_message": " \n\t"},
        {"repo": ""},
        {"build_id": ""},
        {"stage": "lunch"},
        {"environment": "moon"},
        {"attempt": 0},
        {"attempt": 10_001},
        {"run_number": -1},
        {"tenant": "A"},
        {"tenant": "a{b}"},
        {"branch": "x" * 301},
        {"changed_files": ["x"] * 301},
        {"changed_files": ["x" * 501]},
        {"test_id": "x" * 601},
        {"run_totals": {"tests": -1, "failed": 0}},
    ],
)
def test_what_is_missing_unknown_or_beyond_a_limit_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        failure(**fields)


def test_a_fix_is_remembered_by_what_was_done_and_a_rerun_needs_no_words() -> None:
    with pytest.raises(ValidationError, match="fix_description is empty"):
        resolution(fix_description="  ")
    assert resolution(fix_type="rerun", fix_description="").fix_description == ""


@pytest.mark.parametrize("pattern_id", ["", "aaaaaaaaaaaa", "pat_", "pat_AAAAAAAAAAAA", "pat_aaaaaaaaaaaa\n", "pat_{x}aaaaaa"])
def test_a_pattern_id_is_none_that_could_name_another_key(pattern_id: str) -> None:
    with pytest.raises(ValidationError, match="pattern_id"):
        resolution(pattern_id=pattern_id)


def test_an_answer_is_read_as_what_it_is() -> None:
    analysis = Analysis(status="pending", event_id="event-0001")
    receipt = ResolutionReceipt(status="recorded", event_id="event-0001", pattern_id="pat_aaaaaaaaaaaa")

    assert [ANSWER.validate_json(one.model_dump_json()) for one in (analysis, receipt)] == [analysis, receipt]
