"""The pytest plugin: the failure that is known to be flaky is an xfail, and any other failure of that test fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from answering_memory import TENANT, AnsweringMemory
from ci_memory_producers.keys import STREAM
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import now_ms

SUITE = """
import os
import pytest

HOW = os.environ.get("HOW", "flaky")

def deliver(message):
    if HOW == "flaky":
        raise ConnectionError("the queue closed the connection")
    if HOW == "otherwise":
        raise ValueError("the total is negative")

@pytest.fixture
def queue():
    deliver("hello")

@pytest.fixture
def draining():
    yield
    deliver("goodbye")

def test_plain():
    deliver("x")

def test_setup(queue):
    pass

def test_teardown(draining):
    pass

class TestOrders:
    @pytest.mark.parametrize("leg", ["a/b", "c.d"])
    def test_leg(self, leg):
        deliver(leg)

def test_chained():
    try:
        {}["address"]
    except KeyError as error:
        raise RuntimeError("no address" if HOW == "flaky" else "two addresses") from error

def test_told():
    pytest.fail("gave up after 3 tries" if HOW == "flaky" else "the reply is empty")

def test_compared():
    status = 503 if HOW == "flaky" else 404
    assert status == 200

def test_sound():
    pass
"""
FAILING = 8


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_shop.py").write_text(SUITE)
    return tmp_path


@pytest.fixture
def memory(redis_server: EmbeddedServer, redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringMemory]:
    monkeypatch.setenv("CI_MEMORY_URL", redis_server.url)
    with AnsweringMemory(redis_server.url) as memory:
        yield memory


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """pytest as a user runs it, in a process of its own; its status and what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False)


def quarantined_run(*arguments: str, repo: str = "acme/shop", **environment: str) -> subprocess.CompletedProcess[str]:
    where = ("--ci-memory-repo", repo, "--ci-memory-build-id", "b9", "--ci-memory-job", "unit", "--ci-memory-timeout", "1")
    return run("--ci-memory-quarantine", *where, *arguments, **environment)


def learn(memory: AnsweringMemory, *selected: str, by: str = "junit") -> None:
    done = run("--junit-xml=report.xml", *selected)
    Path("build.log").write_text(done.stdout)
    memory.learn_flaky(*(("--junit", "report.xml") if by == "junit" else ("--error-file", "build.log")))


@pytest.mark.parametrize("by", ["junit", "log"])
def test_failures_in_quarantine_are_xfails_and_the_run_passes(suite: Path, memory: AnsweringMemory, by: str) -> None:
    learn(memory, by=by)

    done = quarantined_run("-rx")

    assert done.returncode == 0, done.stdout
    assert f"2 passed, {FAILING} xfailed" in done.stdout
    assert "quarantined flaky failure pat_" in done.stdout
    assert "flaky in 3 of 3 builds (100%)" in done.stdout
    assert f"ci-memory: {FAILING} failures of tests in quarantine were asked about: {FAILING} quarantined" in done.stdout


def test_the_same_tests_failing_in_another_way_fail_the_run(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory)

    done = quarantined_run("tests/test_shop.py::test_plain", "tests/test_shop.py::test_teardown", HOW="otherwise")

    assert done.returncode == 1
    assert "FAILED tests/test_shop.py::test_plain - ValueError: the total is negative" in done.stdout
    assert "xfailed" not in done.stdout
    assert "asked about: 2 unanswered" in done.stdout
    memory.absorbed()
    memory.analyse()
    again = quarantined_run("tests/test_shop.py::test_plain", HOW="otherwise")
    assert (again.returncode, "asked about: 1 other failure" in again.stdout) == (1, True)


def test_what_fails_beside_it_fails_the_run(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory, "-k", "plain")

    done = quarantined_run("-k", "plain or told")

    assert done.returncode == 1
    assert "1 failed, 7 deselected, 1 xfailed" in done.stdout
    assert "asked about: 1 quarantined" in done.stdout


def test_a_failure_that_was_let_through_is_counted_once(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory, "-k", "plain")
    (pattern_id,) = memory.box.index.quarantined(TENANT)

    quarantined_run("-k", "plain", "--junit-xml=after.xml")
    quarantined_run("-k", "plain")

    memory.absorbed()
    pattern = memory.box.index.pattern(TENANT, pattern_id)
    assert pattern is not None
    assert pattern.occurrences == 4
    assert "<failure" not in Path("after.xml").read_text()


FIRST_RUN_ONLY = """
import pytest, test_shop

@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    if item.name == "test_plain":
        test_shop.HOW = "sound"
"""


def test_it_is_run_again_and_stays_in_quarantine_only_while_that_passes(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory, "-k", "plain")
    (pattern_id,) = memory.box.index.quarantined(TENANT)
    index = memory.box.index

    (suite / "tests" / "conftest.py").write_text(FIRST_RUN_ONLY)
    for build in ("b11", "b12", "b13"):
        done = quarantined_run("-k", "plain", "--ci-memory-build-id", build)
        assert (done.returncode, "8 deselected, 1 xfailed" in done.stdout) == (0, True)
    memory.absorbed()
    pattern = index.pattern(TENANT, pattern_id)
    assert pattern is not None
    assert (pattern.flaky_episodes, pattern.episodes) == (6, 6)
    assert memory.sweep() == []

    (suite / "tests" / "conftest.py").unlink()
    released: list[str] = []
    for number in range(20):
        quarantined_run("-k", "plain", "--ci-memory-build-id", f"c{number}")
        memory.absorbed()
        if released := memory.sweep():
            break
    assert released == ["unresolved"]


def test_two_failures_of_one_test_are_judged_each_for_itself(suite: Path, memory: AnsweringMemory) -> None:
    twice = suite / "tests" / "test_twice.py"
    text = """
import os, pytest

@pytest.fixture
def closing():
    yield
    if os.environ.get("CLOSING"):
        raise OSError("the file is gone")

def test_twice(closing):
    raise ConnectionError("the queue closed the connection")
"""
    twice.write_text(text)
    learn(memory, "tests/test_twice.py")

    done = quarantined_run("tests/test_twice.py", CLOSING="1")

    assert done.returncode == 1
    assert "1 xfailed, 1 error" in done.stdout


SUBTESTS = """
def test_parts(subtests):
    for part in range(2):
        with subtests.test(part=part):
            raise ConnectionError("the queue closed the connection")
"""


def test_subtests_in_quarantine_pass_though_they_fail_again(suite: Path, memory: AnsweringMemory) -> None:
    (suite / "tests" / "test_parts.py").write_text(SUBTESTS)
    learn(memory, "tests/test_parts.py", by="log")

    done = quarantined_run("tests/test_parts.py")

    assert done.returncode == 0, done.stdout


def test_what_was_released_since_the_list_was_written_fails_the_run(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory, "-k", "plain")
    index = memory.box.index
    (pattern_id,) = index.quarantined(TENANT)
    pattern = index.pattern(TENANT, pattern_id)
    assert pattern is not None
    assert index.set_status(TENANT, pattern, "flaky", reason="released", now_ms=now_ms())

    done = quarantined_run("-k", "plain")

    assert (done.returncode, "asked about: 1 other failure" in done.stdout) == (1, True)


def test_in_another_repository_nothing_is_asked(suite: Path, memory: AnsweringMemory, redis_client: Redis) -> None:
    learn(memory, "-k", "plain")
    events = redis_client.xlen(STREAM)

    done = quarantined_run("-k", "plain", repo="acme/other")

    assert done.returncode == 1
    assert "ci-memory: nothing of acme/other is in quarantine" in done.stdout
    assert redis_client.xlen(STREAM) == events


def test_without_a_server_or_a_repository_failures_are_failures_and_it_is_said_why(suite: Path) -> None:
    away = quarantined_run("-k", "plain", CI_MEMORY_URL="redis://127.0.0.1:9")
    assert away.returncode == 1
    assert away.stdout.count("ci-memory: ") == 1
    assert "ci-memory: quarantine was not asked: redis://127.0.0.1:9: " in away.stdout

    nowhere = run("--ci-memory-quarantine", "-k", "plain", CI_MEMORY_URL="redis://127.0.0.1:9")
    assert nowhere.returncode == 1
    assert "ci-memory: quarantine was not asked: --ci-memory-repo is missing: nothing says it" in nowhere.stdout


def test_a_server_that_goes_away_in_the_middle_is_said_and_asked_no_more(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory)
    kill = """
import pytest
from ci_memory_producers.client import Producer, ServerUnreachable

def refuse(self, events, *, wait=False):
    raise ServerUnreachable("redis://ci.example.com", ConnectionError("went away"), len(list(events)))

@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    Producer.push_many = refuse
"""
    (suite / "conftest.py").write_text(kill)

    done = quarantined_run("-k", "plain or setup")

    assert (done.returncode, "xfailed" in done.stdout) == (1, False)
    assert "asked about: 2 unreachable (redis://ci.example.com: went away; 1 events were not sent)" in done.stdout


def test_where_no_answers_come_a_run_does_not_wait_for_each(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory)
    (suite / "conftest.py").write_text("import ci_memory_producers.quarantine_gate as gate\ngate.MOST_UNANSWERED = 1.0\n")

    done = quarantined_run("-k", "plain or setup or told", HOW="otherwise")

    assert done.returncode == 1
    assert "asked about: 1 unanswered, 2 unreachable (no answer came within 1 s)" in done.stdout


TAKES_ALL_AWAY = """
import os, socket, subprocess, time
import pytest

def refuse(*_, **__):
    raise RuntimeError("not in a test")

@pytest.fixture(autouse=True)
def away(monkeypatch):
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(time, "monotonic", lambda: 1.0)
    monkeypatch.setenv("CI_MEMORY_URL", "redis://127.0.0.1:9")
"""


def test_tests_that_take_network_clock_and_environment_away_change_nothing(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory, "-k", "plain")
    (suite / "conftest.py").write_text(TAKES_ALL_AWAY)

    known = quarantined_run("-k", "plain")
    new = quarantined_run("-k", "plain", HOW="otherwise")

    assert (known.returncode, "1 xfailed" in known.stdout) == (0, True), known.stdout
    assert (new.returncode, "asked about: 1 unanswered" in new.stdout) == (1, True), new.stdout


def test_xdist_workers_ask_for_themselves_and_it_is_said_once(suite: Path, memory: AnsweringMemory) -> None:
    learn(memory)

    done = quarantined_run("-n", "2")

    assert done.returncode == 0, done.stdout
    assert f"2 passed, {FAILING} xfailed" in done.stdout
    assert done.stdout.count("ci-memory: ") == 1
    assert f"asked about: {FAILING} quarantined" in done.stdout


IMPORTED = """
import sys

def pytest_sessionfinish(session):
    assert session.config.pluginmanager.has_plugin("ci_memory")
    heavy = {"redis", "pydantic", "ci_memory_producers.client", "ci_memory_producers.events"} & sys.modules.keys()
    assert not heavy, heavy
"""


def test_without_the_flag_it_imports_nothing_and_changes_nothing(suite: Path) -> None:
    (suite / "conftest.py").write_text(IMPORTED)

    done = run("-k", "plain or sound")

    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "ci-memory: " not in done.stdout


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_a_timeout_that_is_none_is_a_usage_error(suite: Path, seconds: str) -> None:
    done = run("--ci-memory-quarantine", f"--ci-memory-timeout={seconds}")

    assert done.returncode == 4
    assert "--ci-memory-timeout" in done.stderr
