"""A pattern's whole state, as ``read_pattern.lua`` replies it and as ``restore_pattern.lua`` takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..services.ports.archive import FixState, PatternState, PlaceState, RulingState, TrialState
from .fix_codec import COUNTS, decode_change, decode_counts, decode_told, encode_counts, encode_told
from .pattern_codec import TRAITS, decode_analysis, encode_traits, pack_analysis, pairs, pattern_fields, text

NOT_KNOWLEDGE = frozenset({"analysis", "merged_into", "journal_id", "broken"})
"""Fields of a pattern's hash that are no part of its state's: the diagnosis stands apart, and the rest is about here and now."""


def decode_state(pattern_id: str, reply: Sequence[Any]) -> PatternState:
    """The state that ``read_pattern.lua`` replied. Raises pydantic's ValidationError where it is none."""
    hash_, fixes, trials, reported, aliases, repos, recent, merged, fix_repos, origins, apart, score, journal = reply
    fields = pattern_fields(hash_)
    diagnosis, analyst, reason = decode_analysis(fields.get("analysis", ""))
    return PatternState.model_validate(
        {
            "pattern_id": pattern_id,
            "fields": {name: value for name, value in sorted(fields.items()) if name not in NOT_KNOWLEDGE},
            "journal": text(journal),
            "diagnosis": diagnosis,
            "analyst": analyst,
            "reason": reason,
            "aliases": _sorted(aliases),
            "fixes": _fixes(pairs(fixes), fix_repos),
            "trials": [{"trial_id": name, **json.loads(value)} for name, value in sorted(pairs(trials).items())],
            "reported": [{"repo": name, **json.loads(value)} for name, value in sorted(pairs(reported).items())],
            "repos": _sorted(repos),
            "recent": [json.loads(row) for row in recent],
            "merged": _merged(merged),
            "origins": dict(sorted(pairs(origins).items())),
            "apart": _apart(apart),
            "settled": text(score).startswith("-"),
        }
    )


def _sorted(members: Iterable[Any]) -> list[str]:
    return sorted(text(member) for member in members)


def _merged(rows: Sequence[Any]) -> list[dict[str, object]]:
    found = [{"pattern_id": text(row[0]), "by": text(row[1]), "why": text(row[2]), "ms": int(row[3])} for row in rows]
    return sorted(found, key=lambda one: str(one["pattern_id"]))


def _apart(rows: Sequence[Any]) -> list[dict[str, object]]:
    found = [
        {"fingerprint": text(rows[i]), "other": other, **json.loads(ruling)}
        for i in range(0, len(rows), 2)
        for other, ruling in pairs(rows[i + 1]).items()
    ]
    return sorted(found, key=lambda one: (str(one["fingerprint"]), str(one["other"])))


def _fixes(fields: Mapping[str, str], fix_repos: Sequence[Any]) -> list[dict[str, object]]:
    """Fixes in the order of the hash, in which they are shown."""
    repos = {text(fix_repos[i]): _sorted(fix_repos[i + 1]) for i in range(0, len(fix_repos), 2)}
    return [_fix(name.removeprefix("fix|"), value, fields, repos) for name, value in fields.items() if name.startswith("fix|")]


def _fix(fix_id: str, told: str, fields: Mapping[str, str], repos: Mapping[str, list[str]]) -> dict[str, object]:
    counts = decode_counts(fields.get(f"n|{fix_id}", ""))
    changed_ms, changed_file = decode_change(fields.get(f"changed|{fix_id}", ""))
    return {
        **decode_told(told),
        "fix_id": fix_id,
        "counts": {outcome: counts[outcome] for outcome in COUNTS if counts[outcome]},
        "repositories": counts["repositories"],
        "last_worked_ms": counts["last"],
        "repos": repos.get(fix_id, []),
        "changed_ms": changed_ms,
        "changed_file": changed_file,
        "veto": _ruling_in(fields.get(f"veto|{fix_id}")),
        "pin": _ruling_in(fields.get(f"pin|{fix_id}")),
    }


def _ruling_in(encoded: str | None) -> object:
    return json.loads(encoded) if encoded else None


def sections(state: PatternState) -> list[str | bytes | int]:
    """What ``restore_pattern.lua`` takes of a state from its tenth argument on."""
    flat: list[str | bytes | int] = []
    for name, items in (
        ("fields", _pairs(_hash(state).items())),
        ("fixes", _pairs(pair for fix in state.fixes for pair in _fix_fields(fix))),
        ("trials", _pairs((trial.trial_id, _trial(trial)) for trial in state.trials)),
        ("reported", _pairs((report.repo, report.trial) for report in state.reported)),
        ("fix_repos", _pairs((fix.fix_id, repo) for fix in state.fixes for repo in fix.repos)),
        ("aliases", list(state.aliases)),
        ("repos", list(state.repos)),
        ("recent", [_place(place) for place in state.recent]),
        ("merged", [part for one in state.merged for part in (one.pattern_id, one.by, one.why, str(one.ms))]),
        ("origins", _pairs(state.origins.items())),
        ("apart", [part for one in state.apart for part in (one.fingerprint, one.other, encode_ruling(one))]),
    ):
        flat += [name, len(items), *items]
    return flat


def _pairs(items: Iterable[tuple[str, str | bytes]]) -> list[str | bytes]:
    return [part for pair in items for part in pair]


def _hash(state: PatternState) -> dict[str, str | bytes]:
    fields: dict[str, str | bytes] = {name: value for name, value in state.fields.items() if name not in NOT_KNOWLEDGE}
    if all(name in fields for name in TRAITS):
        fields["traits"] = encode_traits([str(fields.pop(name)) for name in TRAITS])
    if state.diagnosis is None:
        return fields
    return fields | {"analysis": pack_analysis(state.diagnosis, state.analyst, state.reason)}


def _fix_fields(fix: FixState) -> Iterable[tuple[str, str]]:
    yield f"fix|{fix.fix_id}", encode_told(fix)
    yield f"n|{fix.fix_id}", encode_counts(dict(fix.counts), fix.repositories, fix.last_worked_ms)
    if fix.changed_ms:
        yield f"changed|{fix.fix_id}", f"{fix.changed_ms}|{fix.changed_file}"
    for name, ruling in (("veto", fix.veto), ("pin", fix.pin)):
        if ruling:
            yield f"{name}|{fix.fix_id}", encode_ruling(ruling)


def encode_ruling(ruling: RulingState) -> str:
    """A ruling as the index holds it."""
    return json.dumps({"by": ruling.by, "why": ruling.why, "ms": ruling.ms})


def decode_ruling(encoded: str) -> RulingState:
    """The other way."""
    return RulingState.model_validate_json(encoded)


def _trial(trial: TrialState) -> str:
    flags = {name: True for name in ("persisted", "outbreak") if getattr(trial, name)}
    return json.dumps(
        {"fix": trial.fix, "repo": trial.repo, "kind": trial.kind, "verdict": trial.verdict, "ms": trial.ms, **flags}
    )


def _place(place: PlaceState) -> str:
    return json.dumps({"place": place.place, "commit": place.commit, "ms": place.ms})
