"""``ci-memory patterns | sweep | dead | stats``: what is known, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ..bootstrap import Container, now_ms
from ..domain.answer import at, confidence_now
from ..domain.pattern import Pattern
from ..domain.stats import outcomes
from ..errors import DecisionRefused, UnknownPattern
from ..names import LANES
from ..services.sweeps import Decision
from ..settings import load
from .decisions import COMMANDS, decision_lines, said

tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose memory.")
PIPE_WIDTH = 1_000
json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")


def _show(table: Table) -> None:
    console = Console()
    # In a pipe nothing is cut: what reads it wants the whole line.
    (console if console.is_terminal else Console(width=PIPE_WIDTH)).print(table)


def _time(ms: int) -> str:
    moment = at(ms)
    return moment.strftime("%Y-%m-%d %H:%M") if moment else ""


@click.group()
def patterns() -> None:
    """What is known."""


for decision in COMMANDS:
    patterns.add_command(decision)


@patterns.command("list")
@tenant_option
@json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--status", type=click.Choice(["unresolved", "resolved", "flaky", "quarantined", "deprecated"]))
def list_patterns(tenant: str, as_json: bool, limit: int, status: str | None) -> None:
    """Patterns, the one that was seen last first."""
    index = Container(load()).index
    found = (index.pattern(tenant, pattern_id) for pattern_id in index.pattern_ids(tenant, limit))
    chosen = [pattern for pattern in found if pattern is not None and status in (None, pattern.status)]
    _print_patterns(chosen, as_json=as_json)


def _print_patterns(chosen: list[Pattern], *, as_json: bool) -> None:
    if as_json:
        for pattern in chosen:
            click.echo(json.dumps(_plain(pattern)))
        return
    if not chosen:
        click.echo("nothing is known yet")
        return
    table = Table(Column("pattern", no_wrap=True), *("status", "category", "seen", "repos", "last seen", "headline"), box=None)
    for pattern in chosen:
        seen, repos = str(pattern.occurrences), str(pattern.repositories)
        headline = Text(pattern.headline[:80])
        table.add_row(pattern.pattern_id, pattern.status, pattern.category, seen, repos, _time(pattern.last_ms), headline)
    _show(table)


def _plain(pattern: Pattern) -> dict[str, object]:
    data = asdict(pattern)
    data["diagnosis"] = pattern.diagnosis.model_dump() if pattern.diagnosis else None
    data["confidence"] = confidence_now(pattern)
    return data


@patterns.command()
@click.argument("pattern_id")
@tenant_option
@json_option
def show(pattern_id: str, tenant: str, as_json: bool) -> None:
    """All that is known of one pattern, and what people decided about it."""
    box = Container(load())
    pattern = box.index.pattern(tenant, pattern_id)
    if pattern is None:
        if forgotten := box.decisions.forgotten(tenant, pattern_id):
            raise DecisionRefused(f"{pattern_id} was forgotten {said(forgotten)}")
        raise UnknownPattern(pattern_id)
    standing = box.decisions.standing(tenant, pattern_id)
    if as_json:
        click.echo(json.dumps(_plain(pattern) | asdict(standing)))
        return
    lines: dict[str, object] = {
        "pattern": pattern.pattern_id + (f" (merged into {pattern.merged_into})" if pattern.merged_into else ""),
        "status": pattern.status + (f": {pattern.status_reason}" if pattern.status_reason else ""),
        "category": f"{pattern.category} ({pattern.signal}), stage {pattern.stage}",
        "owner": pattern.owner or "-",
        "headline": pattern.headline,
        "test": pattern.test_key or "-",
        "seen": f"{pattern.occurrences} times in {pattern.repositories} repositories",
        "first, last": f"{_time(pattern.first_ms)}, {_time(pattern.last_ms)}",
        "flaky": f"{pattern.flaky_episodes} of {pattern.episodes} builds passed when run again",
        "fingerprint": pattern.fingerprint + (" (generic: says too little)" if pattern.generic else ""),
    }
    if pattern.diagnosis:
        lines |= {
            f"cause ({pattern.analyst})": pattern.diagnosis.likely_cause,
            "suggestion": pattern.diagnosis.suggested_fix,
            "prevention": pattern.diagnosis.prevention,
        }
    for fix in pattern.fixes:
        lines[f"fix {fix.fix_id}"] = (
            f"{fix.description} ({fix.fix_type}, {fix.commit or 'no commit'}, by {fix.fixed_by or 'unknown'}; "
            f"{'learned' if fix.learned else 'reported'}; worked {fix.all_worked}, failed {fix.all_failed}, "
            f"pending {fix.pending})"
        )
    lines |= decision_lines(pattern, standing)
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in lines.items():
        table.add_row(Text(name), Text(str(value)))
    _show(table)


@patterns.command()
@click.argument("words", nargs=-1, required=True)
@tenant_option
@json_option
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 50))
def search(words: tuple[str, ...], tenant: str, as_json: bool, limit: int) -> None:
    """Patterns nearest in meaning to WORDS, by Aegis's playbook."""
    box = Container(load())
    candidates = box.knowledge.shortlist(tenant, " ".join(words), top_k=limit)
    ids = dict.fromkeys(candidate.pattern_id for candidate in candidates)
    found = [pattern for pattern_id in ids if (pattern := box.index.pattern(tenant, pattern_id)) is not None]
    _print_patterns(found, as_json=as_json)


@click.group()
def sweep() -> None:
    """What beat does by the clock, done now."""


def _print_decisions(decisions: list[Decision], *, dry_run: bool) -> None:
    for decision in decisions:
        click.echo(f"{decision.pattern_id}  {decision.status}  {decision.reason}")
    click.echo(f"{len(decisions)} patterns {'would change' if dry_run else 'changed'}")


dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


@sweep.command()
@dry_run_option
def age(dry_run: bool) -> None:
    """Deprecate what was not seen for long."""
    _print_decisions(Container(load()).sweeper.age(now_ms(), dry_run=dry_run), dry_run=dry_run)


@sweep.command()
@dry_run_option
def quarantine(dry_run: bool) -> None:
    """Quarantine what is flaky too often, and release what no longer is."""
    _print_decisions(Container(load()).sweeper.judge_flaky(now_ms(), dry_run=dry_run), dry_run=dry_run)


@click.command()
@tenant_option
@json_option
def stats(tenant: str, as_json: bool) -> None:
    """How well the memory works (time to diagnose, repeats answered with a fix, fixes that worked), and how far it is behind."""
    box = Container(load())
    data = outcomes(box.index.totals(tenant, now_ms())) | {
        "log_lag": box.log.lag(),
        "log_unacknowledged": box.log.unacknowledged(),
        "log_entries": box.log.length(),
        "log_limit": box.settings.log_limit,
        "dead_letters": box.log.dead_count(),
        "dead_letters_dropped": box.log.dead_dropped(),
        "owed": {lane: box.index.owed(lane, tenant) for lane in LANES},
        "aegis_breaker": box.aegis_breaker.stands(now_ms()),
    }
    if box.settings.has_llm:
        data["llm"] = asdict(box.llm_lane.state(now_ms()))
    if as_json:
        click.echo(json.dumps(data))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in data.items():
        table.add_row(name.replace("_", " "), _figure(value))
    _show(table)


def _figure(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
