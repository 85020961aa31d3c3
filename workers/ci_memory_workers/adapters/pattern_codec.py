"""How patterns look in Redis: the hashes that the scripts keep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from ci_memory_producers.events import Diagnosis
from ci_memory_producers.keys import tenant_prefix

from ..domain.confidence import best
from ..domain.pattern import Outbreak, Pattern, Quarantine, Span
from ..services.ports import AnalystAnswer
from .fix_codec import as_json, decode_fixes
from .packed_text import pack, unpack

TRAITS = ("category", "signal", "stage", "generic", "test_key", "headline")
"""What a pattern is by: the same for all its life, and kept as one JSON array that the scripts don't read."""
TALLY = (
    "occurrence_count", "repositories", "match_votes", "episodes", "revision", "last_ms",
    "outbreak_ms", "outbreak_last_ms", "outbreak_builds", "outbreak_repositories",
)  # fmt: skip
"""What is counted of a pattern with each of its failures, in the order of ``_tally.lua``; an outbreak's where it had one."""


def text(value: Any) -> str:
    """Redis's bytes as text; '' for nothing."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


@lru_cache(maxsize=65_536)
def digest(*parts: str) -> str:
    """16 hex digits that stand for ``parts``; '' where all of them are empty."""
    if not any(parts):
        return ""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def encode_traits(traits: Sequence[str]) -> str:
    """What a pattern is by: values of `TRAITS`, as JSON."""
    return as_json(list(traits))


def decode_tally(tally: str) -> dict[str, int]:
    """What is counted of a pattern, by the names of `TALLY`; those of an outbreak where it had one."""
    return dict(zip(TALLY, map(int, tally.split()), strict=False))


def decode_spans(past: str, tally: str) -> tuple[Span, ...]:
    """All outbreaks of a pattern, the newest last, from what its hash says of them."""
    spans = [(int(since), int(last)) for since, _, last in (one.partition("-") for one in past.split())]
    counted = decode_tally(tally)
    newest = [(counted["outbreak_ms"], counted["outbreak_last_ms"])] if "outbreak_ms" in counted else []
    return tuple(Span(since, last) for since, last in (*spans, *newest))


def encode_analysis(answer: AnalystAnswer) -> bytes:
    """An analyst's answer, as `decode_analysis` reads it."""
    return pack_analysis(answer.diagnosis, answer.analyst, answer.reason)


def pack_analysis(diagnosis: Diagnosis, analyst: str, reason: str) -> bytes:
    """The same of its parts."""
    return pack(as_json({"analyst": analyst, "reason": reason, "diagnosis": diagnosis.model_dump()}))


def pattern_fields(reply: Any) -> dict[str, str]:
    """A pattern's hash, as redis-py or a script returns it, less what is packed for the scripts alone."""
    items = reply.items() if isinstance(reply, Mapping) else zip(*[iter(reply or ())] * 2, strict=True)
    # An analysis is no text: `decode_analysis` gets its bytes back.
    fields = {_name(name): value.decode("utf-8", "surrogateescape") for name, value in items if name[0] != _FOR_SCRIPTS}
    if traits := fields.pop("traits", ""):
        fields.update(_traits(traits))
    if tally := fields.pop("tally", ""):
        fields.update(zip(TALLY, tally.split(" "), strict=False))
    return fields


@lru_cache(maxsize=4_096)
def _traits(encoded: str) -> dict[str, str]:
    return dict(zip(TRAITS, json.loads(encoded), strict=True))


_FOR_SCRIPTS = ord("~")
VERSION: Final = b"~version"
"""The field that says which version of a pattern this is, see ``_version.lua``."""


def pairs(reply: Any) -> dict[str, str]:
    """A hash, as redis-py or a script returns it."""
    if isinstance(reply, Mapping):
        return {text(name): text(value) for name, value in reply.items()}
    items = iter(reply or ())
    return {_name(name): value.decode("utf-8", "replace") for name, value in zip(items, items, strict=True)}


@lru_cache(maxsize=4_096)
def _name(name: bytes) -> str:
    """The name of a field: the same few in every hash of a kind."""
    return name.decode("utf-8", "replace")


def decode_pattern(pattern_id: str, fields: Mapping[str, str]) -> Pattern:
    """A pattern from its hash."""
    fixes = decode_fixes(fields)
    analysis = decode_analysis(fields.get("analysis", ""))
    return Pattern(
        pattern_id=pattern_id,
        status=cast("Any", fields.get("status", "unresolved")),
        category=cast("Any", fields.get("category", "unknown")),
        signal=fields.get("signal", ""),
        stage=cast("Any", fields.get("stage", "test")),
        fingerprint=fields.get("fingerprint", ""),
        test_key=fields.get("test_key", ""),
        headline=fields.get("headline", ""),
        generic=fields.get("generic") == "1",
        occurrences=int(fields.get("occurrence_count", 0)),
        episodes=int(fields.get("episodes", 0)),
        flaky_episodes=int(fields.get("flaky_count", 0)),
        repositories=int(fields.get("repositories", 0)),
        match_votes=int(fields.get("match_votes", 0)),
        recurred=int(fields.get("recurred", 0)),
        first_ms=int(fields.get("first_ms", 0)),
        last_ms=int(fields.get("last_ms", 0)),
        revision=int(fields.get("revision", 0)),
        analysed=cast("Any", fields.get("analysed", "")),
        analyst=analysis[1],
        analyst_reason=analysis[2],
        diagnosis=analysis[0],
        attempts=int(fields.get("attempts", 0)),
        takes=int(fields.get("takes", 0)),
        status_reason=fields.get("status_reason", ""),
        fix=best(
            fixes,
            flaky=_goes_by_itself(int(fields.get("flaky_count", 0)), int(fields.get("episodes", 0)), fields.get("status", "")),
            now_ms=int(fields.get("last_ms", 0)),
        ),
        fixes=fixes,
        merged_into=fields.get("merged_into", ""),
        broken=fields.get("broken", "0") != "0",
        repeated="repeated" in fields,
        owner=fields.get("owner", ""),
        quarantine=Quarantine(
            since_ms=int(fields.get("quarantine_ms", 0)),
            until_ms=int(fields.get("quarantine_until_ms", 0)),
            episodes=int(fields.get("quarantine_episodes", 0)),
            flaky_episodes=int(fields.get("quarantine_flaky", 0)),
            entries=int(fields.get("quarantine_entries", 0)),
        ),
        outbreak=Outbreak(
            since_ms=int(fields["outbreak_ms"]),
            last_ms=int(fields["outbreak_last_ms"]),
            builds=int(fields["outbreak_builds"]),
            repositories=int(fields["outbreak_repositories"]),
        )
        if "outbreak_last_ms" in fields
        else None,
    )


class Told(NamedTuple):
    """A pattern that ``apply_batch.lua`` told. ``version`` is '' where it told the counts alone: the rest is what was held."""

    pattern: Pattern
    version: str


def decode_applied(parts: Sequence[bytes], held: Mapping[str, Pattern]) -> tuple[list[tuple[Any, str]], dict[str, Told]]:
    """Outcome and pattern_id of each event, and patterns by their ids, from what ``apply_batch.lua`` replies. ``held`` are
    patterns by the names that it was told (`held_patterns.Held`).
    """
    at = 1 + 2 * int(parts[0])
    outcomes = [(_name(parts[i]), text(parts[i + 1])) for i in range(1, at, 2)]
    told = {}
    while at < len(parts):
        pattern_id, count = text(parts[at]), int(parts[at + 1])
        at += 2
        if count:
            reply, at = parts[at : at + count], at + count
            told[pattern_id] = Told(decode_pattern(pattern_id, pattern_fields(reply)), _version(reply))
        else:
            version, *tally = text(parts[at]).split(" ")
            told[pattern_id] = Told(_recounted(held[f"{pattern_id} {version}"], *map(int, tally)), "")
            at += 1
    return outcomes, told


def _version(reply: Sequence[bytes]) -> str:
    return text(reply[reply.index(VERSION) + 1]) if VERSION in reply else ""


def _recounted(
    pattern: Pattern,
    occurrences: int,
    repositories: int,
    match_votes: int,
    episodes: int,
    revision: int,
    last_ms: int,
    *outbreak: int,
) -> Pattern:
    """``pattern`` with another tally, its numbers in the order of `TALLY`."""
    flaky = _goes_by_itself(pattern.flaky_episodes, episodes, pattern.status)
    return pattern.recounted(
        occurrences=occurrences,
        repositories=repositories,
        match_votes=match_votes,
        episodes=episodes,
        revision=revision,
        last_ms=last_ms,
        fix=best(pattern.fixes, flaky=flaky, now_ms=last_ms) if pattern.fixes else None,
        outbreak=Outbreak(*outbreak) if outbreak else None,
    )


def _goes_by_itself(flaky: int, episodes: int, status: str) -> bool:
    """Whether most episodes were flaky, or it was called so without any that was run again."""
    return 2 * flaky > episodes or (not flaky and status == "flaky")


@lru_cache(maxsize=4_096)
def decode_analysis(data: str) -> tuple[Diagnosis | None, str, str]:
    """Diagnosis, analyst and reason from what `pattern_fields` made of `encode_analysis`; nothing from ''."""
    if not data:
        return None, "", ""
    fields = json.loads(unpack(data.encode("utf-8", "surrogateescape")))
    return Diagnosis.model_validate(fields["diagnosis"]), fields["analyst"], fields.get("reason", "")


def prefix(tenant: str) -> str:
    """The tenant's prefix of keys."""
    return tenant_prefix(tenant)
