"""When a pattern is too old, and when a fix is."""

from __future__ import annotations

from dataclasses import replace

from fakes import NOW, pattern

from ci_memory_workers.domain.aging import DAY_MS, aging_reason, outdated, too_old
from ci_memory_workers.domain.pattern import Fix, Ruling


def test_a_pattern_is_too_old_when_it_was_not_seen_for_so_many_days() -> None:
    assert too_old(pattern(last_ms=NOW - 90 * DAY_MS), now_ms=NOW, days=90)
    assert not too_old(pattern(last_ms=NOW - 90 * DAY_MS + 1), now_ms=NOW, days=90)


def test_when_it_was_first_seen_does_not_matter() -> None:
    assert not too_old(pattern(first_ms=1, last_ms=NOW), now_ms=NOW, days=90)


def test_what_is_deprecated_is_not_deprecated_again() -> None:
    assert not too_old(pattern(status="deprecated", last_ms=1), now_ms=NOW, days=90)


def test_the_reason_says_for_how_many_whole_days() -> None:
    assert aging_reason(pattern(last_ms=NOW - 92 * DAY_MS + 1), now_ms=NOW) == "not seen for 91 days"


FIX = Fix("f", "config_change", "pin pandas", "c1", "", "acme/shop", NOW - 31 * DAY_MS, files=("requirements.txt",))


def test_a_fix_is_outdated_when_it_did_not_prove_itself_for_ninety_days() -> None:
    assert outdated(replace(FIX, resolved_ms=NOW - 90 * DAY_MS), now_ms=NOW)
    assert not outdated(replace(FIX, resolved_ms=NOW - 90 * DAY_MS + 1), now_ms=NOW)
    assert not outdated(replace(FIX, resolved_ms=NOW - 90 * DAY_MS, last_worked_ms=NOW - DAY_MS), now_ms=NOW)


def test_it_is_outdated_sooner_when_a_file_of_it_was_changed_since() -> None:
    assert not outdated(FIX, now_ms=NOW)
    assert outdated(replace(FIX, changed_ms=NOW - DAY_MS), now_ms=NOW)
    assert not outdated(replace(FIX, changed_ms=NOW - 2 * DAY_MS, last_worked_ms=NOW - DAY_MS), now_ms=NOW)


def test_what_a_person_pinned_is_never_outdated() -> None:
    assert not outdated(replace(FIX, resolved_ms=1, pin=Ruling("dev@example.com", "because", 1)), now_ms=NOW)
