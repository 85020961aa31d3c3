"""Many clients at once, of all sorts: no 5xx, nothing accepted that should not be, nothing lost that was accepted."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from door_clients import Client
from door_events import MakeToken, logged
from running_gateway import running_gateway

CLIENTS = 12


def test_of_all_that_is_sent_what_was_accepted_is_in_the_log_and_nothing_else(
    redis_server: EmbeddedServer, redis_client: Redis, bearer: MakeToken
) -> None:
    good, few = bearer(events_per_minute=1_000_000, max_bytes=200_000), bearer(events_per_minute=20)
    with running_gateway(redis_server.url) as url, ThreadPoolExecutor(CLIENTS) as pool:
        clients = [Client(number, urlsplit(url).port or 0, good, few) for number in range(CLIENTS)]
        sent = [one for done in pool.map(Client.run, clients) for one in done]

    statuses = {kind: {status for one, status, _ in sent if one == kind} for kind, _, _ in sent}
    # A token may send sixteen bodies at once, and there are twelve clients.
    assert statuses == {
        "sound": {202},
        "replayed": {202},
        "malformed": {400},
        "invalid": {422},
        "oversized": {413},
        "unsigned": {401},
        "forged": {401},
        "hurried": {202, 429},
        "cut off": {0},
    }
    accepted = Counter(build for _, _, builds in sent for build in builds)
    assert Counter(getattr(event, "build_id", "") for event in logged(redis_client)) == accepted
    assert len(accepted) > 100
