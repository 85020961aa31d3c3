"""``ci-memory-report comment``: it says what the memory answered, and never fails a job."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci_memory_producers.cli import BAD_INPUT, REPORTED, _parser, main
from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.report import failures
from forge_standin import TOKEN, ForgeStandin

PLACE = ("--stage", "test", "--repo", "acme/shop", "--build-id", "1")
LOG = """
=================================== FAILURES ===================================
_________________________________ test_member __________________________________

>       assert reply.status == 200
E       assert 401 == 200

tests/test_profile.py:12: AssertionError
=========================== short test summary info ============================
FAILED tests/test_profile.py::test_member - assert 401 == 200
"""
ANSWER = {
    "status": "new_pattern", "event_id": "event-0001", "pattern_id": "pat_aaaaaaaaaaaa", "analyst": "rules",
    "analysis": {"summary": "A token", "likely_cause": "is missing", "suggested_fix": "Set it", "prevention": "Check it"},
}  # fmt: skip


@pytest.fixture
def forge() -> Iterator[ForgeStandin]:
    with ForgeStandin() as standin:
        yield standin


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forge: ForgeStandin) -> Path:
    """A job of GitHub Actions in a checkout, whose memory has answered."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "9f3c2e1a"}}}))
    for name, value in {
        "GITHUB_ACTIONS": "true", "GITHUB_API_URL": f"{forge.url}/github", "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_TOKEN": TOKEN, "GITHUB_EVENT_PATH": str(event), "GITHUB_WORKFLOW": "CI", "GITHUB_JOB": "test",
        "GITHUB_SERVER_URL": "https://github.example", "GITHUB_RUN_ID": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build.log").write_text(LOG)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_profile.py").write_text("x\n" * 20)
    asked = _parser().parse_args(["comment", *PLACE, "--error-file", "build.log"])
    event_id = failures(asked, os.environ, tmp_path, None).failures[0].event_id
    (tmp_path / "failure_analysis.json").write_text(json.dumps(ANSWER | {"event_id": event_id}))
    return tmp_path


def test_it_writes_the_comment_the_summary_and_the_annotation(
    job: Path, forge: ForgeStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    (job / "summary.md").write_text("before\n")

    assert main(["comment", *PLACE, "--error-file", "build.log", "--annotate", "--output", "summary.md"]) == REPORTED

    (comment,) = forge.comments
    assert "- **What failed:** `assert 401 == 200`" in comment["body"]
    assert "- **Test:** `test_member`" in comment["body"]
    assert "[`9f3c2e1a`](https://github.example/acme/shop/commit/9f3c2e1a)" in comment["body"]
    assert (job / "summary.md").read_text() == "before\n" + comment["body"].partition("\n")[2]
    annotated, said = capsys.readouterr().out.splitlines()
    assert annotated.startswith(
        "::error file=tests/test_profile.py,line=12,title=ci-memory%3A new failure::assert 401 == 200%0Atest_member"
    )
    assert said == "comment: created"


def test_a_job_that_passes_resolves_its_comment(job: Path, forge: ForgeStandin, capsys: pytest.CaptureFixture[str]) -> None:
    main(["comment", *PLACE])
    assert main(["comment", *PLACE, "--resolved"]) == REPORTED

    (comment,) = forge.comments
    assert Marker.read(comment["body"]) == Marker(Marker.of("acme/shop", "CI / test").key, "resolved")
    assert capsys.readouterr().out.splitlines() == ["comment: created", "comment: resolved"]


def test_a_merge_request_gets_its_note(job: Path, forge: ForgeStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    for name, value in {"GITLAB_CI": "true", "CI_API_V4_URL": f"{forge.url}/gitlab/api/v4", "CI_PROJECT_ID": "42"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)

    assert main(["comment", *PLACE, "--pull-request", "7"]) == REPORTED
    assert len(forge.comments) == 1
    assert "POST /projects/42/merge_requests/7/notes" in forge.requests


@pytest.mark.parametrize(("status", "said"), [(403, "permissions: pull-requests: write"), (422, "422"), (500, "500")])
def test_a_forge_that_refuses_is_a_warning(
    job: Path, forge: ForgeStandin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    monkeypatch.setattr("ci_memory_producers.comment.api.TRIES", 1)
    forge.refuse(status)

    assert main(["comment", *PLACE]) == REPORTED
    out = capsys.readouterr().out
    assert out.startswith("::warning title=ci-memory::no comment: ")
    assert said in out
    assert TOKEN not in out


def test_without_an_answer_or_a_log_it_warns_and_goes_on(
    job: Path, forge: ForgeStandin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["comment", *PLACE, "--error-file", "missing.log"]) == REPORTED
    assert "::warning title=ci-memory::what failed can't be read again: missing.log" in capsys.readouterr().out
    assert len(forge.comments) == 1

    (job / "failure_analysis.json").unlink()
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert main(["comment", *PLACE]) == REPORTED
    assert capsys.readouterr().err == (
        "ci-memory-report: warning: failure_analysis.json is not there: the memory gave no answer to write down\n"
    )


def test_the_answer_to_an_earlier_build_is_not_written_down(
    job: Path, forge: ForgeStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    (job / "build.log").write_text(LOG.replace("test_member", "test_another"))

    assert main(["comment", *PLACE, "--error-file", "build.log", "--output", "-"]) == REPORTED
    assert capsys.readouterr().out == (
        "::warning title=ci-memory::failure_analysis.json answers another failure, of an earlier build perhaps: no comment\n"
    )
    assert forge.comments == []


def test_outside_of_a_pull_request_it_writes_the_text_alone(
    job: Path, capsys: pytest.CaptureFixture[str], forge: ForgeStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_EVENT_PATH")
    assert main(["comment", *PLACE, "--output", "-"]) == REPORTED
    assert main(["comment", *PLACE, "--output", "-", "--no-post"]) == REPORTED

    out = capsys.readouterr().out
    assert out.count("### New failure") == 2
    assert out.count("no comment: this run is of no pull request") == 1
    assert forge.requests == []


def test_flags_that_make_no_sense_are_said_so(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (job / "broken.json").write_text("{")
    assert main(["comment", *PLACE, "--analysis", "broken.json"]) == BAD_INPUT
    assert "--analysis broken.json: is no answer of the memory" in capsys.readouterr().err

    for flags in (["--pull-request", "0"], ["--pull-request", "x"], ["--nonsense"]):
        with pytest.raises(SystemExit) as stopped:
            main(["comment", *PLACE, *flags])
        assert stopped.value.code == BAD_INPUT
