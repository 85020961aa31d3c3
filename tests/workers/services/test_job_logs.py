"""A job that a webhook told of: its log is fetched and reported, and what a step of the job has reported is not counted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from job_log_desk import T, collect, drain, occurrences, push, told
from job_log_desk import step as a_step
from redis import Redis

from ci_memory_producers import FailureEvent, PassEvent, Producer
from ci_memory_producers.keys import LOG_LIMIT_KEY
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.provider_api import client, headers_for
from ci_memory_workers.adapters.redis_job_logs import work_id_of
from ci_memory_workers.bootstrap import Container, now_ms
from ci_memory_workers.domain.job_ended import Ended, JobEnded
from ci_memory_workers.services.job_logs import MOST_TRIES
from ci_memory_workers.settings import Settings
from door_events import logged
from webhook_samples import API_TOKEN, LOG, SHA, ProviderStandin, hook_file, job_event, workflow_job

RUN = "/repos/acme/shop/actions/runs/4711"
JOB_LOG = "/repos/acme/shop/actions/jobs/99/logs"


@pytest.fixture
def provider() -> Iterator[ProviderStandin]:
    with ProviderStandin() as standin:
        yield standin


@pytest.fixture
def box(redis_server: EmbeddedServer, redis_client: Redis, provider: ProviderStandin, tmp_path: Path) -> Iterator[Container]:
    settings = Settings(url=redis_server.url, webhooks_file=hook_file(tmp_path, provider.url))
    container = Container(settings, lambda *_: None)
    yield container
    container.redis.close()


def github_job(hook: str = "ours", **fields: Any) -> JobEnded:
    job = told("ours", workflow_job(**fields), "workflow_job")
    assert isinstance(job, JobEnded)
    return replace(job, hook=hook)


def gitlab_job() -> Ended:
    return told("lab", job_event(), "Job Hook")


def step(**fields: Any) -> FailureEvent:
    where = {"provider": "github", "repo": "acme/shop", "build_id": "4711", "job": "CI / unit (3.12)"}
    return a_step(**where | fields)


def test_a_job_that_failed_at_github_is_reported_as_its_step_would_have(
    box: Container, redis_client: Redis, provider: ProviderStandin
) -> None:
    assert collect(box, github_job()) == "reported"

    (event,) = logged(redis_client)
    assert isinstance(event, FailureEvent)
    assert (event.repo, event.build_id, event.run_number, event.attempt) == ("acme/shop", "4711", 12, 1)
    assert (event.job, event.branch, event.default_branch, event.commit_sha) == ("CI / unit (3.12)", "main", "main", SHA)
    assert (event.test_id.rpartition("::")[2], event.commit_message) == ("test_profile_of_a_member", "change it")
    assert "assert 401 == 200" in event.error_message
    assert [path for path, _ in provider.asked] == [RUN, JOB_LOG, "/signed/log?sig=made-up"]
    assert provider.asked[0][1]["authorization"] == f"Bearer {API_TOKEN}"


def test_a_job_that_failed_at_gitlab_is_reported(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    assert collect(box, gitlab_job()) == "reported"

    (event,) = logged(redis_client)
    assert isinstance(event, FailureEvent)
    assert (event.repo, event.build_id, event.run_number, event.job) == ("acme/group/shop", "51", 12, "unit: [3.12]")
    assert [path for path, _ in provider.asked] == ["/projects/7/jobs/380", "/projects/7/jobs/380/trace"]
    assert provider.asked[1][1]["private-token"] == API_TOKEN


def test_a_job_that_passed_is_reported_without_its_log(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    assert collect(box, github_job(conclusion="success")) == "passed"

    (event,) = logged(redis_client)
    assert isinstance(event, PassEvent)
    assert (event.run_number, event.commit_sha) == (12, SHA)
    assert [path for path, _ in provider.asked] == [RUN]


def test_a_job_is_reported_once(box: Container, redis_client: Redis) -> None:
    assert collect(box, github_job()) == "reported"
    assert box.job_logs.collect(T, work_id_of(github_job()), now_ms()) == "not_due"

    # A worker that died after it reported, and before it said so.
    assert collect(box, github_job()) == "reported"
    drain(box)
    assert occurrences(box) == [1]


def test_what_the_step_of_the_job_has_reported_is_not_counted_again(box: Container, provider: ProviderStandin) -> None:
    push(box, step())

    assert collect(box, github_job()) == "told_by_itself"
    drain(box)
    assert occurrences(box) == [1]
    assert provider.asked == []


def test_what_a_step_has_reported_under_another_name_of_the_job_is_not_counted_again(box: Container) -> None:
    push(box, step(job="CI / unit-tests"))

    assert collect(box, github_job()) == "told_by_itself"
    drain(box)
    assert occurrences(box) == [1]


def test_what_a_step_has_reported_and_nobody_has_read_yet_is_waited_for(box: Container, provider: ProviderStandin) -> None:
    box.log.ensure_group()
    with Producer(box.settings.redis_url) as producer:
        producer.push(step())
    job = replace(github_job(), ended_ms=now_ms() + 1_000)

    assert collect(box, job) == "busy"
    assert provider.asked == []
    drain(box)
    assert collect(box, job) == "told_by_itself"


def test_the_same_failure_in_another_build_is_counted(box: Container) -> None:
    push(box, step(build_id="4710", stage="test"))

    assert collect(box, github_job()) == "reported"
    drain(box)
    assert occurrences(box) == [2]


def test_two_legs_that_only_webhooks_tell_of_are_two(box: Container) -> None:
    assert collect(box, github_job(job=1, name="unit (3.11)")) == "reported"
    drain(box)
    assert collect(box, github_job(job=2, name="unit (3.12)")) == "reported"
    drain(box)
    assert occurrences(box) == [2]


def test_a_secret_in_the_log_does_not_reach_the_memory(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    provider.log = LOG.replace("assert 401 == 200", f"assert 401 == 200, token {secret}")

    assert collect(box, github_job()) == "reported"
    dumped = b"".join(row for row in redis_client.xrange("ci-memory:events")[0][1].values())  # type: ignore[index, misc, union-attr]
    assert secret.encode() not in dumped


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_what_is_not_there_yet_is_asked_for_again(
    box: Container, redis_client: Redis, provider: ProviderStandin, status: int
) -> None:
    provider.answers[JOB_LOG] = [(status, {"Retry-After": "7"}, b"")]
    now = now_ms()

    assert collect(box, github_job(), now) == "later"
    due: Any = redis_client.zscore(f"ci-memory:{{{T}}}:due:logs", work_id_of(github_job()))
    assert due - now >= 7_000
    assert logged(redis_client) == []
    assert collect(box, github_job()) == "reported"


def test_who_was_asked_too_often_is_asked_when_it_says(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    now = now_ms()
    limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(now // 1000 + 300)}
    provider.answers[RUN] = [(403, limits, b"{}")]

    assert collect(box, github_job(), now) == "later"
    due: Any = redis_client.zscore(f"ci-memory:{{{T}}}:due:logs", work_id_of(github_job()))
    assert 250_000 < due - now <= 310_000


def test_what_is_never_there_is_given_up(box: Container, redis_client: Redis, provider: ProviderStandin) -> None:
    provider.answers[JOB_LOG] = [(404, {}, b"")] * MOST_TRIES

    assert [collect(box, github_job()) for _ in range(MOST_TRIES)] == ["later"] * (MOST_TRIES - 1) + ["given_up"]
    assert redis_client.zcard(f"ci-memory:{{{T}}}:due:logs") == 0


@pytest.mark.parametrize("status", [401, 403, 410])
def test_what_is_refused_is_not_asked_for_again(
    box: Container, redis_client: Redis, provider: ProviderStandin, status: int
) -> None:
    provider.answers[JOB_LOG] = [(status, {}, b"")]

    assert collect(box, github_job()) == "no_log"
    assert redis_client.zcard(f"ci-memory:{{{T}}}:due:logs") == 0


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://evil.example.com/log",
        "http://x.blob.core.windows.net/log",
        "https://x.blob.core.windows.net.evil.example.com/log",
        "https://user@x.blob.core.windows.net/log",
        "https://x.blob.core.windows.net:8443/log",
        "https://blob.core.windows.net@evil.example.com/",
        "//127.0.0.1:1/log",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_log_is_fetched_from_known_hosts_alone(
    box: Container, redis_client: Redis, provider: ProviderStandin, location: str
) -> None:
    provider.answers[JOB_LOG] = [(302, {"Location": location}, b"")]

    assert collect(box, github_job()) == "no_log"
    assert [path for path, _ in provider.asked] == [RUN, JOB_LOG]
    assert logged(redis_client) == []


def test_credentials_go_to_the_api_alone(box: Container) -> None:
    hook = box.job_logs.hooks["ours"]

    for each in box.job_logs.hooks.values():
        assert headers_for(each, f"{each.api_url}/repos/acme/shop") != headers_for(replace(each, api_token=""), each.api_url)
        assert headers_for(each, "https://x.s3.amazonaws.com/log") == {}
    assert API_TOKEN in str(headers_for(hook, f"{hook.api_url}/repos/acme/shop"))
    assert headers_for(hook, "https://x.blob.core.windows.net/log") == {}
    assert headers_for(hook, hook.api_url.replace("127.0.0.1", "127.0.0.1@evil.example.com")) == {}


def test_redirects_without_end_are_not_followed_without_end(box: Container, provider: ProviderStandin) -> None:
    provider.answers["/signed/log?sig=made-up"] = [(302, {"Location": "/signed/log?sig=made-up"}, b"")] * 20

    assert collect(box, github_job()) == "no_log"
    assert len(provider.asked) < 8


def test_of_a_log_without_end_only_so_much_is_read(
    box: Container, redis_client: Redis, provider: ProviderStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_LOG_BYTES", 100_000)
    provider.log = LOG + "all is well\n" * 100_000

    assert collect(box, github_job()) == "reported"
    (event,) = logged(redis_client)
    assert isinstance(event, FailureEvent)
    assert "401" in event.error_message


@pytest.mark.parametrize("log", ["", "\0\1\2" * 1_000])
def test_a_log_that_cannot_be_read_is_no_trouble(box: Container, provider: ProviderStandin, log: str) -> None:
    provider.log = log

    assert collect(box, github_job()) == "no_log"


def test_a_full_log_of_events_puts_it_off(box: Container, redis_client: Redis) -> None:
    redis_client.set(LOG_LIMIT_KEY, 0)
    assert collect(box, github_job()) == "busy"
    redis_client.delete(LOG_LIMIT_KEY)

    assert collect(box, github_job()) == "reported"
    assert len(logged(redis_client)) == 1


def test_a_job_of_a_hook_that_is_gone_is_dropped(box: Container, redis_client: Redis) -> None:
    assert collect(box, github_job(hook="another")) == "gone"
    assert redis_client.zcard(f"ci-memory:{{{T}}}:due:logs") == 0
