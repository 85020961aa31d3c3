"""`CI_MEMORY_URL=https://…`: the reporter and `Producer` speak to a gateway behind TLS, and believe no stranger's certificate."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from ci_memory_producers import FailureEvent, Producer, ServerUnreachable
from ci_memory_workers.settings import Settings
from ci_memory_workers.web.app import make_app
from ci_memory_workers.web.server import gateway_config
from redis_servers import make_certificates
from running_fleet import Up, free_port, wait_until

EVENT = FailureEvent(repo="acme/shop", build_id="1", stage="test", error_message="ValueError: the certificate is fine")


@contextmanager
def behind_tls(app: Starlette, paths: dict[str, Path]) -> Iterator[str]:
    """The address of an application that speaks TLS, as what stands before a gateway does."""
    port = free_port()
    config = gateway_config(app, "127.0.0.1", port)
    config.ssl_certfile, config.ssl_keyfile = str(paths["cert"]), str(paths["key"])
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, what="the gateway")
        yield f"https://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make certificates")
def test_a_job_reports_over_https(up: Up, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = make_certificates(tmp_path)
    app, _ = make_app(Settings(url=up.url))
    spelled = up.run("ci-memory", "token", "create", "--tenant", tenant).stdout.strip()
    with behind_tls(app, paths) as url:
        with pytest.raises(ServerUnreachable, match="certificate"), Producer(url, token=spelled) as stranger:
            stranger.push(EVENT)

        monkeypatch.setenv("SSL_CERT_FILE", str(paths["ca"]))
        with Producer(url, token=spelled) as producer:
            event_id = producer.push(EVENT, wait=True)
            assert producer.analyses("default", [event_id], seconds=60)[0].status == "new_pattern"

        memory = {"CI_MEMORY_URL": url, "CI_MEMORY_TOKEN": spelled, "CI_MEMORY_DATA_DIR": str(tmp_path / "own")}
        report = ("ci-memory-report", "failure", "--repo", "acme/cart", "--build-id", "2", "--stage", "test", "--error-file", "-")
        job = replace(up, directory=tmp_path, environment={**up.environment, **memory, "SSL_CERT_FILE": str(paths["ca"])})
        known = job.run(*report, "--wait", "60", stdin=EVENT.error_message)
        assert (known.returncode, known.stdout.startswith("KNOWN FAILURE")) == (0, True), known.stdout + known.stderr
        doubtful = replace(job, environment={**up.environment, **memory})
        refused = doubtful.run(*report, stdin=EVENT.error_message)
        assert (refused.returncode, "certificate" in refused.stderr) == (3, True), refused.stderr
