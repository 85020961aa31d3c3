"""``ci-memory gateway``: the HTTP door, for CI jobs that can't reach Redis."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click
from prometheus_client import CollectorRegistry, start_http_server

from ..errors import InvalidSettings
from ..settings import load

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", default=None, help="Where it listens (default: CI_MEMORY_GATEWAY_HOST, 127.0.0.1).")
@click.option("--port", default=None, type=click.IntRange(0, 65_535), help="Default: CI_MEMORY_GATEWAY_PORT, 8085.")
@click.option(
    "--metrics-host", default=None, help="Where it serves its metrics (default: CI_MEMORY_GATEWAY_METRICS_HOST, 127.0.0.1)."
)
@click.option(
    "--metrics-port",
    default=None,
    type=click.IntRange(0, 65_535),
    help="Default: CI_MEMORY_GATEWAY_METRICS_PORT; without either they are not served.",
)
def gateway(host: str | None, port: int | None, metrics_host: str | None, metrics_port: int | None) -> None:
    """Serve the HTTP door until SIGTERM or Ctrl-C. Tokens are made by `ci-memory token create`.

    It speaks plain HTTP: put what speaks TLS before it. Its metrics have a port of their own, which nothing should publish.
    """
    from ..web.app import make_app
    from ..web.server import serve

    settings = load()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for number in (signal.SIGINT, signal.SIGTERM):
        # Uvicorn stops by them, and raises them again when it has stopped: that is no failure.
        signal.signal(number, lambda *_: None)
    where = host or settings.gateway_host, settings.gateway_port if port is None else port
    scraped = settings.gateway_metrics_port if metrics_port is None else metrics_port
    app, stop_waiting = make_app(settings)
    with _scraped(app.state.metrics.registry, metrics_host or settings.gateway_metrics_host, scraped):
        serve(app, *where, before_stop=stop_waiting)


@contextmanager
def _scraped(registry: CollectorRegistry, host: str, port: int | None) -> Iterator[None]:
    if port is None:
        yield
        return
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        raise InvalidSettings(f"the gateway's metrics can't be served at {host}:{port}: {error.strerror or error}") from None
    log.info("metrics at http://%s:%d/metrics", host, server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
