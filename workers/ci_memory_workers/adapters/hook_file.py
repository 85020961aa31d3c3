"""The file that says which webhooks are expected, TOML: a table ``hooks.NAME`` each."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from ci_memory_producers.events import Tenant

from ..domain.access_token import is_repository_limit
from ..domain.webhook import API_URLS, LOG_HOSTS, Hook, Provider
from ..errors import InvalidSettings

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Entry(BaseModel):
    """``secret_env`` and ``api_token_env`` name variables that hold what must not stand in a file."""

    model_config = ConfigDict(extra="forbid")

    provider: Provider
    tenant: Tenant = "default"
    secret: SecretStr = SecretStr("")
    secret_env: str = ""
    api_token: SecretStr = SecretStr("")
    api_token_env: str = ""
    api_url: str = ""
    repositories: tuple[str, ...] = ()
    log_hosts: tuple[str, ...] | None = None
    check_apps: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.api_url and urlsplit(self.api_url).scheme not in ("http", "https"):
            raise ValueError("api_url is no http:// or https:// address")
        if not self.api_url and self.provider not in API_URLS:
            raise ValueError(f"api_url is missing: where is your {self.provider}?")
        if self.provider == "jenkins" and ":" not in (self.value("api_token") or ":"):
            raise ValueError("api_token (or the variable that api_token_env names) is not user:token")
        if self.check_apps and self.provider != "github":
            raise ValueError("check_apps are GitHub's")
        for one in self.repositories:
            if not is_repository_limit(one):
                raise ValueError(f"repositories: {one!r} is no repository: write owner/name, or owner/*")
        if len(self.value("secret")) < 16:
            raise ValueError("secret (or the variable that secret_env names) has less than 16 characters")
        return self

    def value(self, name: str) -> str:
        """A secret, from the file or from the variable that the file names."""
        given: SecretStr = getattr(self, name)
        return given.get_secret_value() or os.environ.get(getattr(self, f"{name}_env"), "")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    hooks: dict[Name, _Entry]


def read_hooks(path: Path | None) -> Mapping[str, Hook]:
    """The webhooks by name; none without a file. Raises `InvalidSettings`, which shows no secret."""
    if path is None:
        return {}
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems)
        raise InvalidSettings(f"CI_MEMORY_WEBHOOKS_FILE: {told}") from None
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"CI_MEMORY_WEBHOOKS_FILE: {error}") from None
    return {name: _hook(name, entry) for name, entry in found.hooks.items()}


def _hook(name: str, entry: _Entry) -> Hook:
    return Hook(
        name=name,
        provider=entry.provider,
        tenant=entry.tenant,
        secret=entry.value("secret"),
        api_token=entry.value("api_token"),
        api_url=(entry.api_url or API_URLS[entry.provider]).rstrip("/"),
        repositories=entry.repositories,
        log_hosts=LOG_HOSTS.get(entry.provider, ()) if entry.log_hosts is None else entry.log_hosts,
        check_apps=entry.check_apps,
    )
