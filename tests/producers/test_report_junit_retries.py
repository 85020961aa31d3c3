"""Retries inside a test report: a test that failed, and passed when the runner tried it again, is a flaky episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from answering_memory import TENANT, AnsweringMemory
from ci_memory_producers import junit_events
from ci_memory_producers.cli import BAD_INPUT, REPORTED, main
from ci_memory_producers.events import EVENT, FailureEvent, PassEvent
from ci_memory_producers.keys import FIELD, STREAM
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer

TOKEN = "ghp_" + "x1" * 18
TEST = "com.acme.QueueTest.delivers"
FLAKY = f"""<testsuite name="s" tests="3" failures="{{failures}}" errors="0" skipped="0">
<testcase classname="com.acme.QueueTest" name="delivers" time="0.2">
<flakyFailure message="expected 1 message but was 0" type="org.opentest4j.AssertionFailedError">
<stackTrace>org.opentest4j.AssertionFailedError: expected 1 message but was 0 {TOKEN}
\tat com.acme.QueueTest.delivers(QueueTest.java:31)</stackTrace></flakyFailure></testcase>
<testcase classname="com.acme.QueueTest" name="drains"/>
{{more}}</testsuite>"""
BROKEN = (
    """<testcase classname="com.acme.QueueTest" name="closes"><failure message="still open">still open</failure></testcase>"""
)
PLACE = ("--repo", "acme/shop", "--stage", "test", "--job", "unit")


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_server: EmbeddedServer) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI_MEMORY_URL", redis_server.url)
    Path("green.xml").write_text(FLAKY.format(failures=0, more=""))
    Path("red.xml").write_text(FLAKY.format(failures=1, more=BROKEN))


def pushed(client: Redis) -> list[Any]:
    rows: Any = client.xrange(STREAM)
    return [EVENT.validate_json(fields[FIELD.encode()]) for _, fields in rows]


def report(kind: str, junit: str, *more: str, build: str = "b1") -> int:
    return main([kind, *PLACE, "--build-id", build, "--junit", junit, *more])


def test_a_job_that_passed_says_what_was_retried(redis_client: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    assert report("pass", "green.xml") == REPORTED

    failure, retried, job = pushed(redis_client)
    assert isinstance(failure, FailureEvent)
    assert (failure.test_id, failure.attempt) == (TEST, 1)
    assert "expected 1 message but was 0" in failure.error_message
    assert isinstance(retried, PassEvent)
    assert (retried.test_id, retried.attempt, retried.build_id, retried.job) == (TEST, 2, "b1", "unit")
    assert isinstance(job, PassEvent)
    assert (job.test_id, job.attempt) == ("", 1)
    assert TOKEN not in "".join(event.model_dump_json() for event in (failure, retried, job))
    assert capsys.readouterr().out == f"reported a pass: {job.event_id}, and 1 that passed when retried\n"


def test_a_job_that_failed_says_what_failed_first_and_what_was_retried_too(
    redis_client: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report("failure", "red.xml") == REPORTED

    failure, *retry = pushed(redis_client)
    assert failure.test_id == "com.acme.QueueTest.closes"
    assert [(event.kind, event.test_id, event.attempt) for event in retry] == [("failure", TEST, 1), ("pass", TEST, 2)]
    assert capsys.readouterr().out == f"reported 1 failure: {failure.event_id}, and 1 that passed when retried\n"


def test_a_suite_that_breaks_as_a_whole_tells_of_so_many_tests_and_says_that_there_are_more(
    redis_client: Redis, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(junit_events, "MOST_TESTS", 5)
    cases = "".join(BROKEN.replace("closes", f"closes_{number}") for number in range(7))
    for name in ("one.xml", "two.xml"):
        retried = FLAKY.replace("delivers", f"delivers_{name[:3]}").format(failures=7, more=cases.replace("QueueTest", name[:3]))
        Path(name).write_text(retried)

    assert report("failure", "*o*.xml") == REPORTED

    events = pushed(redis_client)
    failed = [event for event in events if event.kind == "failure"]
    assert len(failed) == 5 + 2, "and both that were retried"
    assert {event.run_totals.failed for event in failed} == {7}
    assert "--junit: 9 more tests are counted and not told of" in capsys.readouterr().err


def test_in_a_later_attempt_of_the_job_the_retry_is_an_attempt_after_it(redis_client: Redis) -> None:
    assert report("pass", "green.xml", "--attempt", "3") == REPORTED

    failure, retried, job = pushed(redis_client)
    assert (failure.attempt, retried.attempt, job.attempt) == (3, 4, 3)


def test_the_failure_that_was_retried_is_the_same_as_the_one_that_was_not(redis_client: Redis) -> None:
    Path("broken.xml").write_text(Path("green.xml").read_text().replace("flakyFailure", "failure"))

    assert report("pass", "green.xml") == REPORTED
    assert report("failure", "broken.xml") == REPORTED

    first, *_, last = pushed(redis_client)
    assert (first.event_id, first.error_message) == (last.event_id, last.error_message)


def test_builds_with_retries_put_the_failure_into_quarantine(redis_server: EmbeddedServer, redis_client: Redis) -> None:
    with AnsweringMemory(redis_server.url) as memory:
        for build in ("b1", "b2", "b3"):
            assert report("pass", "green.xml", build=build) == REPORTED
            assert report("pass", "green.xml", build=build) == REPORTED, "twice is once"
        memory.absorbed()

        assert memory.sweep() == ["quarantined"]
        (pattern_id,) = memory.box.index.quarantined(TENANT)
        pattern = memory.box.index.pattern(TENANT, pattern_id)
    assert pattern is not None
    assert (pattern.occurrences, pattern.flaky_episodes, pattern.episodes) == (3, 3, 3)
    assert pattern.test_key == TEST


def test_a_pass_with_reports_that_are_not_there_is_said(redis_client: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    assert report("pass", "none*.xml") == BAD_INPUT

    assert "--junit none*.xml: no file matches" in capsys.readouterr().err
    assert pushed(redis_client) == []
