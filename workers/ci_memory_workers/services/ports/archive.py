"""What services need to bring knowledge out of the index and back: the whole state of one pattern, and the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ci_memory_producers.events import Category, Diagnosis, FixType, PatternId, Stage

from ...domain.pattern import Fix, Status
from .analyst import FailureContext

WHOLE_NUMBERS = (
    "occurrence_count", "episodes", "flaky_count", "repositories", "match_votes", "recurred", "first_ms", "last_ms", "revision",
    "attempts", "takes", "quarantine_episodes", "quarantine_flaky", "quarantine_entries", "outbreak_builds",
    "outbreak_repositories",
)  # fmt: skip
"""Fields of a pattern that hold a whole number, as do those that end in ``_ms``."""
MAX_REASON = 1_000
"""Characters of what a person says of a decision."""

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[int, Field(ge=0, le=10**14)]
Text = Annotated[str, Field(max_length=20_000)]
Reason = Annotated[str, AfterValidator(lambda text: text[:MAX_REASON])]
Key = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\s|]+$")]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RulingState(_State):
    """What a person decided: who, why, when."""

    by: Reason
    why: Reason = ""
    ms: Milliseconds


class FixState(_State):
    """A fix with its outcomes and what a person said of it.

    ``counts`` are trials by ``kind|verdict``, those included that are no longer listed.
    """

    fix_id: Key
    fix_type: FixType
    description: Text
    commit: Text = ""
    fixed_by: Text = ""
    repo: Text = ""
    resolved_ms: Milliseconds = 0
    learned: bool = False
    files: tuple[Annotated[str, Field(max_length=500)], ...] = ()
    counts: dict[Annotated[str, Field(pattern=r"^(reported|inferred)\|(pending|worked|failed)$")], Count] = {}
    repositories: Count = 0
    last_worked_ms: Milliseconds = 0
    changed_ms: Milliseconds = 0
    changed_file: Annotated[str, Field(max_length=500)] = ""
    repos: tuple[Text, ...] = ()
    veto: RulingState | None = None
    pin: RulingState | None = None


class TrialState(_State):
    """One use of a fix."""

    trial_id: Key
    fix: Key
    repo: Text
    kind: Literal["reported", "inferred"]
    verdict: Literal["pending", "worked", "failed"]
    ms: Milliseconds
    persisted: bool = False
    outbreak: bool = False


class ReportState(_State):
    """Which trial is a person's report for a repository."""

    repo: Text
    trial: Key
    ms: Milliseconds


class PlaceState(_State):
    """Where a pattern was seen lately."""

    place: Text
    commit: Text = ""
    ms: Milliseconds


class ApartState(RulingState):
    """A fingerprint of the pattern that must never be one with another fingerprint."""

    fingerprint: Key
    other: Key


class MergedState(RulingState):
    """A pattern that this one stands for; ``by`` is empty where an analyst said so."""

    pattern_id: PatternId


class PatternState(_State):
    """All that is known of one pattern.

    ``fields`` are those of its hash in the index, as text, less the diagnosis, which stands apart. ``journal`` is the id of the
    newest journal entry that is in it. ``settled`` says that aging need not look at it. ``merged`` are the patterns that it
    stands for, ``origins`` which alias made which of them. ``dropped`` says how much had to be left out, by name of what.
    """

    version: Literal[1] = 1
    pattern_id: PatternId
    fields: dict[FieldName, Text]
    journal: Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$")] = "0-0"
    diagnosis: Diagnosis | None = None
    analyst: Text = ""
    reason: Text = ""
    aliases: tuple[Key, ...] = ()
    fixes: tuple[FixState, ...] = ()
    trials: tuple[TrialState, ...] = ()
    reported: tuple[ReportState, ...] = ()
    repos: tuple[Text, ...] = ()
    recent: tuple[PlaceState, ...] = ()
    merged: tuple[MergedState, ...] = ()
    origins: dict[Key, PatternId] = {}
    apart: tuple[ApartState, ...] = ()
    settled: bool = False
    dropped: dict[str, Count] = {}

    @property
    def revision(self) -> int:
        """Grows with every change of the pattern."""
        return int(self.fields.get("revision", "0"))

    @property
    def cause(self) -> str:
        """What its analysis says, for `Lookalikes.remember`."""
        said = self.diagnosis
        return "\n".join((self.fields.get("headline", ""), said.summary, said.likely_cause)) if said else ""

    @model_validator(mode="after")
    def _fields_make_a_pattern(self) -> Self:
        for name, allowed in (("status", Status), ("category", Category), ("stage", Stage)):
            if self.fields.get(name) not in get_args(allowed):
                raise ValueError(f"fields.{name} is none of {', '.join(get_args(allowed))}")
        if not self.fields.get("fingerprint"):
            raise ValueError("fields.fingerprint is missing")
        for name, value in self.fields.items():
            number = name in WHOLE_NUMBERS or name.endswith("_ms")
            if number and value and not (value.isascii() and value.isdigit() and len(value) <= 15):
                raise ValueError(f"fields.{name} is not a whole number")
        if self.fields.get("analysed", "") not in ("", "provisional", "final"):
            raise ValueError("fields.analysed is not provisional, final or empty")
        if self.fields.get("analysed") and self.diagnosis is None:
            raise ValueError("diagnosis is missing from an analysed pattern")
        if dangling := {report.trial for report in self.reported} - {trial.trial_id for trial in self.trials}:
            raise ValueError(f"reported names a trial that is not listed: {min(dangling)}")
        return self


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry of the journal: what people decided, and what cannot be derived again. The id is its time and order."""

    entry_id: str
    fields: Mapping[str, str]

    @property
    def ms(self) -> int:
        """When it was written."""
        return int(self.entry_id.partition("-")[0])


Restored = Literal["restored", "updated", "unchanged", "merged", "forgotten"]
"""What came of restoring a pattern. ``unchanged``: what is there is as new or newer; ``merged``: another stands for it there;
``forgotten``: a person said so.
"""
Aliased = Literal["added", "known", "taken"]


class Archive(Protocol):
    """The index, a whole pattern at a time. Every method that changes something is one atomic step."""

    def is_empty(self, tenant: str) -> bool:
        """Whether nothing is known of this tenant."""
        ...

    def tenants(self) -> list[str]:
        """Tenants with knowledge, sorted."""
        ...

    def pattern_ids(self, tenant: str) -> list[str]:
        """Ids of all patterns, sorted; merged ones are not among them."""
        ...

    def state(self, tenant: str, pattern_id: str) -> PatternState | None:
        """The whole state of a pattern; None where it is unknown or merged."""
        ...

    def sample(self, tenant: str, pattern_id: str) -> FailureContext | None:
        """The text of the pattern's first failure, as long as it is kept."""
        ...

    def owner(self, tenant: str, fingerprint: str) -> str:
        """Id of the pattern that has a fingerprint; empty for none."""
        ...

    def restore(
        self,
        tenant: str,
        state: PatternState,
        *,
        now_ms: int,
        owe: bool,
        sample: FailureContext | None = None,
        journalled: bool = False,
    ) -> Restored:
        """Put a pattern back, unless what is there is as new or newer. Counters never fall. A pattern that has one of its
        fingerprints is made one with it. With ``owe`` Aegis is owed the pattern; with ``journalled`` it waits for `reapply`.
        """
        ...

    def forgotten(self, tenant: str) -> dict[str, RulingState]:
        """Patterns that a person let be forgotten, by id."""
        ...

    def keep_forgotten(self, tenant: str, pattern_id: str, ruling: RulingState) -> bool:
        """Keep a pattern that is unknown here from being restored. False where that was so, or where it is known."""
        ...

    def totals(self, tenant: str) -> dict[str, int]:
        """Sums over everything that the tenant has sent."""
        ...

    def raise_totals(self, tenant: str, totals: Mapping[str, int]) -> None:
        """Raise each sum to at least the one given."""
        ...

    def journal(self, tenant: str, until: str = "") -> Iterator[JournalEntry]:
        """The journal's entries up to the id ``until``, oldest first, read a piece at a time."""
        ...

    def journal_end(self, tenant: str) -> str:
        """Id of the journal's newest entry; ``0-0`` where it is empty."""
        ...

    def keep_entry(self, tenant: str, entry: JournalEntry) -> bool:
        """Put an entry into the journal under its own id. False where it is there, or a newer one is."""
        ...

    def reapply(self, tenant: str, pattern_id: str, entry: JournalEntry, fix: Fix | None) -> bool:
        """Apply a journal entry to a restored pattern whose state is older than it. False where it was in it, or unknown."""
        ...

    def journal_applied(self, tenant: str) -> None:
        """All restored patterns have what the journal said."""
        ...

    def add_fingerprint(self, tenant: str, pattern_id: str, fingerprint: str, *, now_ms: int) -> Aliased:
        """Let a pattern be known by one more fingerprint; ``taken`` where another pattern has it. Journalled."""
        ...


def with_version(state: PatternState) -> dict[str, Any]:
    """A state as plain data, its version with it."""
    return {"version": state.version, **state.model_dump(mode="json", exclude_defaults=True)}
