"""One comment for each pull request and job, on stand-ins of GitHub's and GitLab's API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ci_memory_producers.comment.api import ApiRefused, RestApi
from ci_memory_producers.comment.forges import Comments, NowhereToPost, comments_of
from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.comment.sticky import resolve, say
from forge_standin import TOKEN, ForgeStandin

MARKER = Marker.of("acme/shop", "CI / test")
OTHER = Marker.of("acme/shop", "CI / lint")


def github(url: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_API_URL": f"{url}/github", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_TOKEN": TOKEN,
        "GITHUB_REF": "refs/pull/7/merge",
    }  # fmt: skip


def gitlab(url: str) -> dict[str, str]:
    return {
        "GITLAB_CI": "true", "CI_API_V4_URL": f"{url}/gitlab/api/v4", "CI_PROJECT_ID": "42", "GITLAB_TOKEN": TOKEN,
        "CI_MERGE_REQUEST_IID": "7",
    }  # fmt: skip


@pytest.fixture
def forge() -> Iterator[ForgeStandin]:
    with ForgeStandin() as standin:
        yield standin


@pytest.fixture(params=["github", "gitlab"])
def comments(request: pytest.FixtureRequest, forge: ForgeStandin) -> Comments:
    forge.readable_user = request.param == "gitlab"
    return comments_of({"github": github, "gitlab": gitlab}[request.param](forge.url))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, in seconds, in a world where waiting takes no time."""
    waited: list[float] = []
    monkeypatch.setattr(RestApi.__init__, "__kwdefaults__", {**(RestApi.__init__.__kwdefaults__ or {}), "pause": waited.append})
    return waited


def bodies(forge: ForgeStandin) -> list[str]:
    return [comment["body"] for comment in forge.comments]


def test_a_job_has_one_comment_that_is_written_anew_in_place(comments: Comments, forge: ForgeStandin) -> None:
    forge.add("Nice change", login="somebody", id=1, type="User")

    assert say(comments, MARKER, "first\n") == "created"
    assert say(comments, OTHER, "lint\n") == "created"
    assert say(comments, MARKER, "second\n") == "updated"
    assert say(comments, MARKER, "second\n") == "unchanged"

    assert bodies(forge) == ["Nice change", MARKER.on("second\n"), OTHER.on("lint\n")]


def test_it_is_found_on_any_page(comments: Comments, forge: ForgeStandin) -> None:
    forge.page = 3
    for number in range(7):
        forge.add(f"{number}")
    say(comments, MARKER, "first\n")
    for number in range(4):
        forge.add(f"{number}")

    assert say(comments, MARKER, "second\n") == "updated"
    assert len(forge.comments) == 12


def test_when_the_job_passes_its_comment_is_resolved_and_when_it_fails_again_it_fails(
    comments: Comments, forge: ForgeStandin
) -> None:
    assert resolve(comments, MARKER, job="test", commit="abc1234") == "nothing to resolve"
    say(comments, MARKER, "first\n")

    assert resolve(comments, MARKER, job="test", commit="abc1234") == "resolved"
    assert resolve(comments, MARKER, job="test", commit="def5678") == "unchanged"
    assert len(forge.comments) == 1
    assert "**Resolved:** `test` passes at `abc1234`" in bodies(forge)[0]
    assert "first" in bodies(forge)[0]

    assert say(comments, MARKER, "again\n") == "updated"
    assert bodies(forge) == [MARKER.on("again\n")]


def test_somebody_elses_comment_that_begins_with_the_marker_is_left_alone(comments: Comments, forge: ForgeStandin) -> None:
    forged = MARKER.on("I was here first")
    forge.add(forged, login="somebody", id=1, type="User")

    assert say(comments, MARKER, "ours\n") == "created"
    assert say(comments, MARKER, "ours anew\n") == "updated"

    assert bodies(forge) == [forged, MARKER.on("ours anew\n")]


def test_a_person_whose_token_it_is_has_one_comment_too(forge: ForgeStandin) -> None:
    forge.readable_user = True
    forge.me = {"login": "dev", "id": 3, "type": "User"}
    comments = comments_of(github(forge.url))

    assert say(comments, MARKER, "first\n") == "created"
    assert say(comments, MARKER, "second\n") == "updated"
    assert len(forge.comments) == 1


def test_of_two_that_were_written_at_once_the_older_one_stays(
    comments: Comments, forge: ForgeStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = comments.create

    def at_once(body: str) -> int:
        """Another attempt of the job writes between our look and our write."""
        forge.add(MARKER.on("theirs\n"))
        return write(body)

    monkeypatch.setattr(comments, "create", at_once)
    assert say(comments, MARKER, "ours\n") == "created"
    assert bodies(forge) == [MARKER.on("ours\n")]


def test_an_outbreak_is_told_once_on_a_pull_request(comments: Comments, forge: ForgeStandin) -> None:
    burst = Marker.of("acme/shop", "CI / test", outbreak="pat_aaaaaaaaaaaa")
    same = Marker.of("acme/shop", "CI / lint", outbreak="pat_aaaaaaaaaaaa")
    another = Marker.of("acme/shop", "CI / docs", outbreak="pat_bbbbbbbbbbbb")

    assert say(comments, burst, "outbreak\n") == "created"
    assert say(comments, same, "outbreak\n") == "said by another job"
    assert say(comments, another, "another\n") == "created"
    assert say(comments, burst, "outbreak, larger\n") == "updated"
    assert len(forge.comments) == 2


@pytest.mark.parametrize("status", [429, 403, 503])
def test_it_waits_as_long_as_the_forge_asks(comments: Comments, forge: ForgeStandin, pauses: list[float], status: int) -> None:
    forge.refuse(status, Retry_After="3")

    assert say(comments, MARKER, "first\n") == "created"
    assert pauses == [3.0]


def test_a_limit_that_ends_too_late_is_not_waited_for(comments: Comments, forge: ForgeStandin, pauses: list[float]) -> None:
    forge.refuse(429, Retry_After="3600")

    with pytest.raises(ApiRefused, match="429"):
        say(comments, MARKER, "first\n")
    assert (pauses, forge.comments) == ([], [])


def test_githubs_limit_says_when_it_ends(forge: ForgeStandin, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_memory_producers.comment.api.time.time", lambda: 1_000.0)
    forge.refuse(403, x_ratelimit_remaining="0", x_ratelimit_reset="1007")

    assert say(comments_of(github(forge.url)), MARKER, "first\n") == "created"
    assert pauses == [7.0]


def test_an_api_that_is_broken_for_a_moment_is_asked_again(comments: Comments, forge: ForgeStandin, pauses: list[float]) -> None:
    forge.refuse(502)
    forge.refuse(500)

    assert say(comments, MARKER, "first\n") == "created"
    assert pauses == [1.0, 2.0]


def test_a_comment_that_was_written_though_the_answer_was_lost_is_not_written_twice(
    comments: Comments, forge: ForgeStandin
) -> None:
    forge.refusals.append(None)
    forge.refuse(500, after=True)

    say(comments, MARKER, "first\n")
    assert bodies(forge) == [MARKER.on("first\n")]
    assert len([request for request in forge.requests if request.startswith("POST")]) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_what_is_refused_for_good_is_not_asked_again(comments: Comments, forge: ForgeStandin, status: int) -> None:
    forge.refuse(status)

    with pytest.raises(ApiRefused, match=str(status)) as refused:
        say(comments, MARKER, "first\n")
    assert len(forge.requests) == 1
    assert TOKEN not in str(refused.value)


def test_the_token_does_not_follow_a_redirect(comments: Comments, forge: ForgeStandin) -> None:
    forge.refuse(307, Location=f"{forge.url}/github/elsewhere")

    with pytest.raises(ApiRefused, match="307"):
        say(comments, MARKER, "first\n")
    assert len(forge.requests) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"GITHUB_REF": "refs/heads/main"}, "no pull request"),
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_API_URL": "file:///etc/passwd"}, "GITHUB_API_URL is no address"),
        ({"GITHUB_API_URL": "https://user@evil.example"}, "GITHUB_API_URL is no address"),
        ({"GITHUB_TOKEN": "a\nb"}, "characters that no token has"),
        ({"GITHUB_ACTIONS": ""}, "neither in GitHub Actions nor in GitLab"),
        ({"GITHUB_ACTIONS": "", "GITLAB_CI": "true"}, "no merge request"),
        ({"GITHUB_ACTIONS": "", "GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "7"}, "GITLAB_TOKEN is not set"),
    ],
)
def test_without_a_place_or_a_token_there_is_nowhere_to_post(change: dict[str, str], said: str) -> None:
    with pytest.raises(NowhereToPost, match=said):
        comments_of(github("https://github.example") | change)


def test_nobody_listens(pauses: list[float]) -> None:
    comments = comments_of(github("http://127.0.0.1:9"))

    with pytest.raises(ApiRefused, match="refused"):
        say(comments, MARKER, "first\n")
    assert pauses == [1.0, 2.0, 4.0]
