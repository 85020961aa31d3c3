"""A fix that nobody reported, read from the commit after which the job passed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ci_memory_producers.events import FixType

from .transitions import Attempt

MOST_FILES = 8
MESSAGE_CHARACTERS = 500

_INFRASTRUCTURE = re.compile(
    r"(^|/)(\.github/|\.gitlab/|\.circleci/|\.buildkite/|ci/|k8s/|kubernetes/|helm/|charts?/|terraform/|ansible/|docker/)"
    r"|(^|/)(\.gitlab-ci[^/]*\.ya?ml|\.travis\.yml|jenkinsfile[^/]*|azure-pipelines[^/]*\.ya?ml|bitbucket-pipelines\.yml"
    r"|[^/]*dockerfile[^/]*|(docker-)?compose[^/]*\.ya?ml|vagrantfile|cloudbuild\.ya?ml)$"
    r"|\.(tf|tfvars|hcl)$",
    re.IGNORECASE,
)
_CONFIGURATION = re.compile(
    r"\.(ya?ml|toml|ini|cfg|conf|properties|env|json|jsonc|lock|xml|gradle|kts|txt|mod|sum|csproj|gemspec|editorconfig)$"
    r"|(^|/)(\.env[^/]*|gemfile|pipfile|brewfile|procfile|makefile|\.[a-z]+rc|\.npmrc|\.tool-versions|\.[a-z]+-version|setup\.cfg)$",
    re.IGNORECASE,
)

_PROSE = re.compile(r"\.(md|rst|adoc)$|(^|/)(docs?|changelog[^/]*|licen[cs]e[^/]*|authors[^/]*)(/|$)", re.IGNORECASE)


def fix_type_of(files: Sequence[str]) -> FixType:
    """What kind of fix a commit is, by the files that it changes: any source file makes it a change of code."""
    kinds = {_kind(path) for path in files}
    if not kinds or "code_change" in kinds:
        return "code_change"
    return "config_change" if "config_change" in kinds else "environment_fix"


def _kind(path: str) -> FixType:
    if _INFRASTRUCTURE.search(path):
        return "environment_fix"
    return "config_change" if _CONFIGURATION.search(path) else "code_change"


def telling_files(files: Sequence[str]) -> tuple[str, ...]:
    """The files of a fix that are watched, at most `MOST_FILES`: dependencies, images, settings before source, and no prose."""
    order = {"environment_fix": 0, "config_change": 0, "code_change": 1}
    told = [path for path in files if not _PROSE.search(path)]
    return tuple(sorted(told, key=lambda path: order[_kind(path)])[:MOST_FILES])


def describe(passing: Attempt) -> str:
    """What the commit did, in its own words, and where: the description of a learned fix."""
    message = passing.message.strip()[:MESSAGE_CHARACTERS] or f"commit {passing.commit[:12] or 'unknown'}"
    if not passing.files:
        return message
    shown = ", ".join(passing.files[:MOST_FILES])
    more = f" and {len(passing.files) - MOST_FILES} more" if len(passing.files) > MOST_FILES else ""
    return f"{message}\n(changed: {shown}{more})"


def shape(fix_type: FixType, files: Sequence[str], subject: str) -> str:
    """What makes two learned fixes the same in different repositories: their kind, and the names of the files that they change.

    Commits differ between repositories, and paths begin differently; where no file is known, the subject's words stand for it.
    """
    names = sorted({PurePosixPath(path).name.lower() for path in files})[:MOST_FILES]
    what = " ".join(names) or " ".join(re.findall(r"[a-z0-9_]+", subject.lower()))
    return f"{fix_type} {what}"
