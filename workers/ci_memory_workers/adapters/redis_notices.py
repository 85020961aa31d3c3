"""What is to be told, and what was, in Redis. `lua/_notices.lua` says which keys there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis

from ci_memory_producers.events import ANSWER, Analysis

from ..domain.notice import Notice, Place
from ..domain.telling import Topic
from ..services.ports import Lease
from .notice_codec import decode_notice, encode_place
from .pattern_codec import digest, pairs, prefix, text
from .scripts import Scripts


class RedisNotices:
    """Satisfies `services.ports.notify.Notices`; raises what redis raises. What it keeps lives for ``kept_seconds``."""

    def __init__(self, client: Redis, *, kept_seconds: int) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._kept_seconds = kept_seconds

    def notice(self, tenant: str, work_id: str) -> Notice | None:
        """See `Notices.notice`."""
        p = prefix(tenant)
        fields = pairs(self._client.hgetall(f"{p}notice:{work_id}"))
        newest: Any = self._client.hget(f"{p}noticed:{fields['line']}", "order") if fields.get("line") else None
        return decode_notice(work_id, fields, text(newest) if newest else "")

    def answers(self, tenant: str, event_ids: Sequence[str]) -> dict[str, Analysis]:
        """See `Notices.answers`."""
        if not event_ids:
            return {}
        found: Any = self._client.mget([f"{prefix(tenant)}result:{event_id}" for event_id in event_ids])
        read = {event_id: ANSWER.validate_json(data) for event_id, data in zip(event_ids, found, strict=True) if data}
        return {event_id: one for event_id, one in read.items() if isinstance(one, Analysis) and one.status != "pending"}

    def told(self, tenant: str, work_id: str, channel: str, digest: str, now_ms: int) -> None:
        """See `Notices.told`."""
        key = f"{prefix(tenant)}notice:{work_id}"
        pipeline = self._client.pipeline()
        pipeline.hset(key, mapping={f"told|{channel}": digest, "told_ms": now_ms})
        pipeline.hdel(key, f"tries|{channel}")
        pipeline.expire(key, self._kept_seconds)
        pipeline.execute()

    def failed(self, tenant: str, work_id: str, channel: str) -> int:
        """See `Notices.failed`."""
        key = f"{prefix(tenant)}notice:{work_id}"
        pipeline = self._client.pipeline()
        pipeline.hincrby(key, f"tries|{channel}", 1)
        pipeline.expire(key, self._kept_seconds)
        return int(pipeline.execute()[0])

    def finish(self, lease: Lease, *, revision: int, later_ms: int, again_ms: int | None = None) -> bool:
        """See `Notices.finish`."""
        again = "" if again_ms is None else again_ms
        arguments = (lease.work_id, lease.token, again, revision, later_ms)
        return bool(self._scripts.run("finish_notice", prefix(lease.tenant), *arguments))

    def claim(self, tenant: str, channel: str, topic: Topic) -> bool:
        """See `Notices.claim`."""
        key = self._topic_key(tenant, channel, topic)
        if self._client.set(key, "1", nx=True, ex=topic.seconds):
            return True
        if topic.goes_on:
            self._client.expire(key, topic.seconds)
        return False

    def release(self, tenant: str, channel: str, topic: Topic) -> None:
        """See `Notices.release`."""
        self._client.delete(self._topic_key(tenant, channel, topic))

    def _topic_key(self, tenant: str, channel: str, topic: Topic) -> str:
        return f"{prefix(tenant)}topic:{channel}:{digest(topic.key)}"

    def change(self, tenant: str, line: str, channel: str) -> int | None:
        """See `Notices.change`."""
        found: Any = self._client.hget(f"{prefix(tenant)}noticed:{line}", f"change|{channel}")
        return int(found) if found else None

    def keep_change(self, tenant: str, line: str, channel: str, number: int) -> None:
        """See `Notices.keep_change`."""
        key = f"{prefix(tenant)}noticed:{line}"
        pipeline = self._client.pipeline()
        pipeline.hset(key, f"change|{channel}", str(number))
        pipeline.expire(key, self._kept_seconds)
        pipeline.execute()

    def tell_newest(self, tenant: str, line: str, channel: str, *, told: str, now_ms: int) -> None:
        """See `Notices.tell_newest`."""
        self._scripts.run("tell_newest", prefix(tenant), line, channel, told, now_ms)

    def put_job_line(self, tenant: str, place: Place, line: str) -> Mapping[str, str]:
        """See `Notices.put_job_line`."""
        key = f"{prefix(tenant)}commit_jobs:{digest(place.repo, place.commit)}"
        pipeline = self._client.pipeline()
        pipeline.hset(key, place.job, line)
        pipeline.expire(key, self._kept_seconds)
        pipeline.hgetall(key)
        return pairs(pipeline.execute()[2])

    def watch_outbreak(self, tenant: str, pattern_id: str, channel: str, place: Place, due_ms: int) -> None:
        """See `Notices.watch_outbreak`."""
        arguments = (f"outbreak-{pattern_id}", pattern_id, channel, encode_place(place), due_ms, self._kept_seconds)
        self._scripts.run("watch_outbreak", prefix(tenant), *arguments)
