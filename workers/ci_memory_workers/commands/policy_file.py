"""A policy in a TOML file: the keys of `domain.flaky.QuarantinePolicy`, and ``aging_days``."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..domain.flaky import QuarantinePolicy
from ..domain.replay import Policy
from ..errors import Permanent


class InvalidPolicy(Permanent):
    """A file is no policy. The message names the key, and what is wrong with it."""

    reason = "invalid_policy"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


class _PolicyFile(BaseModel):
    """What `settings.Settings` asks of the same values."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ratio: float = Field(ge=0, le=1)
    min_episodes: int = Field(ge=1)
    leave_ratio: float = Field(ge=0, le=1)
    clean_runs: int = Field(ge=1)
    days: int = Field(ge=1, le=36_500)
    most: int = Field(ge=0)
    aging_days: int = Field(ge=1, le=36_500)


def read_policy(path: Path, current: Policy) -> Policy:
    """The policy in ``path``; what it does not say is as in ``current``. Raises `InvalidPolicy`."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidPolicy(path, error.strerror or "can't be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidPolicy(path, f"is no TOML: {error}") from error
    keys = asdict(current.quarantine) | {"aging_days": current.aging_days}
    try:
        fields = _PolicyFile.model_validate(keys | said).model_dump()
    except ValidationError as error:
        raise InvalidPolicy(path, "; ".join(_problem(*e["loc"], message=e["msg"]) for e in error.errors())) from None
    aging_days = fields.pop("aging_days")
    return Policy(QuarantinePolicy(**fields), aging_days, current.sweep_ms)


def _problem(*loc: int | str, message: str) -> str:
    key = str(loc[0])
    if key not in _PolicyFile.model_fields:
        return f"{key}: is no key of a policy; these are: {', '.join(_PolicyFile.model_fields)}"
    return f"{key}: {message}"
