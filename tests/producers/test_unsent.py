"""What could not be sent waits on the disk, within a bound, and the next push sends it: nothing is lost, nothing counts twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from ci_memory_producers.cli import REPORTED, UNREACHABLE, main
from ci_memory_producers.client import LogFull, Producer, ServerUnreachable
from ci_memory_producers.events import EVENT, FailureEvent
from ci_memory_producers.keys import FIELD, LOG_LIMIT_KEY, STREAM
from ci_memory_producers.unsent import MOST_FILES, Unsent
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer

NOWHERE = "redis://127.0.0.1:1/0"
PLACE = ("--repo", "acme/shop", "--build-id", "1", "--stage", "test")


def failure(build: int, **fields: Any) -> FailureEvent:
    return FailureEvent(**{"repo": "acme/shop", "build_id": str(build), "stage": "test", "error_message": "boom", **fields})


def pushed(client: Redis) -> list[str]:
    rows: Any = client.xrange(STREAM)
    return [EVENT.validate_json(fields[FIELD.encode()]).event_id for _, fields in rows]


@pytest.fixture
def unsent(tmp_path: Path) -> Unsent:
    return Unsent(tmp_path / "unsent")


def keep_some(unsent: Unsent, *events: FailureEvent) -> None:
    with pytest.raises(ServerUnreachable), Producer(NOWHERE, timeout=1, unsent=unsent) as producer:
        producer.push_many(events)


def test_what_could_not_be_sent_is_kept_and_said(unsent: Unsent) -> None:
    with pytest.raises(ServerUnreachable) as caught, Producer(NOWHERE, timeout=1, unsent=unsent) as producer:
        producer.push_many([failure(1), failure(2)])

    assert f"2 events were not sent, and wait in {unsent.directory} for the next report" in str(caught.value)
    ((_, lines),) = unsent.files()
    assert [EVENT.validate_json(line).event_id for line in lines] == [failure(1).event_id, failure(2).event_id]


def test_the_next_push_sends_what_was_kept_before_its_own_and_empties_the_disk(
    unsent: Unsent, redis_server: EmbeddedServer, redis_client: Redis
) -> None:
    first, second = failure(1, error_message="a\u2028b\x85c"), failure(2)
    keep_some(unsent, first)
    keep_some(unsent, second)

    with Producer(redis_server.url, unsent=unsent) as producer:
        producer.push(failure(3))

    assert pushed(redis_client) == [first.event_id, second.event_id, failure(3).event_id]
    assert list(unsent.files()) == []


def test_while_the_server_stays_away_the_disk_collects_all(
    unsent: Unsent, redis_server: EmbeddedServer, redis_client: Redis
) -> None:
    for build in range(5):
        keep_some(unsent, failure(build), failure(100 + build))

    with Producer(redis_server.url, unsent=unsent) as producer:
        producer.push_many([])

    assert Counter(pushed(redis_client)) == Counter(
        failure(number).event_id for build in range(5) for number in (build, 100 + build)
    )


def test_no_more_is_kept_than_the_bound_and_what_is_lost_is_not_said_to_be_kept(tmp_path: Path) -> None:
    unsent = Unsent(tmp_path / "unsent", most_bytes=2_000)

    with pytest.raises(ServerUnreachable) as caught, Producer(NOWHERE, timeout=1, unsent=unsent) as producer:
        producer.push(failure(1, stack_trace="x" * 3_000))

    assert str(caught.value).endswith("1 events were not sent")
    assert list(unsent.files()) == []


def test_there_are_no_more_files_than_the_bound(unsent: Unsent) -> None:
    unsent.directory.mkdir()
    for number in range(MOST_FILES):
        (unsent.directory / f"{number:020d}-0.jsonl").write_text("{}\n")

    assert not unsent.keep(["{}"])


def test_a_disk_that_refuses_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert not Unsent(tmp_path / "file" / "unsent").keep(["{}"])


def test_what_is_kept_is_nobody_elses_to_read(unsent: Unsent) -> None:
    keep_some(unsent, failure(1))

    ((path, _),) = unsent.files()
    assert (path.stat().st_mode & 0o777, unsent.directory.stat().st_mode & 0o777) == (0o600, 0o700)


def test_each_server_has_its_own(tmp_path: Path) -> None:
    assert Unsent.for_server("redis://one", tmp_path).directory != Unsent.for_server("redis://two", tmp_path).directory


def test_a_log_that_is_full_asks_to_back_off_and_takes_nothing(
    unsent: Unsent, redis_server: EmbeddedServer, redis_client: Redis
) -> None:
    redis_client.set(LOG_LIMIT_KEY, 3)
    with Producer(redis_server.url, unsent=unsent) as producer:
        producer.push_many([failure(n) for n in range(3)])
        with pytest.raises(LogFull, match=r"try again in 30 s; 2 events were not sent, and wait in") as caught:
            producer.push_many([failure(3), failure(4)])
        assert (caught.value.retry_after, caught.value.not_sent) == (30.0, 2)
        assert redis_client.xlen(STREAM) == 3

        redis_client.xtrim(STREAM, maxlen=0, approximate=False)
        redis_client.set(LOG_LIMIT_KEY, 10)
        producer.push(failure(5))

    assert pushed(redis_client) == [failure(n).event_id for n in (3, 4, 5)]


def test_producers_that_push_one_event_each_stop_at_the_limit_too(redis_server: EmbeddedServer, redis_client: Redis) -> None:
    redis_client.set(LOG_LIMIT_KEY, 2)
    refused = 0
    for build in range(5):
        with Producer(redis_server.url) as producer:
            try:
                producer.push(failure(build))
            except LogFull:
                refused += 1

    assert (redis_client.xlen(STREAM), refused) == (2, 3)


def test_a_server_without_memory_asks_to_back_off(unsent: Unsent, redis_server: EmbeddedServer, redis_client: Redis) -> None:
    redis_client.config_set("maxmemory", 1)
    try:
        with pytest.raises(LogFull), Producer(redis_server.url, unsent=unsent) as producer:
            producer.push(failure(1))
    finally:
        redis_client.config_set("maxmemory", 0)

    assert len(list(unsent.files())) == 1


def test_a_user_who_may_not_ask_how_long_the_log_is_pushes_all_the_same(
    redis_server: EmbeddedServer, redis_client: Redis
) -> None:
    redis_client.acl_setuser("older", enabled=True, nopass=True, commands=["+xadd"], keys=["*"])
    url = redis_server.url.replace("unix://", "unix://older:any@")

    with Producer(url) as producer:
        producer.push(failure(1))
        producer.push(failure(2))

    assert redis_client.xlen(STREAM) == 2


def test_a_report_that_finds_no_server_ends_with_its_status_and_the_next_one_tells_both(
    redis_server: EmbeddedServer, redis_client: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    socket = tmp_path / "redis.sock"
    url = f"unix://{socket}"
    monkeypatch.setenv("CI_MEMORY_URL", url)

    assert main(["pass", *PLACE]) == UNREACHABLE
    assert "1 events were not sent, and wait in" in capsys.readouterr().err
    socket.symlink_to(redis_server.socket)
    assert main(["pass", "--repo", "acme/shop", "--build-id", "2", "--stage", "test"]) == REPORTED

    rows: Any = redis_client.xrange(STREAM)
    assert [EVENT.validate_json(fields[FIELD.encode()]).build_id for _, fields in rows] == ["1", "2"]  # type: ignore[union-attr]  # passes
