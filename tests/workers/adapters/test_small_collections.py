"""Small collections of a pattern are packed in its hash, large ones are keys of their own: what is known of it is the same."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import NOW, RecordingBell, T, archive_of, failed, open_index, watch_of
from redis import Redis

from ci_memory_producers.events import ResolutionEvent
from ci_memory_workers.adapters.pattern_codec import prefix
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_recall import RedisRecall
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.services.ports import Dated
from ci_memory_workers.services.resolutions import ResolutionDesk

HOUR = 3_600_000
MANY = 200
"""More than are packed."""


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def seen_in(index: RedisIndex, repositories: range, text: str = "1:aaaa") -> str:
    """A pattern that fails in so many repositories, an hour after each other."""
    for number in repositories:
        place: dict[str, Any] = {"repo": f"acme/r{number}", "build": f"b{number}", "commit_sha": f"{number:040x}"}
        (applied,) = index.apply(T, [failed(text, ms=NOW + number * HOUR, branch="main", **place)], NOW)
    return applied.pattern_id


def report(index: RedisIndex, pattern_id: str, repo: str, number: int) -> None:
    event = ResolutionEvent(
        repo=repo, pattern_id=pattern_id, fix_type="config_change", fix_description=f"fix {number % 2}", fix_commit=f"c{number}"
    )
    index.apply(T, [Dated(event, NOW)], NOW)
    desk = ResolutionDesk(index, watch_of(index), RecordingBell())
    assert desk.apply(T, event.event_id, NOW + number)


def test_a_pattern_of_few_repositories_is_one_key_and_one_of_many_has_more(index: RedisIndex, redis_client: Redis) -> None:
    few, many = seen_in(index, range(3)), seen_in(index, range(MANY), "1:bbbb")

    held = {name: redis_client.exists(f"{prefix(T)}{name}:{few}", f"{prefix(T)}{name}:{many}") for name in ("repos", "lines_of")}
    assert held == {"repos": 1, "lines_of": 1}
    recall = RedisRecall(redis_client)
    assert [len(recall.repositories(T, one)) for one in (few, many)] == [3, MANY]
    assert [index.pattern(T, one).repositories for one in (few, many)] == [3, MANY]  # type: ignore[union-attr]  # both are known


def test_a_repository_counts_once_however_many_there_are(index: RedisIndex) -> None:
    pattern_id = seen_in(index, range(MANY))
    seen_in(index, range(MANY))

    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    assert pattern.repositories == MANY


@pytest.mark.parametrize("count", [3, MANY])
def test_many_outlive_redis_a_merge_and_a_split(index: RedisIndex, redis_client: Redis, count: int) -> None:
    gone, stays = seen_in(index, range(count)), seen_in(index, range(count, 2 * count), "1:bbbb")
    archive, ruling = archive_of(index), Ruling("dev@example.com", "the same", NOW)
    for number in range(count):
        assert archive.add_fingerprint(T, gone, f"1:{number}", now_ms=NOW) == "added"
    before = archive.state(T, gone)
    assert before is not None
    assert (len(before.repos), len(before.aliases), len(before.recent)) == (count, count, min(10, count))

    decisions = RedisDecisions(redis_client)
    decisions.merge(T, gone, stays, ruling)
    both = archive.state(T, stays)
    assert both is not None
    assert (len(both.repos), len(both.aliases)) == (2 * count, count + 1)
    decisions.split(T, gone, ruling)

    after = archive.state(T, gone)
    assert after is not None
    assert after.repos == before.repos
    redis_client.flushall()
    assert archive.restore(T, after, now_ms=NOW, owe=False) == "restored"
    restored = archive.state(T, gone)
    assert restored is not None
    assert (restored.repos, restored.recent) == (before.repos, after.recent)


@pytest.mark.parametrize("count", [3, MANY])
def test_a_fix_is_counted_alike_however_many_have_reported_it(index: RedisIndex, redis_client: Redis, count: int) -> None:
    pattern_id = seen_in(index, range(2))
    for number in range(count):
        report(index, pattern_id, f"acme/r{number}", number)
    archive = archive_of(index)
    before, told = archive.state(T, pattern_id), index.pattern(T, pattern_id)
    assert before is not None
    assert told is not None
    assert sum(fix.worked for fix in told.fixes) == sum(fix.repositories for fix in told.fixes) == count
    assert (len(before.trials), len(before.reported)) == (count, count)
    assert sorted(repo for fix in before.fixes for repo in fix.repos) == sorted(f"acme/r{number}" for number in range(count))

    redis_client.flushall()
    archive.restore(T, before, now_ms=NOW, owe=False)

    after = archive.state(T, pattern_id)
    assert after is not None
    assert (after.trials, after.reported, after.fixes) == (before.trials, before.reported, before.fixes)
