"""A whole pattern, read from a real server and put back: as it was, never over what is newer, counts that go on."""

from __future__ import annotations

import pytest
from fakes import HOUR_MS, NOW, T, failed, open_index, the
from learned_patterns import RULING, known, learn, merge, resolve, rich
from redis import Redis

from ci_memory_workers.adapters.fix_codec import FIX_FIELDS
from ci_memory_workers.adapters.redis_archive import RedisArchive
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.services.ports.archive import FixState, PatternState, RulingState


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def archive(redis_client: Redis) -> RedisArchive:
    return RedisArchive(redis_client)


def pattern(index: RedisIndex, pattern_id: str, tenant: str = T) -> Pattern:
    return the(index.pattern(tenant, pattern_id))


def state(archive: RedisArchive, pattern_id: str, tenant: str = T) -> PatternState:
    return the(archive.state(tenant, pattern_id))


def test_a_pattern_is_put_back_into_an_empty_index_as_it_was(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id = rich(index)
    before, whole = pattern(index, pattern_id), state(archive, pattern_id)
    redis_client.flushall()

    assert archive.restore(T, whole, now_ms=NOW, owe=False) == "restored"

    assert pattern(index, pattern_id) == before
    assert state(archive, pattern_id).model_copy(update={"journal": whole.journal}) == whole
    assert archive.tenants() == [T]


def test_counts_go_on_where_they_stopped(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = rich(index)
    before, whole = pattern(index, pattern_id), state(archive, pattern_id)
    redis_client.flushall()
    archive.restore(T, whole, now_ms=NOW, owe=False)

    repeats = open_index(redis_client).apply(T, [failed("1:bbbb", build="20", repo="acme/cart"), failed(build="21")], NOW + 5)

    after = pattern(index, pattern_id)
    assert [(one.outcome, one.pattern_id) for one in repeats] == [("known", pattern_id)] * 2
    assert (after.occurrences, after.episodes) == (before.occurrences + 2, before.episodes + 2)
    assert after.repositories == before.repositories, "both repositories were known before"


def test_a_trial_that_was_known_is_not_counted_again(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    learn(index, pattern_id, verdict="pending")
    whole = state(archive, pattern_id)
    redis_client.flushall()
    archive.restore(T, whole, now_ms=NOW, owe=False)

    learn(index, pattern_id, verdict="worked")

    (fix,) = pattern(index, pattern_id).fixes
    assert (fix.pending, fix.learned_worked, fix.repositories) == (0, 1, 1)


def test_a_report_can_still_be_refuted(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    resolve(index, pattern_id)
    whole = state(archive, pattern_id)
    redis_client.flushall()
    archive.restore(T, whole, now_ms=NOW, owe=False)

    index.apply(T, [failed(build=f"later-{n}", ms=NOW + n, commit_sha=f"new{n}") for n in range(1, 6)], NOW + 10)

    (fix,) = pattern(index, pattern_id).fixes
    assert (fix.worked, fix.failed) == (0, 1)


def test_what_is_newer_is_not_overwritten(index: RedisIndex, archive: RedisArchive) -> None:
    pattern_id = known(index)
    old = state(archive, pattern_id)
    resolve(index, pattern_id)
    before = pattern(index, pattern_id)

    assert archive.restore(T, old, now_ms=NOW, owe=True) == "unchanged"
    assert archive.restore(T, state(archive, pattern_id), now_ms=NOW, owe=True) == "unchanged"
    assert pattern(index, pattern_id) == before


def test_a_newer_state_brings_up_to_date_and_no_counter_falls(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id = known(index)
    old = state(archive, pattern_id)
    learn(index, pattern_id, verdict="pending")
    resolve(index, pattern_id)
    learn(index, pattern_id, repo="acme/api", verdict="failed")
    new = state(archive, pattern_id)
    expected = pattern(index, pattern_id)
    redis_client.flushall()
    archive.restore(T, old, now_ms=NOW, owe=False)
    index.apply(T, [failed(build=str(n)) for n in range(2, 4)], NOW)
    assert pattern(index, pattern_id).revision < new.revision

    assert archive.restore(T, new, now_ms=NOW, owe=False) == "updated"

    after = pattern(index, pattern_id)
    assert (after.occurrences, after.episodes) == (3, 3)
    assert (after.status, after.revision) == ("resolved", new.revision)
    assert {fix.fix_id: fix for fix in after.fixes} == {fix.fix_id: fix for fix in expected.fixes}


def test_repositories_of_both_sides_are_counted_once(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    old = state(archive, pattern_id)
    index.apply(T, [failed(build="2", repo="acme/there"), failed(build="3", repo="acme/there")], NOW)
    resolve(index, pattern_id)
    new = state(archive, pattern_id)
    redis_client.flushall()
    archive.restore(T, old, now_ms=NOW, owe=False)
    index.apply(T, [failed(build="4", repo="acme/here")], NOW)

    assert archive.restore(T, new, now_ms=NOW, owe=False) == "updated"

    assert pattern(index, pattern_id).repositories == 3
    assert state(archive, pattern_id).repos == ("acme/here", "acme/shop", "acme/there")


def test_a_pattern_that_was_made_anew_meanwhile_becomes_one_with_the_old(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id = rich(index)
    before, whole = pattern(index, pattern_id), state(archive, pattern_id)
    redis_client.flushall()
    twin = open_index(redis_client).apply(T, [failed(build="30", ms=NOW + 9), failed("1:bbbb", build="31")], NOW + 9)
    assert pattern_id not in {one.pattern_id for one in twin}

    assert archive.restore(T, whole, now_ms=NOW, owe=False) == "restored"

    for one in twin:
        assert index.surviving(T, one.pattern_id) == pattern_id
    after = pattern(index, pattern_id)
    assert (after.occurrences, after.last_ms) == (before.occurrences + 2, NOW + 9)
    assert [fix.fix_id for fix in after.fixes] == [fix.fix_id for fix in before.fixes]
    assert archive.pattern_ids(T) == [pattern_id]


def test_merged_patterns_lead_to_the_one_that_stands_for_them(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id = known(index)
    gone = merge(index, pattern_id)
    whole = state(archive, pattern_id)
    assert archive.state(T, gone) is None
    redis_client.flushall()

    archive.restore(T, whole, now_ms=NOW, owe=False)

    assert [(one.pattern_id, one.by, one.why, one.ms) for one in whole.merged] == [(gone, "", "the same", NOW)]
    assert index.surviving(T, gone) == pattern_id
    assert state(archive, pattern_id).merged == whole.merged


def test_a_merged_pattern_that_is_here_on_its_own_is_not_counted_twice(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id, alone = known(index), known(index, "1:bbbb", build="9")
    own = state(archive, alone)
    RedisDecisions(redis_client).merge(T, alone, pattern_id, RULING)
    whole = state(archive, pattern_id)
    redis_client.flushall()
    archive.restore(T, own, now_ms=NOW, owe=False)

    assert archive.restore(T, whole, now_ms=NOW, owe=False) == "restored"

    assert pattern(index, pattern_id).occurrences == 2
    assert index.surviving(T, alone) == pattern_id
    assert archive.restore(T, own, now_ms=NOW, owe=False) == "merged"


def test_what_a_person_said_of_a_fix_is_kept_and_what_was_taken_back_goes(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id, decisions = known(index), RedisDecisions(redis_client)
    pinned, vetoed = resolve(index, pattern_id, "one"), resolve(index, pattern_id, "two", repo="acme/cart")
    decisions.about_fix(T, pattern_id, pinned, "pin", RULING)
    decisions.about_fix(T, pattern_id, vetoed, "veto", RULING)
    before, ruled = pattern(index, pattern_id), state(archive, pattern_id)
    decisions.about_fix(T, pattern_id, vetoed, "lift", RULING)
    lifted = state(archive, pattern_id)
    redis_client.flushall()

    archive.restore(T, ruled, now_ms=NOW, owe=False)
    assert pattern(index, pattern_id) == before
    assert archive.restore(T, lifted, now_ms=NOW, owe=False) == "updated"

    rulings = {fix.fix_id: (fix.veto, fix.pin) for fix in pattern(index, pattern_id).fixes}
    assert rulings == {pinned: (None, RULING), vetoed: (None, None)}


def test_what_a_person_keeps_apart_is_not_made_one(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    merge(index, pattern_id)
    with_alias = state(archive, pattern_id)
    RedisDecisions(redis_client).split(T, "1:bbbb", RULING)
    apart = state(archive, pattern_id)
    redis_client.flushall()
    other = open_index(redis_client).apply(T, [failed("1:bbbb", build="40")], NOW)[0].pattern_id

    archive.restore(T, with_alias.model_copy(update={"apart": apart.apart}), now_ms=NOW, owe=False)

    assert [(one.fingerprint, one.other) for one in apart.apart] == [("1:aaaa", "1:bbbb")]
    assert index.surviving(T, other) == other
    assert open_index(redis_client).apply(T, [failed("1:bbbb", build="41")], NOW)[0].pattern_id == other
    assert state(archive, pattern_id).aliases == ()


def test_what_was_forgotten_is_not_restored(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    whole = state(archive, pattern_id)
    RedisDecisions(redis_client).forget(T, pattern_id, RULING)

    assert archive.restore(T, whole, now_ms=NOW, owe=False) == "forgotten"
    assert archive.forgotten(T) == {pattern_id: RulingState(by=RULING.by, why=RULING.why, ms=RULING.ms)}
    assert not archive.keep_forgotten(T, pattern_id, RulingState(by="x", ms=1))
    assert archive.is_empty(T)


def test_a_deprecated_pattern_stays_out_of_the_way_of_aging(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    seen, old = known(index, "1:bbbb", ms=NOW), known(index, ms=NOW - 2)
    assert index.set_status(T, pattern(index, old), "deprecated", reason="not seen", now_ms=NOW)
    index.settled(T, [old], NOW - 1)
    states = [state(archive, pattern_id) for pattern_id in (seen, old)]
    redis_client.flushall()

    for whole in states:
        archive.restore(T, whole, now_ms=NOW, owe=False)

    assert index.pattern_ids(T, 10) == [seen, old]
    assert index.unseen_since(T, NOW - 1, 10) == []


def test_an_analysis_that_is_owed_is_owed_again(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = index.apply(T, [failed()], NOW)[0].pattern_id
    whole, sample = state(archive, pattern_id), archive.sample(T, pattern_id)
    redis_client.flushall()

    archive.restore(T, whole, now_ms=NOW, owe=True, sample=sample)

    assert index.overdue("analysis", T, NOW, 10) == [pattern_id]
    assert index.sample(T, pattern_id) == sample
    assert index.overdue("memory", T, NOW, 10) == [pattern_id]


def test_a_quarantine_ends_when_it_was_to_end(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = rich(index)
    whole = state(archive, pattern_id)
    redis_client.flushall()

    archive.restore(T, whole, now_ms=NOW, owe=False)

    assert index.quarantined(T) == [pattern_id]
    assert index.quarantine_due(T, NOW, 10) == []
    assert index.quarantine_due(T, NOW + HOUR_MS, 10) == [pattern_id]


def test_sums_are_counted_once_and_only_ever_raised(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = rich(index)
    whole, sums = state(archive, pattern_id), archive.totals(T)
    redis_client.flushall()
    for _ in range(2):
        archive.restore(T, whole, now_ms=NOW, owe=False)

    counted = archive.totals(T)
    assert (counted["failures"], counted["fixes_worked"]) == (sums["failures"], sums["fixes_worked"])
    archive.raise_totals(T, sums | {"failures": 1})
    assert archive.totals(T) == counted | sums


def test_every_field_of_a_fix_is_in_its_state() -> None:
    assert {"fix_id", *FIX_FIELDS} <= set(FixState.model_fields)
