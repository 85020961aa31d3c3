"""The index in Redis: what is hot and must be atomic. State changes in Lua alone (``lua/``); this file calls and decodes."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from typing import Any

from redis import Redis

from ci_memory_producers.events import Answer, ResolutionEvent, ResolutionReceipt
from ci_memory_producers.keys import WAKE_SECONDS

from ..domain.answer_json import AnswerJson
from ..domain.notice import Noted
from ..domain.pattern import Fix, Pattern, Status
from ..domain.place import as_it_is_there, depends_on_place
from ..domain.stats import Totals
from ..services.ports import AnalystAnswer, Applied, Dated, FailureContext, Lease, PendingVote, Reading
from .event_codec import decode_sample, encode_event, encode_first, line_id
from .fix_codec import encode_fix
from .held_patterns import HeldPatterns
from .notice_codec import encode_noted
from .pattern_codec import decode_applied, decode_pattern, encode_analysis, pairs, pattern_fields, prefix, text
from .redis_due import TENANTS
from .redis_runs import RedisRuns
from .scripts import Scripts

MOST_WAITING = 10_000
"""Events that may wait for one analysis; those beyond get their answer when they ask again."""
SAMPLE_SECONDS = 30 * 86_400
"""How long the text of a pattern's first failure is kept, once it has been analysed for good."""
MOST_MERGES = 16
"""Merges that are followed to the pattern that stands for another."""


class RedisIndex(RedisRuns):
    """Satisfies `services.ports.Index`; raises what redis raises.

    ``notified`` says of which tenants' failures somebody is notified, ``clock`` what time it is then (ms since the epoch).
    """

    def __init__(
        self,
        client: Redis,
        *,
        dedupe_seconds: int,
        answer_seconds: int,
        flush_ms: int,
        notified: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._held = HeldPatterns()
        self._dedupe_seconds = dedupe_seconds
        self._answer_seconds = answer_seconds
        self._flush_ms = flush_ms
        self._notified = notified
        self._clock = clock

    # -- events ---------------------------------------------------------------------------------------------------------

    def apply(self, tenant: str, events: Sequence[Reading | Dated], now_ms: int) -> list[Applied]:
        """See `Index.apply`. Most failures are known: a text is sent only where Redis hasn't it, once a pattern."""
        results: list[Applied | None] = [None] * len(events)
        todo, with_sample = list(range(len(events))), set[int]()
        while todo:
            outcomes, patterns = self._apply_once(tenant, [(events[i], i in with_sample) for i in todo], now_ms)
            unanswered: list[int] = []
            for i, (outcome, pattern_id) in zip(todo, outcomes, strict=True):
                if outcome == "need_sample":
                    unanswered.append(i)
                    continue
                there = self._as_it_is_there(tenant, events[i], patterns.get(pattern_id))
                results[i] = Applied(events[i].event.event_id, outcome, pattern_id, there)
            todo, with_sample = unanswered, _first_of_each(events, unanswered)
        return [result for result in results if result is not None]

    def _apply_once(
        self, tenant: str, events: Sequence[tuple[Reading | Dated, bool]], now_ms: int
    ) -> tuple[list[tuple[Any, str]], dict[str, Pattern]]:
        encoded: list[bytes] = []
        held: dict[str, Pattern] = {}
        for event, with_sample in events:
            if not isinstance(event, Reading):
                encoded.append(encode_event(event))
                continue
            first = encode_first(event, f"pat_{secrets.token_hex(6)}") if with_sample else ""
            its = self._held.of(tenant, event.fingerprint)
            if its:
                held[its.name] = its.pattern
            encoded.append(encode_event(event, first=first, held=its.name if its else ""))
        between = secrets.token_bytes(12)
        settings = (now_ms, self._dedupe_seconds, self._flush_ms, MOST_WAITING, tenant, between)
        reply: bytes = self._scripts.run("apply_batch", [prefix(tenant), TENANTS], *settings, *encoded)
        outcomes, told = decode_applied(reply.split(between), held)
        for (event, _), (_, pattern_id) in zip(events, outcomes, strict=True):
            if isinstance(event, Reading) and pattern_id in told:
                self._held.keep(tenant, event.fingerprint, *told[pattern_id])
        return outcomes, {pattern_id: its.pattern for pattern_id, its in told.items()}

    def _as_it_is_there(self, tenant: str, event: Reading | Dated, pattern: Pattern | None) -> Pattern | None:
        """The pattern as far as it holds in an event's place."""
        if pattern is None or not isinstance(event, Reading):
            return pattern
        repo = event.event.repo
        if not depends_on_place(pattern, repo=repo, ms=event.ms):
            return pattern
        flaky: Any = self._client.hget(f"{prefix(tenant)}flaky_in:{pattern.pattern_id}", repo)
        attempts = self.line(tenant, line).attempts if (line := line_id(event.event)) else ()
        return as_it_is_there(pattern, attempts, repo=repo, ms=event.ms, flaky_there=int(flaky or 0))

    def publish(self, tenant: str, answers: Sequence[Answer | AnswerJson], notices: Sequence[Noted] = ()) -> list[str]:
        """See `Index.publish`."""
        provisional = [answer for answer in answers if getattr(answer, "provisional", False)]
        final = [answer for answer in answers if not getattr(answer, "provisional", False)] if provisional else answers
        now: str | int = self._clock() if notices or self._notified(tenant) else ""
        calls = [(0, final)] if final or (notices and not provisional) else []
        calls += [(1, provisional)] if provisional else []
        due: list[Any] = []
        for gives_way, some in calls:
            flat = [part for answer in some for part in (answer.event_id, _as_json(answer))]
            # Notices go with the last call, when all answers of theirs are there.
            noted = [part for one in notices for part in encode_noted(one)] if gives_way == calls[-1][0] else ()
            kept = (self._answer_seconds, WAKE_SECONDS, gives_way, now, self._dedupe_seconds)
            due += self._scripts.run("publish", prefix(tenant), *kept, len(some), *flat, *noted)
        return [text(work_id) for work_id in due]

    def totals(self, tenant: str, now_ms: int) -> Totals:
        """Sums over all patterns and answers."""
        p = prefix(tenant)
        pipeline = self._client.pipeline()
        pipeline.hgetall(f"{p}totals")
        pipeline.zcard(f"{p}last_seen")
        fields, patterns = pipeline.execute()
        sums = {name: int(value) for name, value in pairs(fields).items()}
        names = [field.name for field in dataclass_fields(Totals) if field.name not in ("patterns", "now_ms")]
        return Totals(patterns=patterns, now_ms=now_ms, **{name: sums.get(name, 0) for name in names})

    # -- patterns -------------------------------------------------------------------------------------------------------

    def pattern(self, tenant: str, pattern_id: str) -> Pattern | None:
        """See `Index.pattern`."""
        fields: Any = self._client.hgetall(f"{prefix(tenant)}pattern:{pattern_id}")
        return decode_pattern(pattern_id, pattern_fields(fields)) if fields else None

    def surviving(self, tenant: str, pattern_id: str) -> str:
        """See `Index.surviving`."""
        for _ in range(MOST_MERGES):
            into: Any = self._client.hget(f"{prefix(tenant)}pattern:{pattern_id}", "merged_into")
            if not into:
                break
            pattern_id = text(into)
        return pattern_id

    def sample(self, tenant: str, pattern_id: str) -> FailureContext | None:
        """See `Index.sample`."""
        data: Any = self._client.get(f"{prefix(tenant)}sample:{pattern_id}")
        return decode_sample(pattern_id, data) if data else None

    def pattern_ids(self, tenant: str, limit: int) -> list[str]:
        """Ids of patterns, the one that was seen last first; deprecated ones last."""
        rows: Any = self._client.zrevrange(f"{prefix(tenant)}last_seen", 0, limit - 1)
        return [text(row) for row in rows]

    def awaiting(self, tenant: str, pattern_id: str) -> dict[str, bool]:
        """See `Index.awaiting`."""
        fields: Any = self._client.hgetall(f"{prefix(tenant)}awaiting:{pattern_id}")
        return {event_id: flag == "k" for event_id, flag in pairs(fields).items()}

    def answered(self, tenant: str, pattern_id: str, event_ids: Sequence[str]) -> None:
        """See `Index.answered`. Called once the analysis is final: the sample may go, in time."""
        p = prefix(tenant)
        pipeline = self._client.pipeline()
        pipeline.expire(f"{p}sample:{pattern_id}", SAMPLE_SECONDS)
        if event_ids:
            pipeline.hdel(f"{p}awaiting:{pattern_id}", *event_ids)
        pipeline.execute()

    def links(self, tenant: str, pattern_id: str) -> dict[str, str]:
        """See `Index.links`."""
        return pairs(self._client.hgetall(f"{prefix(tenant)}links:{pattern_id}"))

    def link(self, tenant: str, pattern_id: str, **ids: str) -> None:
        """See `Index.link`."""
        fields: dict[Any, Any] = dict(ids)
        self._client.hset(f"{prefix(tenant)}links:{pattern_id}", mapping=fields)

    def next_vote(self, tenant: str, pattern_id: str) -> PendingVote | None:
        """See `Index.next_vote`."""
        data = self._scripts.run("next_vote", prefix(tenant), pattern_id)
        return PendingVote(**json.loads(data)) if data else None

    def return_vote(self, tenant: str, pattern_id: str, vote: PendingVote) -> None:
        """See `Index.return_vote`."""
        self._client.lpush(f"{prefix(tenant)}votes:{pattern_id}", json.dumps(asdict(vote)))

    def set_status(
        self,
        tenant: str,
        pattern: Pattern,
        status: Status,
        *,
        reason: str,
        now_ms: int,
        only_if_unseen: bool = False,
        until_ms: int = 0,
    ) -> bool:
        """See `Index.set_status`."""
        seen = str(pattern.last_ms) if only_if_unseen else ""
        arguments_ = (pattern.pattern_id, pattern.status, status, reason, now_ms, seen, until_ms)
        return bool(self._scripts.run("set_status", prefix(tenant), *arguments_))

    # -- analyses and resolutions ----------------------------------------------------------------------------------------

    def record_analysis(
        self, lease: Lease, answer: AnalystAnswer, *, attempts: int, now_ms: int, retry_ms: int | None = None
    ) -> bool:
        """See `Index.record_analysis`."""
        state, retry = ("final", "") if retry_ms is None else ("provisional", str(retry_ms))
        arguments_ = (lease.work_id, lease.token, encode_analysis(answer), state, now_ms, retry, attempts)
        return bool(self._scripts.run("record_analysis", prefix(lease.tenant), *arguments_))

    def speaks_for(self, tenant: str, incident: str, pattern_id: str) -> str:
        """See `Index.speaks_for`."""
        return text(self._scripts.run("speak_for", prefix(tenant), incident, pattern_id, self._dedupe_seconds))

    def incident_analysed(self, tenant: str, incident: str, now_ms: int) -> list[str]:
        """See `Index.incident_analysed`."""
        return [text(one) for one in self._scripts.run("incident_analysed", prefix(tenant), incident, now_ms)]

    def merge(self, lease: Lease, into: str, *, reason: str, now_ms: int) -> bool:
        """See `Index.merge`."""
        arguments_ = (lease.work_id, lease.token, into, now_ms, reason)
        return int(self._scripts.run("merge_pattern", prefix(lease.tenant), *arguments_)) == 1

    def resolution(self, tenant: str, event_id: str) -> ResolutionEvent | None:
        """See `Index.resolution`."""
        data: Any = self._client.get(f"{prefix(tenant)}resolution:{event_id}")
        return ResolutionEvent.model_validate_json(data) if data else None

    def apply_resolution(
        self, lease: Lease, fix: Fix | None, event: ResolutionEvent, receipt: ResolutionReceipt, *, now_ms: int
    ) -> bool:
        """See `Index.apply_resolution`."""
        context = f"{event.fix_type} by {event.fixed_by or 'unknown'}" if fix else "likely flaky: a rerun was reported"
        fix_id = fix.fix_id if fix else ""
        arguments_ = (lease.work_id, lease.token, receipt.pattern_id, now_ms, fix_id, encode_fix(fix), event.repo)
        journal = event.model_copy(update={"pattern_id": receipt.pattern_id}).model_dump_json()
        told = (receipt.model_dump_json(), self._answer_seconds, WAKE_SECONDS)
        return bool(self._scripts.run("apply_resolution", prefix(lease.tenant), *arguments_, journal, context, *told))


def _as_json(answer: Answer | AnswerJson) -> str:
    return answer.json if isinstance(answer, AnswerJson) else answer.model_dump_json(exclude_none=True)


def _first_of_each(events: Sequence[Reading | Dated], numbers: Sequence[int]) -> set[int]:
    """Of the failures with these numbers, the first of each fingerprint: its text stands for the pattern."""
    first: dict[str, int] = {}
    for number in numbers:
        event = events[number]
        if isinstance(event, Reading):
            first.setdefault(event.fingerprint, number)
    return set(first.values())
