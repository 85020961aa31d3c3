"""Real processes under a load of all sorts at once: no 5xx, nothing accepted that should not be, nothing lost that was accepted.

Clients that behave, and malformed, oversized, unsigned, forged, replayed, hurried and slow ones, tokens that are revoked
meanwhile, connections that end half way, and webhooks of the same sorts; while workers read what comes in.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ci_memory_workers.bootstrap import now_ms
from door_clients import Client, Dripping, Sent, post_head
from running_fleet import SLOW, Up, free_port, start_up, wait_until
from webhook_samples import SECRET, ProviderStandin, hook_file, signed, workflow_job

TENANT, HOOKED = "loaded", "hooked"
CLIENTS, HOOK_CLIENTS, HEADS, BODIES = 8, 3, 200, 30
JOBS = itertools.count(1)
Deliver = Callable[[], tuple[str, tuple[bytes, dict[str, str]], int]]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    directory = tmp_path_factory.mktemp("loaded")
    with ProviderStandin() as provider:
        up = start_up(
            directory,
            "--gateway",
            CI_MEMORY_GATEWAY_PORT=str(free_port()),
            CI_MEMORY_GATEWAY_METRICS_PORT=str(free_port()),
            CI_MEMORY_WEBHOOKS_FILE=str(hook_file(directory, provider.url, HOOKED)),
            CI_MEMORY_WEBHOOK_GRACE_SECONDS="0",
        )
        wait_until(lambda: answers(port_of(up)), what="the gateway")
        yield up
        assert up.stop() == 0


def port_of(fleet: Up, name: str = "PORT") -> int:
    return int(fleet.environment[f"CI_MEMORY_GATEWAY_{name}"])


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SLOW)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def answers(port: int) -> bool:
    try:
        return get(port, "/readyz")[0] == 200
    except OSError:
        return False


def metrics(fleet: Up) -> dict[str, float]:
    _, said = get(port_of(fleet, "METRICS_PORT"), "/metrics")
    rows = (line.rpartition(" ") for line in said.splitlines() if not line.startswith("#"))
    return {name.removeprefix("ci_memory_gateway_"): float(value) for name, _, value in rows}


def bearer(fleet: Up, *limits: str) -> dict[str, str]:
    done = fleet.run("ci-memory", "token", "create", "--tenant", TENANT, *limits)
    assert done.returncode == 0, done.stderr
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


def until_revoked(fleet: Up, number: int) -> list[Sent]:
    """Reports with a token that is revoked after its tenth report; goes on for ten more after the first that is refused."""
    client = Client(number, port_of(fleet), bearer(fleet, "--events-per-minute", "100000"), {})
    token_id = client.good["Authorization"].partition("cim_")[2][:12]
    sent = [client.sound() for _ in range(10)]
    with ThreadPoolExecutor(1) as pool:
        revoked = pool.submit(fleet.run, "ci-memory", "token", "revoke", token_id)
        while sent[-1][1] == 202:
            sent.append(client.sound())
        assert revoked.result().returncode == 0
    return [("revoked", *rest) for _, *rest in (*sent, *(client.sound() for _ in range(10)))]  # type: ignore[misc] # a Sent


def waiters(fleet: Up, header: dict[str, str]) -> list[int]:
    """Some ask for an answer that never comes, and stay; others leave before."""

    def ask(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(fleet), timeout=SLOW)
        connection.request("GET", f"/v1/analyses/{number:032d}?wait=3", headers=header)
        status = connection.getresponse().status if number % 2 else 0
        connection.close()
        return status

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(ask, range(60)))


def deliveries(fleet: Up) -> list[tuple[str, int]]:
    """What webhooks of all sorts are answered with."""

    def post(body: bytes, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(fleet), timeout=SLOW)
        try:
            connection.request("POST", "/v1/webhooks/ours", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    answered = []
    for _ in range(8):
        job = next(JOBS)
        body, headers = signed(workflow_job(run=job, job=job))
        answered += [
            ("sound", post(body, headers)),
            ("replayed", post(body, headers)),
            ("told again", post(*signed(workflow_job(run=job, job=job, runner_name=f"runner {job}")))),
            ("unsigned", post(json.dumps(workflow_job(run=10_000 + job)).encode(), {"Content-Type": "application/json"})),
            ("forged", post(*signed(workflow_job(run=20_000 + job), secret=SECRET + "x"))),
            ("changed", post(body.replace(b"acme/shop", b"acme/loot"), headers)),
            ("stale", post(*signed(workflow_job(run=30_000 + job, completed_at="2020-01-01T00:00:00Z")))),
            ("malformed", post(*signed(body[:-1]))),
            ("of others", post(*signed(body.replace(b"acme/shop", b"evil/shop")))),
            ("oversized", post(*signed(body + b" " * 2_000_000))),
        ]
    return answered


def test_the_gateway_holds_its_limits_and_what_it_accepted_is_in_effect_once(fleet: Up) -> None:
    port = port_of(fleet)
    good = bearer(fleet, "--events-per-minute", "1000000", "--max-bytes", "200000")
    few, slow = bearer(fleet, "--events-per-minute", "20"), bearer(fleet)
    with ThreadPoolExecutor(32) as pool:
        dripping = {
            "head": pool.submit(Dripping(port, b"POST /v1/events HTTP/1.1\r\nX-Slow: ", HEADS).run),
            "stranger": pool.submit(Dripping(port, post_head("/v1/events", 10_000), BODIES).run),
            "body": pool.submit(Dripping(port, post_head("/v1/events", 10_000, **slow), BODIES).run),
            "unsigned": pool.submit(Dripping(port, post_head("/v1/webhooks/lab", 10_000), BODIES).run),
        }
        revoked = [pool.submit(until_revoked, fleet, 1_000 + number) for number in range(2)]
        hooks = [pool.submit(deliveries, fleet) for _ in range(HOOK_CLIENTS)]
        waited = pool.submit(waiters, fleet, good)
        clients = [pool.submit(Client(number, port, good, few).run) for number in range(CLIENTS)]
        sent = [one for done in (*clients, *revoked) for one in done.result()]
        answered = {(kind, status) for done in hooks for kind, status in done.result()}
        drips = {name: set(done.result()) for name, done in dripping.items()}

    assert {kind: {status for one, status, _ in sent if one == kind} for kind, _, _ in sent} == {
        "sound": {202},
        "replayed": {202},
        "malformed": {400},
        "invalid": {422},
        "oversized": {413},
        "unsigned": {401},
        "forged": {401},
        "hurried": {202, 429},
        "cut off": {0},
        "revoked": {202, 401},
    }
    for done in revoked:
        statuses = [status for _, status, _ in done.result()]
        assert statuses == sorted(statuses), "never again, once it was refused"
    assert answered == {
        ("sound", 202),
        ("replayed", 409),
        ("told again", 202),
        ("unsigned", 401),
        ("forged", 401),
        ("changed", 401),
        ("stale", 409),
        ("malformed", 400),
        ("of others", 403),
        ("oversized", 413),
    }
    # Of the bodies that never end a token may have sixteen under way; deliveries are not limited in number.
    assert drips == {"head": {0}, "stranger": {401}, "body": {408, 429}, "unsigned": {408}}
    assert Counter(waited.result()) == {202: 30, 0: 30}

    accepted = Counter(build for _, _, builds in sent for build in builds)
    assert len(accepted) > 100
    counts = metrics(fleet)
    assert not [name for name in counts if re.search(r'requests_total\{code="(5..|none)"', name)]
    assert counts["events_accepted_total"] == accepted.total()
    assert counts['deliveries_total{came="owed"}'] == HOOK_CLIENTS * 8
    wait_until(
        lambda: [metrics(fleet)[name] for name in ("connections", "waiting", "bodies")] == [0, 0, 0], what="nobody is held"
    )
    box = fleet.container()
    wait_until(lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0, what="the log is read")
    assert box.index.totals(TENANT, now_ms()).failures == len(accepted)
    wait_until(lambda: box.index.totals(HOOKED, now_ms()).failures == HOOK_CLIENTS * 8, what="the logs of the jobs")
    assert (box.log.dead_count(), box.index.owed("logs", HOOKED)) == (0, 0)
    box.redis.close()
