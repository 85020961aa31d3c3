"""Deliveries of CI providers, written after their documentation, and a stand-in for the APIs that the logs are fetched from."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

SECRET = "made-up-secret-of-the-hook"
API_TOKEN = "made-up-token-of-the-api"
JENKINS_USER = "ci-memory:"
SHA = "0123456789abcdef0123456789abcdef01234567"
LOG = """2026-11-25T01:00:01.1234567Z ##[group]Run pytest -q
2026-11-25T01:00:01.1234567Z pytest -q
2026-11-25T01:00:01.1234567Z ##[endgroup]
2026-11-25T01:00:02.1234567Z ___________________________ test_profile_of_a_member ___________________________
2026-11-25T01:00:02.1234567Z >       assert reply.status == 200
2026-11-25T01:00:02.1234567Z E       assert 401 == 200
2026-11-25T01:00:02.1234567Z tests/test_profile.py:7: AssertionError
2026-11-25T01:00:02.1234567Z =========================== short test summary info ============================
2026-11-25T01:00:02.1234567Z FAILED tests/test_profile.py::test_profile_of_a_member - assert 401 == 200
2026-11-25T01:00:02.1234567Z ##[error]Process completed with exit code 1.
"""


def workflow_job(
    *, conclusion: str = "failure", run: int = 4711, job: int = 99, attempt: int = 1, **fields: Any
) -> dict[str, Any]:
    """GitHub's ``workflow_job`` with the action ``completed``."""
    ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {
        "id": job,
        "run_id": run,
        "run_attempt": attempt,
        "name": "unit (3.12)",
        "workflow_name": "CI",
        "head_branch": "main",
        "head_sha": SHA,
        "status": "completed",
        "conclusion": conclusion,
        "started_at": ended,
        "completed_at": ended,
        "html_url": f"https://github.com/acme/shop/actions/runs/{run}/job/{job}",
        "labels": ["ubuntu-latest"],
        "steps": [],
    }
    repository = {"id": 1, "full_name": "acme/shop", "default_branch": "main", "private": True}
    return {"action": "completed", "workflow_job": told | fields, "repository": repository, "sender": {"login": "dev"}}


def workflow_run(*, conclusion: str = "failure", run: int = 4711, attempt: int = 1, **fields: Any) -> dict[str, Any]:
    """GitHub's ``workflow_run`` with the action ``completed``."""
    ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {
        "id": run,
        "run_number": 12,
        "run_attempt": attempt,
        "name": "CI",
        "head_branch": "main",
        "head_sha": SHA,
        "status": "completed",
        "conclusion": conclusion,
        "created_at": "2026-01-01T00:00:00Z",
        "run_started_at": "2026-01-01T00:00:00Z",
        "updated_at": ended,
        "html_url": f"https://github.com/acme/shop/actions/runs/{run}",
        "head_repository": {"full_name": "acme/shop"},
        "head_commit": {"message": "change it"},
        "actor": {"login": "dev"},
    }
    return {"action": "completed", "workflow_run": told | fields, "repository": workflow_job()["repository"]}


def check_run(*, app: str = "acme-ci", conclusion: str = "failure", check: int = 99, **fields: Any) -> dict[str, Any]:
    """GitHub's ``check_run`` with the action ``completed``."""
    told = {
        "id": check,
        "name": "unit",
        "head_sha": SHA,
        "status": "completed",
        "conclusion": conclusion,
        "completed_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "html_url": f"https://github.com/acme/shop/runs/{check}",
        "output": {"title": "1 test failed", "summary": None, "text": None, "annotations_count": 1},
        "check_suite": {"id": 815, "head_branch": "main"},
        "app": {"id": 1, "slug": app},
    }
    return {"action": "completed", "check_run": told | fields, "repository": workflow_job()["repository"]}


def pipeline_event(*, status: str = "failed", pipeline: int = 51, **fields: Any) -> dict[str, Any]:
    """GitLab's pipeline event."""
    told = {
        "id": pipeline,
        "iid": 12,
        "ref": "main",
        "tag": False,
        "sha": SHA,
        "status": status,
        "created_at": "2026-01-01 00:00:00 UTC",
        "finished_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "url": f"https://gitlab.example.com/acme/group/shop/-/pipelines/{pipeline}",
    }
    return {
        "object_kind": "pipeline",
        "object_attributes": told | fields,
        "project": job_event()["project"],
        "commit": {"id": SHA, "message": "change it", "author": {"name": "Dev"}},
        "builds": [{"id": 380, "stage": "test", "name": "unit: [3.12]", "status": status}],
    }


def job_event(*, status: str = "failed", pipeline: int = 51, job: int = 380, **fields: Any) -> dict[str, Any]:
    """GitLab's job event."""
    return {
        "object_kind": "build",
        "ref": "main",
        "tag": False,
        "sha": SHA,
        "retries_count": 0,
        "build_id": job,
        "build_name": "unit: [3.12]",
        "build_stage": "test",
        "build_status": status,
        "build_finished_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "build_failure_reason": "script_failure",
        "pipeline_id": pipeline,
        "project_id": 7,
        "project": {
            "id": 7,
            "path_with_namespace": "acme/group/shop",
            "default_branch": "main",
            "web_url": "https://gitlab.example.com/acme/group/shop",
        },
        "commit": {"id": pipeline, "sha": SHA, "message": "change it", "author_name": "Dev"},
        **fields,
    }


def signed(
    payload: Mapping[str, Any] | bytes, *, event: str = "workflow_job", secret: str = SECRET
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a delivery by GitHub."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "0a1b2c3d",
        "X-Hub-Signature-256": f"sha256={signature}",
    }


def with_token(payload: Mapping[str, Any], *, event: str = "Job Hook", token: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a delivery by GitLab."""
    headers = {"Content-Type": "application/json", "X-Gitlab-Event": event, "X-Gitlab-Token": token}
    return json.dumps(payload).encode(), headers


HOOKS = {"ours": "github", "lab": "gitlab", "kite": "buildkite", "circle": "circleci", "butler": "jenkins"}


def hook_file(directory: Path, api_url: str, tenant: str = "default") -> Path:
    """A file of `HOOKS`."""
    path = directory / "webhooks.toml"
    tables = (
        f'[hooks.{name}]\nprovider = "{provider}"\ntenant = "{tenant}"\nsecret = "{SECRET}"\n'
        f'api_token = "{JENKINS_USER if provider == "jenkins" else ""}{API_TOKEN}"\n'
        f'api_url = "{api_url}"\nrepositories = ["acme/*"]\n' + ('check_apps = ["acme-ci"]\n' if provider == "github" else "")
        for name, provider in HOOKS.items()
    )
    path.write_text("\n".join(tables))
    return path


@dataclass
class ProviderStandin:
    """Answers as both APIs do. ``answers`` by path take the place of what it would say: status, headers, body."""

    log: str = LOG
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        standin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                standin.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status, headers, body = standin.answer(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """What is answered to a path; of several planned answers one after the other."""
        planned = self.answers.get(path) or self.answers.get(path.partition("?")[0])
        if planned:
            return planned.pop(0)
        if path.endswith("/logs"):
            return 302, {"Location": f"{self.url}/signed/log?sig=made-up"}, b""
        if path.startswith("/signed/") or path.endswith(("/trace", "/log", "/consoleText")):
            return 200, {"Content-Type": "text/plain"}, self.log.encode()
        facts = {
            "run_number": 12,
            "head_branch": "main",
            "head_commit": {"message": "change it"},
            "actor": {"login": "dev"},
            "head_repository": {"full_name": "acme/shop"},
            "pipeline": {"id": 51, "iid": 12},
            "commit": {"message": "change it", "author_name": "Dev"},
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(facts).encode()
