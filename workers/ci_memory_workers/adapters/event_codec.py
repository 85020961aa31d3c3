"""How events look in Redis: the arguments of ``apply_batch.lua``, and the records that are kept of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from pydantic_core import to_json

from ci_memory_producers.events import FailureEvent, PassEvent

from ..domain.flaky import is_mass_failure
from ..domain.transitions import Attempt
from ..services.ports import Dated, FailureContext, Line, Reading
from .pattern_codec import digest, encode_traits, text

END = b"\xff"
"""Ends each field of an event: a byte that is in no text."""
RECORD_MESSAGE = 1_000
RECORD_FILES = 50


def encode_event(event: Reading | Dated, *, first: str = "", held: str = "") -> bytes:
    """The event's kind and fields, as ``apply_batch.lua`` reads them. ``first`` is '' or what `encode_first` made, ``held`` says
    what is known here of the pattern of a failure (`HeldPatterns`).
    """
    fields = _failure_fields(event, first, held) if isinstance(event, Reading) else _other_fields(event)
    return END.join(map(str.encode, fields)) + END


def _other_fields(event: Dated) -> list[str]:
    if isinstance(event.event, PassEvent):
        passed = event.event
        build = digest(passed.repo, passed.build_id)
        place = f"{passed.repo}#{passed.build_id}"
        where = [build, place, digest(passed.job), str(passed.attempt), digest(passed.test_id)]
        # A pass of a single test says nothing of the job's run.
        line = "" if passed.test_id else line_id(passed)
        return ["P", passed.event_id, str(event.ms), *where, line, *run_record(passed, event.ms), slim_record(passed, event.ms)]
    resolution = event.event
    return ["R", resolution.event_id, str(event.ms), resolution.pattern_id, resolution.model_dump_json()]


def _failure_fields(reading: Reading, first: str, held: str) -> list[str]:
    event = reading.event
    return [
        "F",
        event.event_id,
        str(reading.ms),
        reading.fingerprint,
        event.repo,
        digest(event.repo, event.build_id),
        f"{event.repo}#{event.build_id}",
        digest(event.job),
        str(event.attempt),
        event.commit_sha,
        digest(event.test_id),
        first,
        line_id(event),
        *run_record(event, reading.ms),
        "1" if is_mass_failure(event.run_totals) else "0",
        slim_record(event, reading.ms),
        held,
    ]


def encode_first(reading: Reading, pattern_id: str) -> str:
    """What a failure makes where it is the first of its kind: the pattern's id, its `TRAITS` and its sample, in a line each."""
    context = reading.context(pattern_id)
    generic = "1" if reading.generic else "0"
    traits = (reading.category, reading.signal, reading.event.stage, generic, reading.test_key, context.headline[:500])
    return f"{pattern_id}\n{encode_traits(traits)}\n{json.dumps(asdict(context))}"


def encode_sample(reading: Reading, pattern_id: str) -> str:
    """The failure as JSON, for the analyst of its pattern."""
    return json.dumps(asdict(reading.context(pattern_id)))


def line_id(event: FailureEvent | PassEvent) -> str:
    """Which job on which branch of which repository; '' where the branch is unknown, since branches must not be mixed."""
    return digest(event.repo, event.branch, event.job) if event.branch else ""


def _run(event: FailureEvent | PassEvent, ms: int) -> int:
    """The run's number, or the log's time where the provider counts none."""
    return event.run_number if event.run_number is not None else ms


def run_record(event: FailureEvent | PassEvent, ms: int) -> tuple[str, str]:
    """The run's number, and what learning needs to know of it, as JSON: what `decode_line` reads."""
    run = _run(event, ms)
    record: list[object] = [
        run,
        event.attempt,
        event.commit_sha,
        event.parent_sha,
        ms,
        event.repo,
        event.commit_message[:RECORD_MESSAGE],
        event.author,
        int(event.branch == event.default_branch),
    ]
    if isinstance(event, PassEvent) and event.changed_files:
        record += event.changed_files[:RECORD_FILES]
    return str(run), to_json(record).decode()


def slim_record(event: FailureEvent | PassEvent, ms: int) -> str:
    """What replay needs to know of a run beside what the scripts know, as `decode_slim` reads it."""
    commit, repo = event.commit_sha, event.repo
    default = "1" if event.branch == event.default_branch else "0"
    return f"{_run(event, ms)} {default} {len(commit)} {len(repo)} {commit}{repo}#{event.build_id}"


def decode_slim(record: str) -> tuple[int, bool, str, str, str]:
    """The other way: run, whether it was on the default branch, commit, repository, place."""
    run, default, commit, repo, rest = record.split(" ", 4)
    place = rest[int(commit) :]
    return int(run), default == "1", rest[: int(commit)], place[: int(repo)], place


def decode_line(line: str, revision: int, rows: Sequence[bytes]) -> Line:
    """What ``line:{id}`` holds."""
    attempts, repo, default = [], "", False
    for row in rows:
        pattern_id, _, record = text(row).partition("|")
        run, attempt, commit, parent, ms, repo, message, author, default, *files = json.loads(record)
        attempts.append(
            Attempt(
                run=run,
                attempt=attempt,
                commit=commit,
                ms=ms,
                passed=not pattern_id,
                patterns=frozenset({pattern_id} if pattern_id else ()),
                message=message,
                author=author,
                files=tuple(files),
                parent=parent,
            )
        )
    return Line(line, repo, bool(default), revision, tuple(attempts))


def decode_sample(pattern_id: str, data: bytes) -> FailureContext:
    """The other way."""
    fields = json.loads(data)
    return FailureContext(**{**fields, "pattern_id": pattern_id, "changed_files": tuple(fields["changed_files"])})
