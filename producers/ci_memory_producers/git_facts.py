"""What the checkout of a CI job says about the commit that is built, read with git from a repository that nobody trusts."""

from __future__ import annotations

import codecs
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

MAX_FILES = 300
MAX_PATH = 500
MAX_MESSAGE = 4_000
MAX_NAME = 300
_MAX_OUTPUT = 2_000_000

_GIT = (
    "git",
    "--no-pager",
    "--no-optional-locks",
    *("-c", "safe.directory=*"),  # jobs in containers read a checkout that another user made
    *("-c", "core.fsmonitor="),
    *("-c", "core.hooksPath=/dev/null"),
)
_DIFF_TREE = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-commit-id")
_SETTINGS = {
    "GIT_TERMINAL_PROMPT": "0",
    # A partial clone fetches what is missing, with a command that its configuration names.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """A commit; every field is empty where git doesn't say.

    ``message`` is subject and body, at most 4,000 characters; ``author`` the name, or the e-mail address where there is no
    name. ``parent_sha`` is the first parent, known in a shallow clone too. ``branch`` is empty on the detached HEAD that most
    CI systems check out.
    """

    sha: str = ""
    parent_sha: str = ""
    message: str = ""
    author: str = ""
    branch: str = ""


def commit_facts(directory: Path, *, revision: str = "HEAD", timeout: float = 5.0) -> CommitFacts:
    """Facts of ``revision`` in the checkout at ``directory``; all empty where there is none. Never raises, never asks.

    For a pull request HEAD may be a merge that the provider made: name the head of the pull request as ``revision``.
    """
    checkout = _Checkout(directory, timeout)
    sha = checkout.resolve(revision)
    raw = checkout.git("cat-file", "commit", sha) if sha else None
    if raw is None:
        return CommitFacts()
    head, _, body = raw.partition(b"\n\n")
    fields = _header(head)
    branch = checkout.git("symbolic-ref", "--quiet", "--short", "HEAD") if revision == "HEAD" else None
    return CommitFacts(
        sha=sha,
        parent_sha=_first(fields, b"parent"),
        message=_decoded(body, _first(fields, b"encoding")).strip()[:MAX_MESSAGE],
        author=_author(_decoded(fields.get(b"author", [b""])[0], _first(fields, b"encoding"))),
        branch=_printable(_decoded(branch or b"").strip())[:MAX_NAME],
    )


def changed_files(directory: Path, *, base: str = "", revision: str = "HEAD", timeout: float = 5.0) -> tuple[str, ...]:
    """Paths that ``revision`` changes, from the root of the repository: at most 300, each cut at 500 characters.

    With ``base`` (a branch or a commit) all that changed since ``revision`` left it; without, or where the clone is too
    shallow to know where that was, what the commit changed against its first parent. Empty where the clone doesn't hold that
    parent either: all files of the commit would be a lie. Never raises, never asks.
    """
    checkout = _Checkout(directory, timeout)
    head = checkout.resolve(revision)
    if not head:
        return ()
    since = checkout.fork_point(base, head) if base else ""
    if not since:
        raw = checkout.git("cat-file", "commit", head)
        parent = _first(_header((raw or b"").partition(b"\n\n")[0]), b"parent")
        if raw is None or (parent and not checkout.resolve(parent)):
            return ()
        since = parent
    listed = checkout.git(*_DIFF_TREE, since, head) if since else checkout.git(*_DIFF_TREE, "--root", head)
    names = (listed or b"").split(b"\0")[:-1]
    return tuple(_printable(_decoded(name))[:MAX_PATH] for name in names[:MAX_FILES])


class _Checkout:
    """Runs git in ``directory``; all its calls share ``timeout`` seconds."""

    def __init__(self, directory: Path, timeout: float) -> None:
        self._directory = directory
        self._deadline = time.monotonic() + timeout
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
        } | _SETTINGS

    def resolve(self, revision: str) -> str:
        """The id of a commit that the clone holds, or an empty string."""
        if not revision or revision.startswith("-"):
            return ""
        return _decoded(self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") or b"").strip()

    def fork_point(self, base: str, head: str) -> str:
        """The commit where ``head`` left ``base``, or an empty string."""
        tip = self.resolve(base) or self.resolve(f"origin/{base}")
        return _decoded(self.git("merge-base", tip, head) or b"").strip() if tip else ""

    def git(self, *arguments: str) -> bytes | None:
        """The first two megabytes that git prints, or None where it fails or takes too long."""
        try:
            process = subprocess.Popen(
                (*_GIT, *arguments),
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, ValueError):
            return None
        with process:
            watch = threading.Timer(max(0.0, self._deadline - time.monotonic()), process.kill)
            watch.start()
            try:
                output = process.stdout.read(_MAX_OUTPUT) if process.stdout else b""
                if len(output) == _MAX_OUTPUT:
                    process.kill()
                    return output
                return output if process.wait() == 0 else None
            finally:
                watch.cancel()


def _header(raw: bytes) -> dict[bytes, list[bytes]]:
    """The fields of a commit object. See gitformat-signature(5): lines that begin with a blank go on with a field."""
    fields: dict[bytes, list[bytes]] = {}
    for line in raw.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name:
            fields.setdefault(name, []).append(value)
    return fields


def _first(fields: dict[bytes, list[bytes]], name: bytes) -> str:
    return _decoded(fields.get(name, [b""])[0])


def _author(line: str) -> str:
    """Of ``Name <address> seconds zone`` the name, or else the address."""
    name, _, rest = line.partition("<")
    return _printable(name.strip() or rest.partition(">")[0])[:MAX_NAME]


def _decoded(raw: bytes, encoding: str = "") -> str:
    try:
        codecs.lookup(encoding or "utf-8")
    except (LookupError, ValueError):
        encoding = ""
    return raw.decode(encoding or "utf-8", "replace")


def _printable(text: str) -> str:
    """File names may hold line breaks and escape sequences that nobody wants in a terminal or a comment."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
