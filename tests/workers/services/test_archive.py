"""Nothing that was learned is ever lost: rebuilt from Aegis, moved as lines, found by new fingerprints."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import (
    DIAGNOSIS,
    NOW,
    CountingKnowledge,
    T,
    failed,
    fixed,
    open_index,
    the,
)
from redis import Redis

from ci_memory_producers.events import ResolutionReceipt
from ci_memory_workers.adapters.redis_archive import RedisArchive
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain import fingerprint as fingerprints
from ci_memory_workers.domain.pattern import Pattern, Ruling
from ci_memory_workers.services import archive as story
from ci_memory_workers.services.archive import Archivist, IndexNotEmpty
from ci_memory_workers.services.exchange import MAX_LINE, BadExport, check, export, take_in
from ci_memory_workers.services.memory import Librarian
from ci_memory_workers.services.ports import AnalystAnswer, Dated
from ci_memory_workers.services.resolutions import fix_of

RULING = Ruling(by="dev@example.com", why="it was a mistake", ms=NOW)
COPY = "copy"


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
    return Archivist(archive=archive, index=index, knowledge=knowledge)


@pytest.fixture
def written(index: RedisIndex, archive: RedisArchive, knowledge: CountingKnowledge) -> Callable[[], None]:
    """Writes all that Aegis is owed."""

    def sync() -> None:
        for pattern_id in index.overdue("memory", T, NOW + 10**9, 1_000):
            Librarian(index=index, knowledge=knowledge, archive=archive, flush_ms=0).sync(T, pattern_id, NOW + 10**9)

    return sync


def known(index: RedisIndex, fingerprint: str = "1:aaaa", build: str = "1") -> str:
    pattern_id = index.apply(T, [failed(fingerprint, build=build)], NOW)[0].pattern_id
    lease = the(index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000))
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "model-x"), attempts=1, now_ms=NOW)
    assert index.finish(lease)
    index.answered(T, pattern_id, list(index.awaiting(T, pattern_id)))
    return pattern_id


def resolve(index: RedisIndex, pattern_id: str, description: str = "set AUTH_TOKEN", repo: str = "acme/shop") -> None:
    event = fixed(pattern_id, description, repo=repo)
    index.apply(T, [Dated(event, NOW)], NOW)
    lease = the(index.take("resolutions", T, event.event_id, now_ms=NOW, lease_ms=1_000))
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    assert index.apply_resolution(lease, fix_of(event, NOW), event, receipt, now_ms=NOW)


def merge(index: RedisIndex, into: str, fingerprint: str) -> str:
    gone = index.apply(T, [failed(fingerprint, build="9")], NOW)[0].pattern_id
    lease = the(index.take("analysis", T, gone, now_ms=NOW, lease_ms=1_000))
    assert index.merge(lease, into, reason="the same", now_ms=NOW)
    return gone


def learned(index: RedisIndex) -> list[str]:
    """Three patterns: resolved with an alias, quarantined, deprecated."""
    ids = [known(index, f"1:{name * 4}", build=str(n)) for n, name in enumerate("abc")]
    resolve(index, ids[0])
    merge(index, ids[0], "1:dddd")
    assert index.set_status(T, the(index.pattern(T, ids[1])), "quarantined", reason="flaky", now_ms=NOW, until_ms=NOW + 10**6)
    return ids


def all_of(index: RedisIndex, tenant: str = T) -> list[Pattern]:
    return [the(index.pattern(tenant, pattern_id)) for pattern_id in index.pattern_ids(tenant, 1_000)]


# -- rebuild ----------------------------------------------------------------------------------------------------------------


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


# -- export and import ------------------------------------------------------------------------------------------------------


def lines_of(archive: RedisArchive, tenant: str = T) -> list[bytes]:
    return [line.encode() for line in export(archive, [tenant])]


def test_an_export_is_one_object_a_line_the_same_for_the_same_knowledge(index: RedisIndex, archive: RedisArchive) -> None:
    ids = learned(index)

    lines = lines_of(archive)

    objects = [json.loads(line) for line in lines]
    assert {one["version"] for one in objects} == {1}
    assert {one["tenant"] for one in objects} == {T}
    kinds = [one["kind"] for one in objects]
    assert kinds == ["tenant"] + ["pattern"] * 3 + ["journal"] * 3
    assert [one["state"]["pattern_id"] for one in objects if one["kind"] == "pattern"] == sorted(ids)
    assert lines == lines_of(archive)


def test_what_was_exported_is_imported_into_another_tenant_as_it_was(index: RedisIndex, archive: RedisArchive) -> None:
    learned(index)
    lines = lines_of(archive)

    counts = take_in(archive, lines, NOW, tenant=COPY)

    assert (counts["restored"], counts["journal"]) == (3, 3)
    assert all_of(index, COPY) == all_of(index)
    assert [line.replace(b'"copy"', b'"default"') for line in lines_of(archive, COPY)] == lines
    assert sorted(index.overdue("memory", COPY, NOW, 10)) == sorted(index.pattern_ids(COPY, 10)), "its Aegis is owed them"


def test_importing_twice_changes_nothing(index: RedisIndex, archive: RedisArchive) -> None:
    learned(index)
    lines = lines_of(archive)
    take_in(archive, lines, NOW, tenant=COPY)
    before = lines_of(archive, COPY)

    counts = take_in(archive, lines, NOW + 5, tenant=COPY)

    assert (counts["unchanged"], counts["restored"], counts["journal"]) == (3, 0, 0)
    assert lines_of(archive, COPY) == before


def test_importing_what_is_older_takes_nothing_back(index: RedisIndex, archive: RedisArchive) -> None:
    pattern_id = known(index)
    lines = lines_of(archive)
    index.apply(T, [failed(build=str(n)) for n in range(2, 5)], NOW)
    resolve(index, pattern_id)
    before = all_of(index)

    take_in(archive, lines, NOW)

    assert all_of(index) == before


def test_what_was_forgotten_is_exported_and_stays_forgotten(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id = known(index)
    backup = lines_of(archive)
    RedisDecisions(redis_client).forget(T, pattern_id, RULING)
    lines = lines_of(archive)
    redis_client.flushall()

    assert take_in(archive, lines, NOW)["forgotten"] == 1
    assert take_in(archive, backup, NOW)["forgotten"] == 1
    assert all_of(index) == []


BAD = {
    "no JSON": b"{broken\n",
    "deep": b"[" * 100_000 + b"\n",
    "another kind": b'{"kind":"secret","version":1,"tenant":"default"}\n',
    "another version": b'{"kind":"tenant","version":2,"tenant":"default","totals":{}}\n',
    "a negative sum": b'{"kind":"tenant","version":1,"tenant":"default","totals":{"failures":-1}}\n',
    "no tenant's name": b'{"kind":"tenant","version":1,"tenant":"No/../Tenant","totals":{}}\n',
    "a status without its pattern": b'{"kind":"journal","version":1,"tenant":"d","entry_id":"1-1","fields":{"kind":"status"}}\n',
    "no UTF-8": b'{"kind":"\xff"}\n',
    "too long": b" " * (MAX_LINE + 1),
    "nothing": b"\n",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_by_its_number(index: RedisIndex, archive: RedisArchive, bad: bytes) -> None:
    learned(index)
    good = lines_of(archive)

    with pytest.raises(BadExport) as caught:
        check([*good[:2], bad, *good[2:]])

    assert [number for number, _ in caught.value.problems] == [3]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"occurrence_count":"2"', b'"occurrence_count":"-2"'),
        (b'"status":"resolved"', b'"status":"solved"'),
        (b'"pattern_id":"pat_', b'"pattern_id":"x_'),
        (b'"fingerprint":"1:aaaa"', b'"fingerprint":""'),
        (b'"diagnosis":{', b'"diagnosis_":{'),
        (b'"verdict":"worked"', b'"verdict":"perhaps"'),
        (b'"stage":"test","category"', b'"stage":"party","category"'),
    ],
)
def test_a_pattern_that_is_none_is_refused(index: RedisIndex, archive: RedisArchive, old: bytes, new: bytes) -> None:
    learned(index)
    lines = lines_of(archive)
    assert any(old in line for line in lines)

    with pytest.raises(BadExport):
        check(line.replace(old, new) for line in lines)


def test_of_many_bad_lines_the_first_are_named_and_all_are_counted() -> None:
    with pytest.raises(BadExport, match="500 lines") as caught:
        check([b"x\n"] * 500)

    assert "line 20: " in str(caught.value)
    assert str(caught.value).endswith("and 480 more")


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
    assert int(str(redis_client.ttl(f"ci-memory:{{{T}}}:sample:{pattern_id}"))) > 0
    assert archivist.add_fingerprints(T, NOW) == {"known": 1}


# -- fingerprints -----------------------------------------------------------------------------------------------------------


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
