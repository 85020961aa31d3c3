"""``ci-memory patterns merge | split | veto | pin-fix | own | forget``: a person outranks the machine, and says why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

import click

from ..bootstrap import Container, now_ms
from ..domain.answer import at
from ..domain.pattern import Pattern, Ruling
from ..services.decisions import DecisionDesk
from ..services.ports.decisions import FixDecision, Standing
from ..settings import load

GIT_SECONDS = 5

tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose memory.")


def decided(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every decision has: who, why, and whose memory."""
    who = click.option("--by", default="", help="Who decides. Default: git's user.email, else $USER.")
    why = click.option("--why", required=True, help="The reason, kept for ever in the journal.")
    return who(why(tenant_option(command)))


def who_decides(said: str) -> str:
    """``said``, else git's user.email, else $USER; '' where nobody can be named: a name is never invented."""
    return said or _git_email() or os.environ.get("USER", "")


def _git_email() -> str:
    try:
        found = subprocess.run(["git", "config", "user.email"], capture_output=True, timeout=GIT_SECONDS, check=False)  # noqa: S607 - the user's own git
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode("utf-8", "replace").strip()


def _desk() -> DecisionDesk:
    return DecisionDesk(Container(load()).decisions)


def _ruling(by: str, why: str) -> Ruling:
    return Ruling(by=who_decides(by), why=why, ms=now_ms())


@click.command()
@click.argument("pattern_id")
@click.argument("into")
@decided
def merge(pattern_id: str, into: str, by: str, why: str, tenant: str) -> None:
    """PATTERN_ID is the same failure as INTO: what recognises it, its counts and its fixes move there."""
    stays = _desk().merge(tenant, pattern_id, into, _ruling(by, why))
    click.echo(f"{pattern_id} is one with {stays}; `ci-memory patterns split {pattern_id}` takes it back")


@click.command()
@click.argument("target")
@decided
def split(target: str, by: str, why: str, tenant: str) -> None:
    """TARGET, a fingerprint or a pattern that was merged, is another failure than its pattern; no model merges the two again."""
    done = _desk().split(tenant, target, _ruling(by, why))
    what = done.back or "what fails with it next"
    click.echo(f"{what} is a pattern of its own, kept apart from {done.left}: {', '.join(done.fingerprints)}")


@click.command()
@click.argument("pattern_id")
@click.argument("fix_id")
@click.option("--lift", is_flag=True, help="Take the veto back.")
@decided
def veto(pattern_id: str, fix_id: str, lift: bool, by: str, why: str, tenant: str) -> None:
    """Never suggest FIX_ID for PATTERN_ID again, whoever reports it and however often it seems to work."""
    decision: FixDecision = "lift" if lift else "veto"
    stands = _desk().about_fix(tenant, pattern_id, fix_id, decision, _ruling(by, why))
    click.echo(f"fix {fix_id} of {stands} " + ("may be suggested again" if lift else "is vetoed: it is not suggested any more"))


@click.command("pin-fix")
@click.argument("pattern_id")
@click.argument("fix_id")
@click.option("--unpin", is_flag=True, help="Let outcomes decide again.")
@decided
def pin_fix(pattern_id: str, fix_id: str, unpin: bool, by: str, why: str, tenant: str) -> None:
    """Suggest FIX_ID first for PATTERN_ID, whatever the outcomes say. It takes the place of an earlier pin."""
    decision: FixDecision = "unpin" if unpin else "pin"
    stands = _desk().about_fix(tenant, pattern_id, fix_id, decision, _ruling(by, why))
    click.echo(f"fix {fix_id} of {stands} " + ("is pinned no more" if unpin else "is pinned: it is suggested first"))


@click.command()
@click.argument("pattern_id")
@click.argument("owner")
@decided
def own(pattern_id: str, owner: str, by: str, why: str, tenant: str) -> None:
    """OWNER, a person or a team ('' for nobody), looks after PATTERN_ID: the list of what is in quarantine says so."""
    stands = _desk().own(tenant, pattern_id, owner, _ruling(by, why))
    click.echo(f"{stands} is looked after by {owner}" if owner.strip() else f"nobody looks after {stands}")


@click.command()
@click.argument("pattern_id")
@decided
def forget(pattern_id: str, by: str, why: str, tenant: str) -> None:
    """Forget PATTERN_ID and its fixes. When it fails again it is new, and analysed afresh."""
    _desk().forget(tenant, pattern_id, _ruling(by, why))
    click.echo(f"{pattern_id} is forgotten: when it fails again it is new")


COMMANDS = (merge, split, veto, pin_fix, own, forget)


def said(ruling: Ruling) -> str:
    """Who decided, when and why, for people."""
    moment = at(ruling.ms)
    when = f" on {moment:%Y-%m-%d %H:%M}" if moment else ""
    return f"by {ruling.by or 'an analyst'}{when}: {ruling.why}"


def decision_lines(pattern: Pattern, standing: Standing) -> dict[str, str]:
    """What `ci-memory patterns show` says of decisions about a pattern."""
    lines = {}
    for fix in pattern.fixes:
        if fix.pin:
            lines[f"pinned {fix.fix_id}"] = said(fix.pin)
        if fix.veto:
            lines[f"vetoed {fix.fix_id}"] = said(fix.veto)
    for alias in standing.aliases:
        origin = f"was {alias.was}, " if alias.was else ""
        how = f"merged {said(alias.ruling)}" if alias.ruling else "added by the machine"
        lines[f"alias {alias.fingerprint}"] = origin + how
    for apart in standing.apart:
        other = f"{apart.other} ({apart.pattern_id})" if apart.pattern_id else apart.other
        lines[f"apart {apart.fingerprint} / {apart.other}"] = f"kept apart from {other} {said(apart.ruling)}"
    return lines
