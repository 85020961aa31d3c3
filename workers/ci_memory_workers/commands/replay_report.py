"""How `ci-memory replay` says what it found: for people, and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ..domain.answer import at
from ..domain.replay import HiddenRegression, Outcome, Policy
from ..services.replay import Replayed, Reread

SHOWN = 20
"""Most lines of one kind that are shown to people; --json gives all."""
PIPE_WIDTH = 1_000


def replayed_data(policies: Mapping[str, Policy], replayed: Replayed, *, since_ms: int, now_ms: int) -> dict[str, Any]:
    """All of it. Times are ms since the epoch."""
    history = replayed.history
    return {
        "since_ms": since_ms,
        "now_ms": now_ms,
        "oldest_record_ms": replayed.oldest_ms,
        "records": {
            "first_ms": history.first_ms,
            "last_ms": history.last_ms,
            "failures": history.failures,
            "passes": history.passes,
            "builds": history.builds,
            "patterns": history.patterns,
            "matched": history.matched,
            "real_regressions": len(set(history.regressions.values())),
        },
        "policies": {
            name: {"policy": policy_data(policy), **_outcome_data(outcome)}
            for (name, policy), outcome in zip(policies.items(), replayed.outcomes, strict=True)
        },
    }


def policy_data(policy: Policy) -> dict[str, float]:
    """A policy by the keys of its file."""
    return asdict(policy.quarantine) | {"aging_days": policy.aging_days}


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "quarantined": list(outcome.quarantined),
        "quarantines": [asdict(spell) for spell in outcome.spells],
        "released": [asdict(spell) for spell in outcome.released],
        "hidden": [asdict(build) for build in outcome.hidden],
        "hidden_regressions": [
            asdict(one.regression) | {"certain": one.regression.certain, "places": list(one.places)}
            for one in outcome.hidden_regressions
        ],
        "deprecated": [asdict(one) for one in outcome.deprecated],
    }


def print_outcomes(policies: Mapping[str, Policy], replayed: Replayed, *, since_ms: int) -> None:
    """The policies side by side, then what each would have hidden, what was real first."""
    history = replayed.history
    if not history.happenings:
        click.echo(
            f"no records since {_time(since_ms)}" + (f": they begin {_time(replayed.oldest_ms)}" if replayed.oldest_ms else "")
        )
        return
    click.echo(
        f"{history.failures} failures and {history.passes} passes of {history.builds} builds, {_time(history.first_ms)} to "
        f"{_time(history.last_ms)}: {history.patterns} patterns, {history.matched} failures matched one that was seen before"
    )
    if replayed.oldest_ms > since_ms:
        click.echo(f"records begin {_time(replayed.oldest_ms)}: nothing older is kept of the span that was asked for")
    click.echo()
    _print(_side_by_side(policies, replayed.outcomes))
    for name, outcome in zip(policies, replayed.outcomes, strict=True):
        _print_regressions(name, outcome.hidden_regressions)
    for name, outcome in zip(policies, replayed.outcomes, strict=True):
        _print_quarantines(name, outcome)


def _side_by_side(policies: Mapping[str, Policy], outcomes: tuple[Outcome, ...]) -> Table:
    table = Table(Column(""), *(Column(name, justify="right") for name in policies), box=None, pad_edge=False)
    settings = [policy_data(policy) for policy in policies.values()]
    for key in settings[0]:
        table.add_row(key, *(f"{one[key]:g}" for one in settings), style="dim")
    rows: dict[str, list[int]] = {
        "patterns quarantined": [len(one.quarantined) for one in outcomes],
        "quarantines ended": [len(one.released) for one in outcomes],
        "failing builds hidden": [len(one.hidden) for one in outcomes],
        "REAL REGRESSIONS HIDDEN": [len(one.hidden_regressions) for one in outcomes],
        "patterns deprecated": [len(one.deprecated) for one in outcomes],
    }
    for name, counts in rows.items():
        alarming = name.isupper() and any(counts)
        table.add_row(name, *(str(count) for count in counts), style="bold red" if alarming else "")
    return table


def _print_regressions(name: str, found: tuple[HiddenRegression, ...]) -> None:
    if not found:
        return
    console = Console()
    console.print(Text(f"\n{name}: real regressions that quarantine would have hidden", style="bold red"))
    table = Table("pattern", "since", "what it was", "hidden at", box=None, pad_edge=False)
    for one in found[:SHOWN]:
        places = ", ".join(one.places[:3]) + (f" and {len(one.places) - 3} more" if len(one.places) > 3 else "")
        table.add_row(one.regression.pattern_id, _time(one.regression.first_ms), Text(_story(one)), Text(places))
    _print(table)
    _say_rest(len(found))


def _story(hidden: HiddenRegression) -> str:
    real = hidden.regression
    often = f"failed {real.failures} times on {real.commits} commits" if real.failures > 1 else "failed once, never run again"
    if real.why == "fixed":
        return f"{often}, until commit {real.fixed_by[:12] or 'unknown'}"
    return f"{often} in a row, broken on the default branch"


def _print_quarantines(name: str, outcome: Outcome) -> None:
    if not outcome.spells:
        return
    click.echo(f"\n{name}: quarantines")
    table = Table("pattern", "from", "to", "hidden", "why", "end", box=None, pad_edge=False)
    for spell in outcome.spells[:SHOWN]:
        hidden = sum(
            build.pattern_id == spell.pattern_id and spell.since_ms < build.ms <= (spell.until_ms or build.ms)
            for build in outcome.hidden
        )
        end = _time(spell.until_ms) if spell.until_ms else "goes on"
        table.add_row(spell.pattern_id, _time(spell.since_ms), end, str(hidden), Text(spell.reason), Text(spell.end))
    _print(table)
    _say_rest(len(outcome.spells))


def reread_data(reread: Reread) -> dict[str, Any]:
    """All of it, as pattern ids."""
    return asdict(reread)


def print_reread(reread: Reread) -> None:
    """How many patterns keep their fingerprint, and which would merge."""
    rows = {
        "keep their fingerprint": reread.same,
        "get another": reread.changed,
        "unsure: only the masked text is kept": reread.unsure,
        "unknown: no text is kept": reread.no_text,
    }
    table = Table(Column("patterns that"), Column("", justify="right"), box=None, pad_edge=False)
    for name, ids in rows.items():
        table.add_row(name, str(len(ids)))
    table.add_row("would merge with another", str(sum(len(group) for group in reread.merged)))
    _print(table)
    for group in reread.merged[:SHOWN]:
        click.echo(f"one failure: {', '.join(group)}")
    _say_rest(len(reread.merged))


def _say_rest(count: int) -> None:
    if count > SHOWN:
        click.echo(f"and {count - SHOWN} more: --json shows all")


def _print(table: Table) -> None:
    console = Console()
    # In a pipe nothing is cut: what reads it wants the whole line.
    (console if console.is_terminal else Console(width=PIPE_WIDTH)).print(table)


def _time(ms: int) -> str:
    moment = at(ms)
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "ever"
