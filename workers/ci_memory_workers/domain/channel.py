"""Where somebody is notified: comments, commit statuses, messages in a chat."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from .access_token import covers
from .notice import Place

ChannelKind = Literal["comment", "status", "slack"]
Host = Literal["github", "gitlab"]
WEB_URLS: dict[Host, str] = {"github": "https://github.com", "gitlab": "https://gitlab.com"}


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to notify somebody of a tenant's failures. ``repositories`` are names or owners (``acme/*``), none means all.

    A comment or a status is written to ``host`` at ``api_url``, with ``secret`` as its token; ``web_url`` is where people see its
    repositories. A chat is ``secret``, the whole address of its incoming webhook.
    """

    name: str
    kind: ChannelKind
    tenant: str
    repositories: tuple[str, ...]
    host: Host = "github"
    api_url: str = ""
    web_url: str = ""
    secret: str = field(default="", repr=False)

    def covers(self, tenant: str, repo: str) -> bool:
        """Whether it is for this repository."""
        return tenant == self.tenant and covers(self.repositories, repo)

    def is_for(self, tenant: str, place: Place) -> bool:
        """Whether it is for what failed there: what GitLab has built is not written to GitHub. Jenkins builds for both."""
        elsewhere = self.kind != "slack" and place.provider in WEB_URLS and place.provider != self.host
        return self.covers(tenant, place.repo) and not elsewhere


def watched_by(channels: Iterable[Channel]) -> Callable[[str, str], bool] | None:
    """``watched(tenant, repo)``: whether one of ``channels`` is for the repository. None where there are none."""
    found = tuple(channels)
    return (lambda tenant, repo: any(one.covers(tenant, repo) for one in found)) if found else None
