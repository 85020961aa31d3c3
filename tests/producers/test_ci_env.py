from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_producers.ci_env import CiFacts, detect, read_github_event, repo_of
from producers.ci_environments import BUILDKITE, CIRCLECI, GITHUB, GITLAB, JENKINS, MERGE, SHA, pull_request


def test_github_actions_says_all_but_the_matrix() -> None:
    expected = CiFacts(
        provider="github",
        repo="dev/app",
        build_id="9000000001",
        run_number=42,
        job="CI / test",
        attempt=2,
        branch="main",
        commit_sha=SHA,
        author="dev",
        url="https://github.com/dev/app/actions/runs/9000000001/attempts/2",
    )
    assert expected == detect(GITHUB)


def test_the_commit_of_a_github_pull_request_is_its_head_and_not_the_merge() -> None:
    environ = GITHUB | {"GITHUB_SHA": MERGE, "GITHUB_REF_NAME": "12/merge", "GITHUB_HEAD_REF": "feature"}

    facts = detect(environ, pull_request())
    assert (facts.commit_sha, facts.branch, facts.default_branch) == (SHA, "feature", "main")
    assert detect(environ).commit_sha == MERGE


def test_the_main_branch_of_a_fork_is_not_ours() -> None:
    environ = GITHUB | {"GITHUB_HEAD_REF": "main"}
    assert detect(environ, pull_request("someone/app")).branch == "someone:main"

    merge_request = {
        "CI_MERGE_REQUEST_PROJECT_PATH": "group/sub/app",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "someone/app",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "main",
    }
    assert detect(GITLAB | merge_request).branch == "someone:main"
    assert detect(JENKINS | {"CHANGE_BRANCH": "main", "CHANGE_FORK": "someone"}).branch == "someone:main"


@pytest.mark.parametrize(
    ("matrix", "job"),
    [
        ('{"os": "ubuntu-24.04", "python": "3.12", "n": 2}', "CI / test (ubuntu-24.04, 3.12, 2)"),
        ("ubuntu, 3.12", "CI / test (ubuntu, 3.12)"),
        ("3.12", "CI / test (3.12)"),
        ("null", "CI / test"),
        ("", "CI / test"),
        ("{}", "CI / test"),
        ("{broken", "CI / test ({broken)"),
    ],
)
def test_the_leg_of_a_github_matrix_comes_from_the_workflow(matrix: str, job: str) -> None:
    assert detect(GITHUB | {"CI_MEMORY_MATRIX": matrix}).job == job


def test_gitlab_says_all() -> None:
    expected = CiFacts(
        provider="gitlab",
        repo="group/sub/app",
        build_id="700",
        run_number=7,
        job="test 2/3",
        job_id="70001",
        attempt=1,
        branch="feature",
        default_branch="main",
        commit_sha=SHA,
        author="dev",
        url="https://gitlab.example.com/group/sub/app/-/jobs/70001",
    )
    assert expected == detect(GITLAB | {"CI_JOB_RETRY_COUNT": "0"})
    assert detect(GITLAB | {"CI_JOB_RETRY_COUNT": "2"}).attempt == 3


def test_an_older_gitlab_counts_no_attempts_and_none_is_made_up() -> None:
    first, retried = detect(GITLAB), detect(GITLAB | {"CI_JOB_ID": "70009"})

    assert first.attempt is None
    assert first.build_id == retried.build_id
    assert first.job_id != retried.job_id


def test_a_merged_results_pipeline_is_of_the_source_branch() -> None:
    environ = GITLAB | {
        "CI_COMMIT_SHA": MERGE,
        "CI_COMMIT_REF_NAME": "refs/merge-requests/1/merge",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": SHA,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature",
    }
    facts = detect(environ)
    assert (facts.commit_sha, facts.branch) == (SHA, "feature")


def test_jenkins_says_where_without_its_passwords() -> None:
    expected = CiFacts(
        provider="jenkins",
        repo="dev/app",
        build_id="jenkins-app-feature%2Fx-12",
        run_number=12,
        job="app/feature%2Fx",
        job_id="12",
        attempt=1,
        branch="feature/x",
        commit_sha=SHA,
        url="https://ci.example.com/job/app/12/",
    )
    assert expected == detect(JENKINS)
    assert "made-up" not in repr(detect(JENKINS))


def test_jenkins_says_what_changes_and_which_branch_is_the_first() -> None:
    change = {"BRANCH_NAME": "PR-24", "CHANGE_BRANCH": "feature", "CHANGE_AUTHOR": "dev"}
    assert (detect(JENKINS | change).branch, detect(JENKINS | change).author) == ("feature", "dev")
    assert detect(JENKINS | {"BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true"}).default_branch == "main"

    freestyle = {key: value for key, value in JENKINS.items() if key not in ("BRANCH_NAME", "BUILD_TAG")}
    assert detect(freestyle).branch == "feature/x"
    assert detect(freestyle).build_id == "app/feature%2Fx#12"


def test_builds_of_a_jenkins_job_with_a_long_name_stay_apart_and_short() -> None:
    untagged = {key: value for key, value in JENKINS.items() if key != "BUILD_TAG"} | {"JOB_NAME": "x" * 400}
    builds = [detect(untagged | {"BUILD_NUMBER": number}).build_id for number in ("12", "13", "\udcff" * 400)]
    tagged = detect(JENKINS | {"BUILD_TAG": f"jenkins-{'x' * 400}-12"}).build_id

    assert [build[-3:] for build in (*builds[:2], tagged)] == ["#12", "#13", "-12"]
    assert [len(build) for build in (*builds, tagged)] == [300, 300, 300, 300]


def test_buildkite_says_all() -> None:
    expected = CiFacts(
        provider="buildkite",
        repo="dev/app",
        build_id="build-uuid",
        run_number=1514,
        job="app / :hammer: Tests (1/5)",
        job_id="job-uuid",
        attempt=2,
        branch="feature",
        default_branch="main",
        commit_sha=SHA,
        author="dev",
        url="https://buildkite.com/dev/app/builds/1514#job-uuid",
    )
    assert expected == detect(BUILDKITE)
    assert detect(BUILDKITE | {"BUILDKITE_COMMIT": "HEAD"}).commit_sha == ""


def test_circleci_says_all_but_the_default_branch() -> None:
    expected = CiFacts(
        provider="circleci",
        repo="dev/app",
        build_id="workflow-uuid",
        run_number=331,
        job="test (4/4)",
        job_id="job-uuid",
        attempt=1,
        branch="feature",
        commit_sha=SHA,
        author="dev",
        url="https://circleci.com/gh/dev/app/331",
    )
    assert expected == detect(CIRCLECI)
    alone = {"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1", "CIRCLE_PROJECT_USERNAME": ""}
    alone["CIRCLE_REPOSITORY_URL"] = "git@github.com:dev/other.git"
    assert (detect(CIRCLECI | alone).job, detect(CIRCLECI | alone).repo) == ("test", "dev/other")


def test_a_url_keeps_neither_credentials_nor_query_and_is_not_cut_short() -> None:
    address = "https://ci.example.com/job/" + "x" * 400 + "/12/"
    signed = address.replace("https://", "https://dev:made-up-1@") + "?token=made-up-2"

    assert detect(JENKINS | {"BUILD_URL": signed}).url == address
    assert detect(JENKINS | {"BUILD_URL": "javascript:alert(1)"}).url == ""


def test_a_tag_is_no_branch() -> None:
    assert detect(GITHUB | {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}).branch == ""
    assert detect(GITLAB | {"CI_COMMIT_TAG": "v1", "CI_COMMIT_REF_NAME": "v1"}).branch == ""
    assert detect(BUILDKITE | {"BUILDKITE_TAG": "v1", "BUILDKITE_BRANCH": "v1"}).branch == ""
    assert detect(JENKINS | {"TAG_NAME": "v1", "BRANCH_NAME": "v1"}).branch == ""


def test_an_unknown_system_is_read_by_the_names_that_many_share() -> None:
    environ = {
        "CI": "woodpecker",
        "CI_REPO": "dev/app",
        "CI_PIPELINE_NUMBER": "8",
        "CI_COMMIT_SHA": SHA,
        "CI_COMMIT_BRANCH": "main",
        "CI_PIPELINE_URL": "https://ci.example.com/8",
    }
    facts = detect(environ)
    assert (facts.provider, facts.repo, facts.build_id, facts.run_number) == ("generic", "dev/app", "8", 8)
    assert (facts.attempt, facts.commit_sha, facts.url) == (None, SHA, "https://ci.example.com/8")


def test_outside_of_ci_nothing_is_known() -> None:
    assert detect({"HOME": "/home/dev", "BUILD_ID": "7"}) == CiFacts()


@pytest.mark.parametrize("environ", [GITHUB, GITLAB, JENKINS, BUILDKITE, CIRCLECI])
def test_numbers_that_are_none_are_unknown(environ: dict[str, str]) -> None:
    broken = {name: "²x" if value.isdigit() else value for name, value in environ.items()}

    assert detect(broken).run_number is None


@pytest.mark.parametrize(
    ("url", "repo"),
    [
        ("https://github.com/dev/app.git", "dev/app"),
        ("https://dev:made-up-1@git.example.com:8443/group/sub/app.git/", "group/sub/app"),
        ("https://example.com/dev/app?private_token=made-up-1", "dev/app"),
        ("git@github.com:dev/app.git", "dev/app"),
        ("ssh://git@example.com:7999/dev/app.git", "dev/app"),
        ("https://dev:made/up-1@example.com/dev/app.git", "dev/app"),
        ("dev:made-up-1@example.com:dev/app.git", "dev/app"),
        ("https://[broken/dev/app", ""),
        ("", ""),
    ],
)
def test_a_repository_is_named_by_its_path(url: str, repo: str) -> None:
    assert repo_of(url) == repo


def test_an_event_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(pull_request()))

    assert read_github_event({"GITHUB_EVENT_PATH": str(path)}) == pull_request()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 100_000])
def test_an_event_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)

    assert read_github_event({"GITHUB_EVENT_PATH": str(path)}) is None


@pytest.mark.parametrize("path", ["", "missing", ".", "nul\0"])
def test_a_missing_event_is_none(tmp_path: Path, path: str) -> None:
    assert read_github_event({"GITHUB_EVENT_PATH": path and str(tmp_path / path)}) is None
    assert read_github_event({}) is None


NAMES = sorted({*GITHUB, *GITLAB, *JENKINS, *BUILDKITE, *CIRCLECI, "CI_MEMORY_MATRIX", "GITHUB_HEAD_REF", "CHANGE_FORK"})
JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=9), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
EVENTS = st.fixed_dictionaries({}, optional={"pull_request": JSON, "repository": JSON})


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.just("\udcff" * 400)), EVENTS)
def test_whatever_the_environment_holds_the_facts_are_short_and_can_be_written_down(
    environ: dict[str, str], event: dict[str, Any]
) -> None:
    facts = detect(environ, event)

    for value in (getattr(facts, field.name) for field in fields(facts) if field.name != "url"):
        assert not isinstance(value, str) or len(value.encode("utf-8").decode()) <= 300
    assert len(facts.url) <= 1_000
