"""``ci-memory gateway``: what it says where it can't serve what it was asked for."""

from __future__ import annotations

import os
import socket
import subprocess

from running_fleet import BIN


def test_a_port_for_metrics_that_another_has_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [str(BIN / "ci-memory"), "gateway", "--port", "0", "--metrics-port", port],
            env={**os.environ, "CI_MEMORY_URL": "redis://127.0.0.1:9/0"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ci-memory: the gateway's metrics can't be served at 127.0.0.1:{port}: Address already in use\n"
