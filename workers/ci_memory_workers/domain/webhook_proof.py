"""What proves that a provider sent a delivery: a signature of its body, or a secret that only the provider was given.

Sources: GitHub "Validating webhook deliveries", GitLab "Webhooks", Buildkite "Webhook signature", CircleCI "Outbound webhooks",
Jenkins' Notification plugin (``Protocol.HTTP``). Everything is compared in constant time; a header that is missing is empty.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

Headers = Mapping[str, str]

_STAMPED = re.compile(r"timestamp=([0-9]{1,12}),signature=([0-9a-f]{64})")


def _signature(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


def _given(headers: Headers, name: str) -> bytes:
    return headers.get(name, "").encode("utf-8", "replace")


def _github(secret: bytes, headers: Headers, body: bytes) -> bool:
    """``X-Hub-Signature-256``: ``sha256=`` and the HMAC of the body in hex."""
    return hmac.compare_digest(b"sha256=" + _signature(secret, body), _given(headers, "x-hub-signature-256"))


def _gitlab(secret: bytes, headers: Headers, _body: bytes) -> bool:
    """``X-Gitlab-Token``: the secret itself."""
    return hmac.compare_digest(secret, _given(headers, "x-gitlab-token"))


def _buildkite(secret: bytes, headers: Headers, body: bytes) -> bool:
    """``X-Buildkite-Signature``: ``timestamp=…,signature=`` and the HMAC of ``timestamp.body``; or the secret in
    ``X-Buildkite-Token``: which of them is a setting of the webhook.
    """
    stamped = _STAMPED.fullmatch(headers.get("x-buildkite-signature", ""))
    if stamped is None:
        return hmac.compare_digest(secret, _given(headers, "x-buildkite-token"))
    return hmac.compare_digest(_signature(secret, stamped[1].encode() + b"." + body), stamped[2].encode())


def _circleci(secret: bytes, headers: Headers, body: bytes) -> bool:
    """``circleci-signature``: signatures by version, ``v1=`` and the HMAC of the body in hex; later versions may stand beside."""
    expected = b"v1=" + _signature(secret, body)
    said = _given(headers, "circleci-signature").split(b",", 8)[:8]
    return sum(hmac.compare_digest(expected, one.strip()) for one in said) > 0


def _jenkins(secret: bytes, headers: Headers, _body: bytes) -> bool:
    """The plugin signs nothing and sends no header of its own, but what the endpoint's address names before the ``@``:
    ``Authorization: Basic``, with the secret as the password. Scripts may send it as ``Bearer``.
    """
    scheme, _, said = headers.get("authorization", "").partition(" ")
    given = said.strip().encode("utf-8", "replace")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except ValueError:
            given = b""
    elif scheme.lower() != "bearer":
        given = b""
    return hmac.compare_digest(secret, given)


PROOFS: dict[str, Callable[[bytes, Headers, bytes], bool]] = {
    "github": _github,
    "gitlab": _gitlab,
    "buildkite": _buildkite,
    "circleci": _circleci,
    "jenkins": _jenkins,
}
"""By provider: the secret, headers with names in lower case, the body."""


def stamped_ms(headers: Headers) -> int | None:
    """When Buildkite sent the delivery, by the timestamp that its signature covers; None for one with a token."""
    stamped = _STAMPED.fullmatch(headers.get("x-buildkite-signature", ""))
    return int(stamped[1]) * 1000 if stamped else None
