"""Files that fixes changed: who is told when another commit changes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import NOW, T, archive_of, open_index
from redis import Redis

from ci_memory_workers.adapters.fix_codec import decode_told, encode_fix
from ci_memory_workers.adapters.pattern_codec import prefix, text
from ci_memory_workers.adapters.redis_watch import MOST_COMMITS, MOST_WATCHERS, RedisFixWatch
from ci_memory_workers.domain.pattern import Fix
from ci_memory_workers.services.ports.watch import Change

FIX = Fix("f1", "config_change", "pin pandas", "c0ffee00", "", "acme/shop", NOW, files=("requirements.txt", "Dockerfile"))
PATTERN = "pat_aaaaaaaaaaaa"


@pytest.fixture
def watch(redis_client: Redis) -> RedisFixWatch:
    record(redis_client, PATTERN, FIX)
    made = RedisFixWatch(redis_client)
    made.watch(T, PATTERN, FIX)
    return made


def record(redis_client: Redis, pattern_id: str, fix: Fix) -> None:
    redis_client.hset(f"{prefix(T)}pattern:{pattern_id}", mapping={"status": "resolved", "fingerprint": f"1:{pattern_id}"})
    redis_client.hset(f"{prefix(T)}pattern:{pattern_id}", f"fix|{fix.fix_id}", encode_fix(fix))


def change(*files: str, commit: str = "beef", ms: int = NOW + 1, repo: str = "acme/shop") -> Change:
    return Change(repo, commit, files, ms)


def told(redis_client: Redis, pattern_id: str = PATTERN, fix_id: str = "f1") -> tuple[int, str]:
    pattern = open_index(redis_client).pattern(T, pattern_id)
    assert pattern is not None
    (fix,) = (one for one in pattern.fixes if one.fix_id == fix_id)
    return fix.changed_ms, fix.changed_file


def test_a_fix_is_told_of_the_newest_commit_that_changes_a_file_of_it(redis_client: Redis, watch: RedisFixWatch) -> None:
    assert watch.changed(T, [change("README.md", "requirements.txt"), change("Dockerfile", commit="feed", ms=NOW + 9)]) == 2
    assert watch.changed(T, [change("requirements.txt", commit="dead", ms=NOW + 5)]) == 0, "older than what it knows"

    assert told(redis_client) == (NOW + 9, "Dockerfile")


@pytest.mark.parametrize(
    "unrelated",
    [
        change("setup.py"),
        change("requirements.txt", commit="c0ffee0011223344"),
        change("requirements.txt", ms=NOW),
        change("requirements.txt", repo="acme/billing"),
    ],
    ids=["another file", "its own commit", "before it", "another repository"],
)
def test_nothing_else_is_told(redis_client: Redis, watch: RedisFixWatch, unrelated: Change) -> None:
    assert watch.changed(T, [unrelated]) == 0
    assert told(redis_client) == (0, "")


def test_a_commit_from_before_the_fix_is_not_told_when_it_is_run_again(redis_client: Redis, watch: RedisFixWatch) -> None:
    before = change("requirements.txt", ms=NOW - 1)
    assert watch.changed(T, [before]) == 0

    assert watch.changed(T, [replace(before, ms=NOW + 60_000)]) == 0
    assert told(redis_client) == (0, "")


def test_a_commit_is_as_old_as_its_first_run_whichever_is_read_first(redis_client: Redis, watch: RedisFixWatch) -> None:
    later = change("requirements.txt", ms=NOW + 60_000)
    watch.changed(T, [replace(later, ms=NOW + 5), later])

    assert told(redis_client) == (NOW + 5, "requirements.txt")


def test_the_commits_that_are_remembered_are_bounded_and_the_newest_stay(redis_client: Redis, watch: RedisFixWatch) -> None:
    watch.changed(T, [change("setup.py", commit=f"{number:08x}", ms=NOW + number) for number in range(MOST_COMMITS + 3)])

    (key,) = redis_client.keys(f"{prefix(T)}commits:*")
    assert redis_client.zcard(key) == MOST_COMMITS
    assert redis_client.zscore(key, f"{MOST_COMMITS + 2:08x}") == NOW + MOST_COMMITS + 2
    assert redis_client.ttl(key) > 0


def test_a_fix_of_another_repository_is_not_told_though_that_made_the_same_fix(redis_client: Redis, watch: RedisFixWatch) -> None:
    watch.watch(T, PATTERN, replace(FIX, repo="acme/billing", commit="dead"))

    assert watch.changed(T, [change("requirements.txt", repo="acme/billing")]) == 0


def test_the_pattern_that_stands_for_a_merged_one_is_told(redis_client: Redis, watch: RedisFixWatch) -> None:
    record(redis_client, "pat_bbbbbbbbbbbb", FIX)
    redis_client.hset(f"{prefix(T)}pattern:{PATTERN}", "merged_into", "pat_bbbbbbbbbbbb")

    assert watch.changed(T, [change("requirements.txt")]) == 1
    assert told(redis_client, "pat_bbbbbbbbbbbb") == (NOW + 1, "requirements.txt")


def test_what_is_watched_is_bounded_and_the_newest_fix_stays(redis_client: Redis, watch: RedisFixWatch) -> None:
    for number in range(MOST_WATCHERS):
        watch.watch(T, PATTERN, replace(FIX, fix_id=f"g{number}"))

    (watched,) = (redis_client.hgetall(key) for key in redis_client.keys(f"{prefix(T)}watched:*"))
    lines = text(watched[b"requirements.txt"]).split("\n")
    assert len(lines) == MOST_WATCHERS
    assert lines[0] == f"{PATTERN} g{MOST_WATCHERS - 1}"
    assert f"{PATTERN} f1" not in lines


def test_the_state_that_outlives_redis_has_the_files_and_their_change(redis_client: Redis, watch: RedisFixWatch) -> None:
    redis_client.hset(
        f"{prefix(T)}pattern:{PATTERN}",
        mapping={"first_ms": NOW, "last_ms": NOW, "revision": 1, "category": "unknown", "stage": "test"},
    )
    watch.changed(T, [change("requirements.txt")])
    archive = archive_of(open_index(redis_client))
    state = archive.state(T, PATTERN)
    assert state is not None
    redis_client.flushall()

    archive.restore(T, state, now_ms=NOW, owe=False)

    assert told(redis_client) == (NOW + 1, "requirements.txt")
    assert watch.changed(T, [change("Dockerfile", ms=NOW + 7)]) == 1, "and is watched again"
    assert decode_told(encode_fix(FIX))["files"] == list(FIX.files)
