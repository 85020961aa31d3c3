"""`ci-memory export`, `import` and `rebuild` as typed: files, pipes, tenants, and refusals that change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes import NOW, failed, open_index
from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.cli import cli
from ci_memory_workers.commands.archive import SeveralTenants
from ci_memory_workers.errors import InvalidSettings
from ci_memory_workers.services.archive import IndexNotEmpty
from ci_memory_workers.services.exchange import BadExport


@pytest.fixture(autouse=True)
def _server(redis_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_MEMORY_URL", redis_server.url)


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=stdin)


def fails(index: RedisIndex, *tenants: str) -> None:
    for tenant in tenants:
        index.apply(tenant, [failed(tenant=tenant)], NOW)


def test_an_export_is_written_to_standard_output_or_to_a_file_that_nobody_else_reads(index: RedisIndex, tmp_path: Path) -> None:
    fails(index, "default")
    file = tmp_path / "all.jsonl"

    printed = run("export")
    assert run("export", "--output", str(file)).exit_code == 0

    assert printed.output == file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert [json.loads(line)["kind"] for line in printed.output.splitlines()] == ["tenant", "pattern"]
    assert list(tmp_path.iterdir()) == [file]


def test_all_tenants_are_exported_and_imported_from_a_pipe(index: RedisIndex, redis_client: Redis) -> None:
    fails(index, "team", "other")
    exported = run("export", "--all-tenants").output
    redis_client.flushall()

    done = run("import", "-", stdin=exported)

    assert (done.exit_code, done.output) == (0, "2 patterns restored\n")
    assert run("export", "--all-tenants").output == exported
    assert index.tenants() == ["other", "team"]


def test_a_dry_run_changes_nothing(index: RedisIndex, redis_client: Redis) -> None:
    fails(index, "team")
    exported = run("export", "--tenant", "team").output
    redis_client.flushall()

    done = run("import", "-", "--dry-run", stdin=exported)

    assert done.output == "1 patterns of 1 tenants, 0 entries of the journal\n"
    assert redis_client.dbsize() == 0


def test_one_bad_line_and_nothing_is_changed(index: RedisIndex, redis_client: Redis) -> None:
    fails(index, "team")
    exported = run("export", "--tenant", "team").output
    redis_client.flushall()

    done = run("import", "-", stdin=exported + "{}\n")

    assert isinstance(done.exception, BadExport)
    assert "line 3: " in str(done.exception)
    assert redis_client.dbsize() == 0


def test_several_tenants_are_not_thrown_together(index: RedisIndex) -> None:
    fails(index, "team", "other")

    done = run("import", "-", "--tenant", "third", stdin=run("export", "--all-tenants").output)

    assert isinstance(done.exception, SeveralTenants)
    assert index.tenants() == ["other", "team"]


def test_what_is_no_tenant_is_refused(index: RedisIndex) -> None:
    fails(index, "team")

    done = run("import", "-", "--tenant", "No Tenant", stdin=run("export", "--tenant", "team").output)

    assert isinstance(done.exception, InvalidSettings)
    assert index.tenants() == ["team"]


def test_a_rebuild_refuses_an_index_that_is_not_empty(index: RedisIndex) -> None:
    fails(index, "default")

    assert isinstance(run("rebuild", "--tenant", "default").exception, IndexNotEmpty)
    assert run("rebuild", "--tenant", "default", "--merge").output == "default: nothing to do\n"


def test_fingerprints_are_made_anew_of_what_is_kept(index: RedisIndex) -> None:
    fails(index, "default", "team")

    assert run("rebuild", "--fingerprints").output == (
        "default: 1 patterns known by a new fingerprint too\nteam: 1 patterns known by a new fingerprint too\n"
    )
    assert run("rebuild", "--fingerprints", "--tenant", "team").output == "team: 1 patterns whose fingerprint is the same\n"
