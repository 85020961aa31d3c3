"""`ci-memory mcp`: what its flags take, before it serves anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ci_memory_workers.commands.mcp import _Desks, mcp
from ci_memory_workers.errors import InvalidSettings
from ci_memory_workers.mcp import stdio
from ci_memory_workers.mcp.tools import Asked
from ci_memory_workers.services.asking import LocalCaller


@pytest.mark.parametrize("address", ["8086", "localhost", "localhost:65536", ":8086", "http://localhost:8086", "::1:8086"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    done = CliRunner().invoke(mcp, ["--http", address])
    assert (done.exit_code, "is no HOST:PORT" in done.output) == (2, True)


@pytest.mark.parametrize("flags", [("--tenant", "acme"), ("--repo", "acme/shop")])
def test_over_http_the_token_says_whose_memory(flags: tuple[str, str]) -> None:
    done = CliRunner().invoke(mcp, ["--http", "127.0.0.1:8086", *flags])
    assert (done.exit_code, "the token says whose memory" in done.output) == (2, True)


def test_http_without_a_server_is_refused_at_once() -> None:
    done = CliRunner().invoke(mcp, ["--http", "[::1]:8086"])
    assert isinstance(done.exception, InvalidSettings)
    assert "no server: start one with `ci-memory up`" in str(done.exception)


def test_a_tenant_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(mcp, [], env={"CI_MEMORY_TENANT": "No Tenant"})
    assert (done.exit_code, "'No Tenant' is no tenant" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("flags", "environment", "tenant"),
    [
        ((), {}, "default"),
        ((), {"CI_MEMORY_TENANT": "acme"}, "acme"),
        (("--tenant", "shop"), {"CI_MEMORY_TENANT": "acme"}, "shop"),
    ],
)
def test_the_tenant_is_that_of_the_flag_or_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], environment: dict[str, str], tenant: str
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(stdio, "serve", served.append)
    monkeypatch.setattr(_Desks, "__call__", lambda _: None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("signal.signal", lambda *_: None)
        done = CliRunner().invoke(mcp, [*flags, "--repo", "acme/shop"], env=environment)

    assert done.exit_code == 0, done.output
    asked: Asked = served[0](None)
    assert (asked.caller, asked.repo) == (LocalCaller(tenant), "acme/shop")


def test_a_server_that_starts_elsewhere_is_found_by_the_next_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_MEMORY_DATA_DIR", str(tmp_path))
    desks = _Desks()
    with pytest.raises(InvalidSettings, match="no server"):
        desks()
    (tmp_path / "url").write_text("unix:///nowhere/first.sock")
    first = desks()
    assert desks() is first
    (tmp_path / "url").write_text("unix:///nowhere/second.sock")
    assert desks() is not first


def test_it_is_a_command() -> None:
    assert isinstance(mcp, click.Command)
