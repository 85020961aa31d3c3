"""A run that ended: the jobs that no delivery has told of are owed, so that a delivery that was lost costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_log_desk import T, collect, collect_all, owe, owed, told
from redis import Redis

from ci_memory_producers import FailureEvent
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_job_logs import work_id_of
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.domain.job_ended import JobEnded
from ci_memory_workers.settings import Settings
from door_events import logged
from provider_samples import (
    CIRCLE_JOB,
    JENKINS_BUILD,
    KITE_BUILD,
    PIPELINE,
    PLAIN_LOG,
    WORKFLOW_ID,
    circle_job,
    circle_job_completed,
    circle_output,
    circle_workflow_completed,
    jenkins_build,
    jenkins_notification,
    kite_build,
    kite_build_finished,
    kite_job,
    kite_job_finished,
)
from webhook_samples import (
    ProviderStandin,
    check_run,
    hook_file,
    job_event,
    pipeline_event,
    workflow_job,
    workflow_run,
)

RUN_JOBS = "/repos/acme/shop/actions/runs/4711/attempts/1/jobs"
PIPELINE_JOBS = "/projects/7/pipelines/51/jobs"
CHECK = "/repos/acme/shop/check-runs/99"


@pytest.fixture
def provider() -> Iterator[ProviderStandin]:
    with ProviderStandin(log=PLAIN_LOG) as standin:
        yield standin


@pytest.fixture
def box(redis_server: EmbeddedServer, redis_client: Redis, provider: ProviderStandin, tmp_path: Path) -> Iterator[Container]:
    settings = Settings(url=redis_server.url, webhooks_file=hook_file(tmp_path, provider.url))
    container = Container(settings, lambda *_: None)
    yield container
    container.redis.close()


def answers(provider: ProviderStandin, path: str, *bodies: Any) -> None:
    provider.answers[path] = [(200, {}, body if isinstance(body, bytes) else json.dumps(body).encode()) for body in bodies]


def places(client: Redis) -> list[tuple[str, str, str, int, int | None]]:
    events = [event for event in logged(client) if event.kind != "resolution"]
    return sorted((event.kind, event.build_id, event.job, event.attempt, event.run_number) for event in events)


def of_github(job: int, conclusion: str, **fields: Any) -> Any:
    return workflow_job(job=job, conclusion=conclusion, name=f"unit ({job})", **fields)["workflow_job"]


def test_the_jobs_of_a_run_at_github_are_owed(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    first = [of_github(1, "failure"), of_github(2, "cancelled"), of_github(3, "success", completed_at="2020-01-01T00:00:00Z")]
    answers(provider, RUN_JOBS, {"total_count": 101, "jobs": first}, {"total_count": 101, "jobs": [of_github(4, "success")]})
    run = told("ours", workflow_run(), "workflow_run")

    assert collect(box, run) == "owed"
    assert sorted(collect_all(box)) == ["passed", "reported"]

    assert places(redis_client) == [
        ("failure", "4711", "CI / unit (1)", 1, 12),
        ("pass", "4711", "CI / unit (4)", 1, 12),
    ]
    assert [path for path, _ in provider.asked] == [
        f"{RUN_JOBS}?per_page=100&page=1",
        f"{RUN_JOBS}?per_page=100&page=2",
        "/repos/acme/shop/actions/jobs/1/logs",
        "/signed/log?sig=made-up",
    ]


def test_a_job_that_a_delivery_has_told_of_is_not_owed_again(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    job = told("ours", workflow_job(job=1), "workflow_job")
    owe(box, job)
    answers(provider, RUN_JOBS, {"total_count": 1, "jobs": [of_github(1, "failure")]})

    assert collect(box, told("ours", workflow_run(), "workflow_run")) == "known"
    assert owed(redis_client) == [work_id_of(job)]


def test_a_check_of_actions_is_its_job(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    answers(provider, "/repos/acme/shop/actions/jobs/99", workflow_job()["workflow_job"])

    assert collect(box, told("ours", check_run(app="github-actions"), "check_run")) == "owed"
    assert owed(redis_client) == [work_id_of(told("ours", workflow_job(), "workflow_job"))]


def test_the_output_of_another_app_s_check_is_the_text_of_the_failure(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    output = {"title": "1 error", "summary": "The build of <b>shop</b> failed", "text": None}
    note = {
        "path": "shop/cart.py",
        "start_line": 7,
        "annotation_level": "failure",
        "title": "",
        "message": "name 'x' is not defined",
    }
    answers(provider, CHECK, {"output": output})
    answers(provider, f"{CHECK}/annotations", [note, "not a note", {"path": 7, "message": None}])

    assert collect(box, told("ours", check_run(), "check_run")) == "reported"
    (event, *_) = logged(redis_client)
    assert isinstance(event, FailureEvent)
    assert "shop/cart.py:7: error: name 'x' is not defined" in event.error_message
    assert (event.build_id, event.job, event.run_number, event.branch) == ("suite-815", "acme-ci / unit", 815, "main")


def of_gitlab(job: int, name: str, status: str) -> dict[str, Any]:
    return {"id": job, "name": name, "stage": "test", "status": status, "finished_at": "2026-11-25T01:00:00Z"}


def test_the_jobs_of_a_pipeline_at_gitlab_are_owed_each_with_its_attempt(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    listed = [
        of_gitlab(382, "unit: [3.12]", "success"),
        of_gitlab(383, "deploy", "skipped"),
        of_gitlab(380, "unit: [3.12]", "failed"),
        of_gitlab(381, "lint", "success"),
    ]
    answers(provider, PIPELINE_JOBS, listed)
    owe(box, told("lab", job_event(job=380), "Job Hook"))

    assert collect(box, told("lab", pipeline_event(), "Pipeline Hook")) == "owed"
    assert len(owed(redis_client)) == 3
    assert sorted(collect_all(box)) == ["passed", "passed", "reported"]
    assert places(redis_client) == [
        ("failure", "51", "unit: [3.12]", 1, 12),
        ("pass", "51", "lint", 1, 12),
        ("pass", "51", "unit: [3.12]", 2, 12),
    ]


def test_a_pipeline_of_a_merge_request_is_of_its_branch() -> None:
    merge = {"source_branch": "feature", "source_project_id": 7, "target_project_id": 7}
    own = told("lab", pipeline_event(ref="refs/merge-requests/1/head") | {"merge_request": merge}, "Pipeline Hook")
    fork = told("lab", pipeline_event() | {"merge_request": merge | {"source_project_id": 8}}, "Pipeline Hook")

    assert (own.branch, fork.branch) == ("feature", "")


def test_the_jobs_of_a_build_at_buildkite_are_owed(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    jobs = [
        kite_job(),
        kite_job(job="job-2", state="passed", retries_count=1),
        kite_job(job="job-3", type="waiter"),
        kite_job(job="job-4", state="broken"),
        kite_job(job="job-5", name=None, step_key=None, state="passed"),
    ]
    answers(provider, KITE_BUILD, kite_build() | {"pipeline": PIPELINE, "jobs": jobs})
    owe(box, told("kite", kite_job_finished()))

    assert collect(box, told("kite", kite_build_finished())) == "owed"
    assert sorted(collect_all(box)) == ["passed", "passed", "reported"]
    assert [(kind, job, attempt) for kind, _, job, attempt, _ in places(redis_client)] == [
        ("failure", "shop-ci / :hammer: Tests", 1),
        ("pass", "shop-ci / :hammer: Tests", 2),
        ("pass", "shop-ci / make test", 1),
    ]
    assert provider.asked[0][0] == f"{KITE_BUILD}?include_retried_jobs=true"


def test_the_jobs_of_a_workflow_at_circleci_are_owed(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    first = {"id": "1", "name": "test", "job_number": 136, "status": "failed", "type": "build"}
    approval = {"id": "2", "name": "hold", "status": "success", "type": "approval"}
    last = {"id": "3", "name": "lint", "job_number": 137, "status": "canceled", "type": "build"}
    path = f"/v2/workflow/{WORKFLOW_ID}/job"
    answers(provider, path, {"items": [first, approval], "next_page_token": "a/b"}, {"items": [last], "next_page_token": None})
    answers(provider, CIRCLE_JOB, circle_job(f"{provider.url}/output"))
    answers(provider, "/output/0", circle_output())

    assert collect(box, told("circle", circle_workflow_completed())) == "owed"
    assert owed(redis_client) == [work_id_of(told("circle", circle_job_completed()))]
    assert collect_all(box) == ["reported"]
    assert places(redis_client) == [("failure", WORKFLOW_ID, "test", 1, 136)]
    assert [sent for sent, _ in provider.asked[:2]] == [path, f"{path}?page-token=a%2Fb"]


def test_a_pipeline_of_jenkins_is_asked_what_it_checked_out(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    answers(provider, JENKINS_BUILD + "/api/json", jenkins_build(), jenkins_build())
    run = told("butler", jenkins_notification(scm={"changes": [], "culprits": []}))
    assert not isinstance(run, JobEnded)

    assert collect(box, run) == "owed"
    assert collect_all(box) == ["reported"]
    (event,) = logged(redis_client)
    assert isinstance(event, FailureEvent)
    assert (event.repo, event.branch, event.build_id) == ("acme/shop", "feature/x", "jenkins-shop-feature%2Fx-12")
    assert {path.partition("?")[0] for path, _ in provider.asked} == {JENKINS_BUILD + "/api/json", JENKINS_BUILD + "/consoleText"}


def test_jobs_of_repositories_that_are_not_the_hook_s_are_passed_over(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    elsewhere = [{"remoteUrls": ["https://github.com/umbrella/shop.git"], "lastBuiltRevision": {"SHA1": "1" * 40}}]
    answers(provider, JENKINS_BUILD + "/api/json", jenkins_build(actions=elsewhere))

    assert collect(box, told("butler", jenkins_notification(scm={}))) == "known"
    assert owed(redis_client) == []


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b"7", b'{"jobs": 7}', b'{"jobs": [7, {}]}', b'{"total_count": 9}', b'{"jobs": [{"conclusion": "failure"}]}'],
)
def test_an_answer_that_is_not_as_documented_is_no_trouble(
    box: Container, redis_client: Redis, provider: ProviderStandin, body: bytes
) -> None:
    answers(provider, RUN_JOBS, body)

    assert collect(box, told("ours", workflow_run(), "workflow_run")) in {"known", "no_log"}
    assert owed(redis_client) == []


def test_a_run_whose_jobs_cannot_be_listed_now_is_asked_for_later(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    provider.answers[RUN_JOBS] = [(503, {}, b"")]
    run = told("ours", workflow_run(), "workflow_run")

    assert collect(box, run) == "later"
    assert owed(redis_client) == [work_id_of(run)]
    assert redis_client.exists(f"ci-memory:{{{T}}}:joblog:{work_id_of(run)}")
