"""How well the reader finds the failing part of real logs and reads real test reports: numbers with their goals.

The folder holds ``extraction/*.<split>.jsonl`` with ``log_path`` (gzip, relative to it) and ``junit/index.json``; see `measure`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ci_memory_producers.excerpt import MAX_EXCERPT_LINES, Excerpt, read_text, strip_line
from ci_memory_producers.junit import TestReport, UnreadableReport, read_report
from reading_table import Row, mean

Entry = dict[str, Any]
Case = tuple[Entry, Excerpt]
_NEAR = 3
_FIRST_EXPECTED = 40


def measure(data: Path, split: str) -> list[Row]:
    """One row a metric; ``naive`` is a tail of 200 lines, where it was measured."""
    folder = data / "extraction"
    sets: dict[str, Callable[[list[Case]], list[Row]]] = {
        "logchunks": logchunks,
        "pytorch": pytorch,
        "treeherder": treeherder,
        "cidiff": cidiff,
        "bugswarm_failed_tests": bugswarm,
    }
    rows: list[Row] = []
    for name, measured in sets.items():
        path = folder / f"{name}.{split}.jsonl"
        if path.exists():
            rows += measured(list(cases(path)))
    return rows + junit(data / "junit", split)


def cases(path: Path) -> Iterator[Case]:
    """The entries of one set with the excerpt of their log."""
    for line in path.read_text("utf-8").splitlines():
        entry = json.loads(line)
        yield entry, excerpt_of(path.parent / entry["log_path"])


@cache
def excerpt_of(log: Path) -> Excerpt:
    """The excerpt of a gzip log."""
    return read_text(gzip.decompress(log.read_bytes()).decode("utf-8", "replace"))


def covered(excerpt: Excerpt) -> set[int]:
    """The numbers of the lines that the excerpt was taken from."""
    return {number for first, last in excerpt.ranges for number in range(first, last + 1)}


def logchunks(found: list[Case]) -> list[Row]:
    """The labelled chunk that says why the build failed."""
    hits, recalls, shares, sizes = [], [], [], []
    for entry, excerpt in found:
        if not entry.get("start_line"):
            continue
        first, last = int(entry["start_line"]), int(entry["end_line"])
        ours = covered(excerpt)
        chunk = set(range(first, last + 1))
        hits.append(bool(ours & chunk))
        recalls.append(len(ours & chunk) / len(chunk))
        near = set(range(first - _NEAR, last + _NEAR + 1))
        shares.append(len(ours & near) / len(ours) if ours else 0.0)
        sizes.append(_fits(excerpt))
    return [
        _row("extraction/logchunks", "a range overlaps the labelled chunk", hits, 0.92, 0.77),
        _row("extraction/logchunks", "mean line recall of the chunk", recalls, 0.80, 0.74),
        _row("extraction/logchunks", "mean share of excerpt lines in the chunk +- 3 lines", shares, 0.50, 0.10),
        _row("extraction/logchunks", "excerpt <= 60 lines", sizes, 1.0, None),
    ]


def pytorch(found: list[Case]) -> list[Row]:
    """The line that the rule engine of the source, reviewed by people, says is the reason."""
    heads, inside = [], []
    for entry, excerpt in found:
        expected = {strip_line(line).strip() for line in entry["expected"]}
        heads.append(excerpt.headline.strip() in expected)
        inside.append(bool(expected & _lines(excerpt)))
    return [
        _row("extraction/pytorch", "the headline is the expected line", heads, 0.85, 0.05),
        _row("extraction/pytorch", "the expected line is in the excerpt", inside, 0.97, 0.95),
    ]


def treeherder(found: list[Case]) -> list[Row]:
    """All error lines that the source's parser reports, the first 40 of a log."""
    shares = []
    for entry, excerpt in found:
        expected = [strip_line(line).strip() for line in entry["expected"][:_FIRST_EXPECTED]]
        lines = _lines(excerpt)
        shares.append(sum(line in lines for line in expected) / len(expected))
    return [_row("extraction/treeherder", "expected error lines in the excerpt (first 40)", shares, 0.90, 0.03)]


def cidiff(found: list[Case]) -> list[Row]:
    """Line ranges that people marked as errors, by either of two annotators."""
    touched, sizes = [], []
    for entry, excerpt in found:
        ours = covered(excerpt)
        ranges = entry["error_ranges"] + (entry.get("error_ranges_2") or [])
        touched.append(any(first <= number <= last for number in ours for first, last in ranges))
        sizes.append(_fits(excerpt))
    return [
        _row("extraction/cidiff", "an error range is touched", touched, 0.95, 1.0),
        _row("extraction/cidiff", "excerpt <= 60 lines", sizes, 1.0, None),
    ]


def bugswarm(found: list[Case]) -> list[Row]:
    """Names of failed tests; precision where the source's list is complete, passing runs included."""
    recalled, right = [], []
    for entry, excerpt in found:
        names = [name for name, seen in zip(entry["expected_failed_tests"], entry["names_visible"], strict=False) if seen]
        recalled += [any(same_test(name, ours) for ours in excerpt.failed_tests) for name in dict.fromkeys(names)]
        if entry["list_complete"]:
            right += [any(same_test(name, ours) for name in names) for ours in excerpt.failed_tests]
    return [
        _row("extraction/bugswarm", "failed test names, recall", recalled, 0.95, None),
        _row("extraction/bugswarm", "failed test names, precision", right, 0.95, None),
    ]


def junit(folder: Path, split: str) -> list[Row]:
    """Counts against the source's own; a file that is broken, declares entities or is no report gives the clear error."""
    equal, clear = [], []
    index = folder / "index.json"
    for entry in json.loads(index.read_text("utf-8")) if index.exists() else []:
        path, expected = folder / entry["path"], entry["source_expected"]
        if entry["split"] != split:
            continue
        try:
            report: TestReport | None = read_report(path)
        except UnreadableReport as error:
            report = None
            clear.append(str(path) in str(error) and error.cause in str(error))
        if expected and "exception" not in expected and report:
            equal.append(_counts_equal(report, expected))
        elif (expected and "exception" in expected) or "parse_error" in entry["xml_counts"]:
            clear.append(report is None or path.suffix == ".json")
    return [
        _row("junit", "counts equal the source's expectation, of the reports that are read", equal, 1.0, None),
        _row("junit", "reports that cannot be read whole give the clear error", clear, 1.0, None),
    ]


def _counts_equal(report: TestReport, expected: dict[str, int]) -> bool:
    if "passed" in expected:  # a source that does not tell failures from errors
        ours = (report.tests, report.failed + report.errors, report.skipped)
        return ours == (expected["tests"], expected["failed"], expected["skipped"])
    ours4 = (report.tests, report.failed, report.errors, report.skipped)
    return ours4 == tuple(expected[name] for name in ("tests", "tests_fail", "tests_error", "tests_skip"))


def same_test(expected: str, ours: str) -> bool:
    """Whether two spellings name one test: equal, or one the end of the other, after `_spelled`."""
    one, other = _spelled(expected), _spelled(ours)
    return bool(one and other) and (one == other or one.endswith("." + other) or other.endswith("." + one))


def _spelled(name: str) -> str:
    """``method(Class)``, ``method (module.Class)``, ``path/module.py::Class::method`` as ``module.Class.method``."""
    name = name.strip().rstrip(":").strip()
    inverted = re.fullmatch(r"(.*?)\s*\(([\w.$\[\]/-]+)\)", name)
    if inverted:
        name = f"{inverted[2]}.{inverted[1]}" if inverted[1] else inverted[2]
    name = name.replace(".py", "").replace("()", "")
    return re.sub(r"\.{2,}", ".", re.sub(r"\s*(?:::|>|\u203a|/|\s)\s*", ".", name)).strip(".")


def _lines(excerpt: Excerpt) -> set[str]:
    return {line.strip() for line in excerpt.text.split("\n")}


def _fits(excerpt: Excerpt) -> bool:
    return excerpt.text.count("\n") < MAX_EXCERPT_LINES and len(covered(excerpt)) <= MAX_EXCERPT_LINES


def _row(group: str, metric: str, values: Iterable[float], goal: float, naive: float | None) -> Row:
    value, n = mean(values)
    return Row(group, metric, value, n, goal, naive)
