"""What notifying needs of the world: what is to be told, and where it is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.events import Analysis

from ...domain.channel import Channel
from ...domain.notice import Notice, Place
from ...domain.telling import Topic
from .index import Lease


class Notices(Protocol):
    """What is to be told, and what was. Every method is one atomic step."""

    def notice(self, tenant: str, work_id: str) -> Notice | None:
        """A notice; None when it has expired."""
        ...

    def answers(self, tenant: str, event_ids: Sequence[str]) -> dict[str, Analysis]:
        """The answers that there are, by their events, in this order."""
        ...

    def told(self, tenant: str, work_id: str, channel: str, digest: str, now_ms: int) -> None:
        """Remember what a channel was told; its tries are forgotten."""
        ...

    def failed(self, tenant: str, work_id: str, channel: str) -> int:
        """Count a try that failed; returns how many did in a row."""
        ...

    def finish(self, lease: Lease, *, revision: int, later_ms: int, again_ms: int | None = None) -> bool:
        """End the lease of a notice: done, or due again at ``again_ms``; at ``later_ms`` where it has changed since ``revision``.

        False when the lease was lost.
        """
        ...

    def claim(self, tenant: str, channel: str, topic: Topic) -> bool:
        """Whether a topic may be told: nobody has claimed it. Where it goes on, its time begins anew by this."""
        ...

    def release(self, tenant: str, channel: str, topic: Topic) -> None:
        """Take a claim back: nothing was told."""
        ...

    def change(self, tenant: str, line: str, channel: str) -> int | None:
        """The change request in which a line's failure was told."""
        ...

    def keep_change(self, tenant: str, line: str, channel: str, number: int) -> None:
        """Remember that change request."""
        ...

    def tell_newest(self, tenant: str, line: str, channel: str, *, told: str, now_ms: int) -> None:
        """Where ``told`` is no longer the newest notice of a line, that one is told to a channel once more."""
        ...

    def put_job_line(self, tenant: str, place: Place, line: str) -> Mapping[str, str]:
        """Keep what is known of a job at a commit; returns that of all its jobs."""
        ...

    def watch_outbreak(self, tenant: str, pattern_id: str, channel: str, place: Place, due_ms: int) -> None:
        """An outbreak was told to a channel; at ``due_ms`` it is looked at whether it is over."""
        ...


class CodeHost(Protocol):
    """GitHub or GitLab. Every method raises `ChannelBusy` and `ChannelRefused`."""

    def change(self, channel: Channel, place: Place) -> int | None:
        """The open pull or merge request that a commit belongs to; None for one of none."""
        ...

    def say(self, channel: Channel, place: Place, number: int, marker: Marker, text: str) -> None:
        """Make ``text`` what the job's comment says there."""
        ...

    def resolve(self, channel: Channel, place: Place, number: int, marker: Marker) -> None:
        """Say in the job's comment that the job passes, where there is one."""
        ...

    def status(self, channel: Channel, place: Place, description: str) -> None:
        """Say it beside the commit's checks; the verdict stays theirs."""
        ...


class Chat(Protocol):
    """A chat with an incoming webhook."""

    def send(self, channel: Channel, text: str) -> None:
        """Send a message. Raises `ChannelBusy` (certainly not sent), `ChannelRefused` and `ChannelUnsure`."""
        ...
