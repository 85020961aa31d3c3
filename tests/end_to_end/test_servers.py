"""The fleet on Redis over TLS, and on Redis that fails over: reports, answers, and Celery's own messages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent, Producer, ServerUnreachable
from redis_servers import running_sentinel, running_tls_server, tls_server
from running_fleet import SLOW, Up, start_up, wait_until


def new_failure(module: str) -> FailureEvent:
    return FailureEvent(repo="acme/shop", build_id="1", stage="build", error_message=missing_module_log(module))


def report(up: Up, log: str, build: str) -> str:
    """What `ci-memory-report` says, in an environment that has the server's URL as a CI job has it."""
    place = ("--repo", "acme/shop", "--build-id", build, "--stage", "build", "--error-file", "-", "--wait", str(int(SLOW)))
    done = up.run("ci-memory-report", "failure", *place, stdin=log)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make certificates")
def test_a_fleet_works_over_tls_and_no_certificate_of_strangers_is_believed(tmp_path: Path) -> None:
    binary = tls_server()
    if binary is None:
        pytest.skip("needs a redis-server with TLS on the PATH (Debian: apt-get install redis-server); the bundled one has none")
    with running_tls_server(tmp_path / "redis", binary) as url:
        up = start_up(tmp_path / "data", CI_MEMORY_URL=url)
        try:
            assert "New failure" in report(up, missing_module_log("orjson"), "1")
            assert "Known failure" in report(up, missing_module_log("orjson", 3), "2")
            assert "ingest@" in up.logs(), "Celery's workers are connected"
        finally:
            assert up.stop() == 0
        with pytest.raises(ServerUnreachable), Producer(url.partition("?")[0], timeout=5) as producer:
            producer.push(new_failure("stranger"))


def test_a_fleet_follows_the_sentinels_to_the_server_that_took_over(tmp_path: Path) -> None:
    with running_sentinel(tmp_path / "redis") as redis:
        up = start_up(tmp_path / "data", CI_MEMORY_URL=redis.url)
        try:
            assert "New failure" in report(up, missing_module_log("orjson"), "1")
            wait_until(lambda: redis.in_step(), what="all is replicated")

            redis.process.kill()
            wait_until(redis.taken_over, what="the replica has taken over")

            assert "Known failure" in report(up, missing_module_log("orjson", 3), "2")
            assert "New failure" in report(up, missing_module_log("lxml"), "3")
        finally:
            assert up.stop() == 0
