"""What payloads and answers say, and that whatever they say is read or refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_log_desk import told

from ci_memory_workers.domain.job_ended import JobEnded, RunEnded
from ci_memory_workers.domain.webhook import Hook, Provider
from ci_memory_workers.services.webhook_payloads import NotAJob, jobs_of, read
from provider_samples import circle_job_completed, jenkins_notification, kite_build, kite_job, kite_job_finished
from webhook_samples import HOOKS, SHA, job_event, workflow_job, workflow_run

PROVIDERS: tuple[Provider, ...] = ("github", "gitlab", "buildkite", "circleci", "jenkins")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def jobs(hook: str, payload: dict[str, Any], event: str = "") -> JobEnded:
    ended = told(hook, payload, event)
    assert isinstance(ended, JobEnded)
    return ended


@pytest.mark.parametrize(
    ("repository", "named"),
    [
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("https://dev:made-up@git.example.com/acme/shop.git", "acme/shop"),
        ("ssh://git@git.example.com:2222/acme/deep/shop.git", "acme/deep/shop"),
    ],
)
def test_a_repository_is_named_by_the_address_that_it_is_cloned_from(repository: str, named: str) -> None:
    kite = kite_job_finished() | {"pipeline": {"slug": "shop-ci", "repository": repository}}
    scm = {"url": repository, "branch": "origin/main", "commit": SHA}

    assert jobs("kite", kite).repo == named
    assert jobs("butler", jenkins_notification(scm=scm)).repo == named


@pytest.mark.parametrize(
    ("fields", "job"),
    [
        ({"name": "Tests"}, "shop-ci / Tests"),
        ({"name": None, "step_key": "tests"}, "shop-ci / tests"),
        ({"name": None, "step_key": None, "command": "make test\nmake report"}, "shop-ci / make test"),
        ({"name": "Tests", "parallel_group_index": 0, "parallel_group_total": 5}, "shop-ci / Tests (1/5)"),
        ({"name": "Tests", "parallel_group_index": 0, "parallel_group_total": 1}, "shop-ci / Tests"),
    ],
)
def test_a_step_of_buildkite_is_named_by_its_label_its_key_or_its_command(fields: dict[str, Any], job: str) -> None:
    assert jobs("kite", kite_job_finished(kite_job(**fields))).job == job


@pytest.mark.parametrize(("tag", "branch"), [(None, "main"), ("v1", "")])
def test_a_tag_is_no_branch(tag: str | None, branch: str) -> None:
    circle = circle_job_completed()
    circle["pipeline"]["vcs"]["tag"] = tag

    assert jobs("kite", kite_job_finished(build=kite_build(tag=tag))).branch == branch
    assert jobs("circle", circle).branch == branch


def test_a_commit_that_is_a_name_is_none() -> None:
    assert jobs("kite", kite_job_finished(build=kite_build(commit="HEAD"))).commit_sha == ""


@pytest.mark.parametrize("system", ["gitlab", "github_app"])
def test_a_project_of_circleci_that_is_named_by_ids_is_called_by_its_names(system: str) -> None:
    payload = circle_job_completed()
    payload["project"]["slug"] = "circleci/DdaVtNusHqi24D4YT3X4eu/6EkDPZoN4ZdMKKZtBkRodt"
    git = {"checkout_sha": SHA, "branch": "feature", "tag": ""}
    payload["pipeline"] = {
        "trigger_parameters": {"git": git, system: {"commit_message": "change it", "commit_author_name": "Dev"}}
    }

    job = jobs("circle", payload)

    assert (job.repo, job.branch, job.commit_sha, job.commit_message, job.author) == (
        "acme/shop",
        "feature",
        SHA,
        "change it",
        "Dev",
    )
    assert job.project == payload["project"]["slug"]


@pytest.mark.parametrize(
    ("url", "job", "build"),
    [
        ("job/shop/12/", "shop", "jenkins-shop-12"),
        ("job/team/job/shop/12/", "team/shop", "jenkins-team-shop-12"),
        ("job/job/job/job/12/", "job/job", "jenkins-job-job-12"),
        ("job/shop/job/fix%252Fcart%20x/12/", "shop/fix%2Fcart x", "jenkins-shop-fix%2Fcart x-12"),
    ],
)
def test_a_job_of_jenkins_is_named_with_its_folders(url: str, job: str, build: str) -> None:
    found = jobs("butler", jenkins_notification(url=url))

    assert (found.job, found.build_id) == (job, build)
    assert f"{found.project}/12/" == url


def test_what_people_wrote_is_kept_without_secrets() -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

    run = told("ours", workflow_run(head_commit={"message": f"use {secret}"}), "workflow_run")
    build = jobs("kite", kite_job_finished(build=kite_build(message=f"use {secret}")))

    assert isinstance(run, RunEnded)
    assert secret not in run.commit_message + build.commit_message
    assert run.commit_message.startswith("use ")


@pytest.mark.parametrize(
    ("ended_at", "known"), [("2026-11-25T01:02:03Z", True), ("2026-11-25 01:02:03 UTC", True), ("soon", False), (7, False)]
)
def test_a_time_is_read_as_providers_write_it(ended_at: Any, known: bool) -> None:
    expected = 1_795_568_523_000 if known else 0

    assert jobs("ours", workflow_job(completed_at=ended_at), "workflow_job").ended_ms == expected
    assert jobs("lab", job_event(build_finished_at=ended_at), "Job Hook").ended_ms == expected


@given(st.sampled_from(PROVIDERS), st.lists(ANYTHING, max_size=3), st.booleans())
def test_whatever_an_api_answers_is_read_or_refused(provider: Provider, answers: list[Any], one: bool) -> None:
    run = RunEnded("h", provider, "acme/shop", "acme/shop", "1", 0, job_id="1" if one else "", run_number=1)

    try:
        found = jobs_of(run, answers)
    except NotAJob:
        return
    assert all(isinstance(job, JobEnded) for job in found)


@given(st.sampled_from(sorted(HOOKS.values())), st.dictionaries(st.text(), ANYTHING, max_size=4))
def test_whatever_a_payload_says_is_read_or_refused(provider: Any, payload: dict[str, Any]) -> None:
    headers = {"x-github-event": "check_run", "x-gitlab-event": "Pipeline Hook"}

    assert read(Hook("h", provider, "default", "", "", ""), headers, payload) is None
