"""Real processes: a provider's webhook, its log from a stand-in of the provider's API, an answer; and nothing in CI jobs."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from running_fleet import SLOW, Up, free_port, start_up, wait_until
from webhook_samples import ProviderStandin, hook_file, job_event, signed, with_token, workflow_job

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
