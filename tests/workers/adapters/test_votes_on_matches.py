"""Aegis gets a vote for each match, once, which says where: also of patterns that became one, or two again."""

from __future__ import annotations

import pytest
from fakes import DIAGNOSIS, NOW, T, failed, open_index, the
from redis import Redis

from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.services.ports import AnalystAnswer

SAID = Ruling(by="dev@example.com", why="", ms=NOW)


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def seen(index: RedisIndex, fingerprint: str, *builds: str) -> str:
    for build in builds:
        (applied,) = index.apply(T, [failed(fingerprint, build=build)], NOW)
    lease = index.take("analysis", T, applied.pattern_id, now_ms=NOW, lease_ms=1_000)
    if lease:
        index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "rules"), attempts=1, now_ms=NOW)
    return applied.pattern_id


def told(index: RedisIndex, pattern_id: str, count: int = 1_000) -> list[str]:
    votes = [index.next_vote(T, pattern_id) for _ in range(count)]
    return [vote.context.removeprefix("matched in build acme/shop#") for vote in votes if vote]


def test_each_match_is_told_once_the_oldest_first(index: RedisIndex) -> None:
    pattern_id = seen(index, "1:aaaa", "1", "2", "3")
    assert told(index, pattern_id, 1) == ["2"]
    seen(index, "1:aaaa", "4", "4", "5")

    assert told(index, pattern_id) == ["3", "4", "5"]
    assert told(index, pattern_id) == []


def test_of_many_matches_the_last_ten_are_told_with_their_place(index: RedisIndex) -> None:
    pattern_id = seen(index, "1:aaaa", *map(str, range(1, 20)))

    assert told(index, pattern_id) == ["matched"] * 8 + [str(build) for build in range(10, 20)]


def test_a_pattern_that_stands_for_another_tells_the_matches_of_both(index: RedisIndex, redis_client: Redis) -> None:
    stays, goes = seen(index, "1:aaaa", "a1", "a2", "a3"), seen(index, "1:bbbb", "b1", "b2", "b3")
    assert (told(index, stays, 1), told(index, goes, 1)) == (["a2"], ["b2"])

    RedisDecisions(redis_client).merge(T, goes, stays, SAID)
    seen(index, "1:bbbb", "b4")

    assert sorted(told(index, stays)) == ["a3", "b3", "b4"]
    assert told(index, goes) == []


def test_what_was_told_before_a_split_is_told_by_neither_after_it(index: RedisIndex, redis_client: Redis) -> None:
    stays, goes = seen(index, "1:aaaa", "a1", "a2", "a3"), seen(index, "1:bbbb", "b1", "b2")
    decisions = RedisDecisions(redis_client)
    decisions.merge(T, goes, stays, SAID)
    assert sorted(told(index, stays)) == ["a2", "a3", "b2"]

    decisions.split(T, goes, SAID)
    assert (told(index, stays), told(index, goes)) == ([], [])
    seen(index, "1:bbbb", "b3")
    seen(index, "1:aaaa", "a4")

    assert (told(index, stays), told(index, goes)) == (["a4"], ["b3"])
    assert [the(index.pattern(T, one)).match_votes for one in (stays, goes)] == [3, 2]
