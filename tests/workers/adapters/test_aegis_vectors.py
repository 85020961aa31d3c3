"""A search of the memory file finds what Aegis's own search finds, which reads everything; and it notices what others do."""

from __future__ import annotations

import os
import random
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_memory_workers.adapters.aegis import vectors
from ci_memory_workers.adapters.aegis.identity import AGENT_ID, namespace
from ci_memory_workers.adapters.aegis.local import LocalAegis
from ci_memory_workers.adapters.aegis.memory_file import MemoryFile
from ci_memory_workers.adapters.aegis.vectors import Vectors

WORDS = ("redis", "refused", "connection", "timeout", "module", "missing", "assert", "equal", "deploy", "rollout", "disk", "full")
TEAM = "team"


def unredacted(text: str) -> str:
    return text


def opened(path: Path) -> LocalAegis:
    return LocalAegis(path, redact=unredacted)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def knowledge(path: Path) -> Iterator[LocalAegis]:
    made = opened(path)
    yield made
    made.close()


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(3, 9)))


def fill(knowledge: LocalAegis, rng: random.Random, count: int, tenant: str = TEAM) -> list[str]:
    ids = []
    for _ in range(count):
        text = f"[pat_{rng.randrange(16**12):012x}] {sentence(rng)}"
        if rng.random() < 0.3:
            ids.append(knowledge.add_strategy(tenant, text, metadata={}))
        else:
            ids.append(knowledge.add_reflection(tenant, text, error_pattern="unknown", correct_approach="", metadata={}))
        for _ in range(rng.randrange(3)):
            knowledge.vote(tenant, ids[-1], rng.choice(["helpful", "harmful"]), context="", task_id="")
    return ids


def full_scan(path: Path, query: str, *, top_k: int, min_effectiveness: float) -> list[tuple[str, float]]:
    """Ids and effectiveness as Aegis's playbook gives them."""
    file = MemoryFile(path, lock_timeout=5)
    with file.reading() as client:
        playbook = client.get_playbook_for_agent(
            AGENT_ID, query=query, namespace=namespace(TEAM), top_k=4 * top_k, min_effectiveness=min_effectiveness
        )
    file.close()
    return [(one.id, one.effectiveness_score) for one in playbook.entries[:top_k]]


def scores(path: Path, query: str, count: int) -> dict[str, float]:
    return {one.id: round(one.score, 5) for one in Vectors(path).nearest(namespace(TEAM), query, count)}


def same(knowledge: LocalAegis, path: Path, query: str, *, top_k: int, min_effectiveness: float) -> bool:
    """Whether both give the same memories in the same order; of equally near ones any."""
    ours = knowledge.shortlist(TEAM, query, top_k=top_k, min_effectiveness=min_effectiveness)
    theirs = full_scan(path, query, top_k=top_k, min_effectiveness=min_effectiveness)
    near = scores(path, query, 1_000)
    assert all(one.effectiveness >= min_effectiveness for one in ours)
    return [near[one.memory_id] for one in ours] == [near[memory_id] for memory_id, _ in theirs]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), top_k=st.integers(1, 8), least=st.sampled_from([-1.0, 0.0, 0.2]))
def test_it_finds_what_a_search_of_everything_finds(
    tmp_path_factory: pytest.TempPathFactory, seed: int, top_k: int, least: float
) -> None:
    rng, path = random.Random(seed), tmp_path_factory.mktemp("vectors") / "memory.db"
    knowledge = opened(path)
    for count in (rng.randint(1, 30), rng.randint(1, 30)):
        ids = fill(knowledge, rng, count)
        fill(knowledge, rng, 3, tenant="others")
        for memory_id in rng.sample(ids, len(ids) // 4):
            knowledge.deprecate(TEAM, memory_id)

        for query in (sentence(rng), "nothing like it", "!"):
            assert same(knowledge, path, query, top_k=top_k, min_effectiveness=least)
    knowledge.close()


def test_nobody_has_written_yet(knowledge: LocalAegis, path: Path) -> None:
    assert knowledge.shortlist(TEAM, "redis refused") == []
    path.touch()
    assert knowledge.shortlist(TEAM, "redis refused") == []


def found(knowledge: LocalAegis, query: str = "redis refused connection", top_k: int = 5) -> list[str]:
    return [one.pattern_id for one in knowledge.shortlist(TEAM, query, top_k=top_k)]


def reflect(knowledge: LocalAegis, pattern_id: str, text: str = "redis refused connection") -> str:
    return knowledge.add_reflection(TEAM, f"[{pattern_id}] {text}", error_pattern="", correct_approach="", metadata={})


def test_what_another_process_adds_or_deprecates_is_noticed(knowledge: LocalAegis, path: Path) -> None:
    first = reflect(knowledge, "pat_aaaaaaaaaaaa")
    assert found(knowledge) == ["pat_aaaaaaaaaaaa"]
    other = opened(path)
    reflect(other, "pat_bbbbbbbbbbbb")
    assert found(knowledge) == ["pat_aaaaaaaaaaaa", "pat_bbbbbbbbbbbb"]

    other.deprecate(TEAM, first)

    assert found(knowledge, top_k=1) == ["pat_bbbbbbbbbbbb"]
    other.close()


def test_a_file_that_was_put_in_the_place_of_another_is_read_anew(knowledge: LocalAegis, path: Path, tmp_path: Path) -> None:
    reflect(knowledge, "pat_aaaaaaaaaaaa")
    assert found(knowledge) == ["pat_aaaaaaaaaaaa"]
    backup = opened(tmp_path / "backup.db")
    reflect(backup, "pat_bbbbbbbbbbbb")
    backup.close()
    knowledge._file.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    (tmp_path / "backup.db").replace(path)

    assert found(knowledge) == ["pat_bbbbbbbbbbbb"]


def test_rows_that_have_other_numbers_are_read_anew(knowledge: LocalAegis, path: Path) -> None:
    ids = [reflect(knowledge, f"pat_{letter * 12}") for letter in "abc"]
    assert len(found(knowledge)) == 3
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM memories WHERE id = ?", (ids[0],))
        connection.commit()
        connection.execute("VACUUM")
    for letter in "de":
        reflect(knowledge, f"pat_{letter * 12}")

    assert sorted(found(knowledge)) == [f"pat_{letter * 12}" for letter in "bcde"]


def test_no_more_is_held_than_is_allowed(knowledge: LocalAegis, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "MOST_VECTORS", 3)
    searcher = Vectors(path)
    for tenant in ("one", "two", "three"):
        fill(knowledge, random.Random(tenant), 2, tenant=tenant)
        assert len(searcher.nearest(namespace(tenant), "redis", 9)) == 2
    assert list(searcher._spaces) == [namespace("three")]

    assert len(searcher.nearest(namespace("one"), "redis", 9)) == 2
    searcher.close()


def test_a_search_works_on_both_sides_of_a_fork(knowledge: LocalAegis) -> None:
    reflect(knowledge, "pat_aaaaaaaaaaaa")
    assert found(knowledge)
    with warnings.catch_warnings():
        # numpy's own threads are idle; newer Pythons warn of any thread at a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(0 if found(knowledge) == ["pat_aaaaaaaaaaaa"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert found(knowledge) == ["pat_aaaaaaaaaaaa"]


def test_what_a_pattern_carries_is_found_by_the_index(knowledge: LocalAegis, path: Path) -> None:
    memory_id = reflect(knowledge, "pat_aaaaaaaaaaaa")
    reflect(knowledge, "pat_aaaaaaaaaaaab")
    assert knowledge.find(TEAM, "pat_aaaaaaaaaaaa", "reflection") == [memory_id]

    with closing(sqlite3.connect(path)) as connection:
        from ci_memory_workers.adapters.aegis.local import _FIND

        plan = connection.execute(f"EXPLAIN QUERY PLAN {_FIND}", ("a", "reflection", "[pat_a] ", "[pat_a]!")).fetchall()
    assert "namespace=? AND memory_type=? AND <expr>>? AND <expr><?" in plan[0][3]
