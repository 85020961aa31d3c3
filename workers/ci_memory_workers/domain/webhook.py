"""Webhooks of CI providers: whose they are, and where the logs are that they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .webhook_proof import PROOFS, stamped_ms

Provider = Literal["github", "gitlab", "buildkite", "circleci", "jenkins"]
API_URLS: dict[Provider, str] = {
    "github": "https://api.github.com",
    "gitlab": "https://gitlab.com/api/v4",
    "buildkite": "https://api.buildkite.com/v2",
    "circleci": "https://circleci.com/api",
}
"""Jenkins has none: everybody runs their own."""
LOG_HOSTS: dict[Provider, tuple[str, ...]] = {
    # Where GitHub keeps the logs of jobs; the API answers with a signed address there.
    "github": (".actions.githubusercontent.com", ".blob.core.windows.net"),
    "gitlab": ("storage.googleapis.com",),
    "circleci": ("circle-production-action-output.s3.amazonaws.com",),
}


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that is expected: ``secret`` proves it, ``api_token`` reads the logs of its jobs from ``api_url``.

    ``repositories`` are names or owners (``acme/*``), none means all. ``log_hosts`` are hosts, or with a leading dot domains,
    that the API may send to for a log. ``check_apps`` are the GitHub apps whose checks are reported.
    """

    name: str
    provider: Provider
    tenant: str
    secret: str
    api_token: str
    api_url: str
    repositories: tuple[str, ...] = ()
    log_hosts: tuple[str, ...] = ()
    check_apps: tuple[str, ...] = ()

    def proven(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the provider sent ``body``. In constant time. ``headers`` have names in lower case."""
        return PROOFS[self.provider](self.secret.encode("utf-8", "replace"), headers, body)

    def stamped_ms(self, headers: Mapping[str, str]) -> int | None:
        """When the provider sent the delivery, where its proof covers that; since the epoch."""
        return stamped_ms(headers) if self.provider == "buildkite" else None

    def may_send_to(self, host: str) -> bool:
        """Whether the API may send to this host for a log."""
        return any(host == one or (one.startswith(".") and host.endswith(one)) for one in self.log_hosts)
