"""Slots on a real server: one drain each."""

from __future__ import annotations

import pytest
from redis import Redis

from ci_memory_workers.adapters.slots import Slots


@pytest.fixture
def slots(redis_client: Redis) -> Slots:
    return Slots(redis_client, lease_ms=60_000)


def test_a_slot_has_one_holder_who_may_stay(slots: Slots) -> None:
    assert slots.hold(0, "mine")
    assert slots.hold(0, "mine")
    assert not slots.hold(0, "yours")
    assert slots.hold(1, "yours")


def test_only_its_holder_gives_a_slot_up(slots: Slots) -> None:
    slots.hold(0, "mine")
    slots.release(0, "yours")

    assert not slots.hold(0, "yours")
    slots.release(0, "mine")
    assert slots.hold(0, "yours")


def test_a_lease_ends_when_its_time_is_over(slots: Slots, redis_client: Redis) -> None:
    slots.hold(0, "mine")

    assert 50_000 < int(redis_client.pttl("ci-memory:slot:0")) <= 60_000
    redis_client.pexpire("ci-memory:slot:0", 0)
    assert slots.hold(0, "yours")
    assert not slots.hold(0, "mine")


def test_who_stays_renews_the_lease(slots: Slots, redis_client: Redis) -> None:
    slots.hold(0, "mine")
    redis_client.pexpire("ci-memory:slot:0", 10_000)

    slots.hold(0, "mine")

    assert int(redis_client.pttl("ci-memory:slot:0")) > 10_000


def test_free_slots_are_those_that_nobody_holds(slots: Slots) -> None:
    slots.hold(1, "mine")

    assert slots.free(3) == [0, 2]
    slots.forget(3)
    assert slots.free(3) == [0, 1, 2]
