"""When a pattern is too old."""

from __future__ import annotations

from fakes import NOW, pattern

from ci_memory_workers.domain.aging import DAY_MS, aging_reason, too_old


def test_a_pattern_is_too_old_when_it_was_not_seen_for_so_many_days() -> None:
    assert too_old(pattern(last_ms=NOW - 90 * DAY_MS), now_ms=NOW, days=90)
    assert not too_old(pattern(last_ms=NOW - 90 * DAY_MS + 1), now_ms=NOW, days=90)


def test_when_it_was_first_seen_does_not_matter() -> None:
    assert not too_old(pattern(first_ms=1, last_ms=NOW), now_ms=NOW, days=90)


def test_what_is_deprecated_is_not_deprecated_again() -> None:
    assert not too_old(pattern(status="deprecated", last_ms=1), now_ms=NOW, days=90)


def test_the_reason_says_for_how_many_whole_days() -> None:
    assert aging_reason(pattern(last_ms=NOW - 92 * DAY_MS + 1), now_ms=NOW) == "not seen for 91 days"
