"""Files that fixes changed, in Redis: for each repository a hash from file to the fixes that changed it."""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis

from ..services.ports.watch import Change, Watched
from .pattern_codec import digest, prefix
from .scripts import Scripts

WATCH_SECONDS = 180 * 86_400
"""How long a repository's files are watched after its last fix: longer than a fix is trusted."""
MOST_FILES = 2_000
"""Files that are watched in one repository."""
MOST_WATCHERS = 20
"""Fixes that watch one file; the newest stay."""

FLUSH_MS = 30_000
"""How long changes of a fix's files may be collected before Aegis is told."""
MOST_COMMITS = 120
"""Commits of a repository of which it is known when they were run first; Redis keeps so many in one piece of memory."""
COMMIT_SECONDS = 30 * 86_400
"""How long after the last commit that is known."""


class RedisFixWatch:
    """Satisfies `services.ports.watch.FixWatch`; raises what redis raises."""

    def __init__(self, client: Redis, *, flush_ms: int = FLUSH_MS) -> None:
        self._scripts = Scripts(client)
        self._flush_ms = flush_ms

    def watch(self, tenant: str, pattern_id: str, fix: Watched) -> None:
        """See `FixWatch.watch`."""
        if fix.files and fix.repo:
            limits = (WATCH_SECONDS, MOST_FILES, MOST_WATCHERS)
            self._scripts.run("watch_fix", prefix(tenant), digest(fix.repo), f"{pattern_id} {fix.fix_id}", *limits, *fix.files)

    def changed(self, tenant: str, changes: Sequence[Change]) -> int:
        """See `FixWatch.changed`."""
        flat = [
            part
            for change in changes
            for part in (digest(change.repo), change.repo, change.commit, change.ms, len(change.files), *change.files)
        ]
        limits = (self._flush_ms, MOST_COMMITS, COMMIT_SECONDS)
        return int(self._scripts.run("files_changed", prefix(tenant), *limits, *flat)) if flat else 0
