"""Real processes: a provider's webhook, its log from a stand-in of the provider's API, an answer; and nothing in CI jobs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ci_memory_producers.keys import result_key
from provider_samples import (
    CIRCLE_JOB,
    JENKINS_BUILD,
    circle_job,
    circle_job_completed,
    circle_output,
    circle_workflow_completed,
    from_buildkite,
    from_circleci,
    from_jenkins,
    jenkins_build,
    jenkins_notification,
    kite_build,
    kite_job,
    kite_job_finished,
)
from running_fleet import SLOW, Up, free_port, start_up, wait_until
from webhook_samples import API_TOKEN, ProviderStandin, hook_file, job_event, signed, with_token, workflow_job

TENANT = "hooked"


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderStandin]:
    with ProviderStandin() as standin:
        yield standin


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, provider: ProviderStandin) -> Iterator[Up]:
    directory = tmp_path_factory.mktemp("webhooks")
    settings = {
        "CI_MEMORY_GATEWAY_PORT": str(free_port()),
        "CI_MEMORY_WEBHOOKS_FILE": str(hook_file(directory, provider.url, TENANT)),
        "CI_MEMORY_WEBHOOK_GRACE_SECONDS": "0",
    }
    up = start_up(directory, "--gateway", **settings)
    yield up
    assert up.stop() == 0


def deliver(fleet: Up, hook: str, delivery: tuple[bytes, dict[str, str]]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(fleet.environment["CI_MEMORY_GATEWAY_PORT"]), timeout=SLOW)
    try:
        connection.request("POST", f"/v1/webhooks/{hook}", *delivery)
        return connection.getresponse().status
    except ConnectionRefusedError:
        return 0
    finally:
        connection.close()


def patterns(fleet: Up) -> list[Any]:
    box = fleet.container()
    try:
        keys = [key.decode() for key in box.redis.scan_iter(f"ci-memory:{{{TENANT}}}:pattern:*")]
        found = [box.index.pattern(TENANT, key.rpartition(":")[2]) for key in keys]
        return [pattern for pattern in found if pattern is not None]
    finally:
        box.redis.close()


def test_a_job_that_fails_at_github_is_known_when_it_fails_at_gitlab_and_its_fix_is_learned_from_the_pass(
    fleet: Up, provider: ProviderStandin
) -> None:
    failed = signed(workflow_job(run=1, job=11, head_sha="a" * 40))
    wait_until(lambda: deliver(fleet, "ours", failed) == 202, what="the gateway")
    wait_until(lambda: [one.occurrences for one in patterns(fleet)] == [1], what="the failure at GitHub")
    assert deliver(fleet, "ours", failed) == 409

    assert deliver(fleet, "lab", with_token(job_event())) == 202
    wait_until(lambda: [one.occurrences for one in patterns(fleet)] == [2], what="the same failure at GitLab")
    assert patterns(fleet)[0].repositories == 2

    # The next run of the job passes on another commit: that one is the fix.
    provider.answers["/repos/acme/shop/actions/runs/2"] = [
        (200, {}, b'{"run_number": 13, "head_branch": "main", "head_commit": {"message": "set AUTH_TOKEN in the fixtures"}}')
    ]
    assert deliver(fleet, "ours", signed(workflow_job(run=2, job=21, conclusion="success", head_sha="b" * 40))) == 202
    wait_until(lambda: [fix.commit for one in patterns(fleet) for fix in one.fixes] == ["b" * 40], what="the learned fix")
    (fix,) = patterns(fleet)[0].fixes
    assert "set AUTH_TOKEN in the fixtures" in fix.description


def test_a_log_that_is_not_there_yet_is_fetched_later(fleet: Up, provider: ProviderStandin) -> None:
    before = sum(one.occurrences for one in patterns(fleet))
    provider.answers["/repos/acme/shop/actions/jobs/31/logs"] = [(404, {}, b""), (503, {"Retry-After": "1"}, b"")]

    wait_until(lambda: deliver(fleet, "ours", signed(workflow_job(run=3, job=31))) in (202, 409), what="the gateway")

    wait_until(lambda: sum(one.occurrences for one in patterns(fleet)) == before + 1, what="the failure")
    assert "made-up-token" not in fleet.logs()
    assert "made-up-secret" not in fleet.logs()


Deliveries = tuple[tuple[bytes, dict[str, str]], tuple[bytes, dict[str, str]]]


def at_buildkite(_: ProviderStandin, commit: str) -> Deliveries:
    passes = kite_job(state="passed", job="job-of-15")
    build = kite_build(number=15, commit=commit, message=f"set it, {commit[0]}")
    return from_buildkite(kite_job_finished()), from_buildkite(kite_job_finished(passes, build))


def at_circleci(provider: ProviderStandin, commit: str) -> Deliveries:
    """Of the job that failed only its workflow tells: the delivery of the job itself was lost."""
    listed = {"id": "1", "name": "test", "job_number": 136, "status": "failed", "type": "build"}
    workflow = circle_workflow_completed()
    answer = json.dumps({"items": [listed], "next_page_token": None}).encode()
    provider.answers[f"/v2/workflow/{workflow['workflow']['id']}/job"] = [(200, {}, answer)]
    provider.answers[CIRCLE_JOB] = [(200, {}, circle_job(f"{provider.url}/output"))]
    provider.answers["/output/0"] = [(200, {}, circle_output())]
    passes = circle_job_completed(status="success", number=137, workflow="the-next-workflow", revision=commit)
    passes["pipeline"]["vcs"]["commit"]["subject"] = f"set it, {commit[0]}"
    provider.answers[CIRCLE_JOB.replace("136", "137")] = [(200, {}, circle_job("", failing=frozenset()))]
    return from_circleci(workflow), from_circleci(passes)


def at_jenkins(provider: ProviderStandin, commit: str) -> Deliveries:
    scm = {"url": "https://github.com/acme/shop.git", "branch": "origin/feature/x", "commit": commit}
    changes = [{"items": [{"commitId": commit, "msg": f"set it, {commit[0]}", "author": {"fullName": "Dev"}}]}]
    following = jenkins_build(result="SUCCESS", changeSets=changes)
    provider.answers[f"{JENKINS_BUILD}/api/json"] = [(200, {}, jenkins_build())]
    provider.answers[JENKINS_BUILD.replace("/12", "/13") + "/api/json"] = [(200, {}, following)]
    passes = jenkins_notification(status="SUCCESS", number=13, url="job/shop/job/feature%252Fx/13/", scm=scm)
    return from_jenkins(jenkins_notification()), from_jenkins(passes)


def answers(fleet: Up) -> int:
    box = fleet.container()
    try:
        return sum(1 for _ in box.redis.scan_iter(result_key(TENANT, "*")))
    finally:
        box.redis.close()


@pytest.mark.parametrize(
    ("hook", "commit", "deliveries"),
    [("kite", "c" * 40, at_buildkite), ("circle", "d" * 40, at_circleci), ("butler", "e" * 40, at_jenkins)],
)
def test_a_job_that_fails_elsewhere_is_answered_and_its_pass_says_which_commit_fixed_it(
    fleet: Up,
    provider: ProviderStandin,
    hook: str,
    commit: str,
    deliveries: Callable[[ProviderStandin, str], Deliveries],
) -> None:
    before, answered = sum(one.occurrences for one in patterns(fleet)), answers(fleet)
    failed, passed = deliveries(provider, commit)

    wait_until(lambda: deliver(fleet, hook, failed) in (202, 409), what="the gateway")
    wait_until(lambda: sum(one.occurrences for one in patterns(fleet)) == before + 1, what="the failure")
    wait_until(lambda: answers(fleet) > answered, what="the answer")
    assert len(patterns(fleet)) == 1

    assert deliver(fleet, hook, passed) == 202
    wait_until(lambda: commit in [fix.commit for one in patterns(fleet) for fix in one.fixes], what="the learned fix")
    (fix,) = [fix for one in patterns(fleet) for fix in one.fixes if fix.commit == commit]
    assert f"set it, {commit[0]}" in fix.description
    assert API_TOKEN not in fleet.logs()
