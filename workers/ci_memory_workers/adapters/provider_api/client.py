"""How the APIs of CI providers are asked: bounded in size and time, and followed to known hosts alone."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic_core import from_json

from ci_memory_producers.excerpt import Excerpt, read_stream

from ...domain.webhook import Hook
from ...errors import LogNotThere, LogRefused

MOST_LOG_BYTES = 64 * 1024 * 1024
MOST_FACT_BYTES = 16 * 1024 * 1024
SECONDS = 60.0
"""For one address, all in all."""
MOST_PAGES = 50
MOST_REDIRECTS = 3
_LATER = {404, 408, 409, 423, 425, 429, 500, 502, 503, 504}
"""404 too: the log of a job is there some seconds after the job has ended."""
_LIMITS = ("x-ratelimit", "ratelimit")
_EPOCH = 1_000_000_000
"""From here on a number of seconds is a time: GitHub and GitLab say when a limit ends, Buildkite in how many seconds."""


class ProviderClient:
    """Asks for what stands at a path of a hook's API, or at an address that the API has named."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=httpx.Timeout(15.0), follow_redirects=False)

    def json(self, hook: Hook, path: str) -> Any:
        """The answer. Raises `LogNotThere` (try again later) and `LogRefused` (never), as all here do."""
        said = self.data(hook, path, MOST_FACT_BYTES + 1)
        if len(said) > MOST_FACT_BYTES:
            raise LogRefused("the provider's answer does not end")
        try:
            return from_json(said)
        except ValueError:
            raise LogNotThere("the provider's answer is no JSON") from None

    def data(self, hook: Hook, target: str, most: int) -> bytes:
        """The first ``most`` bytes of what stands there."""
        said = bytearray()
        with self.asked(hook, target) as pieces:
            for piece in pieces:
                said += piece
                if len(said) >= most:
                    break
        return bytes(said[:most])

    def log(self, hook: Hook, path: str, accept: str = "") -> Excerpt:
        """The failing part of the log there. Of one that is larger than `MOST_LOG_BYTES` only the beginning is read."""
        with self.asked(hook, path, accept) as pieces:
            return spooled(pieces)

    @contextmanager
    def asked(self, hook: Hook, target: str, accept: str = "") -> Iterator[Iterator[bytes]]:
        """What stands at ``target``: a path of the API, quoted, or an address; piece by piece."""
        deadline = time.monotonic() + SECONDS
        url = hook.api_url + target if target.startswith("/") else _followed(hook, hook.api_url, target)
        try:
            for _ in range(MOST_REDIRECTS + 1):
                headers = headers_for(hook, url) | ({"Accept": accept} if accept else {})
                with self._http.stream("GET", url, headers=headers) as reply:
                    if reply.status_code in (301, 302, 303, 307, 308):
                        url = _followed(hook, url, reply.headers.get("location", ""))
                        continue
                    _check(reply)
                    yield _within(reply, deadline)
                    return
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # What it says may name a signed address.
            raise LogNotThere(f"the provider is out of reach: {type(error).__name__}") from None
        raise LogRefused("the provider sends from one place to the next")


def spooled(pieces: Iterable[bytes]) -> Excerpt:
    """The failing part of a log that comes in pieces; it waits on disk. Raises `excerpt.UnreadableLog`."""
    with tempfile.TemporaryFile() as file:
        for piece in pieces:
            file.write(piece[: MOST_LOG_BYTES - file.tell()])
            if file.tell() >= MOST_LOG_BYTES:
                break
        file.seek(0)
        return read_stream(file, "the log of a job")


def headers_for(hook: Hook, url: str) -> dict[str, str]:
    """What is sent to ``url``. The credentials go to the API, and nowhere else: a signed address needs none."""
    if urlsplit(url)[:2] != urlsplit(hook.api_url)[:2]:
        return {}
    known = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"} if hook.provider == "github" else {}
    return known | (_credentials(hook) if hook.api_token else {})


def _credentials(hook: Hook) -> dict[str, str]:
    match hook.provider:
        case "gitlab":
            return {"PRIVATE-TOKEN": hook.api_token}
        case "circleci":
            return {"Circle-Token": hook.api_token}
        case "jenkins":
            return {"Authorization": "Basic " + base64.b64encode(hook.api_token.encode()).decode()}
        case _:
            return {"Authorization": f"Bearer {hook.api_token}"}


def _within(reply: httpx.Response, deadline: float) -> Iterator[bytes]:
    for piece in reply.iter_bytes(65_536):
        if time.monotonic() > deadline:
            raise LogNotThere(f"the log did not end within {SECONDS:.0f} s")
        yield piece


def _followed(hook: Hook, url: str, location: str) -> str:
    """Where to go on. Raises `LogRefused` for a host that nobody has allowed, and for a step down from TLS."""
    try:
        to = urljoin(url, location)
        parts, api = urlsplit(to), urlsplit(hook.api_url)
        port = parts.port
    except ValueError:
        raise LogRefused("the provider sends to what is no address") from None
    same = (parts.scheme, parts.netloc) == (api.scheme, api.netloc)
    tls = parts.scheme == "https" and port in (None, 443) and "@" not in parts.netloc
    if not location or not (same or (tls and hook.may_send_to(parts.hostname or ""))):
        raise LogRefused(f"the provider sends to a host that log_hosts of hook {hook.name} does not name")
    return to


def _check(reply: httpx.Response) -> None:
    status = reply.status_code
    if status == 200:
        return
    retry_after = _retry_after(reply.headers)
    # GitHub says 403, the others 429, when too much was asked.
    exhausted = status == 403 and retry_after is not None
    if exhausted or status in _LATER:
        raise LogNotThere(f"the provider answers {status}", retry_after=retry_after)
    raise LogRefused(f"the provider answers {status}: are the credentials of this hook good for it?")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until it may be asked again, where it says that it was asked too much."""
    given = headers.get("retry-after", "")
    if given.isdigit() and len(given) < 6:
        return float(given)
    for prefix in _LIMITS:
        if headers.get(f"{prefix}-remaining") == "0":
            reset = headers.get(f"{prefix}-reset", "")
            seconds = float(reset) if reset.isdigit() and len(reset) < 12 else 60.0
            return max(1.0, seconds - time.time() if seconds > _EPOCH else seconds)
    return None
