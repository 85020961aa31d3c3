"""Logs of jobs, from the APIs of GitHub and GitLab: bounded in size and time, and followed to known hosts alone.

Sources: GitHub REST "Workflow jobs" (the log of a job answers with 302 and a signed address), "Workflow runs"; GitLab "Jobs API"
(``GET /projects/:id/jobs/:job_id`` and ``/trace``).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx

from ci_memory_producers.ci_env.values import at, branch_of, text_of
from ci_memory_producers.excerpt import Excerpt, read_stream
from ci_memory_producers.redact import redact

from ..domain.job_ended import JobEnded
from ..domain.webhook import Hook
from ..errors import LogNotThere, LogRefused
from ..services.ports.job_logs import RunFacts

MOST_LOG_BYTES = 64 * 1024 * 1024
MOST_FACT_BYTES = 4 * 1024 * 1024
SECONDS = 60.0
"""For one log, all in all."""
MOST_REDIRECTS = 3
_LATER = {404, 408, 409, 423, 425, 429, 500, 502, 503, 504}
"""404 too: the log of a job is there some seconds after the job has ended."""


class ProviderLogs:
    """Satisfies `services.ports.job_logs.JobLogs`."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=httpx.Timeout(15.0), follow_redirects=False)

    def facts(self, hook: Hook, job: JobEnded) -> RunFacts:
        """See `JobLogs.facts`."""
        if job.provider == "github":
            found = self._json(hook, f"/repos/{job.project}/actions/runs/{job.build_id}")
            number, source = at(found, "run_number"), text_of(at(found, "head_repository", "full_name"))
            return RunFacts(
                run_number=number if isinstance(number, int) else None,
                branch=branch_of(text_of(at(found, "head_branch")), source, job.repo),
                commit_message=redact(text_of(at(found, "head_commit", "message"), 4_000)),
                author=redact(text_of(at(found, "actor", "login"))),
            )
        found = self._json(hook, f"/projects/{job.project}/jobs/{job.job_id}")
        number = at(found, "pipeline", "iid")
        return RunFacts(
            run_number=number if isinstance(number, int) else None,
            commit_message=redact(text_of(at(found, "commit", "message"), 4_000)),
            author=redact(text_of(at(found, "commit", "author_name"))),
        )

    def excerpt(self, hook: Hook, job: JobEnded) -> Excerpt:
        """See `JobLogs.excerpt`. Of a log that is larger than `MOST_LOG_BYTES` only the beginning is read."""
        path = (
            f"/repos/{job.project}/actions/jobs/{job.job_id}/logs"
            if job.provider == "github"
            else f"/projects/{job.project}/jobs/{job.job_id}/trace"
        )
        with self._asked(hook, path) as pieces, tempfile.TemporaryFile() as file:
            for piece in pieces:
                file.write(piece[: MOST_LOG_BYTES - file.tell()])
                if file.tell() >= MOST_LOG_BYTES:
                    break
            file.seek(0)
            return read_stream(file, f"the log of job {job.job_id}")

    def _json(self, hook: Hook, path: str) -> Any:
        said = bytearray()
        with self._asked(hook, path) as pieces:
            for piece in pieces:
                said += piece
                if len(said) > MOST_FACT_BYTES:
                    raise LogRefused("the provider's answer does not end")
        try:
            return httpx.Response(200, content=bytes(said)).json()
        except ValueError:
            raise LogNotThere("the provider's answer is no JSON") from None

    @contextmanager
    def _asked(self, hook: Hook, path: str) -> Iterator[Iterator[bytes]]:
        deadline = time.monotonic() + SECONDS
        url = hook.api_url + quote(path)
        try:
            for _ in range(MOST_REDIRECTS + 1):
                with self._http.stream("GET", url, headers=headers_for(hook, url)) as reply:
                    if reply.status_code in (301, 302, 303, 307, 308):
                        url = _followed(hook, url, reply.headers.get("location", ""))
                        continue
                    _check(reply)
                    yield _within(reply, deadline)
                    return
        except httpx.HTTPError as error:
            # What it says may name a signed address.
            raise LogNotThere(f"the provider is out of reach: {type(error).__name__}") from None
        raise LogRefused("the provider sends from one place to the next")


def _within(reply: httpx.Response, deadline: float) -> Iterator[bytes]:
    for piece in reply.iter_bytes(65_536):
        if time.monotonic() > deadline:
            raise LogNotThere(f"the log did not end within {SECONDS:.0f} s")
        yield piece


def headers_for(hook: Hook, url: str) -> dict[str, str]:
    """What is sent to ``url``. The credentials go to the API, and nowhere else: a signed address needs none."""
    if urlsplit(url).netloc != urlsplit(hook.api_url).netloc:
        return {}
    if hook.provider == "gitlab":
        return {"PRIVATE-TOKEN": hook.api_token} if hook.api_token else {}
    known = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    return known | ({"Authorization": f"Bearer {hook.api_token}"} if hook.api_token else {})


def _followed(hook: Hook, url: str, location: str) -> str:
    """Where to go on. Raises `LogRefused` for a host that nobody has allowed, and for a step down from TLS."""
    to = urljoin(url, location)
    parts, api = urlsplit(to), urlsplit(hook.api_url)
    same = (parts.scheme, parts.netloc) == (api.scheme, api.netloc)
    try:
        port = parts.port
    except ValueError:
        port = 0
    tls = parts.scheme == "https" and port in (None, 443) and "@" not in parts.netloc
    if not location or not (same or (tls and hook.may_send_to(parts.hostname or ""))):
        raise LogRefused(f"the provider sends to a host that log_hosts of hook {hook.name} does not name")
    return to


def _check(reply: httpx.Response) -> None:
    status = reply.status_code
    if status == 200:
        return
    given = reply.headers.get("retry-after", "")
    retry_after = float(given) if given.isdigit() and len(given) < 6 else None
    # GitHub says 403, GitLab 429, when too much was asked.
    exhausted = status == 403 and (retry_after is not None or reply.headers.get("x-ratelimit-remaining") == "0")
    if exhausted and retry_after is None:
        reset = reply.headers.get("x-ratelimit-reset", "")
        retry_after = max(1.0, float(reset) - time.time()) if reset.isdigit() and len(reset) < 12 else 60.0
    if exhausted or status in _LATER:
        raise LogNotThere(f"the provider answers {status}", retry_after=retry_after)
    raise LogRefused(f"the provider answers {status}: are the credentials of this hook good for it?")
