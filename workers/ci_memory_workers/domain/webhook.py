"""Webhooks of CI providers: whose they are, and what proves them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Provider = Literal["github", "gitlab"]
API_URLS: dict[Provider, str] = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}
LOG_HOSTS: dict[Provider, tuple[str, ...]] = {
    # Where GitHub keeps the logs of jobs; the API answers with a signed address there.
    "github": (".actions.githubusercontent.com", ".blob.core.windows.net"),
    "gitlab": ("storage.googleapis.com",),
}


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that is expected: ``secret`` proves it, ``api_token`` reads the logs of its jobs from ``api_url``.

    ``repositories`` are names or owners (``acme/*``), none means all. ``log_hosts`` are hosts, or with a leading dot domains,
    that the API may send to for a log.
    """

    name: str
    provider: Provider
    tenant: str
    secret: str
    api_token: str
    api_url: str
    repositories: tuple[str, ...] = ()
    log_hosts: tuple[str, ...] = ()

    def proven(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the provider sent ``body``: by its signature (GitHub), or by the secret token (GitLab). In constant time.

        ``headers`` have names in lower case. Sources: GitHub "Validating webhook deliveries" (X-Hub-Signature-256: ``sha256=``
        and the HMAC of the body in hex), GitLab "Webhooks" (X-Gitlab-Token: the token itself).
        """
        if self.provider == "github":
            expected = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            given = headers.get("x-hub-signature-256", "")
        else:
            expected, given = self.secret, headers.get("x-gitlab-token", "")
        return hmac.compare_digest(expected.encode("utf-8", "replace"), given.encode("utf-8", "replace"))

    def may_send_to(self, host: str) -> bool:
        """Whether the API may send to this host for a log."""
        return any(host == one or (one.startswith(".") and host.endswith(one)) for one in self.log_hosts)
