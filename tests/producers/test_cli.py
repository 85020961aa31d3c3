"""``ci-memory-report``: what it prints, writes and returns."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from ci_memory_producers.cli import BAD_INPUT, REPORTED, UNREACHABLE, main
from ci_memory_producers.client import Producer
from ci_memory_producers.events import EVENT, Analysis, FailureEvent, PassEvent, ResolutionEvent, ResolutionReceipt
from ci_memory_producers.keys import FIELD, STREAM, waiting_key
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer

PLACE = ("--repo", "acme/shop", "--build-id", "1", "--stage", "test")
PATTERN = ("--pattern-id", "pat_aaaaaaaaaaaa")
TWO_FAILURES = "FAILED tests/test_a.py::test_a - assert 1 == 2\nFAILED tests/test_a.py::test_b - assert 3 == 4\n2 failed in 1s\n"


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("build.log").write_text("E   assert 401 == 200\n")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, redis_server: EmbeddedServer, redis_client: Redis) -> Redis:
    """The server that the command finds in its environment."""
    monkeypatch.setenv("CI_MEMORY_URL", redis_server.url)
    return redis_client


def pushed(client: Redis) -> list[FailureEvent | PassEvent | ResolutionEvent]:
    rows: Any = client.xrange(STREAM)
    return [EVENT.validate_json(fields[FIELD.encode()]) for _, fields in rows]


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Whoever waits gets ``answer(tenant, event_id)``."""
    monkeypatch.setattr(Producer, "wait", lambda _, tenant, event_id, *, seconds: answer(tenant, event_id))


def test_a_failure_is_pushed_and_named(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failure", *PLACE, "--error-file", "build.log"]) == REPORTED

    (event,) = pushed(server)
    assert capsys.readouterr().out == f"reported 1 failure: {event.event_id}\n"
    assert not Path("failure_analysis.json").exists()
    assert not server.exists(waiting_key("default", event.event_id))


def test_an_answer_that_was_waited_for_is_printed_and_written(
    server: Redis, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("build.log").write_text(TWO_FAILURES)
    answer_with(
        monkeypatch, lambda _, event_id: Analysis(status="known_pattern", event_id=event_id, suggested_fix="set AUTH_TOKEN")
    )

    assert main(["failure", *PLACE, "--error-file", "build.log", "--wait", "5", "--output", "out.json"]) == REPORTED

    first, second = pushed(server)
    written = json.loads(Path("out.json").read_text())
    assert (written["event_id"], written["suggested_fix"]) == (first.event_id, "set AUTH_TOKEN")
    assert [other["event_id"] for other in written["others"]] == [second.event_id]
    assert "set AUTH_TOKEN" in capsys.readouterr().out
    assert server.exists(waiting_key("default", first.event_id))


def test_an_answer_that_is_not_ready_is_pending_and_no_error(server: Redis) -> None:
    assert main(["failure", *PLACE, "--error-file", "build.log", "--wait", "0.01"]) == REPORTED
    assert json.loads(Path("failure_analysis.json").read_text())["status"] == "pending"


def test_a_pass_is_pushed(server: Redis) -> None:
    assert main(["pass", *PLACE, "--attempt", "2"]) == REPORTED

    (event,) = pushed(server)
    assert isinstance(event, PassEvent)
    assert event.attempt == 2


def test_a_resolution_is_pushed_and_its_receipt_shown(
    server: Redis, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(
        monkeypatch,
        lambda _, e: ResolutionReceipt(status="recorded", event_id=e, pattern_id="pat_aaaaaaaaaaaa", message="it is resolved"),
    )

    status = main(["resolution", *PATTERN, "--repo", "acme/shop", "--fix-type", "code_change", "--fix-description", "pin it"])

    assert (status, capsys.readouterr().out) == (REPORTED, "it is resolved\n")
    assert [event.kind for event in pushed(server)] == ["resolution"]


def test_a_resolution_that_is_not_confirmed_yet_is_reported_all_the_same(
    server: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resolution", *PATTERN, "--repo", "acme/shop", "--fix-type", "rerun", "--wait", "0"]) == REPORTED
    assert "not confirmed yet" in capsys.readouterr().out


def test_a_resolution_of_an_unknown_pattern_is_bad_input(
    server: Redis, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(
        monkeypatch,
        lambda _, e: ResolutionReceipt(status="rejected", event_id=e, pattern_id="pat_aaaaaaaaaaaa", message="nothing is known"),
    )

    assert main(["resolution", *PATTERN, "--repo", "acme/shop", "--fix-type", "rerun"]) == BAD_INPUT
    assert capsys.readouterr().err == "ci-memory-report: --pattern-id: nothing is known\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["failure", "--stage", "test", "--repo", "acme/shop", "--error-file", "build.log"], "--build-id is missing"),
        (["failure", *PLACE, "--error-file", "missing.log"], "missing.log"),
        (["failure", *PLACE, "--error-file", "build.log", "--tenant", "Not A Tenant"], "--tenant: "),
        (["failure", *PLACE, "--error-file", "build.log", "--attempt", "-1"], "--attempt: "),
        (["failure", *PLACE, "--error-file", "build.log", "--attempt", "0"], "--attempt: "),
        (["failure", *PLACE, "--junit", "*.xml"], "--junit"),
        (["resolution", *PATTERN, "--repo", "acme/shop", "--fix-type", "code_change"], "fix_description is empty"),
        (["resolution", "--pattern-id", "x", "--repo", "acme/shop", "--fix-type", "rerun"], "--pattern-id: "),
    ],
)
def test_bad_input_is_named_and_nothing_is_pushed(
    server: Redis, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == BAD_INPUT

    caught = capsys.readouterr()
    assert caught.err.startswith("ci-memory-report: ")
    assert said in caught.err
    assert (caught.out, pushed(server)) == ("", [])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["failure", "--repo", "acme/shop"],
        ["failure", "--stage", "lunch"],
        ["failure", *PLACE, "--wait", "-1"],
        ["failure", *PLACE, "--wait", "nan"],
        ["failure", *PLACE, "--nonsense"],
        ["resolution", *PATTERN, "--fix-type", "magic"],
    ],
)
def test_flags_that_make_no_sense_end_with_the_same_status(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == BAD_INPUT
    assert "usage: ci-memory-report" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_said(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["failure", *PLACE, "--error-file", "build.log", "--wait", "0.01", "--output", "nowhere/out.json"]

    assert main(arguments) == BAD_INPUT
    assert "nowhere/out.json" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_said_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--server", "redis://:hunter2@127.0.0.1:1/0", "--timeout", "0.5")

    assert main(["pass", *PLACE, *where]) == UNREACHABLE
    said = capsys.readouterr().err
    assert "redis://127.0.0.1:1/0" in said
    assert "hunter2" not in said


def test_without_any_server_it_is_said_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pass", *PLACE]) == UNREACHABLE
    assert "CI_MEMORY_URL is not set" in capsys.readouterr().err


def test_a_timeout_of_nothing_is_refused_by_its_name(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["pass", *PLACE, "--timeout", "0"])

    assert caught.value.code == BAD_INPUT
    assert "--timeout" in capsys.readouterr().err


def test_a_log_on_standard_input_is_read(server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("E   assert 401 == 200\n"))

    assert main(["failure", *PLACE]) == REPORTED
    (event,) = pushed(server)
    assert isinstance(event, FailureEvent)
    assert "401 == 200" in event.error_message
