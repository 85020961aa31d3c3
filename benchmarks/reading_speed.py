"""How fast logs are read, beside grep and Drain3 over the same bytes in the same run.

Beside grep stands `read_file` alone, both the best of `_ROUNDS`. Beside Drain3 stands all that ``ci-memory explain`` does:
`read_file`, then category and fingerprint of the primary failure, one round each. Drain3 is given every n-th line, some
`_DRAIN_LINES` in all: it is too slow for all of them, and fewer lines make fewer clusters, so that the sample favours it.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ci_memory_producers.excerpt import read_file
from ci_memory_workers.commands.explanation import explained
from classification_metrics import packaged_categorizer
from reading_baselines import DrainClusters
from reading_table import Row

_GREP_RATIO: Final = 1 / 12
_DRAIN_RATIO: Final = 10.0
_ROUNDS: Final = 3
_DRAIN_LINES: Final = 20_000


def measure(data: Path, split: str) -> list[Row]:
    """Rates over the logs of the extraction sets, decompressed into a temporary folder."""
    with TemporaryDirectory() as folder:
        logs = _decompressed(data / "extraction", split, Path(folder))
        if not logs:
            return []
        return [*_beside_grep(logs), *_beside_drain(logs)]


def _beside_grep(logs: list[Path]) -> list[Row]:
    size = sum(log.stat().st_size for log in logs) / 1e6
    command = ["grep", "-cE", "error|fail", *map(str, logs)]
    grep = _best(lambda: subprocess.run(command, capture_output=True, check=False))
    ours = _best(lambda: [read_file(log) for log in logs])
    return [
        Row("speed", "grep -cE 'error|fail', MB/s", size / grep, len(logs)),
        Row("speed", "read_file, MB/s", size / ours, len(logs)),
        Row("speed", "read_file / grep", round(grep / ours, 4), len(logs), round(_GREP_RATIO, 4)),
    ]


def _beside_drain(logs: list[Path]) -> list[Row]:
    lines = [line for log in logs for line in log.read_text("utf-8", "replace").split("\n")]
    sample = lines[:: max(1, len(lines) // _DRAIN_LINES)]
    drain = len(sample) / _seconds(lambda: DrainClusters().feed(sample))
    categorizer = packaged_categorizer()
    ours = len(lines) / _seconds(lambda: [explained(read_file(log), "test", categorizer) for log in logs])
    return [
        Row("speed", "read, categorize and fingerprint, lines/s", ours, len(lines), drain3=drain),
        Row("speed", "read, categorize and fingerprint / Drain3", ours / drain, len(lines), _DRAIN_RATIO),
    ]


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


def _best(run: Callable[[], object]) -> float:
    return min(_seconds(run) for _ in range(_ROUNDS))


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
