"""The runs of jobs in Redis, and what is learned from them. State changes in Lua alone (``lua/``)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.pattern import Fix, Span
from ..domain.transitions import Transition, clean_runs
from ..services.ports import Line
from .event_codec import decode_line
from .fix_codec import encode_fix
from .pattern_codec import decode_spans, decode_tally, pairs, prefix, text
from .redis_due import RedisDue

MOST_LINES = 20
"""Jobs of a pattern that are looked at for clean runs."""
LEARNED_SECONDS = 45 * 86_400
"""As long as the runs of a line are kept."""
IDLE_LEFT_MS = 7 * 86_400_000
"""A line whose runs are kept no longer than that is idle: it has not run for more than a month."""


class RedisRuns(RedisDue):
    """The part of `services.ports.Index` that is about runs; raises what redis raises."""

    def line(self, tenant: str, line_id: str) -> Line:
        """See `Index.line`."""
        p = prefix(tenant)
        pipeline = self._client.pipeline()
        pipeline.hget(f"{p}line_revisions", line_id)
        pipeline.zrange(f"{p}line:{line_id}", 0, -1)
        revision, rows = pipeline.execute()
        return decode_line(line_id, int(revision or 0), rows)

    def line_is_quiet(self, tenant: str, line: Line) -> bool:
        """See `Index.line_is_quiet`."""
        return bool(self._scripts.run("line_is_quiet", prefix(tenant), line.line_id, line.revision, *sorted(line.patterns)))

    def outbreaks(self, tenant: str, pattern_ids: Sequence[str]) -> dict[str, tuple[Span, ...]]:
        """See `Index.outbreaks`."""
        pipeline = self._client.pipeline(transaction=False)
        for pattern_id in pattern_ids:
            pipeline.hmget(f"{prefix(tenant)}pattern:{pattern_id}", ["outbreaks_past", "tally"])
        rows = pipeline.execute() if pattern_ids else []
        return {pattern_id: decode_spans(*map(text, row)) for pattern_id, row in zip(pattern_ids, rows, strict=True)}

    def learned(self, tenant: str, line_id: str) -> dict[str, str]:
        """See `Index.learned`."""
        return pairs(self._client.hgetall(f"{prefix(tenant)}learned:{line_id}"))

    def keep_learned(self, tenant: str, line_id: str, learned: Mapping[str, str]) -> None:
        """See `Index.keep_learned`."""
        key = f"{prefix(tenant)}learned:{line_id}"
        fields: dict[Any, Any] = dict(learned)
        pipeline = self._client.pipeline()
        pipeline.delete(key)
        if fields:
            pipeline.hset(key, mapping=fields)
            pipeline.expire(key, LEARNED_SECONDS)
        pipeline.execute()

    def record_trial(
        self,
        tenant: str,
        transition: Transition,
        trial_id: str,
        fix: Fix,
        *,
        now_ms: int,
        outbreak: bool = False,
        superseded: Sequence[str] = (),
        no_longer_sure: Sequence[str] = (),
    ) -> bool:
        """See `Index.record_trial`."""
        commits = f"{transition.first.commit} {transition.last.commit}"
        arguments_ = (transition.pattern_id, trial_id, fix.repo, transition.verdict, transition.passing.ms, now_ms)
        flags = (int(transition.persisted), int(outbreak), int(transition.failures > 1), int(transition.unsure))
        streak = (transition.first.ms, commits, *flags, " ".join(no_longer_sure), *superseded)
        return bool(self._scripts.run("record_trial", prefix(tenant), *arguments_, fix.fix_id, encode_fix(fix), *streak))

    def record_rerun(
        self,
        tenant: str,
        transition: Transition,
        transition_id: str,
        *,
        repo: str,
        now_ms: int,
        outbreak: bool = False,
        superseded: Sequence[str] = (),
    ) -> bool:
        """See `Index.record_rerun`."""
        arguments_ = (transition.pattern_id, transition_id, _place(repo, transition.passing.commit), now_ms, int(outbreak))
        times = (transition.last.ms, transition.passing.ms)
        return bool(self._scripts.run("record_rerun", prefix(tenant), *arguments_, repo, *times, *superseded))

    def withdraw_learned(self, tenant: str, pattern_id: str, transition_id: str, *, repo: str, commit: str, now_ms: int) -> bool:
        """See `Index.withdraw_learned`."""
        arguments_ = (pattern_id, transition_id, repo, _place(repo, commit), now_ms)
        return bool(self._scripts.run("withdraw_learned", prefix(tenant), *arguments_))

    def forget_streaks(self, tenant: str, streaks: Sequence[tuple[str, str]]) -> None:
        """See `Index.forget_streaks`."""
        if streaks:
            self._scripts.run("forget_streaks", prefix(tenant), *(part for streak in streaks for part in streak))

    def idle_lines(self, tenant: str, limit: int) -> tuple[list[str], bool]:
        """See `Index.idle_lines`."""
        p = prefix(tenant)
        begin: Any = self._client.get(f"{p}line_cursor")
        reply: Any = self._client.hscan(f"{p}line_revisions", int(begin or 0), count=limit)
        following, found = int(reply[0]), [text(line) for line in reply[1]]
        pipeline = self._client.pipeline(transaction=False)
        for line in found:
            pipeline.pttl(f"{p}line:{line}")
        pipeline.set(f"{p}line_cursor", following)
        *left, _ = pipeline.execute()
        return [line for line, ms in zip(found, left, strict=True) if ms <= IDLE_LEFT_MS], following == 0

    def forget_line(self, tenant: str, line: Line, now_ms: int) -> bool:
        """See `Index.forget_line`."""
        return bool(self._scripts.run("forget_line", prefix(tenant), line.line_id, now_ms, IDLE_LEFT_MS, *sorted(line.patterns)))

    def clean_runs(self, tenant: str, pattern_id: str) -> int:
        """See `Index.clean_runs`."""
        tally = decode_tally(text(self._client.hget(f"{prefix(tenant)}pattern:{pattern_id}", "tally")))
        lines = [text(line) for line in self._scripts.run("members", prefix(tenant), pattern_id, "lines_of")]
        chosen = random.sample(lines, min(len(lines), MOST_LINES))
        return clean_runs((self.line(tenant, line).attempts for line in chosen), tally.get("last_ms", 0))

    def quarantine_judgement_due(self, tenant: str, pattern_ids: Sequence[str], now_ms: int) -> None:
        """See `Index.quarantine_judgement_due`. What was due sooner stays so."""
        if pattern_ids:
            self._client.zadd(f"{prefix(tenant)}due:quarantine", dict.fromkeys(pattern_ids, now_ms), lt=True)


def _place(repo: str, commit: str) -> str:
    """Where another build of the same commit passed, for people."""
    return f"{repo}, commit {commit[:12]}"
