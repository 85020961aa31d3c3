from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ci_memory_workers.adapters.aegis.file_lock import exclusive
from ci_memory_workers.adapters.aegis.local import LocalAegis
from ci_memory_workers.adapters.aegis.memory_file import TIDY_EVERY
from ci_memory_workers.errors import KnowledgeNotAsked, KnowledgeRefused

SPAWN = multiprocessing.get_context("spawn")
PROCESSES = 4
ROUNDS = 25


def unredacted(text: str) -> str:
    return text


def opened(path: Path, lock_timeout: float = 30.0) -> LocalAegis:
    return LocalAegis(path, redact=unredacted, lock_timeout=lock_timeout)


def reflect(knowledge: LocalAegis, content: str = "[pat_k3x9ab] redis refused us") -> str:
    return knowledge.add_reflection("team", content, error_pattern="unknown", correct_approach="", metadata={"n": 0})


def votes_of(path: Path, memory_id: str) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as connection:
        (cast,) = connection.execute("SELECT count(*) FROM vote_history WHERE memory_id = ?", (memory_id,)).fetchone()
        (counted,) = connection.execute("SELECT bullet_helpful FROM memories WHERE id = ?", (memory_id,)).fetchone()
    return int(cast), int(counted)


def fork() -> int:
    with warnings.catch_warnings():
        # numpy's own threads are idle; newer Pythons warn of any thread at a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "memory.db"


@pytest.fixture
def knowledge(path: Path) -> Iterator[LocalAegis]:
    made = opened(path)
    yield made
    made.close()


def write_from_a_process(path: Path, name: str, memory_id: str) -> None:
    knowledge = opened(path)
    for number in range(ROUNDS):
        knowledge.update_metadata("team", memory_id, {f"{name}-{number % 10}": number})
        knowledge.vote("team", memory_id, "helpful", context=name, task_id=f"{name}-{number}")
        reflect(knowledge, f"[pat_shared{number}] everybody writes this")
    knowledge.close()


def test_nothing_is_lost_and_nothing_is_stored_twice_with_four_processes(knowledge: LocalAegis, path: Path) -> None:
    memory_id = reflect(knowledge)
    writers = [SPAWN.Process(target=write_from_a_process, args=(path, f"p{n}", memory_id)) for n in range(PROCESSES)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    memory = knowledge.get("team", memory_id)
    assert memory is not None
    expected = {f"p{n}-{number % 10}": number for n in range(PROCESSES) for number in range(ROUNDS)}
    assert expected.items() <= memory.metadata.items()
    assert votes_of(path, memory_id) == (PROCESSES * ROUNDS, PROCESSES * ROUNDS)
    found = [knowledge.find("team", f"pat_shared{number}", "reflection") for number in range(ROUNDS)]
    assert [len(ids) for ids in found] == [1] * ROUNDS


def test_nothing_is_lost_with_threads_that_share_one(knowledge: LocalAegis, path: Path) -> None:
    memory_id = reflect(knowledge)

    def write(name: str) -> None:
        for number in range(10):
            knowledge.update_metadata("team", memory_id, {f"{name}-{number}": number})
            knowledge.vote("team", memory_id, "helpful", context="", task_id="")
            assert knowledge.shortlist("team", f"redis {name} {number}")

    run_in_threads([partial(write, f"t{n}") for n in range(4)])

    memory = knowledge.get("team", memory_id)
    assert memory is not None
    assert len(memory.metadata) == 2 + 40
    assert votes_of(path, memory_id) == (40, 40)


def run_in_threads(targets: list[Callable[[], None]]) -> None:
    raised: list[BaseException] = []

    def guarded(target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - whatever a thread raises is the test's to raise
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def hold_the_lock(path: Path, ready: Connection) -> None:
    knowledge = opened(path)
    with knowledge._file.writing():
        ready.send("held")
        signal.pause()


def test_a_killed_writer_leaves_the_file_to_the_others(knowledge: LocalAegis, path: Path) -> None:
    memory_id = reflect(knowledge)
    ours, theirs = SPAWN.Pipe()
    holder = SPAWN.Process(target=hold_the_lock, args=(path, theirs))
    holder.start()
    theirs.close()
    assert ours.recv() == "held"
    with pytest.raises(KnowledgeNotAsked, match="busy") as busy:
        opened(path, lock_timeout=0.05).update_metadata("team", memory_id, {"n": 1})
    assert busy.value.retry_after == 0.05
    assert knowledge.get("team", memory_id) is not None

    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    knowledge.update_metadata("team", memory_id, {"n": 1})

    memory = knowledge.get("team", memory_id)
    assert memory is not None
    assert memory.metadata["n"] == 1


def test_one_that_another_thread_uses_at_the_fork_works_on_both_sides(knowledge: LocalAegis, path: Path) -> None:
    memory_id = reflect(knowledge)
    inside, forked = threading.Event(), threading.Event()

    def read() -> None:
        with knowledge._file.reading():
            inside.set()
            forked.wait()

    reader = threading.Thread(target=read)
    reader.start()
    inside.wait()
    child = fork()
    if child == 0:
        signal.alarm(20)  # what it inherits locked would stay locked for good
        try:
            knowledge.vote("team", memory_id, "helpful", context="child", task_id="")
            knowledge.update_metadata("team", memory_id, {"child": os.getpid()})
            code = 0 if knowledge.shortlist("team", "redis refused us") else 3
        except BaseException:  # noqa: BLE001 - a forked child must never return into pytest
            code = 1
        os._exit(code)
    forked.set()
    reader.join()
    knowledge.vote("team", memory_id, "helpful", context="parent", task_id="")

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    memory = knowledge.get("team", memory_id)
    assert memory is not None
    assert (memory.metadata["child"], memory.helpful) == (child, 2)
    assert votes_of(path, memory_id) == (2, 2)


def test_a_lock_taken_before_a_fork_is_free_once_its_taker_lets_go(path: Path) -> None:
    path.parent.mkdir()
    ours, theirs = multiprocessing.Pipe()
    with exclusive(path, timeout=1):
        child = fork()
        if child == 0:
            theirs.recv()
            os._exit(0)
    try:
        with exclusive(path, timeout=0):
            pass
    finally:
        ours.send("go")
        os.waitpid(child, 0)


def test_the_same_reflection_is_stored_once(knowledge: LocalAegis) -> None:
    assert reflect(knowledge) == reflect(knowledge)


def test_an_unknown_vote_leaves_no_transaction_behind(knowledge: LocalAegis, path: Path) -> None:
    memory_id = reflect(knowledge)
    with pytest.raises(KnowledgeRefused, match="no memory"):
        knowledge.vote("team", "0" * 32, "helpful", context="", task_id="")

    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        other.execute("UPDATE memories SET user_id = NULL WHERE id = ?", (memory_id,))


def test_the_planner_gets_its_numbers_and_the_embedding_cache_stays_small(knowledge: LocalAegis, path: Path) -> None:
    for number in range(TIDY_EVERY):
        reflect(knowledge, f"[pat_filler{number}] failure number {number}")

    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT DISTINCT tbl FROM sqlite_stat1").fetchall()
        cached = connection.execute("SELECT count(*) FROM embedding_cache").fetchone()
    assert tables == [("memories",)]
    assert cached == (0,)
    assert len(knowledge.shortlist("team", "failure number 7", top_k=3)) == 3


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, and longer than the header of one" * 50)
    knowledge = opened(path)

    with pytest.raises(KnowledgeRefused, match="not a database"):
        reflect(knowledge)


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    knowledge = opened(tmp_path / "a file" / "memory.db")

    with pytest.raises(KnowledgeNotAsked, match="can't be locked"):
        reflect(knowledge)


def test_the_file_is_for_its_owner_only(knowledge: LocalAegis, path: Path) -> None:
    reflect(knowledge)

    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_nobody_is_called_even_with_a_key_of_openai_in_the_environment(
    knowledge: LocalAegis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sockets to the world are disabled in tests; a call out would raise.
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")

    reflect(knowledge)

    assert knowledge.shortlist("team", "redis refused us")


def test_secrets_never_reach_the_file(path: Path) -> None:
    secret = "made-up-secret-0123"
    knowledge = LocalAegis(path, redact=lambda text: text.replace(secret, "[REDACTED]"))
    memory_id = knowledge.add_reflection(
        "team",
        f"[pat_k3x9ab] login with {secret}",
        error_pattern=secret,
        correct_approach=f"rotate {secret}",
        metadata={"a": secret, secret: 1, "nested": {"list": [secret]}},
    )
    knowledge.add_strategy("team", f"[pat_k3x9ab] use {secret}", metadata={"b": secret})
    knowledge.vote("team", memory_id, "helpful", context=secret, task_id=secret)
    knowledge.update_metadata("team", memory_id, {"c": secret})
    knowledge.shortlist("team", secret)
    knowledge.close()

    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"REDACTED" in written
    assert secret.encode() not in written


def test_opening_costs_no_import_of_the_client_before_it_is_used() -> None:
    code = (
        "import sys; from pathlib import Path; from ci_memory_workers.adapters.aegis import open_knowledge;"
        "open_knowledge(aegis_url='', aegis_api_key='', local_path=Path('x'), redact=str, rate_per_minute=1);"
        "assert not {'aegis_memory', 'httpx', 'numpy'} & set(sys.modules), 'imported too early'"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == ""
