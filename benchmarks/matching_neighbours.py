"""Failures of one project that are near and have different fingerprints: which of them are accepted as one."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np

from ci_memory_workers.domain.likeness import likeness
from ci_memory_workers.domain.similarity import vector
from matching_measures import PRECISION, Row, row
from matching_repeat import Failure, failure, lines

_MOST: Final = 1_000
_NEAREST: Final = 20


def neighbours(data: Path, split: str) -> list[Row]:
    """Rows for the sets of ``DIR/grouping``: of near texts with different fingerprints, how many are rightly accepted."""
    rows: list[Row] = []
    right = taken = 0
    for path in sorted((data / "grouping").glob(f"*.{split}.jsonl")):
        accepted = _accepted(_distinct(path))
        right, taken = right + sum(accepted), taken + len(accepted)
        name = f"accepted alone, precision in {path.name.split('.')[0]}"
        if accepted:
            rows.append(row("neighbours", name, sum(accepted) / len(accepted), len(accepted)))
    return [row("neighbours", "accepted alone, precision", right / taken, taken, goal=PRECISION), *rows] if taken else rows


def _distinct(path: Path) -> list[tuple[str, str, Failure]]:
    """(project, group, failure), one for each fingerprint of a project, in an order that mixes them."""
    found: dict[tuple[str, str], tuple[str, str, Failure]] = {}
    for entry in sorted(lines(path), key=lambda entry: crc32(entry["text"].encode())):
        project = f"{entry['source']}/{entry['scope']}"
        one = failure(entry["text"])
        found.setdefault((project, one.fingerprint), (project, str(entry["group"]), one))
        if len(found) == _MOST:
            break
    return list(found.values())


def _accepted(failures: list[tuple[str, str, Failure]]) -> list[bool]:
    """For each pair that is accepted, whether it is of one group."""
    vectors = np.stack([vector(one.masked) for _, _, one in failures])
    accepted = []
    for place, (project, group, one) in enumerate(failures):
        for other in np.argsort(-(vectors @ vectors[place]))[: _NEAREST + 1]:
            its_project, its_group, its = failures[other]
            if other > place and its_project == project and likeness(one.read, its.read).accept:
                accepted.append(its_group == group)
    return accepted
