"""``ci-memory mcp``: the door for coding assistants, by the Model Context Protocol."""

from __future__ import annotations

import logging
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from ci_memory_producers.events import Tenant
from ci_memory_producers.git_facts import changed_files, commit_facts

from ..bootstrap import Container
from ..services.asking import AskingDesk, LocalCaller, Told
from ..settings import load

_TENANT: TypeAdapter[str] = TypeAdapter(Tenant)
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^\s:\[\]]+):(?P<port>[0-9]{1,5})")


class _Desks:
    """The desk on the server that is there now: `ci-memory up` may be started, or started elsewhere, after the assistant."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._url = ""
        self._desk: AskingDesk | None = None

    def __call__(self) -> AskingDesk:
        settings = load()
        with self._lock:
            if self._desk is None or self._url != settings.redis_url:
                self._desk, self._url = Container(settings).asking, settings.redis_url
            return self._desk


def _tenant(_: click.Context, __: click.Parameter, said: str | None) -> str | None:
    if said is None:
        return None
    try:
        return _TENANT.validate_python(said)
    except ValidationError:
        raise click.BadParameter(f"{said!r} is no tenant: a-z, 0-9, - and _, up to 40") from None


def _address(_: click.Context, __: click.Parameter, said: str | None) -> tuple[str, int] | None:
    if said is None:
        return None
    found = _ADDRESS.fullmatch(said)
    if found is None or int(found["port"]) > 65_535:
        raise click.BadParameter(f"{said!r} is no HOST:PORT, such as 127.0.0.1:8086")
    return found["host"].strip("[]"), int(found["port"])


@click.command("mcp")
@click.option("--http", "address", metavar="HOST:PORT", callback=_address, help="Serve over HTTP there, at /mcp.")
@click.option(
    "--tenant",
    envvar="CI_MEMORY_TENANT",
    callback=_tenant,
    help="Whose memory. Default: CI_MEMORY_TENANT, else default. Not with --http.",
)
@click.option("--repo", default="", help="owner/name: where a fix was made, when the assistant does not say it. Not with --http.")
def mcp(address: tuple[str, int] | None, tenant: str | None, repo: str) -> None:
    """Serve coding assistants, by the Model Context Protocol: they ask the memory before they look for a cause.

    Without --http it speaks on standard input and output: the assistant starts it. Over HTTP every request needs a token
    (`ci-memory token create`), which says whose memory is asked; it speaks plain HTTP: put what speaks TLS before it.
    """
    load()  # what is wrong with a setting is said now, not in the first answer
    if address is not None:
        if repo or click.get_current_context().get_parameter_source("tenant") is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--tenant and --repo are for standard input and output: over HTTP the token says whose memory")
        _serve_http(*address)
        return
    from ..mcp.stdio import serve
    from ..mcp.tools import Asked

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # Python would wait for the thread that reads standard input.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    caller, desks = LocalCaller(tenant or "default"), _Desks()

    def asked_by(_: Any) -> Asked:
        return Asked(caller, desks(), repo, _told_by)

    serve(asked_by)


def _serve_http(host: str, port: int) -> None:
    from ..mcp.http import make_app
    from ..web.server import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("mcp").setLevel(logging.WARNING)  # three lines a request
    for number in (signal.SIGINT, signal.SIGTERM):
        # Uvicorn stops by them, and raises them again when it has stopped: that is no failure.
        signal.signal(number, lambda *_: None)
    app, before_stop = make_app(load().redis_url, _Desks())
    serve(app, host, port, before_stop=before_stop)


def _told_by(commit: str) -> Told:
    """What the checkout that the assistant works in says of a commit."""
    facts = commit_facts(Path.cwd(), revision=commit)
    return Told(facts.author, changed_files(Path.cwd(), revision=commit) if facts.sha else ())
