"""The story of a notification: what is known of a job's failures is told where people look, once, and quietly.

That somebody is to be told is owed by the very step that stores an answer (`services.failures`, `services.analysis`), or that
takes in the pass of a job that had failed. A worker takes what is due under a lease and tells each channel what is new to it:

1. *overtaken*  of a job only the newest execution is told;
2. *answers*    those that there are; each one that follows makes the notice due again;
3. *tell*       `domain.telling` has the table of what is said where. A comment and a status are written anew in place. A message
                in a chat is claimed before it is sent, so that no two workers send it: one that dies between the two loses it.
4. *later*      a channel that is busy is tried again with growing delays, and behind a breaker, so that one that is down keeps
                nothing else waiting; after `MOST_TRIES` it is given up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..domain.backoff import delay
from ..domain.channel import Channel
from ..domain.notice import Notice
from ..errors import ChannelBusy, ChannelRefused, ChannelUnsure
from .channel_telling import Telling
from .ports import Index, Lease
from .ports.breaker import Breaker
from .ports.notify import Chat, CodeHost, Notices

MOST_TRIES = 12
"""With the delays between them, half an hour or so."""
QUIET_MS = 5_000
"""A notice that has just been told is told anew not before."""
LEFT_ALONE_MS = 30_000
"""After so long, and at most twice that, a channel behind an open breaker is looked at again."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NotifyDesk:
    """What it needs; ``breaker`` gives each channel's own, ``jitter`` a number between 0 and 1."""

    index: Index
    notices: Notices
    host: CodeHost
    chat: Chat
    channels: Sequence[Channel]
    breaker: Callable[[Channel], Breaker]
    lease_ms: int
    jitter: Callable[[], float]

    def tell(self, tenant: str, work_id: str, now_ms: int) -> str:
        """Tell whom it concerns, if that is due. Returns what came of it, in a word."""
        lease = self.index.take("notify", tenant, work_id, now_ms=now_ms, lease_ms=self.lease_ms)
        if lease is None:
            return "not_due"
        notice = self.notices.notice(tenant, work_id)
        if notice is None:
            self.index.finish(lease)
            return "gone"
        if notice.overtaken:
            return self._finish(lease, notice, None, now_ms, "overtaken")
        answers = self.notices.answers(tenant, list(notice.events))
        if not (answers or notice.passed or notice.outbreak):
            return self._finish(lease, notice, None, now_ms, "not_answered")
        telling = Telling(self.index, self.notices, self.host, self.chat, tenant, notice, answers, now_ms)
        waits = [self._guarded(channel, telling) for channel in self.channels if channel.is_for(tenant, notice.place)]
        again = min((wait for wait in waits if wait is not None), default=None)
        return self._finish(lease, notice, again, now_ms, "told" if again is None else "later")

    def _finish(self, lease: Lease, notice: Notice, again_ms: int | None, now_ms: int, came: str) -> str:
        kept = self.notices.finish(lease, revision=notice.revision, later_ms=now_ms + QUIET_MS, again_ms=again_ms)
        return came if kept else "lease_lost"

    def _guarded(self, channel: Channel, telling: Telling) -> int | None:
        """Tell one channel; returns when it is to be tried again, in ms since the epoch, None where all is told."""
        notice, now_ms = telling.notice, telling.now_ms
        if notice.told.get(channel.name) == (digest := telling.digest(channel)):
            return None
        breaker = self.breaker(channel)
        ticket = breaker.enter(now_ms=now_ms)
        if not ticket:
            return now_ms + int(LEFT_ALONE_MS * (1 + self.jitter()))
        try:
            again = telling.tell(channel)
        except ChannelBusy as error:
            breaker.leave(ticket, "failed", now_ms=now_ms)
            return self._later(channel, telling, error)
        except (ChannelRefused, ChannelUnsure) as error:
            log.warning("not told channel=%s notice=%s reason=%s: %s", channel.name, notice.work_id, error.reason, error)
            again = None
        breaker.leave(ticket, "answered", now_ms=now_ms)
        if again is None:
            self.notices.told(telling.tenant, notice.work_id, channel.name, digest, now_ms)
        return again

    def _later(self, channel: Channel, telling: Telling, error: ChannelBusy) -> int | None:
        notice = telling.notice
        tries = self.notices.failed(telling.tenant, notice.work_id, channel.name)
        if tries >= MOST_TRIES:
            log.warning("given up after %s tries channel=%s notice=%s: %s", tries, channel.name, notice.work_id, error)
            self.notices.told(telling.tenant, notice.work_id, channel.name, telling.digest(channel), telling.now_ms)
            return None
        return telling.now_ms + int(delay(tries, jitter=self.jitter(), retry_after=error.retry_after) * 1000)
