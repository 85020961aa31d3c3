"""How the record of an access token is written."""

from __future__ import annotations

from pydantic import TypeAdapter

from ..domain.access_token import AccessToken

TOKENS = "ci-memory:tokens"
"""A hash of all access tokens: id → record, JSON. Tokens are found before their tenant is known, so it is one for all."""
_RECORD: TypeAdapter[AccessToken] = TypeAdapter(AccessToken)


def encode_token(token: AccessToken) -> bytes:
    """The record, JSON."""
    return _RECORD.dump_json(token)


def decode_token(data: bytes) -> AccessToken:
    """Reads a record, an older one too."""
    return _RECORD.validate_json(data)
