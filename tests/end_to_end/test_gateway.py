"""Real processes: `ci-memory up --gateway`, and CI jobs that know the gateway's address and a token, and nothing else."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ci_memory_producers import FailureEvent, Producer, ResolutionEvent, ResolutionReceipt
from running_fleet import BIN, SLOW, Up, free_port, start_up, wait_until

LOG = """
=================================== FAILURES ===================================
_____________________________ test_profile_of_a_member _________________________

>       assert reply.status == 200
E       assert 401 == 200

tests/test_profile.py:{line}: AssertionError
=========================== short test summary info ============================
FAILED tests/test_profile.py::test_profile_of_a_member - assert 401 == 200
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    port = free_port()
    up = start_up(tmp_path_factory.mktemp("gateway"), "--gateway", CI_MEMORY_GATEWAY_PORT=str(port))
    wait_until(lambda: answers(port), what="the gateway")
    yield up
    assert up.stop() == 0


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def port_of(fleet: Up) -> int:
    return int(fleet.environment["CI_MEMORY_GATEWAY_PORT"])


def token(fleet: Up, *arguments: str) -> str:
    done = fleet.run("ci-memory", "token", "create", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def job(fleet: Up, directory: Path, spelled: str) -> Up:
    """A CI job elsewhere: it can't see the fleet's files."""
    directory.mkdir()
    kept = {name: value for name, value in fleet.environment.items() if not name.startswith("CI_MEMORY_")}
    environment = {
        **kept,
        "CI_MEMORY_URL": f"http://127.0.0.1:{port_of(fleet)}",
        "CI_MEMORY_TOKEN": spelled,
        "CI_MEMORY_DATA_DIR": str(directory / "own"),
    }
    return replace(fleet, directory=directory, environment=environment)


def test_a_job_reports_through_the_gateway_and_gets_the_fix_that_another_one_reported(fleet: Up, tmp_path: Path) -> None:
    shop = job(fleet, tmp_path / "shop", token(fleet, "--tenant", "first"))
    failure = ("ci-memory-report", "failure", "--stage", "test", "--error-file", "-", "--wait", "60")

    new = shop.run(*failure, "--repo", "acme/shop", "--build-id", "1", stdin=LOG.format(line=7))
    assert new.returncode == 0, new.stderr
    answer = json.loads((shop.directory / "failure_analysis.json").read_text())
    assert answer["status"] == "new_pattern"

    fix = ("--pattern-id", answer["pattern_id"], "--fix-type", "config_change", "--fix-description", "set AUTH_TOKEN")
    resolved = shop.run("ci-memory-report", "resolution", "--repo", "acme/shop", *fix, "--wait", "60")
    assert (resolved.returncode, "is resolved" in resolved.stdout) == (0, True), resolved.stderr

    billing = job(fleet, tmp_path / "billing", token(fleet, "--tenant", "first", "--repo", "acme/billing"))
    known = billing.run(*failure, "--repo", "acme/billing", "--build-id", "1", stdin=LOG.format(line=99))
    assert known.returncode == 0, known.stderr
    answer = json.loads((billing.directory / "failure_analysis.json").read_text())
    assert (answer["status"], answer["suggested_fix"]) == ("known_pattern", "set AUTH_TOKEN")

    passed = billing.run("ci-memory-report", "pass", "--stage", "test", "--repo", "acme/billing", "--build-id", "2")
    listed = billing.run("ci-memory-report", "quarantine", "--repo", "acme/billing")
    assert (passed.returncode, listed.returncode) == (0, 0), passed.stderr + listed.stderr
    assert json.loads(listed.stdout)["entries"] == []


def test_a_tenant_has_neither_the_patterns_nor_the_answers_of_another(fleet: Up, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{port_of(fleet)}"
    mine, theirs = (Producer(url, token=token(fleet, "--tenant", tenant)) for tenant in ("mine", "theirs"))
    event = FailureEvent(repo="acme/shop", build_id="1", stage="test", error_message="ValueError: the moon is not full")
    event_id = mine.push(event)
    pattern_id = mine.analyses("default", [event_id], seconds=SLOW)[0].pattern_id
    assert pattern_id is not None

    assert theirs.answer("default", event_id) is None
    fix = ResolutionEvent(repo="acme/shop", pattern_id=pattern_id, fix_type="code_change", fix_description="mine now")
    receipt = theirs.wait("default", theirs.push(fix), seconds=SLOW)
    assert isinstance(receipt, ResolutionReceipt)
    assert receipt.status == "rejected"
    again = event.model_copy(update={"event_id": "b" * 32, "build_id": "2"})
    assert theirs.analyses("default", [theirs.push(again)], seconds=SLOW)[0].status == "new_pattern"


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"CI_MEMORY_TOKEN": "cim_" + "0" * 76}, 3, "token"),
        ({"CI_MEMORY_TOKEN": ""}, 3, "CI_MEMORY_TOKEN is not set"),
        ({"CI_MEMORY_URL": "http://127.0.0.1:9"}, 3, "refused"),
        ({"CI_MEMORY_URL": "http://"}, 3, "no address"),
    ],
)
def test_what_goes_wrong_ends_as_it_does_with_redis(
    fleet: Up, tmp_path: Path, change: dict[str, str], status: int, said: str
) -> None:
    shop = job(fleet, tmp_path / "shop", token(fleet))
    shop = replace(shop, environment=shop.environment | change)

    done = shop.run(
        *("ci-memory-report", "failure", "--stage", "test", "--repo", "acme/shop", "--build-id", "1", "--error-file", "-"),
        stdin=LOG.format(line=1),
    )

    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert shop.environment["CI_MEMORY_TOKEN"] not in done.stderr or not shop.environment["CI_MEMORY_TOKEN"]


def test_no_event_that_was_accepted_is_lost_when_the_gateway_is_killed_and_none_is_counted_twice(
    fleet: Up, tmp_path: Path
) -> None:
    producer = Producer(
        f"http://127.0.0.1:{port_of(fleet)}", token=token(fleet, "--tenant", "kill", "--events-per-minute", "9999")
    )
    events = [
        FailureEvent(repo="acme/shop", build_id=str(n), stage="test", error_message="KeyError: 'kill -9'") for n in range(200)
    ]
    producer.push_many(events[:100])
    (found,) = [pid for pid in children(fleet) if " gateway " in command_of(pid)]
    os.kill(found, signal.SIGKILL)
    wait_until(lambda: answers(port_of(fleet)), what="another gateway")
    producer.push_many(events[:100])
    producer.push_many(events[100:])

    analysis = producer.analyses("default", [events[-1].event_id], seconds=SLOW)[0]
    assert analysis.pattern_id is not None
    pattern_id = analysis.pattern_id
    wait_until(lambda: fleet.index_pattern("kill", pattern_id).occurrences == 200, what="every event is counted")


def children(fleet: Up) -> list[int]:
    path = Path(f"/proc/{fleet.process.pid}/task/{fleet.process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_a_gateway_stops_at_once_although_somebody_waits(fleet: Up, tmp_path: Path) -> None:
    port = free_port()
    environment = fleet.environment | {"CI_MEMORY_URL": fleet.url}
    spelled = token(fleet)
    gateway = subprocess.Popen(
        [str(BIN / "ci-memory"), "gateway", "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: answers(port), what="the gateway")
        waiting = http.client.HTTPConnection("127.0.0.1", port, timeout=SLOW)
        waiting.request("GET", f"/v1/analyses/{'e' * 32}?wait=60", headers={"Authorization": f"Bearer {spelled}"})
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(b"POST /v1/events HTTP/1.1\r\nContent-")
        box = fleet.container()
        wait_until(lambda: box.redis.exists(f"ci-memory:{{default}}:waiting:{'e' * 32}"), what="the waiter")
        box.redis.close()

        gateway.send_signal(signal.SIGTERM)

        reply = waiting.getresponse()
        assert (reply.status, json.loads(reply.read())["status"]) == (202, "pending")
        # Far below the wait of 60 s that was asked for.
        assert gateway.wait(20) == 0
        waiting.close()
        slow.close()
    finally:
        gateway.kill()
        out, _ = gateway.communicate()
    assert not re.search("Traceback|Error", out.decode()), out.decode()


def test_tokens_are_managed_by_commands(fleet: Up, tmp_path: Path) -> None:
    first = token(fleet, "--tenant", "keys", "--repo", "acme/*", "--note", "nightly builds")
    token_id, secret = first[4:16], first[16:]
    listed = fleet.run("ci-memory", "token", "list").stdout
    assert re.search(rf"{token_id}  keys  works  acme/\*  600/min  nightly builds", listed)
    assert secret not in fleet.run("ci-memory", "token", "list", "--json").stdout

    rotated = fleet.run("ci-memory", "token", "rotate", token_id, "--overlap", "0").stdout.strip()
    statuses = [status_of(fleet, spelled) for spelled in (first, rotated)]
    assert statuses == [401, 200]

    assert fleet.run("ci-memory", "token", "revoke", token_id).returncode == 0
    assert status_of(fleet, rotated) == 401
    gone = fleet.run("ci-memory", "token", "revoke", token_id)
    assert (gone.returncode, "ci-memory token list" in gone.stderr) == (2, True)
    assert fleet.run("ci-memory", "token", "create", "--tenant", "NO").returncode == 2


def status_of(fleet: Up, spelled: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(fleet), timeout=SLOW)
    connection.request("GET", "/v1/quarantine/acme/shop", headers={"Authorization": f"Bearer {spelled}"})
    try:
        return connection.getresponse().status
    finally:
        connection.close()
