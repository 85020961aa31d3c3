"""A memory whose workers are one thread of the test's process, and questions to its MCP server by the SDK's own client."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
from mcp import types
from mcp.client.session import ClientSession
from mcp.shared.memory import create_connected_server_and_client_session

from ci_memory_producers.client import Producer
from ci_memory_producers.events import Analysis, FailureEvent, ResolutionEvent, Stage
from ci_memory_producers.excerpt import read_text
from ci_memory_producers.junit_events import failure_event
from ci_memory_producers.redact import redact
from ci_memory_workers import names
from ci_memory_workers.bootstrap import Container, now_ms
from ci_memory_workers.mcp.server import make_server
from ci_memory_workers.mcp.tools import Asked
from ci_memory_workers.services.asking import LocalCaller
from ci_memory_workers.services.ports.asking import Caller
from ci_memory_workers.settings import Settings

SECONDS = 60.0
T = TypeVar("T")
LOG = """\
2026-11-25T08:00:01Z $ pytest -q
=================================== FAILURES ===================================
_____________________________ test_profile_of_a_member _________________________

>       assert reply.status == 200
E       assert 401 == 200

tests/test_profile.py:{line}: AssertionError
=========================== short test summary info ============================
FAILED tests/test_profile.py::test_profile_of_a_member - assert 401 == 200
"""


class MemoryAtHand:
    """What a fleet does, as soon as it is rung for."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.box = Container(Settings(url=url, data_dir=directory, flush_seconds=0), self._work)
        self.box.log.ensure_group()
        self._at_work = threading.Lock()

    def _work(self, task: str, args: Sequence[str], _queue: str) -> object:
        tenant, work_id = args
        works: dict[str, Callable[[], object]] = {
            names.ANALYZE: lambda: self.box.analysis.analyze(tenant, work_id, now_ms),
            names.APPLY_RESOLUTION: lambda: self.box.resolutions.apply(tenant, work_id, now_ms()),
            names.SYNC_MEMORY: lambda: self.box.librarian.sync(tenant, work_id, now_ms()),
        }
        return works[task]()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Read the log, until the block ends."""
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                if entries := self.box.log.read(0, 100, 50):
                    with self._at_work:
                        self.box.failures.absorb(entries, now_ms())

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(SECONDS)

    def fails(
        self, log: str, build_id: str, *, repo: str = "acme/shop", tenant: str = "default", stage: Stage = "test"
    ) -> list[Analysis]:
        """Report a log as `ci-memory-report` does, and wait for its answers, and until what follows from them is done."""
        where = {"tenant": tenant, "repo": repo, "build_id": build_id, "stage": stage}
        failures = read_text(log).failures
        events = [failure_event(where, redact(one.text), redact(one.stack_trace), redact(one.test_id)) for one in failures]
        return self._answers(tenant, events)

    def is_fixed(self, pattern_id: str, description: str, *, repo: str = "acme/shop") -> None:
        """Report a fix, and wait for its receipt."""
        event = ResolutionEvent(repo=repo, pattern_id=pattern_id, fix_type="config_change", fix_description=description)
        with Producer(self.url) as producer:
            producer.push(event, wait=True)
            assert producer.wait("default", event.event_id, seconds=SECONDS) is not None

    def _answers(self, tenant: str, events: list[FailureEvent]) -> list[Analysis]:
        with Producer(self.url) as producer:
            found = producer.analyses(tenant, producer.push_many(events, wait=True), seconds=SECONDS)
        with self._at_work:
            return found

    def ask(self, name: str, *, caller: Caller | None = None, place: str = "", **arguments: Any) -> types.CallToolResult:
        """Call a tool."""
        asked = Asked(caller or LocalCaller("default"), self.box.asking, place)
        return ask(lambda: asked, name, arguments)


def ask(asked_by: Callable[[], Asked], name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    """Call a tool of a server in memory."""

    async def call(session: ClientSession) -> types.CallToolResult:
        return await session.call_tool(name, arguments)

    return in_session(asked_by, call)


def in_session(asked_by: Callable[[], Asked], talk: Callable[[ClientSession], Awaitable[T]]) -> T:
    """Talk to a server in memory."""

    async def main() -> T:
        async with create_connected_server_and_client_session(make_server(lambda _: asked_by())) as session:
            return await talk(session)

    return anyio.run(main)


def told(result: types.CallToolResult) -> dict[str, Any]:
    """The structured content of an answer that is no error, which its text says too."""
    assert not result.isError, result.content
    assert result.structuredContent is not None
    first, opening, *lines, closing = text_of(result).split("\n")
    assert first.startswith("Data from ci-memory follows")
    assert (opening[:6], closing) == ("<<data", f">>data {opening.removeprefix('<<data ')}")
    assert json.loads("\n".join(lines)) == result.structuredContent
    return result.structuredContent


def text_of(result: types.CallToolResult) -> str:
    """The text of an answer or an error."""
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text
