"""One sweep of a kind at a time; a sweep that stops is gone on with, and one whose worker died is not in the way for long."""

from __future__ import annotations

from redis import Redis

from ci_memory_workers.adapters.sweep_lock import SweepLock


def test_another_worker_does_not_sweep_at_the_same_time(redis_client: Redis) -> None:
    one, other = SweepLock(redis_client), SweepLock(redis_client)

    with one.held("age") as held:
        assert held is not None
        with other.held("age") as second, other.held("quarantine") as another_kind:
            assert second is None
            assert another_kind is not None
        assert held.renew(), "whoever was refused has not given up what is another's"

    with other.held("age") as later:
        assert later is not None


def test_a_sweep_that_was_overtaken_is_told_so_and_leaves_the_others_lease_alone(redis_client: Redis) -> None:
    one, other = SweepLock(redis_client), SweepLock(redis_client)

    with one.held("age") as slow:
        redis_client.delete("ci-memory:sweep:age")  # its lease ran out
        with other.held("age") as fresh:
            assert slow is not None
            assert fresh is not None
            assert not slow.renew()
            slow.release()
            assert fresh.renew()


def test_a_lease_ends_by_itself(redis_client: Redis) -> None:
    with SweepLock(redis_client, lease_ms=60_000).held("age"):
        left = redis_client.pttl("ci-memory:sweep:age")

    assert isinstance(left, int)
    assert 0 < left <= 60_000
