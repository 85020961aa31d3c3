"""What the journal holds beyond the states: applied once, in order, to patterns that were restored."""

from __future__ import annotations

import pytest
from fakes import NOW, T, failed, open_index, the
from learned_patterns import RULING, known, merge, resolve
from redis import Redis

from ci_memory_workers.adapters.redis_archive import RedisArchive
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Fix, Pattern
from ci_memory_workers.services.ports.archive import JournalEntry, PatternState


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def archive(redis_client: Redis) -> RedisArchive:
    return RedisArchive(redis_client)


def pattern(index: RedisIndex, pattern_id: str) -> Pattern:
    return the(index.pattern(T, pattern_id))


def state(archive: RedisArchive, pattern_id: str) -> PatternState:
    return the(archive.state(T, pattern_id))


def rebuilt(archive: RedisArchive, redis_client: Redis, whole: PatternState) -> list[JournalEntry]:
    """The index is lost but for the journal, and the state, which is older than the journal's end, put back."""
    entries = list(archive.journal(T))
    redis_client.flushall()
    for entry in entries:
        assert archive.keep_entry(T, entry)
    assert archive.restore(T, whole, now_ms=NOW, owe=False, journalled=True) == "restored"
    return entries


def test_the_journal_is_read_in_order_and_kept_under_its_own_ids(archive: RedisArchive, redis_client: Redis) -> None:
    written = [JournalEntry(f"{NOW}-{n}", {"kind": "status", "pattern_id": "pat_aaaaaa"}) for n in range(1_203)]

    assert all(archive.keep_entry(T, entry) for entry in written)

    assert list(archive.journal(T)) == written
    assert not archive.keep_entry(T, written[7])
    assert redis_client.xlen("ci-memory:{default}:journal") == len(written)


def test_entries_newer_than_the_state_are_applied_once(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    index.apply(T, [failed(build="2"), failed(build="3")], NOW)
    resolve(index, pattern_id, fix_type="rerun", repo="acme/x")
    whole = state(archive, pattern_id)
    resolve(index, pattern_id, fix_type="rerun")
    fix_id = resolve(index, pattern_id)
    assert index.set_status(T, pattern(index, pattern_id), "deprecated", reason="old", now_ms=NOW)
    entries = rebuilt(archive, redis_client, whole)
    fix = Fix(fix_id, "config_change", "set AUTH_TOKEN", "", "dev@example.com", "acme/shop", NOW)

    def reapply() -> list[bool]:
        decided = ("resolution", "status")
        return [
            archive.reapply(T, pattern_id, entry, None if '"rerun"' in entry.fields.get("entry", "") else fix)
            for entry in entries
            if entry.fields["kind"] in decided
        ]

    assert reapply() == [False, True, True, True]
    assert reapply() == [False] * 4
    after = pattern(index, pattern_id)
    assert (after.flaky_episodes, after.status, after.status_reason) == (2, "deprecated", "old")
    assert [(one.fix_id, one.worked) for one in after.fixes] == [(fix_id, 1)]
    archive.journal_applied(T)
    assert reapply() == [False] * 4


def test_an_alias_of_the_journal_is_known_again(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    whole = state(archive, pattern_id)
    gone = merge(index, pattern_id)
    assert archive.add_fingerprint(T, pattern_id, "2:cccc", now_ms=NOW) == "added"
    entries = rebuilt(archive, redis_client, whole)

    assert [archive.reapply(T, pattern_id, entry, None) for entry in entries] == [True, True]

    again = open_index(redis_client).apply(T, [failed("1:bbbb", build="50"), failed("2:cccc", build="51")], NOW)
    assert {one.pattern_id for one in again} == {pattern_id}
    assert index.surviving(T, gone) == pattern_id


def test_decisions_of_the_journal_hold_again(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id, decisions = known(index), RedisDecisions(redis_client)
    pinned, vetoed = resolve(index, pattern_id, "one"), resolve(index, pattern_id, "two", repo="acme/cart")
    merge(index, pattern_id)
    whole = state(archive, pattern_id)
    decisions.about_fix(T, pattern_id, pinned, "pin", RULING)
    decisions.about_fix(T, pattern_id, vetoed, "veto", RULING)
    decisions.own(T, pattern_id, "team-orders", RULING)
    decisions.split(T, "1:bbbb", RULING)
    entries = rebuilt(archive, redis_client, whole)

    done = [archive.reapply(T, pattern_id, entry, None) for entry in entries if entry.fields["kind"] == "decision"]

    assert done == [True] * 4
    assert pattern(index, pattern_id).owner == "team-orders"
    rulings = {fix.fix_id: (fix.veto, fix.pin) for fix in pattern(index, pattern_id).fixes}
    assert rulings == {pinned: (None, RULING), vetoed: (RULING, None)}
    assert state(archive, pattern_id).aliases == ()
    assert open_index(redis_client).apply(T, [failed("1:bbbb", build="60")], NOW)[0].pattern_id != pattern_id


def test_a_pattern_that_the_journal_forgets_is_gone(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    whole = state(archive, pattern_id)
    RedisDecisions(redis_client).forget(T, pattern_id, RULING)
    entries = rebuilt(archive, redis_client, whole)

    assert [archive.reapply(T, pattern_id, entry, None) for entry in entries] == [True]

    assert archive.is_empty(T)
    assert list(archive.forgotten(T)) == [pattern_id]


def test_a_fingerprint_belongs_to_whoever_had_it_first(index: RedisIndex, archive: RedisArchive) -> None:
    first, second = known(index), known(index, "1:bbbb", build="2")

    outcomes = [archive.add_fingerprint(T, pattern_id, "2:new", now_ms=NOW) for pattern_id in (first, first, second)]

    assert outcomes == ["added", "known", "taken"]
    assert archive.owner(T, "2:new") == first
    assert archive.owner(T, "2:nobody") == ""
