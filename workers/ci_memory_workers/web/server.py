"""Serving the door over HTTP: within bounds of time, and stopped in seconds."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from .metrics import METRICS, GatewayMetrics

log = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""In which the head of a request must be there, since the connection was made or the last answer was given."""
MOST_CONNECTIONS = 4_000
"""Beyond, the connection goes that has been longest without a whole request: whoever is honest sends one at once."""
OTHER_FILES = 200
"""Files that a process has open besides its clients' connections."""
STOP_SECONDS = 5
MOST_HEAD_BYTES = 32_768


class BoundedProtocol(H11Protocol):
    """Uvicorn's protocol has no limit of time for the head of a request: whoever sends a byte now and then stays for ever."""

    _head_timer: asyncio.TimerHandle | None = None
    _since = 0.0
    """When it was last without a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """A client is here."""
        super().connection_made(transport)
        if (metrics := self._metrics()) is not None:
            metrics.connections.inc()
        self._expect_head()
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def on_response_complete(self) -> None:
        """An answer was given."""
        self._expect_head()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        if (metrics := self._metrics()) is not None:
            metrics.connections.dec()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._cut_off("no_http")
        super().send_400_response(msg)

    def _expect_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._since = self.loop.time()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_without_head)

    def _close_without_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._cut_off("no_head")
            self.transport.close()

    def _make_room(self) -> None:
        others = (one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self)
        unfinished = (one for one in others if one.has_no_request and not one.transport.is_closing())
        oldest = min(unfinished, key=lambda one: one._since, default=self)
        oldest._cut_off("too_many")
        oldest.transport.abort()

    @property
    def has_no_request(self) -> bool:
        """Whether no request is there, or not all of it."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _metrics(self) -> GatewayMetrics | None:
        # None for an application that counts nothing, as that of the door for coding assistants.
        metrics: GatewayMetrics | None = self.app_state.get(METRICS)
        return metrics

    def _cut_off(self, why: str) -> None:
        if (metrics := self._metrics()) is not None:
            metrics.cut_off.labels(why).inc()


class GatewayServer(uvicorn.Server):
    """Uvicorn's server; ``before_stop`` is called as soon as it is asked to stop: those who wait are let go."""

    def __init__(self, config: uvicorn.Config, before_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_stop = before_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        super().handle_exit(sig, frame)
        self._before_stop()


def gateway_config(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """How uvicorn serves the door."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def serve(app: Starlette, host: str, port: int, before_stop: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT. Raises SystemExit when the address is taken."""
    _may_open(MOST_CONNECTIONS + OTHER_FILES)
    GatewayServer(gateway_config(app, host, port), before_stop).run()


def _may_open(files: int) -> None:
    """Let this process have so many files open; where it may not, connections that are too many are refused by the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < files:
        log.warning("only %d files may be open: allow %d (ulimit -n), or many slow clients keep others out", wanted, files)
