"""More comes in than the log may hold: producers are told, keep theirs on disk, and in the end each event counts once."""

from __future__ import annotations

from pathlib import Path

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent, Producer
from ci_memory_producers.client import LogFull
from ci_memory_producers.unsent import Unsent
from running_fleet import start_up, wait_until

TENANT = "pressed"
LIMIT, EVENTS, PUSH = 1_000, 2_500, 250


def failure(build: int) -> FailureEvent:
    log = missing_module_log(f"module_{chr(97 + build % 5)}", build % 60)
    return FailureEvent(tenant=TENANT, repo="acme/shop", build_id=str(build), stage="build", error_message=log)


def test_a_log_that_is_full_costs_time_and_no_event(tmp_path: Path) -> None:
    up = start_up(tmp_path / "data", CI_MEMORY_LOG_LIMIT=str(LIMIT))
    box = up.container()
    unsent = Unsent(tmp_path / "unsent")
    refused = longest = 0

    def push(*events: FailureEvent) -> bool:
        nonlocal refused, longest
        with Producer(up.url, unsent=unsent) as producer:
            try:
                producer.push_many(events)
            except LogFull:
                refused += 1
        longest = max(longest, box.log.length())
        return not list(unsent.files())

    try:
        for start in range(0, EVENTS, PUSH):
            push(*(failure(build) for build in range(start, start + PUSH)))
        wait_until(push, what="all that was kept is sent", seconds=120)
        wait_until(lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0, what="the log is read")

        ids = box.index.pattern_ids(TENANT, 100)
        seen = [pattern.occurrences for pattern_id in ids if (pattern := box.index.pattern(TENANT, pattern_id))]
        assert seen == [EVENTS // 5] * 5
        assert refused > 0
        assert longest <= LIMIT
    finally:
        box.redis.close()
        assert up.stop() == 0
