"""The hidden first line of a comment: whose it is, and what state it is in. Nothing of a log can stand there."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, Self

from .content import MOST_BYTES
from .text import code

State = Literal["failed", "resolved"]

_MARKER = re.compile(r"<!-- ci-memory:([0-9a-f]{16}) (failed|resolved)(?: outbreak=(pat_[a-z0-9]{6,32}))? -->\r?\n")


@dataclass(frozen=True, slots=True)
class Marker:
    """One job of one repository, its state, and the pattern of the outbreak that its comment tells of ('' for none)."""

    key: str
    state: State = "failed"
    outbreak: str = ""

    @classmethod
    def of(cls, repo: str, job: str, *, outbreak: str = "") -> Self:
        """The marker of a job that failed."""
        return cls(hashlib.blake2b(f"{repo}\x1f{job}".encode("utf-8", "replace"), digest_size=8).hexdigest(), "failed", outbreak)

    @classmethod
    def read(cls, body: str) -> Self | None:
        """What the first line of ``body`` says; None where it is no comment of ours."""
        found = _MARKER.match(body)
        if found is None:
            return None
        state: State = "failed" if found[2] == "failed" else "resolved"
        return cls(found[1], state, found[3] or "")

    def on(self, text: str) -> str:
        """``text`` with the marker before it."""
        outbreak = f" outbreak={self.outbreak}" if self.outbreak else ""
        return f"<!-- ci-memory:{self.key} {self.state}{outbreak} -->\n{text}"


def resolved(body: str, job: str, commit: str) -> str:
    """What becomes of the comment ``body`` when its job passes: it says so, and what it said before is folded away."""
    found = _MARKER.match(body)
    if found is None:
        raise ValueError("is no comment of ours")
    before = body[found.end() :].strip()
    passed = f"**Resolved:** {code(job) or 'this job'} passes{f' at {code(commit[:12])}' if commit else ''}.\n"
    folded = f"\n<details><summary>What had failed</summary>\n\n{before}\n\n</details>\n"
    room = len(passed.encode()) + len(folded.encode()) <= MOST_BYTES + 2_000
    return Marker(found[1], "resolved").on(passed + folded if room else passed)
