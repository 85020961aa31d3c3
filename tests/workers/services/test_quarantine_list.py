"""The list of what is in quarantine: each sweep publishes it, CI jobs read it, and it says what holds after the sweep."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import HOUR_MS, NOW, RecordingBell, T, failed, open_index, passed
from redis import Redis
from redis.exceptions import NoPermissionError

from ci_memory_producers.client import Producer
from ci_memory_producers.keys import quarantine_key
from ci_memory_producers.quarantine_list import MOST_REPOSITORIES, QuarantineList
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_quarantine_list import RedisQuarantineLists
from ci_memory_workers.domain.aging import DAY_MS
from ci_memory_workers.domain.answer import at
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.services.ports import Dated, Reading
from ci_memory_workers.services.sweeps import Sweeper

OPS = Path(__file__).parents[3] / "ops"


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def sweeper(index: RedisIndex, redis_client: Redis) -> Sweeper:
    lists = RedisQuarantineLists(redis_client)
    return Sweeper(index=index, bell=RecordingBell(), lists=lists, aging_days=90, quarantine=QuarantinePolicy(0.5, 3))


def flake(index: RedisIndex, fingerprint: str, repo: str, *builds: str, tenant: str = T, ms: int = NOW) -> str:
    """A failure that passes when run again, in each of ``builds``."""
    pattern_id = ""
    for build in builds:
        events: list[Reading | Dated] = [
            failed(fingerprint, build=build, repo=repo, tenant=tenant, ms=ms),
            passed(build=build, repo=repo, tenant=tenant, ms=ms, attempt=2),
        ]
        pattern_id = index.apply(tenant, events, NOW)[0].pattern_id
    return pattern_id


def listed(client: Redis, tenant: str = T) -> QuarantineList:
    data: Any = client.get(quarantine_key(tenant))
    return QuarantineList.model_validate_json(data)


def test_a_sweep_says_what_is_in_quarantine_and_why(index: RedisIndex, sweeper: Sweeper, redis_client: Redis) -> None:
    pattern_id = flake(index, "1:aaaa", "acme/shop", "1", "2", "3")
    flake(index, "1:bbbb", "acme/shop", "8")

    sweeper.judge_flaky(NOW)

    (entry,) = listed(redis_client).entries
    assert listed(redis_client).as_of == at(NOW)
    assert (entry.pattern_id, entry.repositories, entry.category) == (pattern_id, ("acme/shop",), "test_assertion")
    assert (entry.flaky_episodes, entry.episodes, entry.reason) == (3, 3, "flaky in 3 of 3 builds (100%)")
    assert (entry.since, entry.until) == (at(NOW), at(NOW + 14 * DAY_MS))
    assert "boom" in entry.headline


def test_it_says_who_looks_after_each(index: RedisIndex, sweeper: Sweeper, redis_client: Redis) -> None:
    owned = flake(index, "1:aaaa", "acme/shop", "1", "2", "3")
    other = flake(index, "1:bbbb", "acme/shop", "1", "2", "3")
    RedisDecisions(redis_client).own(T, owned, "team-orders", Ruling("dev@example.com", "it is theirs", NOW))

    replace(sweeper, quarantine_owner="team-platform").judge_flaky(NOW)

    owners = {entry.pattern_id: entry.owner for entry in listed(redis_client).entries}
    assert owners == {owned: "team-orders", other: "team-platform"}


def test_what_was_released_is_in_it_no_more(index: RedisIndex, sweeper: Sweeper, redis_client: Redis) -> None:
    flake(index, "1:aaaa", "acme/shop", "1", "2", "3")
    sweeper.judge_flaky(NOW)
    index.apply(T, [failed("1:aaaa", build=build) for build in "456"], NOW)

    assert [made.status for made in sweeper.judge_flaky(NOW)] == ["unresolved"]

    assert listed(redis_client) == QuarantineList(as_of=at(NOW))


def test_what_a_person_has_fixed_meanwhile_is_not_in_it(index: RedisIndex, sweeper: Sweeper, redis_client: Redis) -> None:
    pattern_id = flake(index, "1:aaaa", "acme/shop", "1", "2", "3")
    sweeper.judge_flaky(NOW)
    redis_client.hset(f"ci-memory:{{{T}}}:pattern:{pattern_id}", "status", "resolved")

    sweeper.judge_flaky(NOW)

    assert listed(redis_client).entries == ()


def test_one_that_aged_and_came_back_is_in_it_again(index: RedisIndex, sweeper: Sweeper, redis_client: Redis) -> None:
    pattern_id = flake(index, "1:aaaa", "acme/shop", "1", "2", "3", ms=NOW - 91 * DAY_MS)
    sweeper.judge_flaky(NOW)
    sweeper.age(NOW)
    sweeper.judge_flaky(NOW)
    assert listed(redis_client).entries == ()

    flake(index, "1:aaaa", "acme/shop", "4")
    sweeper.judge_flaky(NOW)

    assert [entry.pattern_id for entry in listed(redis_client).entries] == [pattern_id]


def test_a_dry_run_publishes_nothing(index: RedisIndex, sweeper: Sweeper, redis_client: Redis) -> None:
    flake(index, "1:aaaa", "acme/shop", "1", "2", "3")

    assert sweeper.judge_flaky(NOW, dry_run=True)

    assert not redis_client.exists(quarantine_key(T))


def test_tenants_and_repositories_are_separate(
    index: RedisIndex, sweeper: Sweeper, redis_server: EmbeddedServer, redis_client: Redis
) -> None:
    mine = flake(index, "1:aaaa", "acme/shop", "1", "2", "3")
    both = flake(index, "1:bbbb", "acme/shop", "1", "2", "3")
    flake(index, "1:bbbb", "acme/billing", "1", "2")
    flake(index, "1:bbbb", "acme/once", "1")
    yours = flake(index, "1:aaaa", "acme/shop", "1", "2", "3", tenant="yours")

    sweeper.judge_flaky(NOW)

    def of(tenant: str, repo: str) -> set[str]:
        with Producer(redis_server.url) as producer:
            return {entry.pattern_id for entry in producer.quarantine(tenant, repo).entries}

    assert of(T, "acme/shop") == {mine, both}
    assert of(T, "acme/billing") == {both}
    assert of(T, "acme/once") == set(), "once proves nothing there: it blocks"
    assert of(T, "acme/other") == set()
    assert of("yours", "acme/shop") == {yours}
    assert of("nobody", "acme/shop") == set()


def test_of_very_many_repositories_some_are_named_and_it_concerns_all(
    index: RedisIndex, sweeper: Sweeper, redis_client: Redis
) -> None:
    repos = [f"acme/r{number}" for number in range(MOST_REPOSITORIES + 51)]
    for number, repo in enumerate(repos):
        # Hours apart: at once it would be an outbreak, which says nothing of flakiness.
        flake(index, "1:aaaa", repo, "1", "2", ms=NOW - 2 * (len(repos) - number) * HOUR_MS)

    sweeper.judge_flaky(NOW)

    (entry,) = listed(redis_client).entries
    assert (len(entry.repositories), entry.repository_count) == (MOST_REPOSITORIES, MOST_REPOSITORIES + 51)
    assert all(entry.concerns(repo) for repo in repos)


def test_ci_jobs_may_read_the_list_and_not_write_it(redis_server: EmbeddedServer, redis_client: Redis) -> None:
    (line,) = re.findall(r"^user (producers .*)$", (OPS / "redis.conf").read_text(), re.MULTILINE)
    redis_client.execute_command("ACL", "SETUSER", *line.split())  # type: ignore[no-untyped-call]  # redis-py's is untyped
    user = Redis.from_url(redis_server.url, username="producers", password="change-me-producers")
    try:
        assert user.get(quarantine_key(T)) is None
        with pytest.raises(NoPermissionError):
            user.set(quarantine_key(T), "{}")
        with pytest.raises(NoPermissionError):
            user.get(f"ci-memory:{{{T}}}:sample:pat_aaaaaaaaaaaa")
    finally:
        user.close()
        redis_client.acl_deluser("producers")


@pytest.mark.parametrize(
    ("key", "test_id", "named"),
    [
        ("tests.test_a.TestX.test_y", "tests/test_a.py::TestX::test_y[a/b.c]", True),
        ("tests.test_a.TestX.test_y", "tests.test_a.TestX.test_y[1]", True),
        ("TestX.test_y", "TestX.test_y", True),
        ("test_y", "tests/test_a.py::TestX::test_y", False),
        ("tests.test_a.test_y", "tests.test_b.test_y", False),
        ("", "", False),
    ],
)
def test_an_entry_names_a_test_as_fingerprints_do(key: str, test_id: str, named: bool) -> None:
    entry = QuarantineList.model_validate({"entries": [{"pattern_id": "pat_aaaaaaaaaaaa", "test_key": key}]}).entries[0]

    assert entry.names(test_id) is named
