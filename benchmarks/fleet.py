"""A fleet, played through the real pipeline faster than real time, and what the memory learned of it.

    python benchmarks/fleet.py [--data DIR] [--seeds 1,2,3 | --seed N] [--small] [--json FILE]

200 repositories, 60 days, 300 root causes; 30 % are flaky. Fixes work, do nothing, pass for a while only, change the error alone,
are taken back, or are seen by no run; a few are reported, some of these wrongly. Outages and releases hit many repositories at
once. Events arrive late, out of order, and twice. With --data, three texts of four are real failures of DIR/grouping and
DIR/categorize; all of them get noise, and a quarter drift. The same events are played by chance and by the recipe's own rules.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import fleet_pipeline
from fleet_generate import generate
from fleet_played import Played
from fleet_rivals import Recipe, chance
from fleet_score import Score, Worth, evidence, reliability, scores
from fleet_standins import MISSED, MISTAKEN
from fleet_world import Size, World

FULL, SMALL = Size(repos=200, days=60, causes=300), Size(repos=40, days=24, causes=60)
MOST_REASONS, MOST_EVIDENCE = 10, 24


@dataclass(frozen=True)
class Row:
    """A row of the table: a score's name, what it says, and its goal."""

    score: str
    says: str
    goal: float | None = None
    at_most: bool = False

    def missed(self, value: float | None) -> bool:
        """Whether a value misses the goal."""
        if value is None or self.goal is None:
            return False
        return value > self.goal if self.at_most else value < self.goal


ROWS = (
    Row("right fix", "repeat failures answered with the right fix, after its first", 0.95),
    Row("right fix, each event", "  counting each failed test"),
    Row("learned right", "learned resolutions right, of those that mostly worked", 0.90),
    Row("learned right, all", "  of all, pending and failed ones too"),
    Row("calibration", "calibration error of confidence", 0.08, at_most=True),
    Row("calibration, tried", "  of fixes that were tried before"),
    Row("flaky precision", "flaky precision, by status", 0.95),
    Row("flaky recall", "flaky recall, by status", 0.90),
    Row("flaky precision, evidence too", "  precision, by status or a quarter of the episodes"),
    Row("flaky recall, evidence too", "  recall, by status or a quarter of the episodes"),
    Row("hidden", "regressions with a failure answered as quarantined", 0, at_most=True),
    Row("hidden throughout", "  hidden in all of two builds or more"),
    Row("outbreaks", "outbreaks found", 1.0),
    Row("llm calls", "LLM calls for each root cause", 1.15, at_most=True),
)


@dataclass(frozen=True)
class Result:
    """One seed's world and what three memories made of it: chance, the recipe, ours."""

    world: World
    played: tuple[Played, Played, Played]
    scores: tuple[dict[str, Score], dict[str, Score], dict[str, Score]]


def run(size: Size, seed: int, data: Path | None) -> Result:
    """Make one world and play it."""
    world = generate(size, seed, data)
    ours = fleet_pipeline.play(world)
    by_chance, recipe = chance(world), Recipe().play(world)
    return Result(world, (by_chance, recipe, ours), (scores(world, by_chance), scores(world, recipe), scores(world, ours)))


def table(results: list[Result]) -> str:
    """Means over the seeds, n over all of them; what misses its goal is marked."""
    lines = [f"{'':62} {'goal':>6} {'chance':>8} {'recipe':>8} {'ours':>8} {'range of ours':>15} {'n':>6}"]
    for row in ROWS:
        cells = []
        for column in range(3):
            found = [value for one in results if (value := one.scores[column][row.score].value) is not None]
            cells.append(sum(found) / len(found) if found else None)
        ours = [one.scores[2][row.score] for one in results]
        values = [one.value for one in ours if one.value is not None]
        spread = f"{min(values):.3f} - {max(values):.3f}" if values else ""
        goal = "" if row.goal is None else f"{'<=' if row.at_most else '>='}{row.goal:g}"
        shown = " ".join(f"{_shown(cell):>8}" for cell in cells)
        mark = "  missed" if row.missed(cells[2]) else ""
        lines.append(f"{row.says:62} {goal:>6} {shown} {spread:>15} {sum(one.n for one in ours):>6}{mark}")
    return "\n".join(lines)


def reasons(results: list[Result]) -> str:
    """What a number of ours misses, by kind, over all seeds."""
    lines = []
    for row in ROWS:
        missed = sum((one.scores[2][row.score].missed for one in results), Counter[str]())
        if missed:
            lines.append(row.says.strip())
            lines += [f"    {count:>6}  {what}" for what, count in missed.most_common(MOST_REASONS)]
    return "\n".join(lines)


def confidences(results: list[Result]) -> str:
    """What confidences say and what comes of it, over all seeds."""
    pairs = [
        (told.confidence, one.world.truth.right(told.fix, arrival.cause))
        for one in results
        for arrival, told in one.played[2].told
        if told.known and told.fix
    ]
    return "\n".join(f"    {row.n:>6}  said {row.said:.2f}, worked {row.worked:.2f}" for row in reliability(pairs))


def worth(results: list[Result]) -> str:
    """What evidence is worth, over all seeds."""
    rows: dict[str, Worth] = {}
    for one in results:
        evidence(one.world, one.played[2], rows)
    most = sorted(rows.items(), key=lambda item: -item[1].n)[:MOST_EVIDENCE]
    return "\n".join(
        f"    {row.n:>6}  {row.right / row.n:.2f}  {row.n_fixable:>6}  {row.right_fixable / max(1, row.n_fixable):.2f}  {name}"
        for name, row in most
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _line(result: Result) -> str:
    world, ours = result.world, result.played[2]
    done = ", ".join(f"{count} {what}" for what, count in sorted(world.truth.done.items()))
    ratio = world.seconds / ours.seconds
    notes = "; ".join(f"{what}: {count:g}" for what, count in ours.notes.items())
    return (
        f"seed {world.seed}: {len(world.arrivals)} arrivals, {len(ours.told)} failures, {len(world.causes)} causes ({done})\n"
        f"    {world.seconds / 86_400:.1f} days in {ours.seconds:.1f} s, {ratio:,.0f} times real time; "
        f"{ours.patterns} patterns; {notes}"
    )


def main() -> None:
    """Play, and print the table; write it as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with grouping/ and categorize/")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    seeds = [flags.seed] if flags.seed is not None else [int(seed) for seed in flags.seeds.split(",")]
    size, began, results = SMALL if flags.small else FULL, time.perf_counter(), []
    print(f"{size}; the stand-in for a model misses {MISSED:.0%} of what it is shown, and is mistaken in {MISTAKEN:.0%}")
    for seed in seeds:
        results.append(run(size, seed, flags.data))
        print(_line(results[-1]), flush=True)
    print(f"\n{table(results)}\n\nWhat ours misses, by kind\n{reasons(results)}")
    print(f"\nWhat confidence says, and what comes of it: suggestions, means\n{confidences(results)}")
    print(f"\nWhat evidence is worth: suggestions, share right; of these for what a commit can end\n{worth(results)}")
    print(f"\n{time.perf_counter() - began:.0f} s")
    if flags.json:
        flags.json.write_text(json.dumps([_as_json(result) for result in results], indent=1) + "\n", "utf-8")


def _as_json(result: Result) -> dict[str, object]:
    worths: dict[str, Worth] = {}
    evidence(result.world, result.played[2], worths)
    columns = zip(("chance", "recipe", "ours"), result.scores, strict=True)
    return {
        "seed": result.world.seed,
        "arrivals": len(result.world.arrivals),
        "seconds": round(result.played[2].seconds, 1),
        "times_real_time": round(result.world.seconds / result.played[2].seconds),
        "did": dict(result.world.truth.done),
        **{
            name: {key: {"value": s.value, "n": s.n, "missed": dict(s.missed)} for key, s in found.items()}
            for name, found in columns
        },
        "evidence": {name: asdict(row) for name, row in worths.items()},
    }


if __name__ == "__main__":
    main()
