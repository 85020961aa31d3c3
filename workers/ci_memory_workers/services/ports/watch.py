"""What is needed to notice that something a fix changed was changed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Change:
    """A commit of a default branch, with the files that it changes; ``ms`` is when the log took in a run of it."""

    repo: str
    commit: str
    files: tuple[str, ...]
    ms: int


class Watched(Protocol):
    """What of a fix is watched."""

    @property
    def fix_id(self) -> str:
        """Its id."""
        ...

    @property
    def repo(self) -> str:
        """Where it was made."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """What it changed there."""
        ...


class FixWatch(Protocol):
    """Which files fixes changed, a repository at a time, and when another commit changed one of them."""

    def watch(self, tenant: str, pattern_id: str, fix: Watched) -> None:
        """Watch the files of a fix in its repository. May be repeated, and come before the fix itself is recorded."""
        ...

    def changed(self, tenant: str, changes: Sequence[Change]) -> int:
        """Tell fixes of commits that change their files. May be repeated; returns how many fixes were told something new.

        A fix is not told of its own commit, nor of one that was run before it, however often that is run again.
        """
        ...
