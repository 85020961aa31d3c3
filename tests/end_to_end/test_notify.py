"""Real processes: a webhook comes in, its log is fetched from a stand-in of the provider, and people are told where they look."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ci_memory_workers.names import Lane
from forge_standin import TOKEN, ForgeStandin
from notify_samples import TENANT, notify_file, says, state
from running_fleet import BIN, SLOW, Up, free_port, start_up, wait_until
from slack_standin import SlackStandin
from webhook_samples import LOG, ProviderStandin, hook_file, job_event, signed, with_token, workflow_job

LEAK = "ghp_" + "x1y2" * 9
SECRET_LOG = LOG.replace(
    "##[endgroup]", f"##[endgroup]\n2026-11-25T01:00:01.2234567Z + curl -H 'Authorization: Bearer {LEAK}' token={LEAK}"
).replace(
    "E       assert 401 == 200",
    f"E       AssertionError: <!channel> @all 401 for {LEAK}\n2026-11-25T01:00:02Z E       assert 401 == 200",
)


@dataclass
class Notified:
    """A fleet, and all that its failures are told to."""

    up: Up
    provider: ProviderStandin
    github: ForgeStandin
    gitlab: ForgeStandin
    slack: SlackStandin

    def deliver(self, hook: str, delivery: tuple[bytes, dict[str, str]]) -> int:
        port = int(self.up.environment["CI_MEMORY_GATEWAY_PORT"])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SLOW)
        try:
            connection.request("POST", f"/v1/webhooks/{hook}", *delivery)
            return connection.getresponse().status
        except ConnectionRefusedError:
            return 0
        finally:
            connection.close()

    def github_job(self, run: int, sha: str, *, branch: str = "topic", conclusion: str = "failure", **fields: Any) -> None:
        """A job of acme/shop ends at GitHub."""
        facts = {"run_number": run, "head_branch": branch, "head_commit": {"message": "change it"}, "actor": {"login": "dev"}}
        facts["head_repository"] = {"full_name": "acme/shop"}
        self.provider.answers[f"/repos/acme/shop/actions/runs/{run}"] = [(200, {}, json.dumps(facts).encode())]
        job = workflow_job(run=run, job=run * 10, conclusion=conclusion, head_sha=sha, head_branch=branch, **fields)
        wait_until(lambda: self.deliver("ours", signed(job)) in (202, 409), what="the gateway")

    def gitlab_job(self, pipeline: int, sha: str, *, branch: str = "topic", status: str = "failed") -> None:
        """A job of acme/group/shop ends at GitLab."""
        job = job_event(status=status, pipeline=pipeline, job=pipeline * 10, sha=sha, ref=branch)
        facts = {"pipeline": {"id": pipeline, "iid": pipeline}, "commit": {"message": "change it", "author_name": "Dev"}}
        self.provider.answers[f"/projects/7/jobs/{pipeline * 10}"] = [(200, {}, json.dumps(facts).encode())]
        wait_until(lambda: self.deliver("lab", with_token(job)) in (202, 409), what="the gateway")

    def settled(self) -> None:
        """Wait until nothing is owed to anybody."""
        box = self.up.container()
        try:
            lanes: tuple[Lane, ...] = ("logs", "analysis", "notify")
            wait_until(lambda: not any(box.index.owed(lane, TENANT) for lane in lanes) and not box.log.lag(), what="all is told")
        finally:
            box.redis.close()


@pytest.fixture(scope="module")
def notified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notified]:
    directory = tmp_path_factory.mktemp("notify")
    with ExitStack() as stack:
        provider = stack.enter_context(ProviderStandin(log=SECRET_LOG))
        github, gitlab = stack.enter_context(ForgeStandin()), stack.enter_context(ForgeStandin())
        gitlab.me, gitlab.readable_user = {"username": "project_42_bot", "id": 9}, True
        slack = stack.enter_context(SlackStandin())
        settings = {
            "CI_MEMORY_GATEWAY_PORT": str(free_port()),
            "CI_MEMORY_WEBHOOKS_FILE": str(hook_file(directory, provider.url, TENANT)),
            "CI_MEMORY_WEBHOOK_GRACE_SECONDS": "0",
            "CI_MEMORY_NOTIFY_FILE": str(notify_file(directory, github.url, gitlab.url, slack.url)),
            "FORGE_TOKEN": TOKEN,
        }
        up = start_up(directory, "--gateway", **settings)
        try:
            yield Notified(up, provider, github, gitlab, slack)
        finally:
            assert up.stop() == 0


def told(condition: Callable[[], object], what: str) -> None:
    wait_until(condition, what=what)


FAILED, PASSED, ON_MAIN = "a" * 40, "b" * 40, "c" * 40


def test_a_pull_request_at_github_is_told_what_failed_and_that_it_passes(notified: Notified) -> None:
    forge = notified.github
    forge.open_change(FAILED)
    notified.github_job(1, FAILED)
    told(lambda: state(forge) == "failed", "the comment")
    told(lambda: says(forge, FAILED), "the status")

    (comment,) = forge.comments
    assert "### New failure" in comment["body"]
    assert "- **Test:** `test_profile_of_a_member`" in comment["body"]
    assert "not a proven fix" in comment["body"]
    assert "ci-memory patterns forget pat_" in comment["body"]
    assert f"[`{FAILED[:12]}`](https://github.example.com/acme/shop/commit/{FAILED})" in comment["body"]
    assert says(forge, FAILED).startswith("new: ")
    assert {one["state"] for one in forge.statuses} == {"success"}

    notified.settled()
    asked = len(forge.requests)
    job = workflow_job(run=1, job=10, head_sha=FAILED, head_branch="topic")
    assert notified.deliver("ours", signed(job)) in (202, 409), "the same job, told once more"
    notified.settled()
    assert len(forge.requests) == asked

    notified.github_job(2, PASSED, conclusion="success")
    told(lambda: state(forge) == "resolved", "the comment is resolved")
    told(lambda: says(forge, PASSED) == "passes", "the status of the pass")
    assert len(forge.comments) == 1
    assert notified.slack.texts == []


def test_a_merge_request_at_gitlab_is_told_what_is_known_from_github(notified: Notified) -> None:
    forge = notified.gitlab
    forge.open_change(FAILED)
    notified.gitlab_job(51, FAILED)
    told(lambda: state(forge) == "failed", "the note")
    told(lambda: says(forge, FAILED), "the status")

    (note,) = forge.comments
    assert "### Known failure" in note["body"]
    assert "- **Seen before:** 2 times in 2 repositories" in note["body"]
    assert f"(https://gitlab.example.com/acme/group/shop/-/commit/{FAILED})" in note["body"]
    assert forge.statuses[-1]["pipeline_id"] == "51"

    notified.gitlab_job(52, PASSED, status="success")
    told(lambda: state(forge) == "resolved", "the note is resolved")
    assert notified.slack.texts == []


def test_a_chat_hears_once_of_a_default_branch_that_fails(notified: Notified) -> None:
    notified.provider.log = SECRET_LOG.replace("test_profile", "test_basket").replace("401", "503")
    notified.github_job(101, ON_MAIN, branch="main")
    told(lambda: notified.slack.texts, "the message")
    notified.github_job(102, "d" * 40, branch="main")
    told(lambda: says(notified.github, "d" * 40), "the second failure is known")
    notified.settled()

    (text,) = notified.slack.texts
    assert text.startswith("*New failure* on `main` of `acme/shop`")
    assert "<!channel>" not in text
    assert "test `test_basket_of_a_member`" in text


def test_no_secret_of_a_log_is_told_anywhere(notified: Notified) -> None:
    notified.settled()
    told_to = [*notified.slack.messages, *notified.github.comments, *notified.gitlab.comments]
    said = json.dumps([*told_to, *notified.github.statuses, *notified.gitlab.statuses])

    assert "not a proven fix" in said
    assert LEAK not in said
    assert LEAK not in notified.up.logs()
    assert TOKEN not in notified.up.logs()
    assert notified.slack.url not in notified.up.logs()


@pytest.mark.parametrize(
    "command",
    [
        [str(BIN / "ci-memory"), "up"],
        [sys.executable, "-m", "celery", "-A", "ci_memory_workers.app", "worker", "-Q", "notify", "-P", "threads", "-c", "1"],
    ],
    ids=["up", "worker"],
)
def test_a_broken_file_is_said_at_the_start_and_names_the_field(notified: Notified, tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "notify.toml"
    path.write_text('[channels.chat]\nkind = "slack"\nurl_env = "NOT_SET"\n')
    environment = {**notified.up.environment, "CI_MEMORY_URL": notified.up.url, "CI_MEMORY_NOTIFY_FILE": str(path)}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SLOW, check=False)

    assert done.returncode == 2
    assert "CI_MEMORY_NOTIFY_FILE: channels.chat: the variable NOT_SET that url_env names is not set" in done.stderr
