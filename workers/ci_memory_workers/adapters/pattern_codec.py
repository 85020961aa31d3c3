"""How events and patterns look in Redis: the flat arguments of ``apply_batch.lua``, and the hashes that it keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, cast

from ci_memory_producers.events import Diagnosis, FailureEvent, PassEvent
from ci_memory_producers.keys import tenant_prefix

from ..domain.confidence import best
from ..domain.flaky import is_mass_failure
from ..domain.pattern import Fix, Outbreak, Pattern, Quarantine, Ruling, Span
from ..domain.transitions import Attempt
from ..services.ports import AnalystAnswer, Dated, FailureContext, Line, Reading

FIX_FIELDS = ("fix_id", "fix_type", "description", "commit", "fixed_by", "repo", "resolved_ms", "learned", "files")
"""What does not change of a fix; its outcomes are counted beside it."""
RECORD_MESSAGE = 1_000
RECORD_FILES = 50


def text(value: Any) -> str:
    """Redis's bytes as text; '' for nothing."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


@lru_cache(maxsize=65_536)
def digest(*parts: str) -> str:
    """16 hex digits that stand for ``parts``; '' where all of them are empty."""
    if not any(parts):
        return ""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def arguments(event: Reading | Dated, *, candidate: str, sample: str) -> list[str | int]:
    """The event's kind and fields, as ``apply_batch.lua`` reads them."""
    if isinstance(event, Reading):
        return _failure_arguments(event, candidate, sample)
    if isinstance(event.event, PassEvent):
        passed = event.event
        build = digest(passed.repo, passed.build_id)
        place = f"{passed.repo}#{passed.build_id}"
        where: list[str | int] = [build, place, digest(passed.job), passed.attempt, digest(passed.test_id)]
        # A pass of a single test says nothing of the job's run.
        line = "" if passed.test_id else line_id(passed)
        return ["P", passed.event_id, event.ms, *where, line, *run_record(passed, event.ms)]
    resolution = event.event
    return ["R", resolution.event_id, event.ms, resolution.pattern_id, resolution.model_dump_json()]


def _failure_arguments(reading: Reading, candidate: str, sample: str) -> list[str | int]:
    event = reading.event
    return [
        "F",
        event.event_id,
        reading.ms,
        reading.fingerprint,
        reading.test_key,
        reading.category,
        reading.signal,
        event.stage,
        event.repo,
        digest(event.repo, event.build_id),
        f"{event.repo}#{event.build_id}",
        digest(event.job),
        event.attempt,
        event.commit_sha,
        digest(event.test_id),
        "1" if reading.generic else "0",
        json.loads(sample)["headline"][:500] if sample else "",
        candidate,
        sample,
        line_id(event),
        *run_record(event, reading.ms),
        "1" if is_mass_failure(event.run_totals) else "0",
    ]


def line_id(event: FailureEvent | PassEvent) -> str:
    """Which job on which branch of which repository; '' where the branch is unknown, since branches must not be mixed."""
    return digest(event.repo, event.branch, event.job) if event.branch else ""


def run_record(event: FailureEvent | PassEvent, ms: int) -> tuple[int, str]:
    """The run's number (the log's time where the provider counts none), and what learning needs to know of it, as JSON."""
    run = event.run_number if event.run_number is not None else ms
    record: dict[str, object] = {
        "run": run,
        "attempt": event.attempt,
        "commit": event.commit_sha,
        "parent": event.parent_sha,
        "ms": ms,
        "repo": event.repo,
        "message": event.commit_message[:RECORD_MESSAGE],
        "author": event.author,
        "default": event.branch == event.default_branch,
    }
    if isinstance(event, PassEvent):
        record["files"] = event.changed_files[:RECORD_FILES]
    return run, json.dumps(record)


def decode_line(line: str, revision: int, rows: Sequence[bytes]) -> Line:
    """The other way: what ``line:{id}`` holds."""
    attempts, repo, default = [], "", False
    for row in rows:
        pattern_id, _, record = text(row).partition("|")
        fields = json.loads(record)
        repo, default = fields["repo"], fields["default"]
        attempts.append(
            Attempt(
                run=fields["run"],
                attempt=fields["attempt"],
                commit=fields["commit"],
                ms=fields["ms"],
                passed=not pattern_id,
                patterns=frozenset({pattern_id} if pattern_id else ()),
                message=fields["message"],
                author=fields["author"],
                files=tuple(fields.get("files", ())),
                parent=fields.get("parent", ""),
            )
        )
    return Line(line, repo, default, revision, tuple(attempts))


def decode_spans(past: str, since_ms: str, last_ms: str) -> tuple[Span, ...]:
    """All outbreaks of a pattern, the newest last, from what its hash says of them."""
    spans = [(int(since), int(last)) for since, _, last in (one.partition("-") for one in past.split())]
    newest = [(int(since_ms), int(last_ms))] if last_ms else []
    return tuple(Span(since, last) for since, last in (*spans, *newest))


def encode_sample(reading: Reading, pattern_id: str) -> str:
    """The failure as JSON, for the analyst of its pattern."""
    return json.dumps(asdict(reading.context(pattern_id)))


def decode_sample(pattern_id: str, data: bytes) -> FailureContext:
    """The other way."""
    fields = json.loads(data)
    return FailureContext(**{**fields, "pattern_id": pattern_id, "changed_files": tuple(fields["changed_files"])})


def encode_analysis(answer: AnalystAnswer) -> str:
    """An analyst's answer as JSON."""
    return json.dumps({"diagnosis": answer.diagnosis.model_dump(), "analyst": answer.analyst, "reason": answer.reason})


def encode_fix(fix: Fix | None) -> str:
    """A fix as JSON, without its outcomes, which Redis counts beside it; '' for none."""
    if fix is None:
        return ""
    return json.dumps({name: getattr(fix, name) for name in FIX_FIELDS})


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


def decode_pattern(pattern_id: str, fields: Mapping[str, str], fix_fields: Mapping[str, str]) -> Pattern:
    """A pattern from its hash and the hash of its fixes."""
    fixes = decode_fixes(fix_fields)
    analysis = _analysis(fields.get("analysis", ""))
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
            flaky=_goes_by_itself(fields),
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


def _goes_by_itself(fields: Mapping[str, str]) -> bool:
    """Whether most episodes were flaky, or it was called so without any that was run again."""
    flaky = int(fields.get("flaky_count", 0))
    return 2 * flaky > int(fields.get("episodes", 0)) or (not flaky and fields.get("status") == "flaky")


@lru_cache(maxsize=4_096)
def _analysis(data: str) -> tuple[Diagnosis | None, str, str]:
    if not data:
        return None, "", ""
    fields = json.loads(data)
    return Diagnosis.model_validate(fields["diagnosis"]), fields["analyst"], fields.get("reason", "")


def decode_fixes(fields: Mapping[str, str]) -> tuple[Fix, ...]:
    """The fixes of a pattern, with their outcomes."""

    def count(fix_id: str, kind: str, verdict: str) -> int:
        return int(fields.get(f"n|{fix_id}|{kind}|{verdict}", 0))

    ids = [name.removeprefix("fix|") for name in fields if name.startswith("fix|")]
    return tuple(
        Fix(
            **_told(fields[f"fix|{fix_id}"]),
            worked=count(fix_id, "reported", "worked"),
            failed=count(fix_id, "reported", "failed"),
            learned_worked=count(fix_id, "inferred", "worked"),
            learned_failed=count(fix_id, "inferred", "failed"),
            pending=count(fix_id, "inferred", "pending"),
            repositories=int(fields.get(f"repos|{fix_id}", 0)),
            last_worked_ms=int(fields.get(f"last|{fix_id}", 0)),
            changed_ms=changed(fields, fix_id)[0],
            changed_file=changed(fields, fix_id)[1],
            veto=decode_ruling(fields.get(f"veto|{fix_id}", "")),
            pin=decode_ruling(fields.get(f"pin|{fix_id}", "")),
        )
        for fix_id in ids
    )


def _told(data: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(data)
    return {**fields, "files": tuple(fields.get("files", ()))}


def changed(fields: Mapping[str, str], fix_id: str) -> tuple[int, str]:
    """When a file of a fix was changed again, and which: what ``files_changed.lua`` writes as 'ms|file'."""
    ms, _, file = fields.get(f"changed|{fix_id}", "0|").partition("|")
    return int(ms), file


def decode_ruling(data: str) -> Ruling | None:
    """Who decided something, why and when; None for ''."""
    return Ruling(**json.loads(data)) if data else None


def prefix(tenant: str) -> str:
    """The tenant's prefix of keys."""
    return tenant_prefix(tenant)
