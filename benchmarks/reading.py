"""How well logs and reports are read, and how fast: ``python benchmarks/reading.py --data DIR --split dev [--json FILE]``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import classification_metrics
import extraction_metrics
import reading_speed
from reading_table import Row, table


def measure(data: Path, split: str) -> list[Row]:
    """All rows of a split; a set that the folder does not hold has none."""
    return [
        *extraction_metrics.measure(data, split),
        *classification_metrics.measure(data, split),
        *reading_speed.measure(data, split),
    ]


def main() -> None:
    """Print the table, and write the rows as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    rows = measure(flags.data, flags.split)
    print(table(rows))
    if flags.json:
        written = [{**asdict(row), "missed": row.missed} for row in rows]
        flags.json.write_text(json.dumps(written, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
