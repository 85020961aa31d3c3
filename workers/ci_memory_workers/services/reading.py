"""How the text of a failure is read: secrets out, then its category and its fingerprint."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple

from ci_memory_producers.events import Category, Stage
from ci_memory_producers.redact import redact

from ..domain.category import Categorizer
from ..domain.fingerprint import MAX_TEXT, fingerprint
from ..domain.known_lines import NO_LINES, KnownLines, Lines
from ..domain.seen_line import Line, Untold

MOST_REMEMBERED = 8_192
"""Failures that a process recognises by their lines, twice: the younger and the older ones."""
_NOTHING = Untold()


@dataclass(frozen=True, slots=True)
class Read:
    """What the text of a failure says. ``test_key`` is empty where it names no test; `Fingerprint` and `Verdict` tell why."""

    category: Category
    signal: str
    fingerprint: str
    test_key: str
    generic: bool


@dataclass(frozen=True, slots=True)
class TextReading:
    """A failure's text without secrets, and what it says."""

    text: str
    trace: str
    said: Read
    why: str = field(default="", compare=False)


class FailureText(NamedTuple):
    """What of a failure is read, as its producer sent it."""

    text: str
    trace: str
    stage: Stage
    test_id: str


class _Seen(NamedTuple):
    """What of a failure is seen, whatever its noise is, and the lines of its text and its trace."""

    key: tuple[tuple[Line, ...], tuple[Line, ...], Stage, str]
    text: Lines
    trace: Lines


class TextReader:
    """Reads texts by the rules of one categorizer. A failure that comes again is recognised by its lines, whatever its noise is
    (`domain.known_lines`), as long as they are remembered.
    """

    def __init__(self, categorizer: Categorizer) -> None:
        self._categorizer = categorizer
        self._lines = KnownLines(categorizer)
        self._young: dict[Hashable, Read | tuple[Untold, Untold]] = {}
        self._old: dict[Hashable, Read | tuple[Untold, Untold]] = {}

    def read(self, text: str, trace: str, stage: Stage, test_id: str) -> TextReading:
        """One failure's text."""
        return self.read_all([FailureText(text, trace, stage, test_id)])[0]

    def explain(self, reading: TextReading, stage: Stage, test_id: str) -> TextReading:
        """``reading`` with what decided, in words."""
        verdict = self._categorizer.categorize(reading.text, stage, test_id=test_id)
        mark = fingerprint(reading.text, stage=stage, test_id=test_id, stack_trace=reading.trace)
        return replace(reading, why=f"{verdict.why}; {mark.why}")

    def read_all(self, failures: Sequence[FailureText]) -> list[TextReading]:
        """The texts of a batch, in their order."""
        seen = self._lines_of(failures)
        known = [self._known(failure, its) for failure, its in zip(failures, seen, strict=True)]
        unknown = {failure: its for failure, its, reading in zip(failures, seen, known, strict=True) if reading is None}
        read = dict(zip(unknown, self._read(list(unknown)), strict=True)) if unknown else {}
        for failure, its in unknown.items():
            if its is not None:
                self._remember(its, read[failure])
        return [read[failure] if reading is None else reading for failure, reading in zip(failures, known, strict=True)]

    def _lines_of(self, failures: Sequence[FailureText]) -> list[_Seen | None]:
        """What each failure is recognised by; None where it must be read."""
        of_texts = self._lines.of([failure.text if len(failure.text) <= MAX_TEXT else "" for failure in failures])
        traces = [failure.trace for failure in failures if 0 < len(failure.trace) <= MAX_TEXT]
        of_traces = dict(zip(traces, self._lines.of(traces), strict=True)) if traces else {}
        return [
            _Seen((text.seen, trace.seen, failure.stage, failure.test_id), text, trace)
            if len(failure.text) <= MAX_TEXT
            and text is not None
            and (trace := of_traces.get(failure.trace) if failure.trace else NO_LINES) is not None
            else None
            for failure, text in zip(failures, of_texts, strict=True)
        ]

    def _known(self, failure: FailureText, seen: _Seen | None) -> TextReading | None:
        told = self._recalled(seen.key) if seen is not None else None
        if seen is None or told is None:
            return None
        if isinstance(told, Read):
            return TextReading(failure.text, failure.trace, told)
        of_text, of_trace = told
        text = seen.text.without_secrets() if of_text.secrets else failure.text
        trace = seen.trace.without_secrets() if of_trace.secrets else failure.trace
        said = self._recalled(_as_it_stands(seen, of_text, of_trace))
        if said is None and of_text.several:
            said = self._recalled(self._by_rules(seen, text, of_text, of_trace))
        return TextReading(text, trace, said) if isinstance(said, Read) else None

    def _recalled(self, key: Hashable) -> Read | tuple[Untold, Untold] | None:
        if (found := self._young.get(key)) is None and (found := self._old.get(key)) is not None:
            self._young[key] = found
        return found

    def _by_rules(self, seen: _Seen, text: str, of_text: Untold, of_trace: Untold) -> Hashable:
        """A failure by its lines and all that they don't tell; ``text`` is without secrets."""
        return self._categorizer.rules_of_several(text), _as_it_stands(seen, of_text._replace(several=()), of_trace)

    def _remember(self, seen: _Seen, reading: TextReading) -> None:
        of_text, of_trace = self._lines.untold(seen.text), self._lines.untold(seen.trace)
        if of_text is None or of_trace is None:
            return
        if of_text == of_trace == _NOTHING:
            self._keep(seen.key, reading.said)
            return
        self._keep(seen.key, (of_text, of_trace))
        self._keep(_as_it_stands(seen, of_text, of_trace), reading.said)
        if of_text.several:
            self._keep(self._by_rules(seen, reading.text, of_text, of_trace), reading.said)

    def _keep(self, key: Hashable, told: Read | tuple[Untold, Untold]) -> None:
        if len(self._young) >= MOST_REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[key] = told

    def _read(self, failures: Sequence[FailureText]) -> Iterator[TextReading]:
        """Step by step, not text by text: what a step needs stays in the processor's cache, which is a sixth of the time."""
        texts = [(redact(failure.text), redact(failure.trace)) for failure in failures]
        verdicts = [
            self._categorizer.categorize(text, failure.stage, test_id=failure.test_id)
            for failure, (text, _) in zip(failures, texts, strict=True)
        ]
        marks = [
            fingerprint(text, stage=failure.stage, test_id=failure.test_id, stack_trace=trace)
            for failure, (text, trace) in zip(failures, texts, strict=True)
        ]
        for (text, trace), verdict, mark in zip(texts, verdicts, marks, strict=True):
            said = Read(verdict.category, verdict.signal, mark.value, mark.test_key or "", mark.generic)
            yield TextReading(text, trace, said)


def _as_it_stands(seen: _Seen, of_text: Untold, of_trace: Untold) -> Hashable:
    """A failure by its lines and, as they stand, those that its lines leave untold: more than is needed, and quickly had."""
    return seen.key, _digest(seen.text, (*of_text.at, *of_text.several)), _digest(seen.trace, of_trace.at)


def _digest(lines: Lines, positions: Sequence[int]) -> bytes:
    if not positions:
        return b""
    raw = lines.raw
    return blake2b("\n".join([raw[at] for at in positions]).encode(), digest_size=16).digest()
