"""What causes print and what people write about them: templates of our own, or real failures of a folder of data."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from ci_memory_producers.events import FixType, Stage

LONGEST = 3_000
"""Most characters of a real text: its tail, as a producer would send it."""
SHORTEST = 40
_GROUPED: dict[str, Stage] = {"nodejs_reliability": "test", "elastic_recheck": "test", "shipwright_docker": "build"}
_PLACES = (
    "billing", "checkout", "search", "ledger", "inventory", "profile", "gateway", "catalog", "session", "report", "upload",
    "webhook", "scheduler", "pricing", "shipping", "audit", "export", "mailer", "payment", "tenant", "quota", "invoice",
)  # fmt: skip
_THINGS = (
    "cursor", "token", "window", "currency", "timezone", "retry", "cache", "snapshot", "locale", "index", "batch", "header",
    "schema", "cookie", "ranking", "thumbnail", "archive", "digest", "migration", "feature_flag", "rounding", "pagination",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Base:
    """A failure's text without noise, where it comes from, and a way to fix it."""

    stage: Stage
    text: str
    test: str
    source: str
    fixes: tuple[str, ...]
    decoys: tuple[str, ...]
    files: tuple[str, ...]
    fix_type: FixType = "code_change"


_ANY_FIXES = ("Handle the {thing} of {place}", "{place}: repair the {thing}", "Correct how {place} reads its {thing}")
_ANY_DECOYS = ("Try to settle {place} with a longer {thing} wait", "Log more about the {thing} in {place}")


@cache
def _own() -> tuple[Base, ...]:
    """The templates of ``fleet_failures.toml``."""
    rows = tomllib.loads((Path(__file__).parent / "fleet_failures.toml").read_text("utf-8"))["failure"]
    return tuple(
        Base(
            row["stage"],
            row["text"],
            row["test"],
            row["source"],
            tuple(row["fixes"]),
            tuple(row["decoys"]),
            tuple(row["files"]),
            row["fix_type"],
        )
        for row in rows
    )


def bases(rng: Random, count: int, data: Path | None) -> list[Base]:
    """``count`` distinct bases: of the data as many as there are, but at most three of four; the rest from our templates."""
    real = _real(data) if data else []
    rng.shuffle(real)
    names = [(place, thing) for place in _PLACES for thing in _THINGS]
    rng.shuffle(names)
    chosen = real[: count * 3 // 4]
    named = [_named(base, *names[i], rng) for i, base in enumerate(chosen)]
    for i in range(len(chosen), count):
        place, thing = names[i % len(names)]
        named.append(_named(_own()[i % len(_own())], place, thing, rng, own=True))
    rng.shuffle(named)
    return named


def _named(base: Base, place: str, thing: str, rng: Random, *, own: bool = False) -> Base:
    known = {"place": place, "thing": thing, "n": rng.randrange(3, 90), "m": rng.randrange(100, 900), "l": rng.randrange(20, 400)}

    def fill(templates: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one.format(**known) for one in templates)

    named = replace(base, fixes=fill(base.fixes), decoys=fill(base.decoys), files=fill(base.files))
    return replace(named, text=base.text.format(**known), test=base.test.format(**known)) if own else named


def _real(data: Path) -> list[Base]:
    """One text of each group of real failures: groups are distinct causes, by the data's own labels."""
    found: dict[tuple[str, str], Base] = {}
    for name, stage in _GROUPED.items():
        for row in _rows(data / "grouping" / f"{name}.dev.jsonl"):
            _keep(found, name, str(row["group"]), stage, str(row["text"]))
    for row in _rows(data / "categorize" / "fine_bump.dev.jsonl"):
        _keep(found, "bump", str(row["project"]), "test" if row["category"] == "test_assertion" else "build", str(row["text"]))
    return [found[key] for key in sorted(found)]


def _keep(found: dict[tuple[str, str], Base], source: str, group: str, stage: Stage, text: str) -> None:
    text = text.strip()[-LONGEST:]
    if len(text) >= SHORTEST:
        found.setdefault((source, group), Base(stage, text, "", source, _ANY_FIXES, _ANY_DECOYS, ("{thing}.py",)))


def _rows(path: Path) -> list[dict[str, object]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
