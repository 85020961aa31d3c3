"""The contract between a CI job and the memory: what is pushed, and what comes back.

Everything is JSON. An event travels as one field, ``event``, of an entry in the stream ``ci-memory:events``; an answer is stored
under its event's id. Unknown fields are ignored, so that an older worker reads a newer producer.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from .tail import MAX_TEXT, keep_tail

SCHEMA_VERSION = 1
MAX_EVENT_BYTES = 131_072
"""Largest JSON of one event that is accepted into the memory, in bytes."""
FREE_TEXTS = frozenset(
    {
        "error_message", "stack_trace", "commit_message", "fix_description", "fixed_by", "fix_commit", "author", "branch", "job",
        "test_id", "url",
    }
)  # fmt: skip
"""Fields of events that people and programs write freely: redacted before they leave, and again before they are stored."""

Stage = Literal["build", "test", "deploy", "verify"]
Environment = Literal["dev", "staging", "prod", "ci"]
Category = Literal[
    "test_flaky",
    "test_assertion",
    "build_dependency",
    "build_compilation",
    "environment_config",
    "environment_resource",
    "integration_timeout",
    "integration_auth",
    "deployment_resource",
    "deployment_config",
    "unknown",
]
FixType = Literal["code_change", "config_change", "environment_fix", "rerun"]

STAGES: tuple[Stage, ...] = ("build", "test", "deploy", "verify")
ENVIRONMENTS: tuple[Environment, ...] = ("dev", "staging", "prod", "ci")
FIX_TYPES: tuple[FixType, ...] = ("code_change", "config_change", "environment_fix", "rerun")

Tenant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
PatternId = Annotated[str, Field(pattern=r"^pat_[a-z0-9]{6,32}$")]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Short = Annotated[str, Field(max_length=300)]
Sentence = Annotated[str, Field(max_length=4_000)]


class RunTotals(BaseModel):
    """How a whole test run went, in tests. A run where most tests fail says nothing about a single one."""

    model_config = ConfigDict(frozen=True)

    tests: int = Field(ge=0)
    failed: int = Field(ge=0)
    errors: int = Field(default=0, ge=0)
    skipped: int = Field(default=0, ge=0)


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False)

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    event_id: EventId = ""
    """Derived from what the event says, unless it is given: a repeated push is the same event."""
    tenant: Tenant = "default"
    repo: Name
    timestamp: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @field_validator("timestamp")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:
            raise ValueError("is out of range") from None

    @model_validator(mode="before")
    @classmethod
    def _with_event_id(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("event_id"):
            return {**data, "event_id": cls._identity(data)}
        return data

    @classmethod
    def _identity(cls, data: dict[str, Any]) -> str:
        raise NotImplementedError

    @classmethod
    def digest(cls, kind: str, data: dict[str, Any], fields: tuple[str, ...], content: str) -> str:
        """32 hex digits over the kind, the named fields and the content: the same push is the same event."""
        said = (data.get(field, cls.model_fields[field].default) for field in fields)
        parts = [kind, *("" if value is None else str(value) for value in said), content]
        return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


class _BuildEvent(_Event):
    """What every event of a build says about where it happened."""

    provider: Short = ""
    build_id: Name
    run_number: int | None = Field(default=None, ge=0)
    job: Short = ""
    attempt: int = Field(default=1, ge=1, le=10_000)
    stage: Stage
    environment: Environment = "ci"
    branch: Short = ""
    default_branch: Short = ""
    commit_sha: Short = ""
    parent_sha: Short = ""
    commit_message: Sentence = ""
    author: Short = ""
    changed_files: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=300)
    test_id: Annotated[str, Field(max_length=600)] = ""
    run_totals: RunTotals | None = None
    url: Annotated[str, Field(max_length=1_000)] = ""


_PLACE = ("provider", "tenant", "repo", "build_id", "job", "attempt", "stage")


class FailureEvent(_BuildEvent):
    """One failure of one job.

    ``error_message`` is the failing part of the log, already redacted; longer texts keep their tail (`MAX_TEXT`).
    ``exit_code`` is the exit status of the command that failed, where it is known.
    """

    kind: Literal["failure"] = "failure"
    error_message: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    stack_trace: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    exit_code: int | None = None

    @field_validator("error_message", "stack_trace", mode="before")
    @classmethod
    def _tail(cls, value: Any) -> Any:
        return keep_tail(value) if isinstance(value, str) else value

    @field_validator("error_message")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty: a failure needs the text that says what failed")
        return value

    @classmethod
    def _identity(cls, data: dict[str, Any]) -> str:
        content = str(data.get("test_id") or data.get("error_message") or "")
        return cls.digest("failure", data, _PLACE, content)


class PassEvent(_BuildEvent):
    """A job, or with ``test_id`` one test of it, that passed."""

    kind: Literal["pass"] = "pass"

    @classmethod
    def _identity(cls, data: dict[str, Any]) -> str:
        return cls.digest("pass", data, _PLACE, str(data.get("test_id") or ""))


class ResolutionEvent(_Event):
    """Somebody says what fixed a pattern. ``fix_type`` ``rerun`` means that nothing was fixed: it went away by itself."""

    kind: Literal["resolution"] = "resolution"
    pattern_id: PatternId
    fixed_by: Short = ""
    fix_commit: Short = ""
    fix_description: Annotated[str, Field(max_length=4_000)] = ""
    fix_type: FixType
    changed_files: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=300)
    """What ``fix_commit`` changes, where that is known: once one of them is changed again, the fix is trusted for less long."""

    @model_validator(mode="after")
    def _describes_the_fix(self) -> Self:
        if self.fix_type != "rerun" and not self.fix_description.strip():
            raise ValueError(f"fix_description is empty: a {self.fix_type} is remembered by what was done")
        return self

    @classmethod
    def _identity(cls, data: dict[str, Any]) -> str:
        fields = ("tenant", "repo", "pattern_id", "fix_commit", "fix_type", "fixed_by")
        return cls.digest("resolution", data, fields, str(data.get("fix_description") or ""))


Event = Annotated[FailureEvent | PassEvent | ResolutionEvent, Field(discriminator="kind")]
EVENT: TypeAdapter[FailureEvent | PassEvent | ResolutionEvent] = TypeAdapter(Event)
"""Validates any event from JSON: ``EVENT.validate_json(data)``."""


class Diagnosis(BaseModel):
    """What an analyst says about a new failure, in four fields."""

    model_config = ConfigDict(frozen=True)

    summary: Sentence
    likely_cause: Sentence
    suggested_fix: Sentence
    prevention: Sentence


class Evidence(BaseModel):
    """Why a suggestion is made: the outcomes of its fix, and how often and where the failure was seen."""

    model_config = ConfigDict(frozen=True)

    source: Literal["fix", "analysis"]
    occurrences: int = 0
    repositories: int = 0
    first_seen: datetime | None = None
    fix_id: str = ""
    fix_type: FixType | None = None
    fix_commit: str = ""
    fix_repo: str = ""
    """Where ``fix_commit`` is: not always where the failure was seen now."""
    fixed_by: str = ""
    resolved_at: datetime | None = None
    fix_worked: int = 0
    fix_failed: int = 0
    fix_pending: int = 0
    fix_repositories: int = 0
    fix_last_worked: datetime | None = None
    fix_learned: bool = False
    confidence_at_least: float = Field(default=0.0, ge=0.0, le=1.0)
    """The lower bound of the answer's ``confidence``: few outcomes leave much room below."""
    flaky_episodes: int = 0
    episodes: int = 0
    match_votes: int = 0
    outbreak_builds: int = 0
    outbreak_repositories: int = 0
    outbreak_since: datetime | None = None
    note: str = ""


class OtherFailure(BaseModel):
    """A further failure of the same log, answered on its own under ``event_id``."""

    model_config = ConfigDict(frozen=True)

    event_id: EventId
    status: str
    pattern_id: str | None = None
    test_id: str = ""
    message: str = ""


class Analysis(BaseModel):
    """The answer to a failure: what ``failure_analysis.json`` holds.

    ``confidence`` is between 0 and 1 and comes from outcomes of the fix alone: how often such fixes work. 0 without a fix.
    ``similar_failures`` counts all occurrences of the pattern, this one included.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["known_pattern", "new_pattern", "pending"]
    event_id: EventId
    pattern_id: str | None = None
    pattern_status: str = ""
    category: Category = "unknown"
    signal: str = ""
    confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    suggested_fix: str = ""
    similar_failures: int = 0
    last_seen: datetime | None = None
    message: str = ""
    evidence: Evidence | None = None
    analysis: Diagnosis | None = None
    analyst: str = ""
    provisional: bool = False
    others: tuple[OtherFailure, ...] = ()
    newest_event: datetime | None = None
    """How fresh the answer is: when the newest event that it takes into account came in …"""
    log_lag: int | None = None
    """… and how many events had come in and were not read yet."""


class ResolutionReceipt(BaseModel):
    """What became of a reported resolution."""

    model_config = ConfigDict(frozen=True)

    status: Literal["recorded", "rejected"]
    event_id: EventId
    pattern_id: str
    message: str = ""


Answer = Analysis | ResolutionReceipt
ANSWER: TypeAdapter[Analysis | ResolutionReceipt] = TypeAdapter(Answer)
"""Reads an answer as it is stored: ``ANSWER.validate_json(data)``."""
