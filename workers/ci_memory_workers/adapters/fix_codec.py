"""How fixes look in Redis: what each says, and what is counted and decided of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..domain.pattern import Fix, Ruling

FIX_FIELDS = ("fix_type", "description", "commit", "fixed_by", "repo", "resolved_ms", "learned", "files")
"""What a fix says, in the order in which Redis holds it (`_ledger.lua` reads some); its outcomes are counted beside it."""
COUNTS = ("reported|pending", "reported|worked", "reported|failed", "inferred|pending", "inferred|worked", "inferred|failed")
"""Trials by kind and verdict, in the order in which `_ledger.lua` counts them; repositories and the last success follow."""


def as_json(value: object) -> str:
    """JSON without blanks, as Redis keeps it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encode_fix(fix: Fix | None) -> str:
    """What a fix says; '' for none."""
    return encode_told(fix) if fix else ""


def encode_told(fix: object) -> str:
    """`FIX_FIELDS` of what has them, in their order, as JSON."""
    return as_json([getattr(fix, name) for name in FIX_FIELDS])


def decode_told(encoded: str) -> dict[str, Any]:
    """The other way, by name."""
    return dict(zip(FIX_FIELDS, json.loads(encoded), strict=True))


def decode_fixes(fields: Mapping[str, str]) -> tuple[Fix, ...]:
    """The fixes in a pattern's hash, with their outcomes."""
    return tuple(
        _fix(
            name[4:],
            told,
            fields.get(f"n|{name[4:]}", ""),
            fields.get(f"changed|{name[4:]}", ""),
            fields.get(f"veto|{name[4:]}", ""),
            fields.get(f"pin|{name[4:]}", ""),
        )
        for name, told in fields.items()
        if name.startswith("fix|")
    )


@lru_cache(maxsize=4_096)
def _fix(fix_id: str, told: str, counted: str, changed_: str, veto: str, pin: str) -> Fix:
    fields, counts, change = decode_told(told), decode_counts(counted), decode_change(changed_)
    return Fix(
        fix_id,
        **{**fields, "files": tuple(fields["files"])},
        worked=counts["reported|worked"],
        failed=counts["reported|failed"],
        learned_worked=counts["inferred|worked"],
        learned_failed=counts["inferred|failed"],
        pending=counts["inferred|pending"],
        repositories=counts["repositories"],
        last_worked_ms=counts["last"],
        changed_ms=change[0],
        changed_file=change[1],
        veto=decode_ruling(veto),
        pin=decode_ruling(pin),
    )


def decode_counts(counted: str) -> dict[str, int]:
    """What is counted of a fix: trials by `COUNTS`, ``repositories``, and when it ``last`` worked, ms."""
    names = (*COUNTS, "repositories", "last")
    return dict.fromkeys(names, 0) | dict(zip(names, map(int, counted.split()), strict=False))


def encode_counts(counts: Mapping[str, int], repositories: int, last_ms: int) -> str:
    """The other way."""
    return " ".join(str(number) for number in (*(counts.get(name, 0) for name in COUNTS), repositories, last_ms))


def decode_change(told: str) -> tuple[int, str]:
    """When a file of a fix was changed again, and which: what ``files_changed.lua`` writes as 'ms|file'."""
    ms, _, file = told.partition("|")
    return int(ms or 0), file


def decode_ruling(data: str) -> Ruling | None:
    """Who decided something, why and when; None for ''."""
    return Ruling(**json.loads(data)) if data else None
