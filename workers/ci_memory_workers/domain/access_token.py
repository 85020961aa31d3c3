"""Access tokens of the HTTP door: what one looks like, what proves it, and what it may touch.

A token is ``cim_`` and 76 hex digits: 12 that find its record, and 64 that prove it. The secret has 256 random bits, so its
plain SHA-256 is kept: slow hashes protect secrets that can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, replace

ID_BYTES, SECRET_BYTES = 6, 32
_TOKEN = re.compile(r"cim_([0-9a-f]{12})([0-9a-f]{64})")
_REPOSITORY = re.compile(r"[^\s*,]{1,298}(?:/\*)?")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The record of a token; times in ms since the epoch, 0 for never.

    ``digest`` is the hash of the secret; ``previous_digest`` that of the one before, good until ``previous_until_ms``.
    ``repositories`` are names (``acme/shop``) or owners (``acme/*``); none means all of the tenant.
    ``events_per_minute`` and ``max_bytes`` (of one request's body) are its limits.
    """

    token_id: str
    tenant: str
    digest: str
    repositories: tuple[str, ...] = ()
    note: str = ""
    created_ms: int = 0
    expires_ms: int = 0
    revoked_ms: int = 0
    previous_digest: str = ""
    previous_until_ms: int = 0
    events_per_minute: int = 600
    max_bytes: int = 4_194_304

    def proven_by(self, secret: str, now_ms: int) -> bool:
        """Whether ``secret`` is the token's, or the one before it in its time. Takes the same time whatever is wrong."""
        given = digest_of(secret)
        current = hmac.compare_digest(given, self.digest)
        previous = hmac.compare_digest(given, self.previous_digest or digest_of(""))
        return current or (previous and bool(self.previous_digest) and now_ms < self.previous_until_ms)

    def usable(self, now_ms: int) -> bool:
        """Whether it is neither revoked nor past its end."""
        return not self.revoked_ms and (not self.expires_ms or now_ms < self.expires_ms)

    def covers(self, repo: str) -> bool:
        """Whether it may touch ``repo``."""
        return covers(self.repositories, repo)

    def stored_id(self, event_id: str) -> str:
        """Under which id an event of this token is kept.

        Ids are derived from what an event says, so they can be foretold. A token that is limited to repositories therefore has
        ids of its own: it can neither read the answers of other repositories nor take the place of their events.
        """
        if not self.repositories:
            return event_id
        said = "\x1f".join(("limited", *sorted(self.repositories), event_id))
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()

    def rotated(self, digest: str, *, previous_until_ms: int) -> AccessToken:
        """With another secret; the present one stays good until ``previous_until_ms``."""
        return replace(self, digest=digest, previous_digest=self.digest, previous_until_ms=previous_until_ms)

    def revoked(self, now_ms: int) -> AccessToken:
        """Good for nothing from now on."""
        return replace(self, digest="", previous_digest="", previous_until_ms=0, revoked_ms=now_ms)


def covers(repositories: tuple[str, ...], repo: str) -> bool:
    """Whether ``repo`` is one of ``repositories``, names or owners (``acme/*``); none means all."""
    return not repositories or any(repo == one or (one.endswith("/*") and repo.startswith(one[:-1])) for one in repositories)


def digest_of(secret: str) -> str:
    """SHA-256 in hex: what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def spelled(token_id: str, secret: str) -> str:
    """The token as its holder has it."""
    return f"cim_{token_id}{secret}"


def parse_token(text: str) -> tuple[str, str] | None:
    """Id and secret of a token; None for anything else."""
    found = _TOKEN.fullmatch(text)
    return (found[1], found[2]) if found else None


def is_repository_limit(text: str) -> bool:
    """Whether ``text`` is a repository (``acme/shop``) or an owner's (``acme/*``)."""
    return _REPOSITORY.fullmatch(text) is not None
