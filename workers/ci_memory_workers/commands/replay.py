"""``ci-memory replay``: what would this policy have hidden? Nothing is changed by asking."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from ..bootstrap import Container, now_ms
from ..domain.replay import Policy
from ..settings import Settings, load
from .policy_file import read_policy
from .replay_report import print_outcomes, print_reread, replayed_data, reread_data

_UNITS_MS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_SPAN = re.compile(r"([1-9][0-9]{0,5})([hdw])")


def span_ms(_: click.Context, __: click.Parameter, said: str) -> int:
    """A span of time as people write it, 36h, 7d or 2w, in ms."""
    found = _SPAN.fullmatch(said)
    if found is None:
        raise click.BadParameter(f"{said!r} is no span of time like 36h, 7d or 2w")
    return int(found[1]) * _UNITS_MS[found[2]]


def current_policy(settings: Settings) -> Policy:
    """What is in force."""
    return Policy(settings.quarantine_policy, settings.aging_days, max(1, int(settings.sweep_seconds * 1000)))


@click.command()
@click.option("--since", default="7d", show_default=True, callback=span_ms, help="How far back, like 36h, 7d or 2w.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML: ratio, min_episodes, leave_ratio, clean_runs, days, most, aging_days. What it leaves out is as in the settings.",
)
@click.option(
    "--fingerprints", is_flag=True, help="Read the kept texts anew instead: whose fingerprint changes, who would merge."
)
@click.option("--tenant", default="default", show_default=True, help="Whose memory.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def replay(since: int, policy_file: Path | None, fingerprints: bool, tenant: str, as_json: bool) -> None:
    """Play what was recorded through a policy, beside the one in force, and change nothing.

    Says what would have been quarantined, which failing builds that would have hidden, and which of them were real regressions.
    Counts begin at zero with the span: what was in quarantine before it is not known.
    """
    if fingerprints and policy_file is not None:
        raise click.UsageError("--fingerprints reads texts anew, --policy plays records: ask for one at a time")
    settings = load()
    current = current_policy(settings)
    policies = {"current": current}
    if policy_file is not None:
        policies["new"] = read_policy(policy_file, current)
    replayer = Container(settings).replayer
    if fingerprints:
        reread = replayer.fingerprints(tenant)
        if as_json:
            click.echo(json.dumps(reread_data(reread)))
        else:
            print_reread(reread)
        return
    now = now_ms()
    since_ms = max(0, now - since)
    replayed = replayer.policies(tenant, list(policies.values()), since_ms=since_ms, now_ms=now)
    if as_json:
        click.echo(json.dumps(replayed_data(policies, replayed, since_ms=since_ms, now_ms=now)))
    else:
        print_outcomes(policies, replayed, since_ms=since_ms)
