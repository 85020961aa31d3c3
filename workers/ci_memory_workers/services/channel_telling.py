"""How one channel is told one notice: what it says there, and what it needs to know for that."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from ci_memory_producers.comment.content import Build, Failed, Forge, failure_comment, shown_headline
from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.events import Analysis, OtherFailure

from ..domain.answer import at
from ..domain.channel import Channel
from ..domain.chat_text import Told, failure_message, outbreak_over_message
from ..domain.notice import Notice
from ..domain.pattern import OUTBREAK_TAIL_MS
from ..domain.status_text import PASSES, commit_line, job_line
from ..domain.telling import PATIENCE_MS, Topic, by_weight, may_speak, said_of, topic_of
from ..errors import ChannelBusy
from .ports import Index
from .ports.notify import Chat, CodeHost, Notices

_FORGES: dict[str, Forge] = {"github": "github", "gitlab": "gitlab"}


@dataclass(frozen=True, slots=True)
class Telling:
    """One notice and its answers, told to one channel after the other."""

    index: Index
    notices: Notices
    host: CodeHost
    chat: Chat
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
        number = self.notices.change(self.tenant, line, channel.name)
        if self.notice.passed:
            if number is None and not place.branch:
                # On which branch it had failed nobody knows: its commit belongs to the change request, if to any.
                number = self.host.change(channel, place)
            if number is not None:
                self.host.resolve(channel, place, number, Marker.of(place.repo, place.job))
            return
        if number is None and not place.on_default_branch:
            number = self.host.change(channel, place)
        if number is None:
            return
        self.notices.keep_change(self.tenant, line, channel.name, number)
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
        self.host.say(channel, place, number, Marker.of(place.repo, place.job, outbreak=outbreak), text)
        # What came in meanwhile may have been said already, and stands corrected by this now.
        self.notices.tell_newest(self.tenant, line, channel.name, told=self.notice.work_id, now_ms=self.now_ms)

    def _status(self, channel: Channel) -> None:
        place = self.notice.place
        line = PASSES if self.notice.passed else job_line(by_weight(self.answers.values()))
        jobs = self.notices.put_job_line(self.tenant, place, line)
        self.host.status(channel, place, commit_line(jobs))

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
                self.notices.watch_outbreak(self.tenant, one.pattern_id, channel.name, place, self.now_ms + OUTBREAK_TAIL_MS)
        return None

    def _claimed(self, channel: Channel, answers: Sequence[Analysis]) -> list[tuple[Analysis, Topic]]:
        topics = [(one, topic) for one in answers if (topic := topic_of(one, self.notice.place))]
        return [(one, topic) for one, topic in topics if self.notices.claim(self.tenant, channel.name, topic)]

    def _send(self, channel: Channel, text: str, claimed: Sequence[tuple[Analysis, Topic]]) -> None:
        try:
            self.chat.send(channel, text)
        except ChannelBusy:
            for _, topic in claimed:
                self.notices.release(self.tenant, channel.name, topic)
            raise

    def _outbreak_over(self, channel: Channel) -> int | None:
        """Say that an outbreak is over, once it has been over for a while."""
        pattern = self.index.pattern(self.tenant, self.notice.outbreak)
        outbreak = pattern.outbreak if pattern is not None else None
        if pattern is None or outbreak is None or channel.name not in self.notice.outbreak_told:
            return None
        if outbreak.covers(self.now_ms):
            return outbreak.last_ms + OUTBREAK_TAIL_MS + 1
        since, until = at(outbreak.since_ms), at(outbreak.last_ms)
        topic = Topic(f"over|{pattern.pattern_id}|{outbreak.since_ms}", 7 * 86_400, goes_on=False)
        if since is None or until is None or not self.notices.claim(self.tenant, channel.name, topic):
            return None
        text = outbreak_over_message(pattern.pattern_id, shown_headline(pattern.headline), outbreak, since=since, until=until)
        try:
            self.chat.send(channel, text)
        except ChannelBusy:
            self.notices.release(self.tenant, channel.name, topic)
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
        """The test that failed, and why in the words of the failure's first occurrence: no text of this one is kept."""
        pattern = self.index.pattern(self.tenant, analysis.pattern_id) if analysis.pattern_id else None
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
