"""Reads single fields of a payload: it may hold anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ci_memory_producers.ci_env.values import MAX_NAME, at, text_of
from ci_memory_producers.events import Stage
from ci_memory_producers.redact import redact

MOST_ATTEMPTS = 10_000
_REPO = re.compile(r"[\w.-]{1,100}(?:/[\w.-]{1,100}){1,20}", re.ASCII)
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_SHA = re.compile(r"[0-9a-f]{7,64}")
_STAGES: tuple[tuple[Stage, re.Pattern[str]], ...] = (
    ("verify", re.compile(r"verify|smoke|post-?deploy|canary")),
    ("deploy", re.compile(r"deploy|release|publish|rollout")),
    ("test", re.compile(r"test|spec|check|e2e|integration|lint")),
    ("build", re.compile(r"build|compile|package|install")),
)


class NotAJob(ValueError):
    """The payload lacks what the provider documents. Says which field."""


def stage_of(name: str) -> Stage:
    """What the name of a job says; a job that says nothing tests."""
    said = name.lower()
    return next((stage for stage, words in _STAGES if words.search(said)), "test")


def path_of(value: Any, field: str) -> str:
    """Names with slashes between them. It becomes a part of an address that is asked: nothing but names may be in it."""
    names = isinstance(value, str) and len(value) <= MAX_NAME and _REPO.fullmatch(value)
    if not names or any(set(part) <= {"."} for part in value.split("/")):
        raise NotAJob(f"{field} is no repository")
    return str(value)


def name_of(value: Any, field: str) -> str:
    """A name that isn't a part of any address: any printable text."""
    found = text_of(value)
    if not found or not found.isprintable():
        raise NotAJob(f"{field} is no name")
    return found


def id_of(value: Any, field: str) -> str:
    """A provider's id that is text, such as a UUID."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NotAJob(f"{field} is no id")
    return value


def number_of(value: Any, field: str) -> int:
    """A number that isn't negative."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise NotAJob(f"{field} is no number")
    return value


def attempt_of(retries: Any, field: str) -> int:
    """Which attempt it is after so many retries; the first where the provider doesn't say."""
    return min(MOST_ATTEMPTS, number_of(retries or 0, field) + 1)


def sha_of(value: Any) -> str:
    """A commit's hash, or nothing."""
    return value if isinstance(value, str) and _SHA.fullmatch(value) else ""


def web_of(value: Any) -> str:
    """An address to show, never to ask; or nothing."""
    found = text_of(value, 900)
    return found if found.startswith(("https://", "http://")) else ""


def said(value: Any, limit: int = 300) -> str:
    """What people wrote, without secrets."""
    return redact(text_of(value, limit))[:limit]


def objects(value: Any) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; none of anything else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def first_text(value: Any, *paths: tuple[str, ...], limit: int = 300) -> str:
    """The first text that stands under one of these paths."""
    return next((found for path in paths if (found := text_of(at(value, *path), limit))), "")


def ms_of(value: Any) -> int:
    """``2026-11-25T01:02:03Z``, or GitLab's ``2026-11-25 01:02:03 UTC``, in ms; 0 for anything else."""
    try:
        moment = datetime.fromisoformat(text_of(value, 40).removesuffix(" UTC"))
        return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError):
        return 0
