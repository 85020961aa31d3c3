"""Where secrets must never be: whatever a build prints, nothing that is kept, shown or sent elsewhere holds it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from ci_memory_producers import FailureEvent, PassEvent, ResolutionEvent
from ci_memory_producers.keys import FIELD, STREAM
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.names import LANES, Lane
from llm_standin import LLMStandin
from producers.secrets_corpus import LEAKS, Leak
from running_fleet import Up, free_port, start_up, wait_until

LEAKS_PER_LOG = 5
AMBIGUOUS = {"postgres"}
"""A secret of the corpus that is a scheme and a user elsewhere in it."""
PLACE = {"repo": "acme/shop", "branch": "main", "default_branch": "main", "job": "unit", "stage": "test"}


class Watched:
    """A fleet, and all that it keeps, shows or sends."""

    def __init__(self, up: Up, llm: LLMStandin, flower: str) -> None:
        self.up, self.llm, self._flower = up, llm, flower

    def settled(self, tenant: str, failures: int) -> None:
        """Wait until so many failures are analysed, and Aegis has been told."""
        box = self.up.container()
        try:
            wait_until(lambda: box.index.totals(tenant, 0).failures >= failures, what="all failures")
            for lane in LANES:
                wait_until(partial(_idle, box, lane, tenant), what=f"{lane} is done")
            wait_until(lambda: not box.log.unacknowledged(), what="all is acknowledged")
        finally:
            box.redis.close()

    def everything(self, *, skip_log: bool) -> dict[str, str]:
        """Texts by where they are: values of Redis (the raw event log left out where ``skip_log``), files, requests, Flower."""
        found = {f"redis {key}": text for key, text in _values(self.up.url) if not (skip_log and key == STREAM)}
        for path in self.up.directory.rglob("*"):
            # What the log took in raw is in the server's own file too.
            if path.is_file() and not (skip_log and "appendonly" in path.as_posix()):
                found[path.name] = path.read_bytes().decode("utf-8", "replace")
        found["language model"] = json.dumps(self.llm.requests, ensure_ascii=False)
        found["flower"] = httpx.get(f"{self._flower}/api/tasks?limit=5000", timeout=20, trust_env=False).text
        assert any(name.startswith("aegis.db") for name in found)
        assert self.llm.requests
        return found


def _idle(box: Container, lane: Lane, tenant: str) -> bool:
    return not box.index.owed(lane, tenant)


def _values(url: str) -> Iterator[tuple[str, str]]:
    with Redis.from_url(url) as client:
        for key in client.scan_iter(count=1_000):
            yield key.decode(), str(_value(client, key))


def _value(client: Redis, key: bytes) -> Any:
    kind: Any = client.type(key)
    read: dict[bytes, Any] = {
        b"string": lambda: client.get(key),
        b"hash": lambda: client.hgetall(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"stream": lambda: client.xrange(key),
        b"none": lambda: "",  # it is gone meanwhile
    }
    return read[kind]()


def _leaked(leaks: Iterable[Leak], found: dict[str, str]) -> list[tuple[str, str]]:
    """Secrets by the place where they are found; of secrets of several lines, each line that could be used."""
    lines = {line for leak in leaks for line in re.split(r"\n|\\n", leak.secret) if len(line) > 7 and "PRIVATE KEY" not in line}
    return [(part, place) for part in sorted(lines - AMBIGUOUS) for place, text in found.items() if part in text]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    port = free_port()
    with LLMStandin() as llm:
        up = start_up(
            tmp_path_factory.mktemp("watched"),
            "--flower",
            CI_MEMORY_FLOWER_PORT=str(port),
            FLOWER_UNAUTHENTICATED_API="true",
            OPENAI_API_KEY="made-up-for-tests",
            OPENAI_BASE_URL=llm.url,
            CI_MEMORY_LLM_RATE_PER_MINUTE="10000",
        )
        try:
            yield Watched(up, llm, f"http://127.0.0.1:{port}")
        finally:
            assert up.stop() == 0


def test_what_a_report_sends_holds_no_secret_of_its_log(watched: Watched, tmp_path: Path) -> None:
    for start in range(0, len(LEAKS), LEAKS_PER_LOG):
        leaks = LEAKS[start : start + LEAKS_PER_LOG]
        module = f"made_up_{start}"
        log = "\n".join((*(leak.text for leak in leaks), f"ModuleNotFoundError: No module named '{module}'", ""))
        (tmp_path / "build.log").write_text(log)
        done = watched.up.run(
            "ci-memory-report", "failure", "--tenant", "reported", "--repo", "acme/shop", "--build-id", str(start),
            "--stage", "build", "--error-file", "build.log", "--branch", "main", cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    watched.settled("reported", len(range(0, len(LEAKS), LEAKS_PER_LOG)))

    found = watched.everything(skip_log=False)
    assert any("made_up_0" in text for text in found.values()), "what it looks at holds the logs"
    assert _leaked(LEAKS, found) == []


def test_a_producer_that_redacts_nothing_brings_no_secret_in(watched: Watched) -> None:
    events: list[FailureEvent | PassEvent] = []
    for number, leak in enumerate(LEAKS):
        place = {**PLACE, "tenant": "raw", "build_id": f"b{number}", "run_number": number, "commit_sha": f"c{number}"}
        log = f"{leak.text}\nModuleNotFoundError: No module named 'raw_{number}'\n"
        written = {"commit_message": leak.text, "url": leak.text, "author": _short(leak), "job": _short(leak)}
        events.append(FailureEvent.model_validate({**place, "error_message": log, "stack_trace": leak.text, **written}))
        passing = {**place, "run_number": number + 1, "commit_sha": f"d{number}", "changed_files": (_short(leak),), **written}
        events.append(PassEvent.model_validate(passing))
    _push_raw(watched.up.url, [event.model_dump_json() for event in events])
    watched.settled("raw", len(LEAKS))
    (pattern_id,) = _pattern_ids(watched.up, "raw", 1)
    resolutions = [
        ResolutionEvent(
            tenant="raw", repo="acme/shop", pattern_id=pattern_id, fix_type="config_change", fix_description=leak.text,
            fixed_by=_short(leak), fix_commit=_short(leak), changed_files=(_short(leak),),
        )
        for leak in LEAKS
    ]  # fmt: skip
    broken = [f'{{"kind": "failure", "stage": "nowhere", "error_message": {json.dumps(leak.text)}}}' for leak in LEAKS]
    _push_raw(watched.up.url, [*(event.model_dump_json() for event in resolutions), *broken])
    box = watched.up.container()
    wait_until(lambda: box.log.dead_count() >= len(LEAKS), what="the broken events are dead letters")
    box.redis.close()
    watched.settled("raw", len(LEAKS))

    assert _leaked(LEAKS, watched.everything(skip_log=True)) == []


def _short(leak: Leak) -> str:
    """Its text, where that fits into the short fields of an event."""
    return leak.text if len(leak.text) <= 300 else ""


def _push_raw(url: str, payloads: list[str]) -> None:
    with Redis.from_url(url) as client:
        for payload in payloads:
            client.xadd(STREAM, {FIELD: payload})


def _pattern_ids(up: Up, tenant: str, limit: int) -> list[str]:
    box = up.container()
    try:
        return box.index.pattern_ids(tenant, limit)
    finally:
        box.redis.close()
