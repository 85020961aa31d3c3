"""GitHub and GitLab, as a notice is written to them. The host is the channel's own, and no answer leads elsewhere.

Sources: GitHub REST "List pull requests associated with a commit", "List pull requests" (``head`` is ``owner:branch``), "Create a
commit status"; GitLab "List merge requests associated with a commit", "Set commit pipeline status".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ci_memory_producers.ci_env.values import at
from ci_memory_producers.comment.api import ApiRefused, RestApi
from ci_memory_producers.comment.forges import Comments, GitHubComments, GitLabNotes
from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.comment.sticky import resolve, say

from ..domain.channel import Channel
from ..domain.notice import Place
from ..errors import ChannelBusy, ChannelRefused

CONTEXT = "ci-memory"
SECONDS = 30.0
"""For all requests about one notice."""
SECONDARY_LIMIT_S = 60.0
"""How long GitHub wants to be left alone where it says that too much was asked, and not for how long."""
_SHA = re.compile(r"[0-9a-f]{40,64}")
_MERGE_REQUEST = re.compile(r"refs/merge-requests/([0-9]{1,9})/[a-z]{1,10}")


class CodeHosts:
    """Satisfies `services.ports.notify.CodeHost`."""

    def change(self, channel: Channel, place: Place) -> int | None:
        """See `CodeHost.change`."""
        with _refusals():
            api = _api(channel)
            return _pull_request(api, place) if channel.host == "github" else _merge_request(api, place)

    def say(self, channel: Channel, place: Place, number: int, marker: Marker, text: str) -> None:
        """See `CodeHost.say`."""
        with _refusals():
            say(_comments(channel, place, number), marker, text)

    def resolve(self, channel: Channel, place: Place, number: int, marker: Marker) -> None:
        """See `CodeHost.resolve`."""
        with _refusals():
            resolve(_comments(channel, place, number), marker, job=place.job, commit=place.commit)

    def status(self, channel: Channel, place: Place, description: str) -> None:
        """See `CodeHost.status`. GitLab makes a pipeline of its own for a status that is of none, and that would be a verdict."""
        if not _SHA.fullmatch(place.commit):
            return
        said = {"state": "success", "context": CONTEXT, "description": description, "target_url": place.url}
        said = {name: value for name, value in said.items() if value}
        if channel.host == "github":
            path = f"/repos/{quote(place.repo)}/statuses/{place.commit}"
        elif place.provider == "gitlab" and place.build_id.isdigit():
            path, said = f"{_project(place)}/statuses/{place.commit}", {**said, "pipeline_id": place.build_id}
        else:
            return
        with _refusals():
            _api(channel).call("POST", path, body=said)


def _api(channel: Channel) -> RestApi:
    if channel.host == "gitlab":
        headers = {"PRIVATE-TOKEN": channel.secret}
    else:
        headers = {"Authorization": f"Bearer {channel.secret}", "Accept": "application/vnd.github+json"}
        headers["X-GitHub-Api-Version"] = "2022-11-28"
    # Whoever tells tries again later, and does not wait here: others are to be told meanwhile.
    return RestApi(channel.api_url, headers, tries=1, seconds=SECONDS)


def _project(place: Place) -> str:
    return f"/projects/{quote(place.repo, safe='')}"


def _comments(channel: Channel, place: Place, number: int) -> Comments:
    if channel.host == "github":
        return GitHubComments(_api(channel), place.repo, number)
    return GitLabNotes(_api(channel), place.repo, number)


def _pull_request(api: RestApi, place: Place) -> int | None:
    """By its commit; else by its branch: a fork's commits may not be known in the repository that it was forked from."""
    repo = quote(place.repo)
    found = _listed(api, f"/repos/{repo}/commits/{place.commit}/pulls", {"per_page": 30}) if _SHA.fullmatch(place.commit) else []
    candidates = [one for one in found if one.get("state") == "open"]
    if not candidates and place.branch:
        head = place.branch if ":" in place.branch else f"{place.repo.partition('/')[0]}:{place.branch}"
        candidates = _listed(api, f"/repos/{repo}/pulls", {"state": "open", "head": head, "per_page": 30})
    branch = place.branch.rpartition(":")[2]
    return _best(candidates, "number", lambda one: (at(one, "head", "sha") == place.commit, at(one, "head", "ref") == branch))


def _merge_request(api: RestApi, place: Place) -> int | None:
    if named := _MERGE_REQUEST.fullmatch(place.branch):
        return int(named[1])
    if not _SHA.fullmatch(place.commit):
        return None
    found = _listed(api, f"{_project(place)}/repository/commits/{place.commit}/merge_requests", {"per_page": 30})
    opened = [one for one in found if one.get("state") == "opened"]
    return _best(opened, "iid", lambda one: (one.get("sha") == place.commit, one.get("source_branch") == place.branch))


def _best(candidates: Sequence[Mapping[str, Any]], number: str, fits: Any) -> int | None:
    """A commit may be in several that stand on each other: the one whose newest it is, or else whose branch."""
    found = [one for one in candidates if isinstance(one.get(number), int)]
    return int(max(found, key=fits)[number]) if found else None


def _listed(api: RestApi, path: str, query: Mapping[str, str | int]) -> list[Mapping[str, Any]]:
    try:
        found, _ = api.call("GET", path, query=query)
    except ApiRefused as refused:
        if refused.status in (404, 422):  # no such commit here
            return []
        raise
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


@contextmanager
def _refusals() -> Iterator[None]:
    """Errors of an API as ours. What it said goes on without any text but its own."""
    try:
        yield
    except ApiRefused as refused:
        limited = refused.status in (403, 429) and (refused.retry_after is not None or "rate limit" in str(refused).lower())
        if limited or refused.status in (0, 408, 409, 425, 429) or refused.status >= 500:
            wait = refused.retry_after or (SECONDARY_LIMIT_S if limited else None)
            raise ChannelBusy(f"the code host answers {refused.status or 'nothing'}", retry_after=wait) from None
        raise ChannelRefused(f"the code host answers {refused.status}: is the token good for this repository?") from None
    except ValueError as error:
        raise ChannelRefused(f"api_url or token: {error}") from None
