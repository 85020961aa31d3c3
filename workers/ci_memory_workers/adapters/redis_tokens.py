"""Access tokens in Redis."""

from __future__ import annotations

from typing import Any

from redis import Redis

from ..domain.access_token import AccessToken
from .access_codec import TOKENS, decode_token, encode_token
from .scripts import Scripts


class RedisTokens:
    """Satisfies `services.ports.access.TokenStore`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts = Scripts(client)

    def add(self, token: AccessToken) -> None:
        """See `TokenStore.add`."""
        self._client.hset(TOKENS, token.token_id, encode_token(token))

    def get(self, token_id: str) -> AccessToken | None:
        """See `TokenStore.get`."""
        data: Any = self._client.hget(TOKENS, token_id)
        return decode_token(data) if data else None

    def all(self) -> list[AccessToken]:
        """See `TokenStore.all`."""
        records: Any = self._client.hvals(TOKENS)
        return sorted(map(decode_token, records), key=lambda token: (token.created_ms, token.token_id))

    def replace(self, before: AccessToken, after: AccessToken) -> bool:
        """See `TokenStore.replace`."""
        return bool(self._scripts.run("change_token", TOKENS, before.token_id, encode_token(before), encode_token(after)))
