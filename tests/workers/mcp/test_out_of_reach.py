"""What an assistant is told while the memory does not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.mcp import server, tools
from ci_memory_workers.mcp.tools import Asked
from ci_memory_workers.services.asking import LocalCaller
from ci_memory_workers.settings import Settings
from memory_at_hand import LOG, MemoryAtHand, ask, text_of, told

FIX: dict[str, Any] = {"fix_type": "config_change", "fix_description": "set AUTH_TOKEN", "repo": "acme/shop"}
LINE = "a line of a build's log"


def test_while_redis_is_gone_a_tool_says_how_to_get_it_back(tmp_path: Path) -> None:
    desk = Container(Settings(url=f"unix://{tmp_path}/gone.sock", data_dir=tmp_path)).asking
    result = ask(lambda: Asked(LocalCaller("default"), desk), "explain_log", {"log_text": LOG.format(line=7), "stage": "test"})

    assert result.isError
    assert (
        text_of(result) == "the memory is out of reach (ConnectionError): does `ci-memory up` run, or what CI_MEMORY_URL names?"
    )


def test_while_no_worker_runs_a_resolution_waits_in_the_log(
    redis_server: EmbeddedServer, redis_client: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = MemoryAtHand(redis_server.url, tmp_path / "memory")
    with memory.working():
        pattern_id = memory.fails(LOG.format(line=7), "1")[0].pattern_id
    monkeypatch.setattr(tools, "RECEIPT_SECONDS", 0.1)

    answer = told(memory.ask("record_resolution", pattern_id=pattern_id, **FIX))
    assert (answer["status"], "will be applied" in answer["message"]) == ("sent", True)
    assert redis_client.xlen("ci-memory:events") == 2

    with memory.working():
        monkeypatch.setattr(tools, "RECEIPT_SECONDS", 30.0)
        assert told(memory.ask("record_resolution", pattern_id=pattern_id, **FIX))["status"] == "recorded"
    memory.box.knowledge.close()
    memory.box.redis.close()


def test_what_nobody_foresaw_is_an_error_without_the_text_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Asked:
        raise ValueError(LINE)

    logged: list[str] = []
    monkeypatch.setattr(server.log, "error", lambda message, *values: logged.append(message % values))
    result = ask(broken, "search_known_failures", {"query": "x"})

    assert (result.isError, "its log says where" in text_of(result)) == (True, True)
    assert LINE not in text_of(result) + "".join(logged)
    assert "ValueError" in logged[0]
