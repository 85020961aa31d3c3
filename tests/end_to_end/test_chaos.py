"""Everything is killed, or hangs, while events come in: nothing is lost, nothing is counted twice, and all is as in peace.

The long version is a benchmark, whose modules do the work.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from redis import RedisError

from ci_memory_producers import FailureEvent, Producer
from ci_memory_producers.client import ServerUnreachable

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from chaos import findings_of, play
from chaos_compare import faults
from chaos_fleet import ChaosFleet, running, wait_until
from chaos_planner import make_plan
from chaos_strikes import Strike

EVENTS, KILLS, ACTS = 2_000, 8, 3


@pytest.mark.timeout(600)  # a bound for a loaded machine; it takes about a minute
def test_what_is_known_in_the_end_is_the_same_whoever_is_killed(tmp_path: Path) -> None:
    plan = make_plan(11, EVENTS, KILLS, acts=ACTS, longest_hang=2.0)

    with ThreadPoolExecutor(2) as both:
        runs = [
            both.submit(play, tmp_path / name, plan, strikes=strikes, fsync="always", lease_seconds=2.0)
            for name, strikes in (("peace", False), ("chaos", True))
        ]
        (_, in_peace), (chaotic, outcome) = (run.result() for run in runs)

    assert [*faults(plan, in_peace)] == []
    assert len(chaotic.struck) == KILLS
    assert findings_of(plan, in_peace, outcome, chaotic) == []


def read(fleet: ChaosFleet, build: int) -> bool:
    """Whether a failure that is pushed now has been read; False while Redis is down."""
    event = FailureEvent(repo="acme/shop", build_id=str(build), stage="build", error_message="fatal: no such remote\n")
    try:
        with Producer(fleet.url) as producer:
            producer.push(event)
        log = fleet.container().log
        wait_until(lambda: log.lag() == 0 and log.unacknowledged() == 0, "it is read")
    except (RedisError, ServerUnreachable):
        return False
    return True


def test_the_log_is_read_after_each_restart_of_redis(tmp_path: Path) -> None:
    with running(ChaosFleet(tmp_path)) as fleet:
        for number in range(6):
            fleet.strike(Strike(0, "redis", "kill", number / 5, 0))
            fleet.calm()
            wait_until(partial(read, fleet, number), "the log is read again")
