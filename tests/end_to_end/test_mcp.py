"""Real processes: a coding assistant's client that starts `ci-memory mcp`, and a running `ci-memory up` behind it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from memory_at_hand import LOG, text_of, told
from running_fleet import BIN, SLOW, Up, free_port, start_up, wait_until

FAILURE = ("ci-memory-report", "failure", "--stage", "test", "--error-file", "-", "--wait", "60", "--output", "answer.json")


@asynccontextmanager
async def assistant(environment: dict[str, str], directory: Path) -> AsyncIterator[ClientSession]:
    """A coding assistant's client that has started the server in ``directory``."""
    command = StdioServerParameters(
        command=str(BIN / "ci-memory"), args=["mcp", "--repo", "acme/shop"], env=environment, cwd=directory
    )
    with (directory / "mcp.err").open("w") as said:
        async with stdio_client(command, errlog=said) as (received, sent), ClientSession(received, sent) as session:
            await session.initialize()
            yield session
    assert (directory / "mcp.err").read_text() == ""


def reported(fleet: Up, log: str, repo: str) -> dict[str, Any]:
    done = fleet.run(*FAILURE, "--repo", repo, "--build-id", "1", stdin=log)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads((fleet.directory / "answer.json").read_text())
    return answer


def test_an_assistant_asks_first_and_tells_what_fixed_it(tmp_path: Path) -> None:
    checkout, data = tmp_path / "checkout", tmp_path / "data"
    checkout.mkdir()
    commit = committed(checkout)
    environment = {"CI_MEMORY_DATA_DIR": str(data), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    log = {"log_text": LOG.format(line=40), "stage": "test"}

    async def main() -> None:
        async with assistant(environment, checkout) as session:
            early = await session.call_tool("explain_log", log)
            assert early.isError
            assert text_of(early).startswith("no server: start one with `ci-memory up`")

            fleet = await anyio.to_thread.run_sync(start_up, data)
            try:
                assert told(await session.call_tool("explain_log", log))["status"] == "unknown"
                new = await anyio.to_thread.run_sync(reported, fleet, LOG.format(line=7), "acme/billing")
                read = told(await session.call_tool("explain_log", log))
                assert read["failures"][0]["known"]["pattern_id"] == new["pattern_id"]
                assert read["failures"][0]["known"]["suggestion_is"] == "diagnosis"

                fix = {"fix_type": "config_change", "fix_description": "set AUTH_TOKEN in the fixtures", "fix_commit": commit}
                recorded = told(await session.call_tool("record_resolution", {"pattern_id": new["pattern_id"], **fix}))
                assert (recorded["status"], "is resolved" in recorded["message"]) == ("recorded", True)
                query = {"query": "test_profile_of_a_member got 401"}
                with anyio.fail_after(SLOW):
                    while not (found := told(await session.call_tool("search_known_failures", query))["found"]):
                        await anyio.sleep(0.1)
                assert found[0]["suggested_fix"] == "set AUTH_TOKEN in the fixtures"
                shown = told(await session.call_tool("get_pattern", {"pattern_id": new["pattern_id"]}))
                assert (shown["fixes"][0]["repo"], shown["fixes"][0]["fixed_by"]) == ("acme/shop", "Dev")
                assert shown["seen"] == 1

                known = await anyio.to_thread.run_sync(reported, fleet, LOG.format(line=99), "acme/tools")
                assert (known["status"], known["suggested_fix"]) == ("known_pattern", "set AUTH_TOKEN in the fixtures")
            finally:
                assert await anyio.to_thread.run_sync(fleet.stop) == 0

    anyio.run(main)


def test_over_http_a_token_opens_its_tenants_memory(tmp_path: Path) -> None:
    fleet = start_up(tmp_path / "data")
    try:
        new = reported(fleet, LOG.format(line=7), "acme/billing")
        spelled = fleet.run("ci-memory", "token", "create").stdout.strip()

        async def main(url: str) -> None:
            async with (
                httpx.AsyncClient(headers={"Authorization": f"Bearer {spelled}"}, trust_env=False) as client,
                streamable_http_client(url, http_client=client) as (received, sent, _),
                ClientSession(received, sent) as session,
            ):
                await session.initialize()
                read = told(await session.call_tool("explain_log", {"log_text": LOG.format(line=40), "stage": "test"}))
                assert read["failures"][0]["known"]["pattern_id"] == new["pattern_id"]

        with serving(fleet) as url:
            assert httpx.post(url, json={}, trust_env=False).status_code == 401
            anyio.run(main, url)
    finally:
        assert fleet.stop() == 0


@contextmanager
def serving(fleet: Up) -> Iterator[str]:
    """`ci-memory mcp --http`, until the block ends; it stops by SIGTERM, and that is no failure."""
    port = free_port()
    process = subprocess.Popen([str(BIN / "ci-memory"), "mcp", "--http", f"127.0.0.1:{port}"], env=fleet.environment)
    try:
        wait_until(lambda: listens(port), what="the MCP server")
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(SLOW)
    assert status == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def committed(directory: Path) -> str:
    """A repository with one commit; returns its id."""
    who = ("-c", "user.name=Dev", "-c", "user.email=dev@example.com")
    (directory / "conftest.py").write_text("AUTH_TOKEN = 'made up'\n")
    for command in (("init", "-q"), ("add", "conftest.py"), (*who, "commit", "-qm", "set AUTH_TOKEN")):
        subprocess.run(["git", *command], cwd=directory, check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=directory, check=True, capture_output=True, text=True).stdout.strip()
