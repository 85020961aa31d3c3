"""Who is let in: made, limited in time, rotated, revoked; and nothing of a secret is kept."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_producers.redact import redact
from ci_memory_workers.adapters.access_codec import TOKENS
from ci_memory_workers.adapters.redis_tokens import RedisTokens
from ci_memory_workers.bootstrap import now_ms
from ci_memory_workers.domain.access_token import AccessToken, digest_of, parse_token
from ci_memory_workers.errors import InvalidSettings, UnknownToken
from ci_memory_workers.services.access import DAY_MS, TokenDesk
from door_events import MakeToken

PATH = "/v1/quarantine/acme/shop"
LIMITS = {"events_per_minute": 600, "max_bytes": 1_000_000}


def made(desk: TokenDesk, *, days: int = 0, at_ms: int | None = None) -> tuple[AccessToken, str]:
    return desk.create("default", days=days, now_ms=now_ms() if at_ms is None else at_ms, events_per_minute=60, max_bytes=200_000)


def status(http: TestClient, spelled: str) -> int:
    return http.get(PATH, headers={"Authorization": f"Bearer {spelled}"}).status_code


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer cim_"},
        {"Authorization": "Basic Y2ltOnRva2Vu"},
        {"Authorization": f"Bearer cim_{'0' * 76}"},
        {"Authorization": "Bearer " + "x" * 10_000},
    ],
)
def test_nobody_is_let_in_without_a_token(http: TestClient, header: dict[str, str]) -> None:
    for path in (PATH, "/v1/analyses/" + "e" * 32):
        reply = http.get(path, headers=header)
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert http.post("/v1/events", json={}, headers=header).status_code == 401


def test_the_secret_must_be_right_to_its_last_digit(http: TestClient, desk: TokenDesk) -> None:
    _, spelled = made(desk)
    wrong = spelled[:-1] + ("0" if spelled[-1] != "0" else "1")

    assert (status(http, spelled), status(http, wrong), status(http, spelled[:-1]), status(http, spelled + "0")) == (
        200,
        401,
        401,
        401,
    )


def test_a_secret_of_one_token_does_not_prove_another(http: TestClient, desk: TokenDesk) -> None:
    (first, spelled), (second, _) = made(desk), made(desk)

    assert status(http, spelled.replace(first.token_id, second.token_id)) == 401


def test_who_only_knows_the_hash_is_not_let_in(http: TestClient, desk: TokenDesk) -> None:
    token, _ = made(desk)

    assert status(http, f"cim_{token.token_id}{token.digest}") == 401


def test_nothing_of_a_secret_is_kept(redis_client: Redis, desk: TokenDesk) -> None:
    token, spelled = made(desk)
    _, secret = parse_token(spelled) or ("", "")
    _, again = desk.rotate(token.token_id, overlap_ms=1_000, now_ms=now_ms())
    _, other = parse_token(again) or ("", "")

    kept = b"".join(redis_client.hvals(TOKENS))  # type: ignore[arg-type]  # not awaited here
    assert secret.encode() not in kept
    assert other.encode() not in kept
    assert hashlib.sha256(other.encode()).hexdigest().encode() in kept


def test_a_token_is_hidden_wherever_a_log_shows_it(desk: TokenDesk) -> None:
    _, spelled = made(desk)

    assert redact(f"curl said {spelled}, and then nothing") == "curl said [REDACTED:ci_memory_token], and then nothing"


def test_a_token_is_another_each_time(desk: TokenDesk) -> None:
    assert len({made(desk)[1] for _ in range(20)}) == 20


def test_a_token_ends_by_itself(http: TestClient, desk: TokenDesk) -> None:
    _, ended = made(desk, days=1, at_ms=now_ms() - DAY_MS)
    _, living = made(desk, days=1)

    assert (status(http, ended), status(http, living)) == (401, 200)


def test_a_token_that_was_revoked_is_good_for_nothing(http: TestClient, desk: TokenDesk) -> None:
    token, spelled = made(desk)
    _, rotated = desk.rotate(token.token_id, overlap_ms=DAY_MS, now_ms=now_ms())
    assert (status(http, spelled), status(http, rotated)) == (200, 200)

    desk.revoke(token.token_id, now_ms=now_ms())

    assert (status(http, spelled), status(http, rotated)) == (401, 401)
    with pytest.raises(UnknownToken):
        desk.rotate(token.token_id, overlap_ms=0, now_ms=now_ms())
    with pytest.raises(UnknownToken):
        desk.revoke(token.token_id, now_ms=now_ms())


def test_after_a_rotation_the_secret_before_is_good_for_a_while(http: TestClient, desk: TokenDesk) -> None:
    token, first = made(desk)

    _, second = desk.rotate(token.token_id, overlap_ms=60_000, now_ms=now_ms())
    assert (status(http, first), status(http, second)) == (200, 200)

    _, third = desk.rotate(token.token_id, overlap_ms=0, now_ms=now_ms())
    assert (status(http, first), status(http, second), status(http, third)) == (401, 401, 200)


def test_without_a_secret_before_no_secret_stands_for_it() -> None:
    token = AccessToken(token_id="0" * 12, tenant="default", digest=digest_of("a"), previous_until_ms=2**60)

    assert not token.proven_by("", 0)


def test_of_two_who_change_a_token_at_once_one_is_told(redis_client: Redis, desk: TokenDesk) -> None:
    store = RedisTokens(redis_client)
    token, _ = made(desk)

    assert store.replace(token, dataclasses.replace(token, note="mine"))
    assert not store.replace(token, dataclasses.replace(token, note="theirs"))
    assert [one.note for one in store.all()] == ["mine"]


@pytest.mark.parametrize("repo", ["", "*", "a b", "a,b", "acme/*/x", "*/shop"])
def test_a_limit_that_is_no_repository_is_refused(desk: TokenDesk, repo: str) -> None:
    with pytest.raises(InvalidSettings, match="--repo"):
        desk.create("default", repositories=[repo], now_ms=0, events_per_minute=60, max_bytes=200_000)


def test_a_stranger_does_not_use_up_what_a_token_may(http: TestClient, desk: TokenDesk, bearer: MakeToken) -> None:
    token, spelled = desk.create("default", now_ms=now_ms(), events_per_minute=5, max_bytes=200_000)
    stranger = f"cim_{token.token_id}{'0' * 64}"

    assert {status(http, stranger) for _ in range(10)} == {401}
    assert status(http, spelled) == 200
