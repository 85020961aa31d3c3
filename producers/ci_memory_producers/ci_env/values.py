"""Reads single values of an environment: it may hold anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

MAX_NAME = 300
MAX_URL = 1_000


Environment = Mapping[str, str]


def repo_of(url: str) -> str:
    """``owner/name`` of the address that a repository is cloned from, without host and credentials."""
    text = url.strip()
    if "://" in text:
        try:
            path = urlsplit(text).path
        except ValueError:
            return ""
        if "@" in path:  # a password with a slash in it: what follows is host and path
            path = path.rpartition("@")[2].partition("/")[2]
    else:  # git's short form, user@host:path
        address = text.rpartition("@")[2]
        path = address.partition(":")[2] or address
    return path.split("?")[0].strip("/").removesuffix(".git")[:MAX_NAME]


def reader(environ: Environment) -> Callable[[str], str]:
    """Looks up a variable's text; empty where it isn't set."""
    return lambda name: text_of(environ.get(name), MAX_URL if name.endswith("URL") else MAX_NAME)


def text_of(value: object, limit: int = MAX_NAME) -> str:
    """Text that JSON can hold, at most ``limit`` characters."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\0", "").strip()[:limit]


def number_of(value: str) -> int | None:
    """A number of at most 18 digits; None where ``value`` is none."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def at(value: Any, *keys: str) -> Any:
    """What lies under ``keys`` in nested objects, or None where one of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def job_name(group: str, name: str, leg: str) -> str:
    """``group / name (leg)``, as providers show it."""
    named = " / ".join(part for part in (group, name) if part)
    return (f"{named} ({leg})" if leg and named else named)[:MAX_NAME]


def leg_of(index: str, total: str) -> str:
    """``2/5`` of an index that counts from 0; empty for a job that is not parallel."""
    number, count = number_of(index), number_of(total)
    return f"{number + 1}/{count}" if number is not None and count is not None and count > 1 else ""


def branch_of(branch: str, source: str, target: str) -> str:
    """``owner:branch`` where the branch is another repository's."""
    return f"{source.rpartition('/')[0]}:{branch}"[:MAX_NAME] if branch and source and source != target else branch


def web_address(url: str) -> str:
    """``url`` without credentials and query; empty where it is no web address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))[:MAX_URL]
