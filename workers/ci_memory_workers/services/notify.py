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

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from ci_memory_producers.comment.content import Build, Failed, Forge, failure_comment, shown_headline
from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.events import Analysis, OtherFailure

from ..domain.answer import at
from ..domain.backoff import delay
from ..domain.channel import Channel
from ..domain.chat_text import Told, failure_message, outbreak_over_message
from ..domain.notice import Notice
from ..domain.pattern import OUTBREAK_TAIL_MS
from ..domain.status_text import PASSES, commit_line, job_line
from ..domain.telling import PATIENCE_MS, Topic, by_weight, may_speak, said_of, topic_of
from ..errors import ChannelBusy, ChannelRefused, ChannelUnsure
from .ports import Index, Lease
from .ports.breaker import Breaker
from .ports.notify import Chat, CodeHost, Notices

LEASE_MS = 180_000
MOST_TRIES = 12
"""With the delays between them, half an hour or so."""
QUIET_MS = 5_000
"""A notice that has just been told is told anew not before."""
LEFT_ALONE_MS = 30_000
"""After so long, and at most twice that, a channel behind an open breaker is looked at again."""
_FORGES: dict[str, Forge] = {"github": "github", "gitlab": "gitlab"}
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
    jitter: Callable[[], float]

    def tell(self, tenant: str, work_id: str, now_ms: int) -> str:
        """Tell whom it concerns, if that is due. Returns what came of it, in a word."""
        lease = self.index.take("notify", tenant, work_id, now_ms=now_ms, lease_ms=LEASE_MS)
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
        telling = _Telling(self, tenant, notice, answers, now_ms)
        waits = [self._guarded(channel, telling) for channel in self.channels if channel.is_for(tenant, notice.place)]
        again = min((wait for wait in waits if wait is not None), default=None)
        return self._finish(lease, notice, again, now_ms, "told" if again is None else "later")

    def _finish(self, lease: Lease, notice: Notice, again_ms: int | None, now_ms: int, came: str) -> str:
        kept = self.notices.finish(lease, revision=notice.revision, later_ms=now_ms + QUIET_MS, again_ms=again_ms)
        return came if kept else "lease_lost"

    def _guarded(self, channel: Channel, telling: _Telling) -> int | None:
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

    def _later(self, channel: Channel, telling: _Telling, error: ChannelBusy) -> int | None:
        notice = telling.notice
        tries = self.notices.failed(telling.tenant, notice.work_id, channel.name)
        if tries >= MOST_TRIES:
            log.warning("given up after %s tries channel=%s notice=%s: %s", tries, channel.name, notice.work_id, error)
            self.notices.told(telling.tenant, notice.work_id, channel.name, telling.digest(channel), telling.now_ms)
            return None
        return telling.now_ms + int(delay(tries, jitter=self.jitter(), retry_after=error.retry_after) * 1000)


@dataclass(frozen=True, slots=True)
class _Telling:
    """One notice and its answers, told to one channel after the other."""

    desk: NotifyDesk
    tenant: str
    notice: Notice
    answers: Mapping[str, Analysis]
    now_ms: int

    def digest(self, channel: Channel) -> str:
        """What stands for what a channel is told: the same as before need not be told again."""
        said = [one.model_dump_json(exclude={"newest_event", "log_lag"}) for one in self.answers.values()]
        waits = str(len(self.answers) < len(self.notice.events) and channel.kind == "comment")
        outbreak = f"{self.notice.outbreak} {self.notice.revision}" if self.notice.outbreak else ""
        parts = (channel.kind, str(self.notice.passed), outbreak, waits, *said)
        return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()

    def tell(self, channel: Channel) -> int | None:
        """Tell a channel; returns when it has to be told more, None where it was told all, or nothing of this is for it."""
        if self.notice.outbreak:
            return self._outbreak_over(channel) if channel.kind == "slack" else None
        match channel.kind:
            case "comment":
                self._comment(channel)
            case "status":
                self._status(channel)
            case "slack":
                return None if self.notice.passed else self._chat(channel)
            case other:
                assert_never(other)
        return None

    def _comment(self, channel: Channel) -> None:
        place, line = self.notice.place, self.notice.line
        number = self.desk.notices.change(self.tenant, line, channel.name)
        if self.notice.passed:
            if number is None and not place.branch:
                # On which branch it had failed nobody knows: its commit belongs to the change request, if to any.
                number = self.desk.host.change(channel, place)
            if number is not None:
                self.desk.host.resolve(channel, place, number, Marker.of(place.repo, place.job))
            return
        if number is None and not place.on_default_branch:
            number = self.desk.host.change(channel, place)
        if number is None:
            return
        self.desk.notices.keep_change(self.tenant, line, channel.name, number)
        primary, *rest = by_weight(self.answers.values())
        moment = at(self.now_ms)
        if moment is None:
            return
        outbreak = (primary.pattern_id or "") if said_of(primary) == "outbreak" else ""
        text = failure_comment(
            primary.model_copy(update={"others": (*map(self._other, rest), *self._unanswered())}),
            self._failed(primary),
            self._build(channel),
            now=moment,
            others={one.event_id: self._failed(one) for one in rest},
        )
        self.desk.host.say(channel, place, number, Marker.of(place.repo, place.job, outbreak=outbreak), text)
        # What came in meanwhile may have been said already, and stands corrected by this now.
        self.desk.notices.tell_newest(self.tenant, line, channel.name, told=self.notice.work_id, now_ms=self.now_ms)

    def _status(self, channel: Channel) -> None:
        place = self.notice.place
        line = PASSES if self.notice.passed else job_line(by_weight(self.answers.values()))
        jobs = self.desk.notices.put_job_line(self.tenant, place, line)
        self.desk.host.status(channel, place, commit_line(jobs))

    def _chat(self, channel: Channel) -> int | None:
        place, first_ms = self.notice.place, self.notice.first_ms
        answers = by_weight(self.answers.values())
        if not may_speak(answers, failures=len(self.notice.events), first_ms=first_ms, now_ms=self.now_ms):
            return first_ms + PATIENCE_MS
        claimed = self._claimed(channel, answers)
        if not claimed:
            return None
        told = [Told(one, self._failed(one)) for one, _ in claimed]
        moment = at(self.now_ms)
        more = self.notice.failures - len(self.notice.events)
        if moment is not None:
            self._send(channel, failure_message(told, place, self._build(channel), more=more, now=moment), claimed)
        for one, topic in claimed:
            if topic.key.startswith("outbreak|") and one.pattern_id:
                self.desk.notices.watch_outbreak(self.tenant, one.pattern_id, channel.name, place, self.now_ms + OUTBREAK_TAIL_MS)
        return None

    def _claimed(self, channel: Channel, answers: Sequence[Analysis]) -> list[tuple[Analysis, Topic]]:
        topics = [(one, topic) for one in answers if (topic := topic_of(one, self.notice.place))]
        return [(one, topic) for one, topic in topics if self.desk.notices.claim(self.tenant, channel.name, topic)]

    def _send(self, channel: Channel, text: str, claimed: Sequence[tuple[Analysis, Topic]]) -> None:
        try:
            self.desk.chat.send(channel, text)
        except ChannelBusy:
            for _, topic in claimed:
                self.desk.notices.release(self.tenant, channel.name, topic)
            raise

    def _outbreak_over(self, channel: Channel) -> int | None:
        """Say that an outbreak is over, once it has been over for a while."""
        pattern = self.desk.index.pattern(self.tenant, self.notice.outbreak)
        outbreak = pattern.outbreak if pattern is not None else None
        if pattern is None or outbreak is None or channel.name not in self.notice.outbreak_told:
            return None
        if outbreak.covers(self.now_ms):
            return outbreak.last_ms + OUTBREAK_TAIL_MS + 1
        since, until = at(outbreak.since_ms), at(outbreak.last_ms)
        topic = Topic(f"over|{pattern.pattern_id}|{outbreak.since_ms}", 7 * 86_400, goes_on=False)
        if since is None or until is None or not self.desk.notices.claim(self.tenant, channel.name, topic):
            return None
        text = outbreak_over_message(pattern.pattern_id, shown_headline(pattern.headline), outbreak, since=since, until=until)
        try:
            self.desk.chat.send(channel, text)
        except ChannelBusy:
            self.desk.notices.release(self.tenant, channel.name, topic)
            raise
        return None

    def _build(self, channel: Channel) -> Build:
        place = self.notice.place
        # Where the repository is, a chat does not say; but who builds at GitHub or GitLab says where the build is.
        of_build = channel.kind == "slack"
        host = place.web_url if of_build else channel.web_url
        forge: Forge = _FORGES.get(place.provider, "") if of_build else channel.host
        return Build(place.repo, place.job, place.commit, place.url, host, forge, self.tenant)

    def _failed(self, analysis: Analysis) -> Failed:
        pattern = self.desk.index.pattern(self.tenant, analysis.pattern_id) if analysis.pattern_id else None
        return Failed(shown_headline(pattern.headline) if pattern else "", self.notice.events.get(analysis.event_id, ""))

    def _other(self, analysis: Analysis) -> OtherFailure:
        return OtherFailure(
            event_id=analysis.event_id,
            status=analysis.status,
            pattern_id=analysis.pattern_id,
            test_id=self.notice.events.get(analysis.event_id, ""),
            message=analysis.message,
        )

    def _unanswered(self) -> list[OtherFailure]:
        return [
            OtherFailure(event_id=event_id, status="pending", test_id=test_id)
            for event_id, test_id in self.notice.events.items()
            if event_id not in self.answers
        ]
