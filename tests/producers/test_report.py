"""From flags, the provider's environment and git to events; redacted before anything is in them."""

from __future__ import annotations

import io
import subprocess
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from ci_memory_producers import cli
from ci_memory_producers.excerpt import UnreadableLog
from ci_memory_producers.report import BadFlag, failures, passed, place, resolution

TOKEN = "ghp_" + "x1" * 18
GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "77", "GITHUB_RUN_NUMBER": "12",
    "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "unit", "GITHUB_REF_NAME": "main", "GITHUB_SHA": "c" * 40,
    "GITHUB_ACTOR": "dev", "GITHUB_SERVER_URL": "https://github.com",
}  # fmt: skip
LOG = "collected 2 items\n\ntests/test_a.py F.\n\n>       assert status == 200\nE       assert 401 == 200\n\n" + (
    "FAILED tests/test_a.py::test_login - assert 401 == 200\n1 failed, 1 passed in 0.12s\n"
)


def flags(*arguments: str) -> Namespace:
    """The flags as the command reads them."""
    return cli._parser().parse_args(list(arguments))


def failure_flags(*arguments: str) -> Namespace:
    return flags("failure", "--stage", "test", *arguments)


def log_file(tmp_path: Path, text: str = LOG) -> str:
    path = tmp_path / "build.log"
    path.write_text(text)
    return str(path)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    directory = tmp_path / "checkout"
    directory.mkdir()
    identity = ("-c", "user.name=Dev", "-c", "user.email=dev@example.com", "-c", "init.defaultBranch=trunk")
    (directory / "a.py").write_text("a")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", f"Add a\n\ntoken {TOKEN}"]):
        subprocess.run(["git", *identity, *command], cwd=directory, check=True)
    return directory


def test_outside_of_ci_the_flags_and_git_say_where_it_happened(checkout: Path) -> None:
    found = place(failure_flags("--repo", "acme/shop", "--build-id", "9"), {}, checkout)

    assert (found["repo"], found["build_id"], found["attempt"], found["provider"]) == ("acme/shop", "9", 1, "")
    assert (found["branch"], found["author"]) == ("trunk", "Dev")
    assert len(found["commit_sha"]) == 40
    assert found["commit_message"].startswith("Add a")


def test_the_provider_comes_before_git(checkout: Path) -> None:
    found = place(failure_flags(), GITHUB, checkout)

    assert (found["repo"], found["build_id"], found["run_number"], found["attempt"]) == ("acme/shop", "77", 12, 2)
    assert (found["branch"], found["commit_sha"], found["provider"]) == ("main", "c" * 40, "github")
    assert found["commit_message"] == ""


def test_flags_come_before_the_provider(checkout: Path) -> None:
    said = {
        "repo": "acme/other", "build-id": "5", "run-number": "0", "job": "lint", "attempt": "4", "branch": "fix",
        "author": "ops", "url": "https://ci.example.com/5", "environment": "staging", "commit": "d" * 40,
    }  # fmt: skip
    found = place(failure_flags(*(part for name, value in said.items() for part in (f"--{name}", value))), GITHUB, checkout)

    assert found["commit_sha"] == "d" * 40
    for name, value in said.items():
        if name != "commit":
            assert str(found[name.replace("-", "_")]) == value


@pytest.mark.parametrize(("flag", "given"), [("--repo", ("--build-id", "1")), ("--build-id", ("--repo", "acme/shop"))])
def test_what_nothing_says_is_asked_for_by_its_flag(tmp_path: Path, flag: str, given: tuple[str, ...]) -> None:
    with pytest.raises(BadFlag, match=f"{flag} is missing: nothing says it"):
        place(failure_flags(*given), {}, tmp_path)
    with pytest.raises(BadFlag, match=f"{flag} is missing: github does not say it"):
        place(failure_flags(*given), {"GITHUB_ACTIONS": "true"}, tmp_path)


def failed(tmp_path: Path, *arguments: str, stdin: Any = None) -> Any:
    given = failure_flags("--repo", "acme/shop", "--build-id", "1", *arguments)
    return failures(given, {}, tmp_path, stdin if stdin is not None else io.StringIO()).failures


def test_a_log_is_read_to_the_failing_part_and_its_test(tmp_path: Path) -> None:
    (event,) = failed(tmp_path, "--error-file", log_file(tmp_path), "--exit-code", "1", "--changed-file", "a.py")

    assert "assert 401 == 200" in event.error_message
    assert (event.test_id, event.exit_code, event.changed_files) == ("tests/test_a.py::test_login", 1, ("a.py",))


def test_the_log_may_come_on_standard_input(tmp_path: Path) -> None:
    for arguments in ((), ("--error-file", "-")):
        (event,) = failed(tmp_path, *arguments, stdin=io.StringIO(LOG))
        assert "assert 401 == 200" in event.error_message


def test_bytes_on_standard_input_that_are_no_text_do_not_lose_the_failure(tmp_path: Path) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"\xff\xfe progress\n" + LOG.encode()), encoding="utf-8")

    (event,) = failed(tmp_path, stdin=stdin)

    assert "assert 401 == 200" in event.error_message


def test_the_same_log_twice_is_the_same_event(tmp_path: Path) -> None:
    first, second = (failed(tmp_path, "--error-file", log_file(tmp_path))[0] for _ in range(2))

    assert first.event_id == second.event_id


def test_without_a_log_it_is_said_how_to_give_one(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(BadFlag, match="--error-file is missing"):
        failed(tmp_path, stdin=Terminal())
    with pytest.raises(BadFlag, match="standard input is empty"):
        failed(tmp_path, stdin=io.StringIO(" \n"))
    for name in ("missing.log", "empty.log", "."):
        (tmp_path / "empty.log").write_text("")
        with pytest.raises(UnreadableLog):
            failed(tmp_path, "--error-file", str(tmp_path / name))


JUNIT = """<testsuite name="s" tests="3" failures="1" errors="1" skipped="0">
<testcase classname="tests.test_a" name="test_login"><failure message="assert 401 == 200">trace {token}</failure></testcase>
<testcase classname="tests.test_a" name="test_down"><error message="connection refused">trace</error></testcase>
<testcase classname="tests.test_a" name="test_ok"/></testsuite>"""


def test_each_failed_test_of_a_junit_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "r1.xml").write_text(JUNIT.format(token=TOKEN))

    events = failed(tmp_path, "--junit", str(tmp_path / "r*.xml"))

    assert len(events) == len({event.event_id for event in events}) == 2
    assert {event.test_id.rpartition("test_")[2] for event in events} == {"login", "down"}
    login = next(event for event in events if event.test_id.endswith("login"))
    assert "assert 401 == 200" in login.error_message
    assert (login.run_totals.tests, login.run_totals.failed, login.run_totals.errors) == (3, 1, 1)
    assert TOKEN not in login.model_dump_json()


def test_the_same_junit_file_twice_is_each_failure_once(tmp_path: Path) -> None:
    for name in ("r1.xml", "r2.xml"):
        (tmp_path / name).write_text(JUNIT.format(token=""))

    assert len(failed(tmp_path, "--junit", str(tmp_path / "*.xml"))) == 2


@pytest.mark.parametrize(
    ("said", "failures"),
    [
        ("FAILED tests/test_a.py::test_login - assert 401 == 200", 2),
        ("FAILED tests/test_a.py::TestA::test_login[1.5-a/b] - assert 401 == 200", 2),
        ("FAILED tests/test_b.py::test_logout - assert 401 == 200", 3),
        ("E: Unable to locate package foo", 3),
    ],
)
def test_what_a_report_and_the_log_both_say_is_one_failure(tmp_path: Path, said: str, failures: int) -> None:
    (tmp_path / "r.xml").write_text(JUNIT.format(token=""))
    log = log_file(tmp_path, f"collected 2 items\n\n>       assert status == 200\nE       assert 401 == 200\n\n{said}\n")

    assert len(failed(tmp_path, "--junit", str(tmp_path / "r.xml"), "--error-file", log)) == failures


def test_a_pattern_of_junit_files_that_nothing_matches_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFlag, match=r"--junit .*no file matches"):
        failed(tmp_path, "--junit", str(tmp_path / "*.xml"))


SECRETIVE = (
    "--author", f"dev {TOKEN}", "--url", f"https://ci.example.com/?t={TOKEN}", "--branch", f"fix/{TOKEN}",
    "--job", f"job {TOKEN}", "--test-id", f"t::{TOKEN}", "--changed-file", f"a/{TOKEN}",
)  # fmt: skip


def test_no_secret_of_the_log_is_in_a_failure(tmp_path: Path) -> None:
    (event,) = failed(tmp_path, "--error-file", log_file(tmp_path, LOG.replace("401", TOKEN)))

    assert TOKEN not in event.model_dump_json()
    assert "[REDACTED" in event.error_message


def test_no_secret_of_the_flags_is_in_a_failure(checkout: Path, tmp_path: Path) -> None:
    log = log_file(tmp_path, LOG.replace("401", TOKEN))

    for event in failed(checkout, "--error-file", log, *SECRETIVE):
        assert TOKEN not in event.model_dump_json()
        assert "[REDACTED" in event.error_message + event.commit_message


def test_no_secret_is_in_a_pass_and_it_is_of_the_same_test_as_its_failure(checkout: Path, tmp_path: Path) -> None:
    given = ("--repo", "acme/shop", "--build-id", "1", *SECRETIVE)
    event = passed(flags("pass", "--stage", "test", *given), {}, checkout).event
    (failure,) = failed(checkout, "--error-file", log_file(tmp_path), *SECRETIVE)

    assert TOKEN not in event.model_dump_json()
    assert (event.test_id, event.job) == (failure.test_id, failure.job)


def resolution_flags(*arguments: str) -> Namespace:
    return flags("resolution", "--pattern-id", "pat_aaaaaaaaaaaa", "--fix-type", "code_change", *arguments)


def test_a_resolution_says_who_fixed_it_and_no_secret(checkout: Path) -> None:
    event = resolution(resolution_flags("--repo", "acme/shop", "--fix-description", f"set {TOKEN}"), {}, checkout)

    assert (event.repo, event.fixed_by, event.fix_type) == ("acme/shop", "Dev", "code_change")
    assert event.fix_description == "set [REDACTED:github_token]"
    said = resolution_flags("--fix-description", "x", "--fixed-by", f"ops {TOKEN}")
    assert resolution(said, GITHUB, checkout).repo == "acme/shop"
    assert TOKEN not in resolution(said, GITHUB, checkout).model_dump_json()


def test_a_resolution_needs_a_repository(tmp_path: Path) -> None:
    with pytest.raises(BadFlag, match="--repo is missing"):
        resolution(resolution_flags("--fix-description", "x"), {}, tmp_path)
