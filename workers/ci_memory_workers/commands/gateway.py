"""``ci-memory gateway``: the HTTP door, for CI jobs that can't reach Redis."""

from __future__ import annotations

import logging
import signal

import click

from ..settings import load


@click.command()
@click.option("--host", default=None, help="Where it listens (default: CI_MEMORY_GATEWAY_HOST, 127.0.0.1).")
@click.option("--port", default=None, type=click.IntRange(0, 65_535), help="Default: CI_MEMORY_GATEWAY_PORT, 8085.")
def gateway(host: str | None, port: int | None) -> None:
    """Serve the HTTP door until SIGTERM or Ctrl-C. Tokens are made by `ci-memory token create`.

    It speaks plain HTTP: put what speaks TLS before it.
    """
    from ..web.app import make_app
    from ..web.server import serve

    settings = load()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for number in (signal.SIGINT, signal.SIGTERM):
        # Uvicorn stops by them, and raises them again when it has stopped: that is no failure.
        signal.signal(number, lambda *_: None)
    where = host or settings.gateway_host, settings.gateway_port if port is None else port
    app, stop_waiting = make_app(settings)
    serve(app, *where, before_stop=stop_waiting)
