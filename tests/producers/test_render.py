"""The answer, for a person at a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_producers.events import Analysis, Diagnosis, Evidence, OtherFailure
from ci_memory_producers.render import plain, render

SEEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FIX = Evidence(
    source="fix", fix_type="config_change", fix_commit="abc123", fixed_by="dev@example.com", resolved_at=SEEN, fix_worked=7
)


def known(**fields: object) -> Analysis:
    usual = {
        "status": "known_pattern", "event_id": "event-0001", "pattern_id": "pat_aaaaaaaaaaaa", "category": "integration_auth",
        "confidence": 0.675, "suggested_fix": "set AUTH_TOKEN", "last_seen": SEEN, "message": "Known failure.", "evidence": FIX,
    }  # fmt: skip
    return Analysis.model_validate({**usual, **fields})


def test_a_known_failure_shows_its_fix_its_evidence_and_how_sure_it_is() -> None:
    assert render(known(signal="http_401")).splitlines() == [
        "KNOWN FAILURE pat_aaaaaaaaaaaa · integration_auth (http_401) · confidence 68%",
        "  Known failure.",
        "  fix           set AUTH_TOKEN",
        "  fixed         2026-03-01 by dev@example.com, commit abc123 (config_change)",
        "  last seen     2026-03-01 12:30 UTC",
        "  when fixed    ci-memory-report resolution --pattern-id pat_aaaaaaaaaaaa --fix-type … --fix-description …",
    ]


def test_a_suggestion_that_nobody_has_tried_is_no_fix() -> None:
    lines = render(known(evidence=Evidence(source="analysis"), confidence=0)).splitlines()

    assert lines[2] == "  try           set AUTH_TOKEN"
    assert not [line for line in lines if line.startswith("  fixed")]


def test_a_new_failure_shows_its_diagnosis() -> None:
    said = Diagnosis(summary="s", likely_cause="c", suggested_fix="f", prevention="p")
    text = render(
        Analysis(status="new_pattern", event_id="event-0001", pattern_id="pat_aaaaaaaaaaaa", analysis=said, message="m")
    )

    assert text.splitlines()[:6] == [
        "NEW FAILURE pat_aaaaaaaaaaaa · unknown",
        "  m",
        "  what failed   s",
        "  likely cause  c",
        "  try           f",
        "  prevention    p",
    ]
    assert "confidence" not in text


def test_a_pending_answer_says_so_and_nothing_else() -> None:
    assert render(Analysis(status="pending", event_id="event-0001", message="ask again")) == (
        "NOT ANSWERED YET  · unknown\n  ask again"
    )


def test_other_failures_of_the_log_are_named() -> None:
    others = (
        OtherFailure(event_id="event-0002", status="known_pattern", pattern_id="pat_bbbbbbbbbbbb", test_id="t::b"),
        OtherFailure(event_id="event-0003", status="pending", message="later"),
    )

    assert render(known(others=others)).splitlines()[-2:] == [
        "  also          pat_bbbbbbbbbbbb: t::b",
        "  also          event-0003: later",
    ]


@pytest.mark.parametrize("field", ["suggested_fix", "message", "signal"])
def test_a_log_cannot_steer_the_terminal(field: str) -> None:
    text = render(known(**{field: "a\x1b[2J\x07\r\x9b31mb"}))

    assert "a[2J31mb" in text
    assert not set(text) & {"\x1b", "\x07", "\r", "\x9b"}


@given(st.text())
def test_plain_text_has_no_control_characters_but_line_ends_and_tabs(text: str) -> None:
    assert all(c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160) for c in plain(text))
    assert plain(plain(text)) == plain(text)
    assert plain("a\tb\nc") == "a\tb\nc"
