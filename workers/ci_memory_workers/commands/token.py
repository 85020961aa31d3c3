"""``ci-memory token``: who may use the HTTP door, for whose memory, and how much."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict

import click
from pydantic import TypeAdapter, ValidationError

from ci_memory_producers.events import MAX_EVENT_BYTES, Tenant

from ..adapters.redis_tokens import RedisTokens
from ..bootstrap import Container, now_ms
from ..domain.access_token import AccessToken
from ..domain.answer import at
from ..errors import InvalidSettings
from ..services.access import TokenDesk
from ..settings import load
from .replay import span_ms

MOST_BYTES = 64 * 1024 * 1024
_TENANT: TypeAdapter[str] = TypeAdapter(Tenant)


@click.group()
def token() -> None:
    """Access tokens of the HTTP door (`ci-memory gateway`)."""


def _desk() -> TokenDesk:
    return TokenDesk(RedisTokens(Container(load()).redis), secrets.token_hex)


def _tenant(_: click.Context, __: click.Parameter, said: str) -> str:
    try:
        return _TENANT.validate_python(said)
    except ValidationError:
        raise click.BadParameter(f"{said!r} is no tenant: a-z, 0-9, - and _, up to 40") from None


@token.command()
@click.option("--tenant", default="default", show_default=True, callback=_tenant, help="Whose memory it opens.")
@click.option("--repo", "repositories", multiple=True, help="Only this repository, or owner/* (again for each). Default: all.")
@click.option("--note", default="", help="What it is for.")
@click.option("--days", default=0, type=click.IntRange(0, 3_650), help="How long it is good for. Default: until it is revoked.")
@click.option("--events-per-minute", default=600, show_default=True, type=click.IntRange(2, 1_000_000))
@click.option(
    "--max-bytes", default=4_194_304, show_default=True, type=click.IntRange(MAX_EVENT_BYTES, MOST_BYTES), help="Of one request."
)
def create(tenant: str, repositories: tuple[str, ...], note: str, days: int, events_per_minute: int, max_bytes: int) -> None:
    """Make a token, and print it: once, on standard output. What is kept is its hash."""
    made, spelled = _desk().create(
        tenant,
        repositories=repositories,
        note=note,
        days=days,
        events_per_minute=events_per_minute,
        max_bytes=max_bytes,
        now_ms=now_ms(),
    )
    click.echo(f"token {made.token_id} opens the memory of {tenant}: {_scope(made)}. It is shown this once.", err=True)
    click.echo(spelled)


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_tokens(as_json: bool) -> None:
    """All tokens, oldest first, without their secrets."""
    tokens = RedisTokens(Container(load()).redis).all()
    if as_json:
        hidden = ("digest", "previous_digest")
        click.echo(json.dumps([{k: v for k, v in asdict(one).items() if k not in hidden} for one in tokens]))
        return
    now = now_ms()
    for one in tokens:
        parts = (one.token_id, one.tenant, _state(one, now), _scope(one), f"{one.events_per_minute}/min", one.note)
        click.echo("  ".join(part for part in parts if part))
    click.echo(f"{sum(one.usable(now) for one in tokens)} of {len(tokens)} tokens work")


@token.command()
@click.argument("token_id")
@click.option("--overlap", default="24h", show_default=True, help="How long the present secret stays good; 0: not at all.")
def rotate(token_id: str, overlap: str) -> None:
    """Give a token another secret, and print it. The present one stays good for a while, so that no job fails meanwhile."""
    overlap_ms = 0 if overlap == "0" else _span(overlap)
    _, spelled = _desk().rotate(token_id, overlap_ms=overlap_ms, now_ms=now_ms())
    until = "no longer" if not overlap_ms else f"{overlap} more"
    click.echo(f"token {token_id} has another secret; the one before is good {until}. It is shown this once.", err=True)
    click.echo(spelled)


@token.command()
@click.argument("token_id")
def revoke(token_id: str) -> None:
    """End a token now."""
    _desk().revoke(token_id, now_ms=now_ms())
    click.echo(f"token {token_id} works no more")


def _span(said: str) -> int:
    try:
        return span_ms(click.get_current_context(), click.Option(["--overlap"]), said)
    except click.BadParameter as error:
        raise InvalidSettings(f"--overlap: {error.message}") from None


def _scope(one: AccessToken) -> str:
    return ", ".join(one.repositories) or "all repositories"


def _state(one: AccessToken, now: int) -> str:
    if one.revoked_ms:
        return f"revoked {at(one.revoked_ms):%Y-%m-%d}"
    if not one.usable(now):
        return f"ended {at(one.expires_ms):%Y-%m-%d}"
    return f"until {at(one.expires_ms):%Y-%m-%d}" if one.expires_ms else "works"
