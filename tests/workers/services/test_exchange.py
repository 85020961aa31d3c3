"""Knowledge that moves: one object a line, validated before anything changes, the same on the other side, never taken back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakes import NOW, T, failed, open_index
from learned_patterns import RULING, all_of, known, learned, resolve
from redis import Redis

from ci_memory_workers.adapters.known_texts import KnownTexts
from ci_memory_workers.adapters.redis_archive import RedisArchive
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.exchange import MAX_LINE, BadExport, check, export, take_in
from ci_memory_workers.services.ports import NoLookalikes

COPY = "copy"


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def archive(redis_client: Redis) -> RedisArchive:
    return RedisArchive(redis_client)


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

    counts = take_in(archive, NoLookalikes(), lines, NOW, tenant=COPY)

    assert (counts["restored"], counts["journal"]) == (3, 3)
    assert all_of(index, COPY) == all_of(index)
    assert [line.replace(b'"copy"', b'"default"') for line in lines_of(archive, COPY)] == lines
    assert sorted(index.overdue("memory", COPY, NOW, 10)) == sorted(index.pattern_ids(COPY, 10)), "its Aegis is owed them"


def test_what_was_imported_is_recognised_by_its_text_too(index: RedisIndex, archive: RedisArchive, redis_client: Redis) -> None:
    pattern_id = known(index)
    sample = archive.sample(T, pattern_id)
    assert sample is not None
    texts = KnownTexts(redis_client)

    for _ in range(2):
        take_in(archive, texts, lines_of(archive), NOW, tenant=COPY)

    near = texts.nearest(COPY, replace(sample, pattern_id="pat_another"))
    assert [one.pattern_id for one in near] == [pattern_id]
    assert redis_client.xlen(f"ci-memory:{{{COPY}}}:texts") == 1


def test_importing_twice_changes_nothing(index: RedisIndex, archive: RedisArchive) -> None:
    learned(index)
    lines = lines_of(archive)
    take_in(archive, NoLookalikes(), lines, NOW, tenant=COPY)
    before = lines_of(archive, COPY)

    counts = take_in(archive, NoLookalikes(), lines, NOW + 5, tenant=COPY)

    assert (counts["unchanged"], counts["restored"], counts["journal"]) == (3, 0, 0)
    assert lines_of(archive, COPY) == before


def test_importing_what_is_older_takes_nothing_back(index: RedisIndex, archive: RedisArchive) -> None:
    pattern_id = known(index)
    lines = lines_of(archive)
    index.apply(T, [failed(build=str(n)) for n in range(2, 5)], NOW)
    resolve(index, pattern_id)
    before = all_of(index)

    take_in(archive, NoLookalikes(), lines, NOW)

    assert all_of(index) == before


def test_what_was_forgotten_is_exported_and_stays_forgotten(
    index: RedisIndex, archive: RedisArchive, redis_client: Redis
) -> None:
    pattern_id = known(index)
    backup = lines_of(archive)
    RedisDecisions(redis_client).forget(T, pattern_id, RULING)
    lines = lines_of(archive)
    redis_client.flushall()

    assert take_in(archive, NoLookalikes(), lines, NOW)["forgotten"] == 1
    assert take_in(archive, NoLookalikes(), backup, NOW)["forgotten"] == 1
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
