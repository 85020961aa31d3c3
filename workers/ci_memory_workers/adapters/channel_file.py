"""The file that says who is notified of what, TOML: a table ``channels.NAME`` each."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from ci_memory_producers.events import Tenant

from ..domain.access_token import is_repository_limit
from ..domain.channel import WEB_URLS, Channel, ChannelKind, Host
from ..domain.webhook import API_URLS
from ..errors import InvalidSettings

VARIABLE = "CI_MEMORY_NOTIFY_FILE"
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Entry(BaseModel):
    """``token_env`` and ``url_env`` name variables that hold what must not stand in a file."""

    model_config = ConfigDict(extra="forbid")

    kind: ChannelKind
    tenant: Tenant = "default"
    repositories: tuple[str, ...] = ()
    provider: Host | None = None
    api_url: str = ""
    web_url: str = ""
    token: SecretStr = SecretStr("")
    token_env: str = ""
    url: SecretStr = SecretStr("")
    url_env: str = ""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for one in self.repositories:
            if not is_repository_limit(one):
                raise ValueError(f"repositories: {one!r} is no repository: write owner/name, or owner/*")
        for name in ("api_url", "web_url"):
            if getattr(self, name) and not _is_address(getattr(self, name)):
                raise ValueError(f"{name} is no http:// or https:// address")
        needless = ("provider", "api_url", "web_url", "token", "token_env") if self.kind == "slack" else ("url", "url_env")
        for name in needless:
            if self.model_fields_set & {name}:
                raise ValueError(f"{name} has no place in a channel of kind {self.kind!r}")
        if self.kind != "slack" and self.provider is None:
            raise ValueError("provider is missing: github or gitlab, where the repositories are")
        return self

    @property
    def holds_secret(self) -> bool:
        return bool(self.token.get_secret_value() or self.url.get_secret_value())

    def secret(self) -> str:
        """The token, or the chat's address, from the file or from the variable that the file names. Raises `ValueError`."""
        name = "url" if self.kind == "slack" else "token"
        given: SecretStr = getattr(self, name)
        variable = getattr(self, f"{name}_env")
        found = given.get_secret_value() or os.environ.get(variable, "")
        if not found:
            told = f"the variable {variable} that {name}_env names is not set" if variable else f"{name} or {name}_env is missing"
            raise ValueError(told)
        if name == "url" and not _is_address(found):
            raise ValueError("url is no http:// or https:// address")
        return found


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channels: dict[Name, _Entry]


def read_channels(path: Path | None, *, with_secrets: bool = True) -> tuple[Channel, ...]:
    """The channels; none without a file. Raises `InvalidSettings`, which shows no secret.

    Who only writes down what is to be told needs no secrets, and need not have the variables that hold them.
    """
    if path is None:
        return ()
    entries = _entries(path)
    if any(entry.holds_secret for entry in entries.values()) and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidSettings(f"{VARIABLE}: {path.name} holds a secret and is not its owner's alone: chmod 0600, or use *_env")
    return tuple(_channel(name, entry, with_secrets) for name, entry in entries.items())


def _entries(path: Path) -> Mapping[str, _Entry]:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).channels
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems)
        raise InvalidSettings(f"{VARIABLE}: {told}") from None
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"{VARIABLE}: {error}") from None


def _channel(name: str, entry: _Entry, with_secrets: bool) -> Channel:
    try:
        secret = entry.secret() if with_secrets else ""
    except ValueError as error:
        raise InvalidSettings(f"{VARIABLE}: channels.{name}: {error}") from None
    host: Host = entry.provider or "github"
    api = (entry.api_url or API_URLS[host]).rstrip("/")
    return Channel(name, entry.kind, entry.tenant, entry.repositories, host, api, entry.web_url or _web_of(host, api), secret)


def _web_of(host: Host, api_url: str) -> str:
    """Where people see what an API serves: GitHub's is ``https://HOST/api/v3`` on a server of one's own, GitLab's ``/api/v4``."""
    if api_url == API_URLS[host]:
        return WEB_URLS[host]
    return api_url.removesuffix({"github": "/api/v3", "gitlab": "/api/v4"}[host])


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
