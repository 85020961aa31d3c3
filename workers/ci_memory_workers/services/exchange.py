"""The story of knowledge that moves: all of it as lines of JSON, and back, into the same memory or another.

An export is read twice: first every line is validated, and nothing is changed unless all of them are good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ci_memory_producers.events import PatternId, ResolutionEvent, Tenant

from ..errors import Permanent
from .ports import FailureContext, Lookalikes
from .ports.archive import Archive, Count, FieldName, FixState, JournalEntry, PatternState, RulingState

EXPORT_VERSION = 1
MAX_LINE = 8_000_000
"""Longest line of an export that is read, in bytes."""
MOST_PROBLEMS = 20


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1]
    tenant: Tenant


class TenantLine(_Line):
    """A tenant, with the sums over everything that it has sent. It comes before its patterns."""

    kind: Literal["tenant"]
    totals: dict[FieldName, Count]


class PatternLine(_Line):
    """A pattern, with the text of its first failure as long as that is kept."""

    kind: Literal["pattern"]
    state: PatternState
    sample: FailureContext | None = None

    @model_validator(mode="after")
    def _sample_is_its_own(self) -> Self:
        if self.sample and self.sample.pattern_id != self.state.pattern_id:
            raise ValueError("sample.pattern_id is another pattern's")
        return self


class ForgottenLine(_Line):
    """A pattern that a person let be forgotten."""

    kind: Literal["forgotten"]
    pattern_id: PatternId
    ruling: RulingState


class JournalLine(_Line):
    """An entry of the journal, as it stands there."""

    kind: Literal["journal"]
    entry_id: Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$")]
    fields: Annotated[dict[FieldName, str], Field(min_length=1)]

    @model_validator(mode="after")
    def _says_what_its_kind_says(self) -> Self:
        needed = {
            "resolution": ("entry",), "learned_fix": ("pattern_id", "fix"), "alias": ("from", "into"),
            "status": ("pattern_id", "from", "to", "reason"), "fingerprint": ("pattern_id", "fingerprint"),
            "decision": ("decision", "by", "why", "ms"),
        }  # fmt: skip
        kind = self.fields.get("kind", "")
        if missing := [name for name in needed.get(kind, ("kind",)) if name not in self.fields]:
            raise ValueError(f"fields.{missing[0]} is missing")
        if kind == "resolution":
            ResolutionEvent.model_validate_json(self.fields["entry"])
        if kind == "learned_fix":
            FixState.model_validate_json(self.fields["fix"])
        return self


AnyLine = TenantLine | PatternLine | ForgottenLine | JournalLine
LINE: TypeAdapter[AnyLine] = TypeAdapter(Annotated[AnyLine, Field(discriminator="kind")])


class BadExport(Permanent):
    """Lines of a file are no lines of an export. Nothing was changed."""

    reason = "bad_export"

    def __init__(self, problems: list[tuple[int, str]], count: int) -> None:
        shown = "\n".join(f"  line {number}: {why}" for number, why in problems)
        more = f"\n  and {count - len(problems)} more" if count > len(problems) else ""
        super().__init__(f"{count} lines are no lines of an export; nothing was changed\n{shown}{more}")
        self.problems = problems


@dataclass(slots=True)
class Contents:
    """What a file holds: lines by kind, and whose they are."""

    kinds: Counter[str] = field(default_factory=Counter)
    tenants: set[str] = field(default_factory=set)


def export(archive: Archive, tenants: Iterable[str]) -> Iterator[str]:
    """All knowledge of ``tenants``, a line at a time, in the same order for the same knowledge: each tenant, its patterns by
    their ids, what was forgotten, its journal by time.
    """
    for tenant in tenants:
        yield _line("tenant", tenant, totals=archive.totals(tenant))
        for pattern_id in archive.pattern_ids(tenant):
            state = archive.state(tenant, pattern_id)
            if state is not None:  # it may have been merged since the ids were read
                yield from _pattern_line(tenant, state, archive.sample(tenant, pattern_id))
        for pattern_id, ruling in archive.forgotten(tenant).items():
            yield _line("forgotten", tenant, pattern_id=pattern_id, ruling=ruling)
        for entry in archive.journal(tenant):
            yield _line("journal", tenant, entry_id=entry.entry_id, fields=dict(entry.fields))


def _pattern_line(tenant: str, state: PatternState, sample: FailureContext | None) -> Iterator[str]:
    line = PatternLine(kind="pattern", version=EXPORT_VERSION, tenant=tenant, state=state, sample=sample)
    yield line.model_dump_json(exclude_none=True)


def _line(kind: str, tenant: str, **content: Any) -> str:
    return LINE.dump_json(LINE.validate_python({"kind": kind, "version": EXPORT_VERSION, "tenant": tenant, **content})).decode()


def check(lines: Iterable[bytes]) -> Contents:
    """What the lines of an export hold. Raises `BadExport` with the numbers of those that are none."""
    contents, bad = Contents(), 0
    problems: list[tuple[int, str]] = []
    for number, raw in enumerate(lines, 1):
        try:
            line = _read(raw)
        except ValueError as error:
            bad += 1
            if len(problems) < MOST_PROBLEMS:
                problems.append((number, _why(error)))
            continue
        contents.kinds[line.kind] += 1
        contents.tenants.add(line.tenant)
    if bad:
        raise BadExport(problems, bad)
    return contents


def take_in(archive: Archive, lookalikes: Lookalikes, lines: Iterable[bytes], now_ms: int, *, tenant: str = "") -> Counter[str]:
    """Put the knowledge of an export beside what is known; ``tenant`` says whose it is now. May be repeated: nothing is counted
    twice and nothing falls. Counts patterns by what became of each, and entries that the journal took (``journal``).
    """
    counts: Counter[str] = Counter()
    sums: dict[str, dict[str, int]] = {}
    for raw in lines:
        line = _read(raw)
        whose = tenant or line.tenant
        match line:
            case TenantLine():
                sums[whose] = line.totals
            case PatternLine():
                outcome = archive.restore(whose, line.state, now_ms=now_ms, owe=True, sample=line.sample)
                counts[outcome] += 1
                if outcome == "restored" and line.sample:
                    lookalikes.remember(whose, line.sample, cause=line.state.cause)
            case ForgottenLine():
                counts["forgotten"] += archive.keep_forgotten(whose, line.pattern_id, line.ruling)
            case JournalLine():
                counts["journal"] += archive.keep_entry(whose, JournalEntry(line.entry_id, line.fields))
    for whose, totals in sums.items():  # last: patterns that come anew are counted into them
        archive.raise_totals(whose, totals)
    return +counts


def _read(raw: bytes) -> AnyLine:
    if len(raw) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes")
    return LINE.validate_json(raw)


def _why(error: ValueError) -> str:
    """What is wrong with a line, and where, without its values: they are texts of builds."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"].startswith("union_tag"):
        return "kind: is none of tenant, pattern, forgotten, journal"
    where = ".".join(str(part) for part in first["loc"] if part not in ("tenant", "pattern", "forgotten", "journal"))
    return f"{where}: {first['msg']}" if where else first["msg"]
