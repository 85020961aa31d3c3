"""Nothing lost, nothing counted twice: the same events played twice, once in peace and once while everything is killed at random.

    uv run python benchmarks/chaos.py --events 60000 --kills 30 --seed 1 [--json FILE]

A plan made of the seed pushes failures, new and known, repeats, passes, resolutions and what is no event, twice now and then,
from a producer that pushes again what was not confirmed. Meanwhile a child of a worker, a whole worker, beat, the Redis server,
the language model and Aegis (stand-ins of both) are killed by SIGKILL, or stopped by SIGSTOP for seconds and then let go on or
killed. When nothing is owed any more, all that is known is compared with what the other run knows. Exit status 1 when anything
is lost or doubled.

Redis runs with AOF and ``--fsync always``; ``everysec`` is what `ci-memory up` does, and may lose what it confirmed in its last
second or two when its process is killed while the disk is slow.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chaos_compare import Finding, by_field, differences, faults
from chaos_fleet import ChaosFleet, Fsync, running
from chaos_outcome import ANSWER_EXCLUDED, EXCLUDED, Outcome, read_outcome
from chaos_plan import Plan
from chaos_planner import make_plan
from chaos_play import Played, Player
from chaos_strikes import VICTIMS

SHOWN = 5
"""Findings of a field that are printed."""


def play(directory: Path, plan: Plan, *, strikes: bool, fsync: Fsync, lease_seconds: float) -> tuple[Played, Outcome]:
    """One run of a plan on a fleet of its own."""
    with running(ChaosFleet(directory, fsync, lease_seconds)) as fleet:
        played = Player(fleet, plan, strikes=plan.strikes if strikes else []).play()
        return played, read_outcome(fleet, plan)


def findings_of(plan: Plan, clean: Outcome, chaotic: Outcome, played: Played) -> list[Finding]:
    """All that is not as it should be in the chaotic run."""
    owed = [Finding("lost", "work", count, lane, "still owed at the end") for lane, count in played.owed.items()]
    return [*owed, *faults(plan, chaotic), *differences(plan, clean, chaotic)]


def kills_table(played: Played) -> list[dict[str, Any]]:
    """By victim: how often it was killed, stopped, stopped and killed; and seconds to the next acknowledged batch."""
    rows = []
    for victim in (*VICTIMS, "all"):
        struck = [one for one in played.struck if victim in (one.strike.victim, "all")]
        seconds = [one.recovered for one in struck if one.recovered is not None]
        ways = {way: sum(one.strike.way == way for one in struck) for way in ("kill", "hang", "hang, kill")}
        measured = (
            {"median s": statistics.median(seconds), "max s": max(seconds)} if seconds else {"median s": None, "max s": None}
        )
        rows.append({"victim": victim, "n": len(struck), **ways, "measured": len(seconds), **measured})
    return rows


def report(plan: Plan, clean: Played, chaotic: Played, found: list[Finding], in_peace: list[Finding]) -> dict[str, Any]:
    """What `--json` writes."""
    sums = {kind: sum(one.count for one in found if one.kind == kind) for kind in ("lost", "doubled", "differing")}
    return {
        "seed": plan.seed,
        "events": plan.size,
        "failures": sum(map(len, plan.failures)),
        "passes": plan.passes,
        "fixes": sum(len(act.fixes) for act in plan.acts),
        "rejected": len(plan.rejected),
        "causes": len(plan.causes),
        "kills": len(chaotic.struck),
        "by victim": kills_table(chaotic),
        **sums,
        "by field": {f"{kind}: {field}": count for (kind, field), count in by_field(found).items()},
        "wrong in peace": {f"{kind}: {field}": count for (kind, field), count in by_field(in_peace).items()},
        "seconds in peace": round(clean.seconds, 1),
        "seconds": round(chaotic.seconds, 1),
        "pushed again": chaotic.pushed_again,
        "taken in unconfirmed": chaotic.cut,
        "not compared": EXCLUDED | ANSWER_EXCLUDED,
        "strikes": [asdict(one) for one in chaotic.struck],
    }


def show(said: dict[str, Any], found: list[Finding]) -> None:
    """Print the table."""
    for name in ("events", "failures", "passes", "fixes", "rejected", "causes", "seconds in peace", "seconds"):
        print(f"{name:22} {said[name]:>8}")
    for name in ("pushed again", "taken in unconfirmed"):
        print(f"{name:22} {said[name]:>8}")
    print(f"\n{'victim':8} {'n':>3} {'kill':>5} {'hang':>5} {'hang, kill':>11} {'recovers: median s':>19} {'max s':>6}")
    for row in said["by victim"]:
        median, most = (f"{row[name]:.2f}" if row[name] is not None else "-" for name in ("median s", "max s"))
        print(f"{row['victim']:8} {row['n']:3} {row['kill']:5} {row['hang']:5} {row['hang, kill']:11} {median:>19} {most:>6}")
    print(f"\nlost {said['lost']}   doubled {said['doubled']}   differing {said['differing']}   goal 0, 0, 0")
    for field, count in said["by field"].items():
        print(f"  {field:40} {count}")
    shown: dict[tuple[str, str], int] = defaultdict(int)
    for one in found:
        shown[one.kind, one.field] += 1
        if shown[one.kind, one.field] <= SHOWN:
            print(f"    {one.kind} {one.field} {one.where}: {one.detail[:1_500]}")
    for field, count in said["wrong in peace"].items():
        print(f"  in peace: {field:30} {count}")


def main() -> int:
    """Play twice, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--acts", type=int, default=6, help="how often the play rests")
    parser.add_argument("--longest-hang", type=float, default=4.0, help="seconds")
    parser.add_argument("--lease-seconds", type=float, default=3.0, help="CI_MEMORY_WORK_LEASE_SECONDS of the fleet")
    parser.add_argument("--fsync", choices=("always", "everysec"), default="always", help="Redis's appendfsync")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--keep", type=Path, default=None, help="where logs and stores of both runs are kept")
    told = parser.parse_args()
    plan = make_plan(told.seed, told.events, told.kills, acts=told.acts, longest_hang=told.longest_hang)
    directory = told.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    options = {"fsync": told.fsync, "lease_seconds": told.lease_seconds}
    clean, in_peace = play(directory / "peace", plan, strikes=False, **options)
    print(f"in peace: {clean.seconds:.1f} s", file=sys.stderr)
    chaotic, outcome = play(directory / "chaos", plan, strikes=True, **options)
    found = findings_of(plan, in_peace, outcome, chaotic)
    said = report(plan, clean, chaotic, found, [*faults(plan, in_peace)])
    show(said, found)
    if told.json:
        told.json.write_text(json.dumps(said | {"findings": [asdict(one) for one in found]}, indent=1))
    if told.keep is None:
        shutil.rmtree(directory)
    return int(bool(said["lost"] or said["doubled"]))


if __name__ == "__main__":
    sys.exit(main())
