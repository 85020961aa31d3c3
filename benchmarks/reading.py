"""How well logs and reports are read, and how fast: ``python benchmarks/reading.py --data DIR --split dev [--json FILE]``.

Speed is the rate of `read_file` over all logs, divided by that of ``grep -cE 'error|fail'`` over the same bytes in the same run.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ci_memory_producers.excerpt import read_file

Row = dict[str, Any]
_RATIO = 1 / 12
_ROUNDS = 3


def speed(data: Path, split: str) -> list[Row]:
    """Rates over the logs of a split, decompressed into a temporary folder; the best of three rounds each."""
    with TemporaryDirectory() as folder:
        logs = _decompressed(data / "extraction", split, Path(folder))
        size = sum(log.stat().st_size for log in logs) / 1e6
        ours = min(_seconds(lambda: [read_file(log) for log in logs]) for _ in range(_ROUNDS))
        command = ["grep", "-cE", "error|fail", *map(str, logs)]
        grep = min(_seconds(lambda: subprocess.run(command, capture_output=True, check=False)) for _ in range(_ROUNDS))
    return [
        _row("read_file, MB/s", size / ours, None, len(logs)),
        _row("grep -cE 'error|fail', MB/s", size / grep, None, len(logs)),
        _row("read_file / grep", grep / ours, _RATIO, len(logs)),
    ]


def _row(metric: str, value: float, goal: float | None, n: int) -> Row:
    return {"set": "speed", "metric": metric, "value": round(value, 4), "goal": goal and round(goal, 4), "naive": None, "n": n}


def _decompressed(folder: Path, split: str, into: Path) -> list[Path]:
    names: dict[str, None] = {}
    for index in sorted(folder.glob(f"*.{split}.jsonl")):
        for line in index.read_text("utf-8").splitlines():
            entry = json.loads(line)
            names.update(dict.fromkeys(entry[key] for key in ("log_path", "pass_log_path") if entry.get(key)))
    logs = []
    for number, name in enumerate(names):
        log = into / f"{number:04}.log"
        log.write_bytes(gzip.decompress((folder / name).read_bytes()))
        logs.append(log)
    return logs


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measured(name: str, data: Path, split: str) -> list[Row]:
    """The rows of a module beside this one; none where what it measures is not installed."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        print(f"{name} is left out: {error}")
        return []
    rows: list[Row] = module.measure(data, split)
    return rows


def table(rows: list[Row]) -> str:
    """The rows, one a line; a value that misses its goal is marked."""
    lines = [f"{'set':28} {'metric':70} {'value':>9} {'goal':>7} {'naive':>7} {'n':>6}"]
    for row in rows:
        missed = _misses(row)
        cells = ["-" if row[key] is None else str(row[key]) for key in ("value", "goal", "naive", "n")]
        line = f"{row['set']:28} {row['metric']:70} {cells[0]:>9} {cells[1]:>7} {cells[2]:>7} {cells[3]:>6}"
        lines.append(f"{line}  missed" if missed else line)
    return "\n".join(lines)


def _misses(row: Row) -> bool:
    if row["value"] is None or row["goal"] is None:
        return False
    if row["metric"].endswith("_us"):  # microseconds: less is better
        return bool(row["value"] > row["goal"])
    return bool(row["value"] < row["goal"])


def main() -> None:
    """Print the table, and write the rows as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    rows = measured("extraction_metrics", flags.data, flags.split)
    rows += measured("classification_metrics", flags.data, flags.split)
    rows += speed(flags.data, flags.split)
    print(table(rows))
    if flags.json:
        flags.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
