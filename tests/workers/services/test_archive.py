"""Nothing that was learned is ever lost: rebuilt from Aegis and the journal, found by new fingerprints."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import NOW, CountingKnowledge, T, failed, open_index, the
from learned_patterns import RULING, all_of, known, learned, merge, resolve
from redis import Redis

from ci_memory_workers.adapters.known_texts import KnownTexts
from ci_memory_workers.adapters.redis_archive import RedisArchive
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain import fingerprint as fingerprints
from ci_memory_workers.services import archive as story
from ci_memory_workers.services.archive import Archivist, IndexNotEmpty
from ci_memory_workers.services.memory import Librarian


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def archive(redis_client: Redis) -> RedisArchive:
    return RedisArchive(redis_client)


@pytest.fixture
def knowledge() -> CountingKnowledge:
    return CountingKnowledge()


@pytest.fixture
def archivist(index: RedisIndex, archive: RedisArchive, knowledge: CountingKnowledge) -> Archivist:
    return Archivist(archive=archive, index=index, knowledge=knowledge, lookalikes=KnownTexts(index._client))


@pytest.fixture
def written(index: RedisIndex, archive: RedisArchive, knowledge: CountingKnowledge) -> Callable[[], None]:
    """Writes all that Aegis is owed."""

    def sync() -> None:
        for pattern_id in index.overdue("memory", T, NOW + 10**9, 1_000):
            Librarian(index=index, knowledge=knowledge, archive=archive, flush_ms=0).sync(T, pattern_id, NOW + 10**9)

    return sync


def test_everything_is_as_before_on_an_empty_redis(
    index: RedisIndex, archivist: Archivist, written: Callable[[], None], redis_client: Redis
) -> None:
    ids = learned(index)
    written()
    assert index.set_status(T, the(index.pattern(T, ids[2])), "deprecated", reason="not seen for 90 days", now_ms=NOW)
    written()
    before = all_of(index)
    redis_client.flushall()

    counts = archivist.rebuild(T, NOW)

    assert counts == {"restored": 3}
    assert all_of(index) == before
    assert {one.status for one in before} == {"resolved", "quarantined", "deprecated"}
    again = open_index(redis_client).apply(T, [failed("1:dddd", build="70")], NOW)[0]
    assert (again.outcome, again.pattern_id) == ("known", ids[0])
    assert the(the(again.pattern).fix).description == "set AUTH_TOKEN"


def test_the_reflection_that_is_there_is_written_on(
    index: RedisIndex,
    archivist: Archivist,
    knowledge: CountingKnowledge,
    written: Callable[[], None],
    redis_client: Redis,
) -> None:
    pattern_id = known(index)
    written()
    redis_client.flushall()
    archivist.rebuild(T, NOW)

    index.apply(T, [failed(build="2")], NOW)
    written()

    (reflection,) = knowledge.of("reflection", pattern_id)
    assert (reflection.metadata["occurrence_count"], reflection.votes) == (2, ["helpful"])


def test_an_index_that_is_not_empty_is_left_alone_unless_told(
    index: RedisIndex, archivist: Archivist, written: Callable[[], None], redis_client: Redis
) -> None:
    pattern_id = known(index)
    written()
    redis_client.flushall()
    twin = index.apply(T, [failed(build="2")], NOW)[0].pattern_id

    with pytest.raises(IndexNotEmpty, match="--merge"):
        archivist.rebuild(T, NOW)

    assert [one.pattern_id for one in all_of(index)] == [twin]
    assert archivist.rebuild(T, NOW, merge=True) == {"restored": 1}
    assert [(one.pattern_id, one.occurrences) for one in all_of(index)] == [(pattern_id, 2)]
    assert archivist.rebuild(T, NOW, merge=True) == {"unchanged": 1}


def test_what_a_person_let_be_forgotten_stays_so(
    index: RedisIndex, archivist: Archivist, written: Callable[[], None], redis_client: Redis
) -> None:
    forgotten, kept = known(index), known(index, "1:bbbb", build="2")
    written()
    RedisDecisions(redis_client).forget(T, forgotten, RULING)
    written()
    redis_client.flushall()

    assert archivist.rebuild(T, NOW) == {"restored": 1, "forgotten": 1}

    assert [one.pattern_id for one in all_of(index)] == [kept]


def test_a_pattern_that_was_written_and_then_merged_does_not_come_back(
    index: RedisIndex, archivist: Archivist, written: Callable[[], None], redis_client: Redis
) -> None:
    stays, gone = known(index), known(index, "1:bbbb", build="2")
    written()
    RedisDecisions(redis_client).merge(T, gone, stays, RULING)
    written()
    before = all_of(index)
    redis_client.flushall()

    assert archivist.rebuild(T, NOW) == {"restored": 1, "merged": 1}

    assert all_of(index) == before
    assert index.surviving(T, gone) == stays


def test_a_merged_pattern_does_not_come_back_though_there_was_no_room_to_say_so(
    index: RedisIndex,
    archivist: Archivist,
    knowledge: CountingKnowledge,
    written: Callable[[], None],
    redis_client: Redis,
) -> None:
    stays, gone = known(index), known(index, "1:bbbb", build="2")
    written()
    RedisDecisions(redis_client).merge(T, gone, stays, RULING)
    written()
    redis_client.flushall()
    (reflection,) = knowledge.of("reflection", stays)
    state = json.loads(str(reflection.metadata["state"]))
    del state["merged"]
    reflection.metadata["state"] = json.dumps(state)

    assert archivist.rebuild(T, NOW) == {"restored": 1, "merged": 1}

    assert [(one.pattern_id, one.occurrences) for one in all_of(index)] == [(stays, 2)]


def test_what_the_journal_holds_beyond_aegis_is_applied(
    index: RedisIndex, archive: RedisArchive, archivist: Archivist, written: Callable[[], None], redis_client: Redis
) -> None:
    pattern_id = known(index)
    resolve(index, pattern_id)
    written()
    resolve(index, pattern_id, "set AUTH_USER", repo="acme/cart")
    merge(index, pattern_id, "1:dddd")
    RedisDecisions(redis_client).about_fix(T, pattern_id, the(index.pattern(T, pattern_id)).fixes[0].fix_id, "veto", RULING)
    before = the(index.pattern(T, pattern_id))
    entries = list(archive.journal(T))
    redis_client.flushall()
    assert all(archive.keep_entry(T, entry) for entry in entries)

    assert archivist.rebuild(T, NOW) == {"restored": 1, "reapplied": 3}

    after = the(index.pattern(T, pattern_id))
    assert [(fix.description, fix.worked, fix.veto) for fix in after.fixes] == [
        (fix.description, fix.worked, fix.veto) for fix in before.fixes
    ]
    assert after.status == before.status
    assert index.apply(T, [failed("1:dddd", build="71")], NOW)[0].pattern_id == pattern_id
    assert archivist.rebuild(T, NOW, merge=True) == {"unchanged": 1}


def test_words_that_had_no_room_in_the_state_come_from_the_strategies(
    index: RedisIndex, archivist: Archivist, written: Callable[[], None], redis_client: Redis
) -> None:
    pattern_id = known(index)
    texts = [f"{n} " + "long " * 700 for n in range(5)]
    for n, description in enumerate(texts):
        resolve(index, pattern_id, description, repo=f"acme/{n}")
    written()
    redis_client.flushall()

    archivist.rebuild(T, NOW)

    assert sorted(fix.description for fix in the(index.pattern(T, pattern_id)).fixes) == texts


def test_a_reflection_that_is_not_ours_or_has_no_state_is_passed_by(
    index: RedisIndex, archivist: Archivist, knowledge: CountingKnowledge
) -> None:
    knowledge.add_reflection(T, "a note", error_pattern="", correct_approach="", metadata={})
    knowledge.add_reflection(T, "[pat_old111] old", error_pattern="", correct_approach="", metadata={"pattern_id": "pat_old111"})

    assert archivist.rebuild(T, NOW) == {"unreadable": 1}
    assert all_of(index) == []


def test_the_text_of_a_failure_outlives_its_month_in_redis(
    index: RedisIndex, archive: RedisArchive, archivist: Archivist, written: Callable[[], None], redis_client: Redis
) -> None:
    pattern_id = known(index)
    sample = the(index.sample(T, pattern_id))
    written()
    redis_client.delete(f"ci-memory:{{{T}}}:sample:{pattern_id}")

    assert archivist.add_fingerprints(T, NOW) == {"added": 1}
    written()
    redis_client.flushall()
    archivist.rebuild(T, NOW)

    assert archive.sample(T, pattern_id) == sample
    near = KnownTexts(redis_client).nearest(T, replace(sample, pattern_id="pat_another"))
    assert [one.pattern_id for one in near] == [pattern_id]
    assert int(str(redis_client.ttl(f"ci-memory:{{{T}}}:sample:{pattern_id}"))) > 0
    assert archivist.add_fingerprints(T, NOW) == {"known": 1}


def test_a_newer_way_to_read_failures_does_not_orphan_what_is_known(
    index: RedisIndex, archive: RedisArchive, archivist: Archivist, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern_id, twin, textless = known(index), known(index, "1:bbbb", build="2"), known(index, "1:cccc", build="3")
    resolve(index, pattern_id)
    index._client.delete(f"ci-memory:{{{T}}}:sample:{textless}")
    by_text = {"E   boom 1:aaaa": "2:new", "E   boom 1:bbbb": "2:new"}
    current = fingerprints.fingerprint

    def newer(text: str, **fields: str) -> fingerprints.Fingerprint:
        return replace(current(text, stage="test"), value=by_text[text])

    monkeypatch.setattr(story, "fingerprint", newer)

    counts = archivist.add_fingerprints(T, NOW)

    assert counts == {"added": 1, "taken": 1, "no_sample": 1}
    first = min(pattern_id, twin)
    again = open_index(index._client).apply(T, [failed("2:new", build="80"), failed("1:aaaa", build="81")], NOW)
    assert [one.outcome for one in again] == ["known", "known"]
    assert (again[0].pattern_id, again[1].pattern_id) == (first, pattern_id)
    assert the(index.pattern(T, pattern_id)).fix is not None
    assert archivist.add_fingerprints(T, NOW) == {"known": 1, "taken": 1, "no_sample": 1}
    assert [entry.fields["fingerprint"] for entry in archive.journal(T) if entry.fields["kind"] == "fingerprint"] == ["2:new"]
