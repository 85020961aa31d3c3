"""Takes secrets out of the text of a build, before anything leaves the CI job and again before anything is kept."""

from __future__ import annotations

from collections.abc import Iterable

from ci_memory_producers.redact.assignments import find_assignments
from ci_memory_producers.redact.contexts import find_in_context
from ci_memory_producers.redact.harmless import HarmlessLines, may_cross_lines
from ci_memory_producers.redact.private_keys import find_private_keys
from ci_memory_producers.redact.shapes import Span, find_shapes

__all__ = ["is_harmless", "redact", "redact_line"]

_ROUNDS = 4


def redact(text: str) -> str:
    """``text`` with every secret replaced by a marker that names its kind, e.g. ``[REDACTED:github_token]``.

    Names, users and hosts stay: ``TOKEN=abc`` becomes ``TOKEN=[REDACTED:token]``. Pure, linear in the length of ``text``,
    and idempotent. Markers that other tools left (``***``) and references (``$TOKEN``) stay as they are.
    """
    return text if text in _HARMLESS else _redacted(text)


def is_harmless(line: str) -> bool:
    """Whether ``line`` neither holds a secret nor may be a part of one of several lines: such lines `redact` leaves alone."""
    return not may_cross_lines(line) and not _secrets(line)


def redact_line(line: str) -> str | None:
    """What `redact` makes of ``line`` (without line feeds) in any text; None where that depends on the lines around it."""
    for _ in range(_ROUNDS):
        if may_cross_lines(line):
            return None
        spans = _secrets(line)
        if not spans:
            break
        line = _masked(line, spans)
    return line


def _redacted(text: str) -> str:
    # A mask can uncover what its neighbour is, so masked texts are read again until nothing is found.
    for _ in range(_ROUNDS):
        spans = _secrets(text)
        if not spans:
            break
        text = _masked(text, spans)
    return text


def _secrets(text: str) -> list[Span]:
    lower = _lower(text)
    spans = [*find_private_keys(text), *find_shapes(text), *find_in_context(text, lower), *find_assignments(text, lower)]
    return _merged(spans) if spans else spans


def _lower(text: str) -> str:
    """Lower case of the same length: U+0130 is the one character that grows."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text.replace("\u0130", "i").lower()


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans as one, in order; the kind that was found first, the more telling one, names them."""
    merged: list[tuple[int, Span]] = []
    for rank, span in sorted(enumerate(spans), key=lambda ranked: (ranked[1].start, ranked[0])):
        if merged and span.start < merged[-1][1].end:
            best, last = merged[-1]
            kind = last.kind if best <= rank else span.kind
            merged[-1] = (min(best, rank), Span(last.start, max(last.end, span.end), kind))
        else:
            merged.append((rank, span))
    return [span for _, span in merged]


def _masked(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    kept = 0
    for span in spans:
        parts += (text[kept : span.start], f"[REDACTED:{span.kind}]")
        kept = span.end
    parts.append(text[kept:])
    return "".join(parts)


_HARMLESS = HarmlessLines(lambda text: bool(_secrets(text)))
