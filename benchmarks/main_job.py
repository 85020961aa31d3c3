"""The main job on real logs: three rounds through real processes, with `ci-memory-report` as a CI job runs it.

    uv run python benchmarks/main_job.py --data DIR [--logs 20]

Round 1 reports N logs of DIR/extraction/logs (a mix of sources), each as a build of its own. Round 2 reports the same logs under
other builds and repositories, with every date and time shifted. Then each pattern gets a resolution, and round 3 reports once
more. Printed: how many were answered, how many known with the same pattern, how many with the fix; and the seconds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ci_memory_workers.commands.up import running
from ci_memory_workers.settings import load

REPORT = str(Path(sys.executable).parent / "ci-memory-report")
CLOCK = re.compile(r"\b([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\b")
DATE = re.compile(r"\b(20\d\d)-(0\d|1[0-2])-([0-2]\d|3[01])\b")


@dataclass(frozen=True)
class Answered:
    """One report: its answer as `failure_analysis.json` has it, and the seconds from start to end of the command."""

    answer: dict[str, object]
    seconds: float


def real_logs(data: Path, count: int) -> list[tuple[str, str]]:
    """``count`` logs with their names, taken in turn from each source, in the order of their names."""
    sources = [sorted(folder.rglob("*.gz")) for folder in sorted((data / "extraction" / "logs").iterdir())]
    mixed = [paths[i] for i in range(max(map(len, sources))) for paths in sources if i < len(paths)]
    return [(path.name, gzip.decompress(path.read_bytes()).decode("utf-8", "replace")) for path in mixed[:count]]


def shifted(text: str) -> str:
    """The same log on another day, at another time."""
    later = CLOCK.sub(lambda m: f"{(int(m[1]) + 5) % 24:02}:{(int(m[2]) + 17) % 60:02}:{(int(m[3]) + 29) % 60:02}", text)
    return DATE.sub(lambda m: f"{int(m[1]) + 1}-{m[2]}-{int(m[3]) % 28 + 1:02}", later)


def report(directory: Path, environment: dict[str, str], number: int, text: str, build: str) -> Answered:
    """Report one log and wait for its answer."""
    log, output = directory / f"{number}.log", directory / f"{number}-{build}.json"
    log.write_text(text, encoding="utf-8")
    place = ["--repo", f"acme/{build}-{number}", "--build-id", f"{build}-{number}", "--stage", "test"]
    started = time.monotonic()
    command = [REPORT, "failure", *place, "--error-file", str(log), "--wait", "60", "--output", str(output)]
    subprocess.run(command, env=environment, cwd=directory, check=True, stdout=subprocess.DEVNULL)
    return Answered(json.loads(output.read_text()), time.monotonic() - started)


def resolve(environment: dict[str, str], directory: Path, pattern_id: str) -> None:
    """Report that a pattern was fixed."""
    fix = ["--fix-type", "code_change", "--fix-description", f"the fix of {pattern_id}"]
    command = [REPORT, "resolution", "--repo", "acme/fixes", "--pattern-id", pattern_id, *fix]
    subprocess.run(command, env=environment, cwd=directory, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--logs", type=int, default=20)
    flags = parser.parse_args()
    logs = real_logs(flags.data, flags.logs)
    with tempfile.TemporaryDirectory(prefix="ci-memory-") as name:
        directory = Path(name)
        settings = load().model_copy(update={"url": ""})
        with running(settings, directory / "data") as (_, started):
            environment = {**os.environ, "CI_MEMORY_URL": started.redis_url}
            first = [report(directory, environment, n, text, "one") for n, (_, text) in enumerate(logs)]
            second = [report(directory, environment, n, shifted(text), "two") for n, (_, text) in enumerate(logs)]
            for pattern_id in dict.fromkeys(str(found.answer["pattern_id"]) for found in first):
                resolve(environment, directory, pattern_id)
            third = [report(directory, environment, n, text, "three") for n, (_, text) in enumerate(logs)]
    rows(logs, first, second, third)


def rows(logs: list[tuple[str, str]], first: list[Answered], second: list[Answered], third: list[Answered]) -> None:
    """Print what came of the rounds."""
    ids = [str(found.answer["pattern_id"]) for found in first]
    fixes = [f"the fix of {pattern_id}" for pattern_id in ids]
    known = [found for found in second if found.answer["status"] == "known_pattern"]
    table = {
        "1  answered": [found for found in first if found.answer["status"] != "pending"],
        "2  known, same pattern": [found for found in known if found.answer["pattern_id"] == ids[second.index(found)]],
        "3  known, the fix suggested": [f for f, fix in zip(third, fixes, strict=True) if f.answer.get("suggested_fix") == fix],
    }
    print(f"{'round':34} {'of':>3} {'median s':>9} {'max s':>6}")
    for what, found in table.items():
        seconds = [one.seconds for one in found] or [0.0]
        print(f"{what:30} {len(found):3} {len(logs):3} {statistics.median(seconds):9.2f} {max(seconds):6.2f}")
    print(f"{'distinct patterns':30} {len(set(ids)):3}")
    for (name, _), one, two, three in zip(logs, first, second, third, strict=True):
        if len({found.answer["pattern_id"] for found in (one, two, three)}) > 1:
            print(f"  differs: {name}")
        elif three.answer.get("suggested_fix") != f"the fix of {one.answer['pattern_id']}":
            print(f"  no fix: {name} {three.answer['status']} {three.answer['message']}")


if __name__ == "__main__":
    main()
