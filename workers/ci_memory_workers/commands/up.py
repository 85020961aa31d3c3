"""``ci-memory up``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ci_memory_producers.client import without_password
from ci_memory_producers.rendezvous import URL_FILE

from ..adapters.channel_file import read_channels
from ..adapters.embedded_redis import EmbeddedServer
from ..bootstrap import Container, load_categorizer
from ..errors import InvalidSettings
from ..settings import Settings, load
from .fleet import Fleet, child_environment

READY_SECONDS = 60.0
WATCH_SECONDS = 1.0


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the data directory; raises `InvalidSettings` when another ``up`` does. The kernel lets go when this process ends."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidSettings(f"another `ci-memory up` uses {directory}: stop it, or set CI_MEMORY_DATA_DIR") from None
        yield


@contextmanager
def running(
    settings: Settings, directory: Path, *, flower: bool = False, gateway: bool = False
) -> Iterator[tuple[Fleet, Settings]]:
    """The fleet, started and ready; stopped afterwards. Yields it with the settings that reach its server."""
    url, server = settings.url, None
    if not url:
        server = EmbeddedServer.at(directory / "redis")
        url = server.url
    settings = settings.model_copy(update={"url": url, "data_dir": directory})
    channels = read_channels(settings.notify_file)  # a broken file is said here, not in a worker's log
    with only_one(directory), Fleet(directory, child_environment(url, directory)) as fleet:
        if server is not None:
            fleet.start_server(server)
        box = Container(settings)
        box.redis.ping()
        box.log.ensure_group()
        if server is not None:
            box.slots.forget(settings.slots)
        fleet.start_workers(settings.slots, webhooks=settings.webhooks_file is not None, notify=bool(channels))
        if flower:
            fleet.start_flower(settings.flower_port)
        if gateway:
            fleet.start_gateway(settings.gateway_port)
        wait_until_draining(box, fleet)
        url_file = directory / URL_FILE
        url_file.write_text(url, encoding="utf-8")
        url_file.chmod(0o600)
        try:
            yield fleet, settings
        finally:
            url_file.unlink(missing_ok=True)
            box.redis.close()


def wait_until_draining(box: Container, fleet: Fleet) -> None:
    """Wait until every slot has its drain. Raises `InvalidSettings` when a process ends or nothing happens."""
    waiting = threading.Event()
    for _ in range(int(READY_SECONDS / 0.05)):
        if len(box.slots.free(box.settings.slots)) == 0:
            return
        for child in fleet.children.values():
            if child.process.poll() is not None:
                raise InvalidSettings(f"{child.name} ended: see {fleet.logs / child.name}.log")
        waiting.wait(0.05)
    raise InvalidSettings(f"no drain after {READY_SECONDS:.0f} s: see {fleet.logs}")


@click.command()
@click.option("--flower", is_flag=True, help="Start Flower too, on 127.0.0.1 and CI_MEMORY_FLOWER_PORT (5555).")
@click.option("--gateway", is_flag=True, help="Start the HTTP door too, on 127.0.0.1 and CI_MEMORY_GATEWAY_PORT (8085).")
def up(flower: bool, gateway: bool) -> None:
    """Start everything on this machine: the embedded server (unless CI_MEMORY_URL says otherwise), workers and beat."""
    settings = load()
    load_categorizer(settings)  # a broken file of rules is said here, not in a worker's log
    directory = settings.data_dir
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    click.echo("starting …")
    with running(settings, directory, flower=flower, gateway=gateway) as (fleet, started):
        _say_where(fleet, started, flower=flower, gateway=gateway)
        while not stop.wait(WATCH_SECONDS):
            for name in fleet.restart_ended():
                click.echo(f"{name} had ended, and was started again: see {fleet.logs / name}.log", err=True)
        click.echo("stopping …")
    click.echo("stopped")


def _say_where(fleet: Fleet, settings: Settings, *, flower: bool, gateway: bool) -> None:
    analyst = "rules (set OPENAI_API_KEY for a language model)"
    if settings.openai_api_key.get_secret_value() or settings.openai_base_url:
        analyst = settings.llm_model
    lines = {
        "server": without_password(settings.redis_url),
        "aegis": settings.aegis_url or str(settings.data_dir / "aegis.db"),
        "analyst": analyst,
        "data": str(settings.data_dir),
        "logs": str(fleet.logs),
    }
    if flower:
        lines["flower"] = f"http://127.0.0.1:{settings.flower_port}"
    if gateway:
        lines["gateway"] = f"http://127.0.0.1:{settings.gateway_port} (tokens: ci-memory token create)"
    for name, value in lines.items():
        click.echo(f"  {name:8} {value}")
    click.echo(f"ci-memory is up (pid {os.getpid()}). Report a failure from another shell:")
    click.echo("  ci-memory-report failure --repo acme/shop --build-id 1 --stage test --error-file build.log --wait 60")
