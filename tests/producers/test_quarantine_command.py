"""``ci-memory-report quarantine``: the list of one repository, for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from redis import Redis

from ci_memory_producers.cli import BAD_INPUT, REPORTED, UNREACHABLE, main
from ci_memory_producers.keys import quarantine_key
from ci_memory_producers.quarantine_list import QuarantineEntry, QuarantineList
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer

SHOP = QuarantineEntry(
    pattern_id="pat_aaaaaaaaaaaa",
    repositories=("acme/billing", "acme/shop"),
    repository_count=2,
    test_key="tests.test_a.test_b",
    headline="ConnectionError: the queue closed the connection",
    category="test_flaky",
    flaky_episodes=3,
    episodes=4,
    reason="flaky in 3 of 4 builds (75%)",
)
OTHER = QuarantineEntry(pattern_id="pat_bbbbbbbbbbbb", repositories=("acme/other",), repository_count=1)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_server: EmbeddedServer, redis_client: Redis) -> Redis:
    monkeypatch.setenv("CI_MEMORY_URL", redis_server.url)
    monkeypatch.chdir(tmp_path)
    return redis_client


def test_it_prints_what_is_in_quarantine_in_the_repository(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    server.set(quarantine_key("default"), QuarantineList(entries=(SHOP, OTHER)).model_dump_json())

    assert main(["quarantine", "--repo", "acme/shop"]) == REPORTED

    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert QuarantineEntry.model_validate(entry) == SHOP


def test_it_writes_them_to_a_file(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    server.set(quarantine_key("yours"), QuarantineList(entries=(SHOP, OTHER)).model_dump_json())

    assert main(["quarantine", "--repo", "acme/other", "--tenant", "yours", "--output", "out.json"]) == REPORTED

    assert QuarantineList.model_validate_json(Path("out.json").read_bytes()).entries == (OTHER,)
    assert capsys.readouterr().out == ""


def test_where_nothing_is_in_quarantine_the_list_is_empty(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "--repo", "acme/shop"]) == REPORTED

    assert json.loads(capsys.readouterr().out) == {"as_of": None, "entries": []}


def test_a_list_of_a_newer_worker_is_read(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    newer = {"as_of": None, "entries": [SHOP.model_dump(mode="json") | {"more": 1}], "also": 2}
    server.set(quarantine_key("default"), json.dumps(newer))

    assert main(["quarantine", "--repo", "acme/shop"]) == REPORTED
    assert len(json.loads(capsys.readouterr().out)["entries"]) == 1


def test_a_server_out_of_reach_and_a_missing_repository_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI_MEMORY_URL", "redis://127.0.0.1:9")

    assert main(["quarantine", "--repo", "acme/shop", "--timeout", "1"]) == UNREACHABLE
    assert main(["quarantine"]) == BAD_INPUT

    said = capsys.readouterr()
    assert "--repo is missing" in said.err
    assert said.out == ""
