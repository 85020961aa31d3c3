"""The HTTP door, served by a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from ci_memory_workers.settings import Settings
from ci_memory_workers.web.app import make_app
from ci_memory_workers.web.server import gateway_config
from running_fleet import free_port, wait_until


@contextmanager
def running_gateway(redis_url: str) -> Iterator[str]:
    """Its address, while it runs."""
    app, stop_waiting = make_app(Settings(url=redis_url))
    with serving(app, stop_waiting) as url:
        yield url


@contextmanager
def serving(app: Starlette, stop_waiting: Callable[[], None] = lambda: None) -> Iterator[str]:
    """The address of an application, while it runs."""
    port = free_port()
    server = uvicorn.Server(gateway_config(app, "127.0.0.1", port))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, what="the gateway")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        stop_waiting()
        thread.join(30)
