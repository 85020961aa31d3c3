"""A job is the same whether a step of it reports or a webhook tells of it; its log comes from where its provider has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from job_log_desk import collect, drain, occurrences, push, step, told
from redis import Redis

from ci_memory_producers import FailureEvent, PassEvent
from ci_memory_producers.ci_env import detect
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.domain.job_ended import Ended, JobEnded
from ci_memory_workers.settings import Settings
from door_events import logged
from provider_samples import (
    BUILD_ID,
    CIRCLE_JOB,
    JENKINS_BUILD,
    JOB_ID,
    KITE_BUILD,
    PLAIN_LOG,
    WORKFLOW_ID,
    circle_job,
    circle_job_completed,
    circle_output,
    jenkins_build,
    jenkins_notification,
    kite_build,
    kite_job,
    kite_job_finished,
)
from webhook_samples import API_TOKEN, JENKINS_USER, SHA, ProviderStandin, hook_file, job_event, workflow_job

BASIC = "Basic " + base64.b64encode(f"{JENKINS_USER}{API_TOKEN}".encode()).decode()


@dataclass(frozen=True)
class Case:
    """A job as its environment names it, as its webhook tells it, and what is asked of its provider's API with which header."""

    environment: Mapping[str, str]
    ended: Ended
    asked: tuple[str, ...]
    header: tuple[str, str]


CASES = {
    "github": Case(
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_NUMBER": "12",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_WORKFLOW": "CI",
            "GITHUB_JOB": "unit",
            "CI_MEMORY_MATRIX": '{"python": "3.12"}',
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": SHA,
        },
        told("ours", workflow_job(attempt=2), "workflow_job"),
        ("/repos/acme/shop/actions/runs/4711", "/repos/acme/shop/actions/jobs/99/logs", "/signed/log?sig=made-up"),
        ("authorization", f"Bearer {API_TOKEN}"),
    ),
    "gitlab": Case(
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": "acme/group/shop",
            "CI_PIPELINE_ID": "51",
            "CI_PIPELINE_IID": "12",
            "CI_JOB_NAME": "unit: [3.12]",
            "CI_JOB_RETRY_COUNT": "1",
            "CI_COMMIT_REF_NAME": "main",
            "CI_COMMIT_SHA": SHA,
        },
        told("lab", job_event(retries_count=1), "Job Hook"),
        ("/projects/7/jobs/380", "/projects/7/jobs/380/trace"),
        ("private-token", API_TOKEN),
    ),
    "buildkite": Case(
        {
            "BUILDKITE": "true",
            "BUILDKITE_REPO": "git@github.com:acme/shop.git",
            "BUILDKITE_BUILD_ID": BUILD_ID,
            "BUILDKITE_BUILD_NUMBER": "14",
            "BUILDKITE_PIPELINE_SLUG": "shop-ci",
            "BUILDKITE_LABEL": ":hammer: Tests",
            "BUILDKITE_PARALLEL_JOB": "1",
            "BUILDKITE_PARALLEL_JOB_COUNT": "5",
            "BUILDKITE_RETRY_COUNT": "1",
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_COMMIT": SHA,
        },
        told("kite", kite_job_finished(kite_job(retries_count=1, parallel_group_index=1, parallel_group_total=5))),
        (f"{KITE_BUILD}/jobs/{JOB_ID}/log",),
        ("authorization", f"Bearer {API_TOKEN}"),
    ),
    "circleci": Case(
        {
            "CIRCLECI": "true",
            "CIRCLE_PROJECT_USERNAME": "acme",
            "CIRCLE_PROJECT_REPONAME": "shop",
            "CIRCLE_WORKFLOW_ID": WORKFLOW_ID,
            "CIRCLE_BUILD_NUM": "136",
            "CIRCLE_JOB": "test",
            "CIRCLE_NODE_INDEX": "1",
            "CIRCLE_NODE_TOTAL": "2",
            "CIRCLE_BRANCH": "main",
            "CIRCLE_SHA1": SHA,
        },
        told("circle", circle_job_completed()),
        (CIRCLE_JOB, "/output/1"),
        ("circle-token", API_TOKEN),
    ),
    "jenkins": Case(
        {
            "JENKINS_URL": "https://ci.example.com/",
            "JOB_NAME": "shop/feature%2Fx",
            "BUILD_NUMBER": "12",
            "BUILD_TAG": "jenkins-shop-feature%2Fx-12",
            "BRANCH_NAME": "feature/x",
            "GIT_URL": "https://dev:made-up-1@github.com/acme/shop.git",
            "GIT_COMMIT": SHA,
        },
        told("butler", jenkins_notification()),
        (JENKINS_BUILD + "/api/json", JENKINS_BUILD + "/consoleText"),
        ("authorization", BASIC),
    ),
}
LOGS = {
    "buildkite": "".join(f"\x1b_bk;t=1795568523000\x07{line}\r\n" for line in PLAIN_LOG.splitlines()),
    "jenkins": "".join(f"[2026-11-25T01:02:03.004Z] {line}\n" for line in PLAIN_LOG.splitlines()),
}
"""As the provider writes the lines that the step itself sees plain."""
PLACE = ("provider", "repo", "build_id", "run_number", "job", "attempt", "branch", "commit_sha")


@pytest.fixture
def provider() -> Iterator[ProviderStandin]:
    with ProviderStandin(log=PLAIN_LOG) as standin:
        plan(standin)
        yield standin


def plan(standin: ProviderStandin) -> None:
    """Of two containers of CircleCI's job the second fails; Jenkins says what was checked out."""
    standin.answers[CIRCLE_JOB] = [(200, {}, circle_job(f"{standin.url}/output", legs=2, failing=frozenset({1})))]
    standin.answers["/output/1"] = [(200, {}, circle_output())]
    standin.answers[JENKINS_BUILD + "/api/json"] = [(200, {}, jenkins_build())]


@pytest.fixture
def box(redis_server: EmbeddedServer, redis_client: Redis, provider: ProviderStandin, tmp_path: Path) -> Iterator[Container]:
    settings = Settings(url=redis_server.url, webhooks_file=hook_file(tmp_path, provider.url))
    container = Container(settings, lambda *_: None)
    yield container
    container.redis.close()


def place_in_job(case: Case) -> dict[str, Any]:
    facts = detect(case.environment)
    return {name: getattr(facts, name) for name in PLACE}


@pytest.mark.parametrize("name", CASES)
def test_a_webhook_names_the_place_as_the_environment_of_the_job_does(
    box: Container, redis_client: Redis, provider: ProviderStandin, name: str
) -> None:
    case = CASES[name]
    provider.log = LOGS.get(name, PLAIN_LOG)

    assert collect(box, case.ended) == "reported"

    failures = [event for event in logged(redis_client) if isinstance(event, FailureEvent)]
    (event,) = failures
    assert place_in_job(case) == {field: getattr(event, field) for field in PLACE}
    assert event.test_id.rpartition("::")[2] == "test_profile_of_a_member"
    assert event.commit_message == "change it"
    reported = step(**place_in_job(case) | {"stage": event.stage})
    assert event.event_id == reported.event_id
    assert tuple(path.partition("?tree")[0] for path, _ in provider.asked) == case.asked
    assert provider.asked[0][1][case.header[0]] == case.header[1]


@pytest.mark.parametrize("name", CASES)
def test_what_a_step_has_reported_is_not_counted_again(box: Container, name: str) -> None:
    case = CASES[name]
    push(box, step(**place_in_job(case)))

    assert collect(box, case.ended) == "told_by_itself"
    drain(box)
    assert occurrences(box) == [1]


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_passes_is_told_by_its_name(box: Container, redis_client: Redis, provider: ProviderStandin, name: str) -> None:
    case = CASES[name]
    assert isinstance(case.ended, JobEnded)
    if name == "circleci":
        provider.answers[CIRCLE_JOB] = [(200, {}, circle_job(provider.url, legs=2, failing=frozenset()))]

    assert collect(box, replace(case.ended, failed=False)) == "passed"

    passes = logged(redis_client)
    assert all(isinstance(event, PassEvent) for event in passes)
    assert place_in_job(case)["job"] in [event.job for event in passes if isinstance(event, PassEvent)]
    assert len(passes) == (2 if name == "circleci" else 1)


def test_each_container_of_a_job_with_parallelism_is_told_apart(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    provider.answers[CIRCLE_JOB] = [(200, {}, circle_job(f"{provider.url}/output", legs=3, failing=frozenset({0, 2})))]
    provider.answers["/output/0"] = provider.answers["/output/2"] = [(200, {}, circle_output())] * 2

    assert collect(box, CASES["circleci"].ended) == "reported"

    told_of = sorted((event.job, event.kind) for event in logged(redis_client) if not hasattr(event, "fix_type"))
    assert told_of == [("test (1/3)", "failure"), ("test (2/3)", "pass"), ("test (3/3)", "failure")]


def test_a_container_whose_step_has_reported_in_its_own_words_is_not_told_again(
    box: Container, provider: ProviderStandin
) -> None:
    case = CASES["circleci"]
    push(
        box,
        step(**place_in_job(case)).model_copy(update={"error_message": "make: *** [Makefile:7: test] Error 1", "test_id": ""}),
    )

    assert collect(box, case.ended) == "told_by_itself"
    assert [path for path, _ in provider.asked] == [CIRCLE_JOB]


def test_what_of_a_step_s_output_is_cut_off_is_read_up_to_there(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    provider.answers["/output/1"] = [(200, {}, circle_output(PLAIN_LOG)[:-20])]

    assert collect(box, CASES["circleci"].ended) == "reported"


def test_the_output_of_a_step_without_an_address_is_read_as_circleci_s_own_tools_do(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    job = json.loads(circle_job(provider.url))
    del job["steps"][1]["actions"][0]["output_url"]
    raw = "/private/output/raw/github/acme/shop/136/output/0/1"
    provider.answers[CIRCLE_JOB] = [(200, {}, json.dumps(job).encode())]
    provider.answers[raw] = [(200, {}, PLAIN_LOG.encode())]

    assert collect(box, CASES["circleci"].ended) == "reported"
    assert [path for path, _ in provider.asked] == [CIRCLE_JOB, raw]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.com",
        "http://169.254.169.254/latest",
        "http://circle-production-action-output.s3.amazonaws.com",
        "https://circle-production-action-output.s3.amazonaws.com.evil.example.com",
        "https://user@circle-production-action-output.s3.amazonaws.com",
        "http://[::1",
        "file:///etc/passwd",
    ],
)
def test_the_output_of_a_step_is_read_from_known_hosts_alone(
    box: Container, redis_client: Redis, provider: ProviderStandin, address: str
) -> None:
    provider.answers[CIRCLE_JOB] = [(200, {}, circle_job(address))]

    assert collect(box, CASES["circleci"].ended) == "no_log"
    assert [path for path, _ in provider.asked] == [CIRCLE_JOB]
    assert logged(redis_client) == []


def test_a_build_of_jenkins_that_is_not_over_is_asked_for_again(box: Container, provider: ProviderStandin) -> None:
    provider.answers[JENKINS_BUILD + "/api/json"] = [(200, {}, jenkins_build(building=True)), (200, {}, jenkins_build())]

    assert collect(box, CASES["jenkins"].ended) == "later"
    assert collect(box, CASES["jenkins"].ended) == "reported"


def test_who_was_asked_too_often_says_in_how_many_seconds_to_ask(box: Container, provider: ProviderStandin) -> None:
    limits = {"RateLimit-Remaining": "0", "RateLimit-Reset": "42"}
    ended = told("kite", kite_job_finished(kite_job(), kite_build()))
    provider.answers[f"{KITE_BUILD}/jobs/{JOB_ID}/log"] = [(429, limits, b"")]

    assert collect(box, ended, 1_000) == "later"
    found: Any = box.redis.zrange("ci-memory:{default}:due:logs", 0, -1, withscores=True)
    assert 43_000 <= found[0][1] <= 45_000
