"""The story of a token: made, rotated, revoked. Its secret is told once, to who asked, and only its hash is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ci_memory_producers.redact import redact

from ..domain.access_token import ID_BYTES, SECRET_BYTES, AccessToken, digest_of, is_repository_limit, spelled
from ..errors import InvalidSettings, TokenChanged, UnknownToken
from .ports.access import TokenStore

DAY_MS = 86_400_000
MOST_CHARACTERS = 200
"""Of a note."""


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """``random_hex`` gives that many random bytes as hex digits, from a source fit for secrets."""

    store: TokenStore
    random_hex: Callable[[int], str]

    def create(
        self,
        tenant: str,
        *,
        repositories: Sequence[str] = (),
        note: str = "",
        days: int = 0,
        events_per_minute: int,
        max_bytes: int,
        now_ms: int,
    ) -> tuple[AccessToken, str]:
        """A new token, good for ``days`` (0: until it is revoked), and how its holder spells it.

        Raises `InvalidSettings` for a repository that is none.
        """
        for one in repositories:
            if not is_repository_limit(one):
                raise InvalidSettings(f"--repo: {one!r} is no repository: write owner/name, or owner/* for all of an owner")
        secret = self.random_hex(SECRET_BYTES)
        token = AccessToken(
            token_id=self.random_hex(ID_BYTES),
            tenant=tenant,
            digest=digest_of(secret),
            repositories=tuple(dict.fromkeys(repositories)),
            note=" ".join(redact(note).split())[:MOST_CHARACTERS],
            created_ms=now_ms,
            expires_ms=now_ms + days * DAY_MS if days else 0,
            events_per_minute=events_per_minute,
            max_bytes=max_bytes,
        )
        self.store.add(token)
        return token, spelled(token.token_id, secret)

    def rotate(self, token_id: str, *, overlap_ms: int, now_ms: int) -> tuple[AccessToken, str]:
        """Give a token another secret; the present one is good for ``overlap_ms`` more. Raises `UnknownToken`, `TokenChanged`."""
        before = self._living(token_id)
        secret = self.random_hex(SECRET_BYTES)
        after = before.rotated(digest_of(secret), previous_until_ms=now_ms + overlap_ms)
        self._replace(before, after)
        return after, spelled(token_id, secret)

    def revoke(self, token_id: str, *, now_ms: int) -> AccessToken:
        """End a token now, both of its secrets. Raises `UnknownToken`, `TokenChanged`."""
        before = self._living(token_id)
        after = before.revoked(now_ms)
        self._replace(before, after)
        return after

    def _living(self, token_id: str) -> AccessToken:
        token = self.store.get(token_id)
        if token is None or token.revoked_ms:
            raise UnknownToken(token_id)
        return token

    def _replace(self, before: AccessToken, after: AccessToken) -> None:
        if not self.store.replace(before, after):
            raise TokenChanged(before.token_id)
