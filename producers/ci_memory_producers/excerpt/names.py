"""Names of failed tests: each test once, in the longest spelling that the log has."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST_NAME = 600
_SEPARATORS = re.compile(r"::| > | \u203a |[/.#]|\s+")
_INVERTED = re.compile(r"^(?P<method>[^()]*(?:\[.*\]|\([^()]*\))?)\s*\((?P<place>[\w.$-]+)\)$")


def distinct_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names without repetitions; where one is the end of another, as in a heading and a summary, the longer one stays."""
    kept: dict[tuple[str, ...], str] = {}
    endings: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name in names:
        name = name.strip()[:_LONGEST_NAME]
        parts = _parts(name)
        if not parts or parts in kept or parts in endings:
            continue
        for shorter in [parts[cut:] for cut in range(1, len(parts))]:
            if kept.pop(shorter, None) is not None:
                break
        kept[parts] = name
        for cut in range(1, len(parts)):
            endings[parts[cut:]] = parts
    return tuple(kept.values())


def _parts(name: str) -> tuple[str, ...]:
    inverted = _INVERTED.match(name)
    if inverted and inverted["method"].strip():
        name = f"{inverted['place']}.{inverted['method'].strip()}"
    return tuple(part for part in _SEPARATORS.split(name.replace(".py::", "::")) if part)
