"""Deliveries of Buildkite, CircleCI and Jenkins, and answers of their APIs, written after their documentation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from webhook_samples import LOG, SECRET, SHA

BUILD_ID = "0b71d1de-0000-4000-8000-000000000001"
JOB_ID = "0b71d1de-0000-4000-8000-000000000002"
WORKFLOW_ID = "0b71d1de-0000-4000-8000-000000000003"
KITE_BUILD = "/organizations/acme/pipelines/shop-ci/builds/14"
CIRCLE_JOB = "/v1.1/project/github/acme/shop/136"
JENKINS_BUILD = "/job/shop/job/feature%252Fx/12"
PLAIN_LOG = "".join(line.partition(" ")[2] + "\n" for line in LOG.splitlines() if "##[" not in line)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def kite_job(*, state: str = "failed", job: str = JOB_ID, **fields: Any) -> dict[str, Any]:
    return {
        "id": job,
        "type": "script",
        "name": ":hammer: Tests",
        "step_key": "tests",
        "state": state,
        "command": "make test\nmake report",
        "soft_failed": False,
        "exit_status": 0 if state == "passed" else 1,
        "web_url": f"https://buildkite.com/acme/shop-ci/builds/14#{job}",
        "log_url": "https://evil.example.com/log",
        "finished_at": now(),
        "retries_count": None,
        "parallel_group_index": None,
        "parallel_group_total": None,
    } | fields


def kite_build(*, number: int = 14, commit: str = SHA, **fields: Any) -> dict[str, Any]:
    return {
        "id": BUILD_ID if number == 14 else f"{BUILD_ID[:-2]}{number}",
        "url": f"https://api.buildkite.com/v2/organizations/acme/pipelines/shop-ci/builds/{number}",
        "web_url": f"https://buildkite.com/acme/shop-ci/builds/{number}",
        "number": number,
        "state": "failed",
        "blocked": False,
        "message": "change it",
        "commit": commit,
        "branch": "main",
        "tag": None,
        "author": None,
        "creator": {"name": "Dev", "email": "dev@example.com"},
        "finished_at": now(),
    } | fields


PIPELINE = {"id": "p", "slug": "shop-ci", "repository": "git@github.com:acme/shop.git", "default_branch": "main"}


def kite_job_finished(job: Mapping[str, Any] | None = None, build: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Buildkite's ``job.finished``."""
    return {"event": "job.finished", "job": job or kite_job(), "build": build or kite_build(), "pipeline": PIPELINE}


def kite_build_finished(**fields: Any) -> dict[str, Any]:
    """Buildkite's ``build.finished``; it names no jobs."""
    return {"event": "build.finished", "build": kite_build(**fields), "pipeline": PIPELINE}


def circle_job_completed(
    *, status: str = "failed", number: int = 136, workflow: str = WORKFLOW_ID, revision: str = SHA, **fields: Any
) -> dict[str, Any]:
    """CircleCI's ``job-completed``."""
    job = {"id": "j", "name": "test", "number": number, "status": status, "started_at": now(), "stopped_at": now()}
    return circle_workflow_completed(workflow=workflow, revision=revision) | {"type": "job-completed", "job": job | fields}


def circle_workflow_completed(*, workflow: str = WORKFLOW_ID, revision: str = SHA, status: str = "failed") -> dict[str, Any]:
    """CircleCI's ``workflow-completed``."""
    author = {"name": "Dev", "email": "dev@example.com"}
    return {
        "id": "event",
        "type": "workflow-completed",
        "happened_at": now(),
        "webhook": {"id": "w", "name": "ours"},
        "project": {"id": "p", "name": "shop", "slug": "github/acme/shop"},
        "organization": {"id": "o", "name": "acme"},
        "workflow": {
            "id": workflow,
            "name": "build-and-test",
            "stopped_at": now(),
            "status": status,
            "url": f"https://app.circleci.com/pipelines/github/acme/shop/130/workflows/{workflow}",
        },
        "pipeline": {
            "id": "p",
            "number": 130,
            "trigger": {"type": "webhook"},
            "vcs": {
                "provider_name": "github",
                "revision": revision,
                "branch": "main",
                "commit": {"subject": "change it", "body": "", "author": author},
            },
        },
    }


def circle_job(address: str, *, legs: int = 1, failing: frozenset[int] = frozenset({0})) -> bytes:
    """What the API v1.1 answers: steps, and what each did in each container. ``address`` has the output, after it the leg."""
    made = [("Spin up environment", frozenset[int]()), ("make test", failing)]
    steps = [
        {
            "name": name,
            "actions": [
                {
                    "index": leg,
                    "step": step,
                    "status": "failed" if leg in bad else "success",
                    "failed": True if leg in bad else None,
                    "background": False,
                    "has_output": True,
                    "output_url": f"{address}/{leg}" if leg in bad else "https://evil.example.com/",
                }
                for leg in range(legs)
            ],
        }
        for step, (name, bad) in enumerate(made)
    ]
    return json.dumps({"build_num": 136, "parallel": legs, "status": "failed", "steps": steps}).encode()


def circle_output(log: str = PLAIN_LOG) -> bytes:
    """The output of a step: pieces of text with a time and a stream."""
    half = len(log) // 2
    return json.dumps([{"message": part, "time": now(), "type": "out"} for part in (log[:half], log[half:])]).encode()


def jenkins_notification(*, status: str = "FAILURE", number: int = 12, phase: str = "FINALIZED", **fields: Any) -> dict[str, Any]:
    """What Jenkins' Notification plugin sends of a build that checked out with the git plugin."""
    url = f"job/shop/job/feature%252Fx/{number}/"
    scm = {"url": "https://github.com/acme/shop.git", "branch": "origin/feature/x", "commit": SHA, "changes": [], "culprits": []}
    build = {
        "full_url": f"https://ci.example.com/{url}",
        "number": number,
        "queue_id": 7,
        "timestamp": int(time.time() * 1000),
        "duration": 1_000,
        "phase": phase,
        "status": status,
        "url": url,
        "scm": scm,
        "log": "",
        "artifacts": {},
    }
    return {
        "name": "feature%2Fx",
        "display_name": "feature/x",
        "url": "job/shop/job/feature%252Fx/",
        "build": build | fields,
    }


def jenkins_build(**fields: Any) -> bytes:
    """What Jenkins answers about a build: first the checkout of a library, then its own."""
    library = {"remoteUrls": ["https://github.com/acme/library.git"], "lastBuiltRevision": {"SHA1": "1" * 40, "branch": []}}
    own = {
        "remoteUrls": ["https://github.com/acme/shop.git"],
        "lastBuiltRevision": {"SHA1": SHA, "branch": [{"name": "refs/remotes/origin/feature/x"}]},
    }
    changes = [{"items": [{"commitId": SHA, "msg": "change it", "author": {"fullName": "Dev"}}]}]
    told = {"building": False, "result": "FAILURE", "number": 12, "actions": [{}, library, own], "changeSets": changes}
    return json.dumps(told | fields).encode()


def _hmac(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def from_buildkite(payload: Any, *, secret: str = SECRET, at: int | None = None) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a delivery that Buildkite signs."""
    body, stamp = json.dumps(payload).encode(), str(int(time.time()) if at is None else at)
    signature = _hmac(stamp.encode() + b"." + body, secret)
    told = {"X-Buildkite-Event": "job.finished", "X-Buildkite-Signature": f"timestamp={stamp},signature={signature}"}
    return body, {"Content-Type": "application/json", **told}


def from_circleci(payload: Any, *, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a delivery by CircleCI."""
    body = json.dumps(payload).encode()
    return body, {"Content-Type": "application/json", "Circleci-Signature": f"v1={_hmac(body, secret)}"}


def from_jenkins(payload: Any, *, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a notification to an address with a name and a password in it."""
    basic = base64.b64encode(f"ci-memory:{secret}".encode()).decode()
    return json.dumps(payload).encode(), {
        "Content-Type": "application/json;charset=UTF-8",
        "Authorization": f"Basic {basic}",
    }
