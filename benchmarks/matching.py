"""How well near-duplicates and described causes are found.

``python benchmarks/matching.py --data DIR --split dev [--json FILE]`` prints one line a metric, baselines beside ours.

``DIR/matching`` holds ``repeat.patterns.jsonl``, ``repeat.queries.SPLIT.jsonl``, ``symptom.*.SPLIT.jsonl`` and
``pairs_hard.SPLIT.jsonl``; ``DIR/grouping/*.SPLIT.jsonl`` and ``DIR/retrieval`` are used where they are. Weights and
thresholds were chosen on the development half. Only there, cross-validated rows say what they are worth on queries that
had no part in the choice; on another split nothing is fitted.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matching_fit
import matching_neighbours
import matching_repeat
import matching_speed
import matching_symptom
from matching_baselines import BASELINES
from matching_measures import Row


def measure(data: Path, split: str) -> list[Row]:
    """All rows: ``{set, metric, value, goal, at_most, n, baselines}``."""
    rows = matching_repeat.repeats(data, split)
    if split == "dev" and rows:
        rows += matching_fit.cross_validated(data, split)
    rows += matching_repeat.hard_pairs(data, split)
    rows += matching_neighbours.neighbours(data, split)
    rows += matching_symptom.described_causes(data, split)
    if split == "dev" and rows:
        rows += matching_symptom.cross_validated(data, split)
    return rows + matching_speed.speed(data)


def table(rows: list[Row]) -> str:
    """The rows, one a line, baselines beside ours; a value that misses its goal is marked."""
    heads = "".join(f"{name:>10}" for name in BASELINES)
    lines = [f"{'set':11} {'metric':72} {'value':>8} {'goal':>7} {'n':>6} {heads}"]
    for row in rows:
        goal = "" if row["goal"] is None else f"{'<=' if row['at_most'] else '>='}{row['goal']:g}"
        beside = "".join(f"{row['baselines'].get(name, ''):>10}" for name in BASELINES)
        line = f"{row['set']:11} {row['metric']:72} {row['value']:>8} {goal:>7} {row['n']:>6} {beside}".rstrip()
        lines.append(f"{line}  missed" if missed(row) else line)
    return "\n".join(lines)


def missed(row: Row) -> bool:
    """Whether a row has a goal that its value misses."""
    if row["goal"] is None:
        return False
    return bool(row["value"] > row["goal"] if row["at_most"] else row["value"] < row["goal"])


def main() -> None:
    """Print the table and the remaining mistakes, and write the rows as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    rows = measure(flags.data, flags.split)
    print(table(rows))
    print("\n".join([*matching_repeat.mistakes(flags.data, flags.split), *matching_symptom.mistakes(flags.data, flags.split)]))
    if flags.json:
        flags.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
