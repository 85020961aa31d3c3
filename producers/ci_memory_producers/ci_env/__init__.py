"""What the CI provider's environment says about the job that is running."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ci_memory_producers.ci_env.providers import (
    CiFacts,
    buildkite,
    circleci,
    generic,
    github,
    gitlab,
    jenkins,
)
from ci_memory_producers.ci_env.values import Environment, repo_of

__all__ = ["CiFacts", "detect", "read_github_event", "repo_of"]

_MAX_EVENT_BYTES = 10_000_000
_PROVIDERS: dict[str, Callable[[Environment, Mapping[str, Any]], CiFacts]] = {
    "GITHUB_ACTIONS": github,
    "GITLAB_CI": gitlab,
    "BUILDKITE": buildkite,
    "CIRCLECI": circleci,
    "JENKINS_URL": jenkins,
}
"""The variable that a provider always sets, and its reader."""


def detect(environ: Environment, event: Mapping[str, Any] | None = None) -> CiFacts:
    """What ``environ`` says about the running job; all empty outside of CI. Pure; ``event`` is what `read_github_event` read."""
    for variable, provider in _PROVIDERS.items():
        if environ.get(variable):
            return provider(environ, event or {})
    return generic(environ) if environ.get("CI") else CiFacts()


def read_github_event(environ: Environment) -> dict[str, Any] | None:
    """The event that started a GitHub Actions run, or None where there is none that can be read."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            event = json.loads(file.read(_MAX_EVENT_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
