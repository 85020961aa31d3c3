"""The comments of one pull request (GitHub) or merge request (GitLab), as their REST APIs have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from ..ci_env import read_github_event
from ..ci_env.values import at, number_of
from .api import ApiRefused, RestApi
from .marker import Marker

PAGE = 100
MOST_PAGES = 50


class NowhereToPost(Exception):
    """There is no pull or merge request, no token or no API to write a comment with. Says which, and the way out."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment that we have written before."""

    id: int
    body: str

    @property
    def marker(self) -> Marker | None:
        """What its first line says."""
        return Marker.read(self.body)


class Comments(Protocol):
    """The comments on one pull or merge request. Every method raises `ApiRefused`."""

    def ours(self) -> list[Posted]:
        """Those that begin with a marker and were written by who writes now, the oldest first."""
        ...

    def create(self, body: str) -> int:
        """Write another one; returns its id."""
        ...

    def update(self, comment_id: int, body: str) -> None:
        """Write one anew."""
        ...

    def delete(self, comment_id: int) -> None:
        """Remove one; one that is gone already is removed."""
        ...


class GitHubComments:
    """``/repos/{owner}/{repo}/issues/{number}/comments``: a pull request's conversation is that of its issue."""

    def __init__(self, api: RestApi, repo: str, number: int) -> None:
        self._api = api
        self._issues = f"/repos/{quote(repo)}/issues"
        self._number = number

    def ours(self) -> list[Posted]:
        """See `Comments`. A job's own token can't be asked whose it is: what any app's bot wrote counts as ours."""
        found = [comment for comment in self._all() if Marker.read(str(comment.get("body")))]
        me = "" if all(at(comment, "user", "type") == "Bot" for comment in found) else self._login()
        mine = [c for c in found if at(c, "user", "type") == "Bot" or (me and at(c, "user", "login") == me)]
        return sorted((Posted(int(c["id"]), c["body"]) for c in mine), key=lambda posted: posted.id)

    def _all(self) -> Iterator[Mapping[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            path = f"{self._issues}/{self._number}/comments"
            found, headers = self._api.call("GET", path, query={"per_page": PAGE, "page": page})
            yield from _objects(found)
            if 'rel="next"' not in headers.get("Link", ""):
                return

    def _login(self) -> str:
        try:
            return str(at(self._api.call("GET", "/user")[0], "login") or "")
        except ApiRefused as refused:
            if refused.status in (401, 403, 404):
                return ""
            raise

    def create(self, body: str) -> int:
        """See `Comments`."""
        return _id_of(self._api.call("POST", f"{self._issues}/{self._number}/comments", body={"body": body})[0])

    def update(self, comment_id: int, body: str) -> None:
        """See `Comments`."""
        self._api.call("PATCH", f"{self._issues}/comments/{comment_id}", body={"body": body})

    def delete(self, comment_id: int) -> None:
        """See `Comments`."""
        _gone(self._api, f"{self._issues}/comments/{comment_id}")


class GitLabNotes:
    """``/projects/{id}/merge_requests/{iid}/notes``; a page may hold fewer notes than asked for and not be the last one."""

    def __init__(self, api: RestApi, project: str, number: int) -> None:
        self._api = api
        self._notes = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"

    def ours(self) -> list[Posted]:
        """See `Comments`."""
        found = [n for n in self._all() if n.get("system") is not True and Marker.read(str(n.get("body")))]
        me = at(self._api.call("GET", "/user")[0], "id") if found else None
        mine = [note for note in found if me is not None and at(note, "author", "id") == me]
        return sorted((Posted(int(n["id"]), n["body"]) for n in mine), key=lambda posted: posted.id)

    def _all(self) -> Iterator[Mapping[str, Any]]:
        page = "1"
        for _ in range(MOST_PAGES):
            query: dict[str, str | int] = {"per_page": PAGE, "page": page, "sort": "asc", "order_by": "created_at"}
            found, headers = self._api.call("GET", self._notes, query=query)
            yield from _objects(found)
            page = headers.get("x-next-page", "")
            if not page.isdigit():
                return

    def create(self, body: str) -> int:
        """See `Comments`."""
        return _id_of(self._api.call("POST", self._notes, body={"body": body})[0])

    def update(self, comment_id: int, body: str) -> None:
        """See `Comments`."""
        self._api.call("PUT", f"{self._notes}/{comment_id}", body={"body": body})

    def delete(self, comment_id: int) -> None:
        """See `Comments`."""
        _gone(self._api, f"{self._notes}/{comment_id}")


def _objects(found: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(found, list):
        raise ApiRefused("GET comments", 0, "what answers is no API of GitHub or GitLab")
    yield from (one for one in found if isinstance(one, Mapping) and isinstance(one.get("id"), int))


def _id_of(created: Any) -> int:
    found = at(created, "id")
    if not isinstance(found, int):
        raise ApiRefused("POST comment", 0, "the answer names no comment", maybe_done=True)
    return found


def _gone(api: RestApi, path: str) -> None:
    try:
        api.call("DELETE", path)
    except ApiRefused as refused:
        if refused.status != 404:
            raise


def comments_of(environ: Mapping[str, str], number: int | None = None) -> Comments:
    """The comments on the pull or merge request that this job builds, or on ``number``. Raises `NowhereToPost`."""
    if environ.get("GITHUB_ACTIONS"):
        return _github(environ, number)
    if environ.get("GITLAB_CI"):
        return _gitlab(environ, number)
    raise NowhereToPost("this job runs neither in GitHub Actions nor in GitLab CI: --output writes the text to a file")


def _github(environ: Mapping[str, str], number: int | None) -> Comments:
    event = read_github_event(environ) or {}
    ref = environ.get("GITHUB_REF", "").split("/")
    said = [at(event, "pull_request", "number"), at(event, "issue", "number") if at(event, "issue", "pull_request") else None]
    said.append(number_of(ref[2]) if len(ref) > 3 and ref[1] == "pull" else None)
    found = number or next((one for one in said if isinstance(one, int)), None)
    token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or ""
    _need(found, "this run is of no pull request")
    _need(token, "GITHUB_TOKEN is not set")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    return GitHubComments(_api("GITHUB_API_URL", environ, headers), environ.get("GITHUB_REPOSITORY", ""), found or 0)


def _gitlab(environ: Mapping[str, str], number: int | None) -> Comments:
    found = number or number_of(environ.get("CI_MERGE_REQUEST_IID", ""))
    token = environ.get("GITLAB_TOKEN", "")
    project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID") or ""
    _need(found, "this pipeline is of no merge request")
    _need(token, "GITLAB_TOKEN is not set: a project access token of scope api (CI_JOB_TOKEN may not write notes)")
    return GitLabNotes(_api("CI_API_V4_URL", environ, {"PRIVATE-TOKEN": token}), project, found or 0)


def _need(found: object, otherwise: str) -> None:
    if not found:
        raise NowhereToPost(otherwise)


def _api(variable: str, environ: Mapping[str, str], headers: Mapping[str, str]) -> RestApi:
    try:
        return RestApi(environ.get(variable, ""), headers)
    except ValueError as error:
        raise NowhereToPost(f"{variable} {error}") from None
