"""What a sweep tells CI jobs: which failures are in quarantine now, and why."""

from __future__ import annotations

from ci_memory_producers.quarantine_list import MOST_REPOSITORIES, QuarantineEntry, QuarantineList

from ..domain.answer import at
from ..domain.pattern import Pattern
from .ports import Index
from .ports.quarantine_list import QuarantineLists


def publish_quarantine(tenant: str, index: Index, lists: QuarantineLists, now_ms: int, *, owner: str = "") -> QuarantineList:
    """Publish what is in quarantine at ``now_ms``, and return it. What was released meanwhile is in it no more.

    ``owner`` looks after what nobody was named for.
    """
    found = (index.pattern(tenant, pattern_id) for pattern_id in index.quarantined(tenant))
    entries = tuple(
        _entry(pattern, *lists.flaky_in(tenant, pattern.pattern_id, MOST_REPOSITORIES), owner)
        for pattern in found
        if pattern is not None and pattern.status == "quarantined" and not pattern.merged_into
    )
    published = QuarantineList(as_of=at(now_ms), entries=entries)
    lists.publish(tenant, published)
    return published


def _entry(pattern: Pattern, repositories: tuple[str, ...], count: int, owner: str) -> QuarantineEntry:
    return QuarantineEntry(
        pattern_id=pattern.pattern_id,
        repositories=repositories,
        repository_count=count,
        test_key=pattern.test_key,
        headline=pattern.headline,
        category=pattern.category,
        since=at(pattern.quarantine.since_ms),
        until=at(pattern.quarantine.until_ms),
        flaky_episodes=pattern.flaky_episodes,
        episodes=pattern.episodes,
        reason=pattern.status_reason,
        owner=pattern.owner or owner,
    )
