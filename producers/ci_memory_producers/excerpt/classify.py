"""Which rule knows a line. Literals decide, fast, whether any can."""

from __future__ import annotations

from functools import cache, lru_cache

from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.rules import RULES, Rule
from ci_memory_producers.excerpt.rules.providers import MARKED, MARKS, STEP_ENDS, STEPS

COMMON: tuple[bytes, ...] = (b"error", b"fail", b"exception", b"crash", b"test-unexpected", b"exited with", b"start:", b"##[")
"""Words that are looked for in the whole log: of failures, of verdicts, and of the beginnings of steps."""
RARE: tuple[bytes, ...] = (
    b"fatal",
    b"panic",
    b"not ok ",
    b"killed",
    b"no space left",
    b"_____",
    b") test ",
    b"issues :-(",
    b" _\n",
    b"segmentation fault",
    b"leaking the world",
    "\u25cf ".encode(),
)
"""Words that are looked for near the end, and where a step ends; rules for lines with neither are asked right before verdicts."""
_LOOKED_AT = 1_000
"""Characters of a line in which a rule can find what it knows."""


def is_step(low: bytes) -> bool:
    """Whether the raw line, in lower case, begins a step of the job."""
    return any(step in low for step in STEPS)


def is_step_end(low: bytes) -> bool:
    """Whether the output of a step ends with the raw line, in lower case."""
    return any(end in low for end in STEP_ENDS)


@lru_cache(maxsize=8_192)
def classify(raw: bytes) -> tuple[Rule, str] | None:
    """The first rule that knows the raw line, with the cleaned text of the line; nothing for most lines."""
    low = raw[:_LOOKED_AT].lower().decode("latin-1")
    hits = tuple([gate for stem, gates in _gates() if stem in low for gate in gates if gate in low])
    if not hits:
        return None
    text = strip_line(raw.decode("utf-8", "replace"))
    looked_at = text[:_LOOKED_AT]
    found = next((each for each in _asked(hits) if each.pattern.search(looked_at)), None)
    if (found is None or 1 < found.strength < MARKED.strength) and any(mark in low for mark in _MARKS):
        found = MARKED
    return (found, text) if found else None


_MARKS = tuple(mark.decode() for mark in MARKS)
_STEMS = ("error", "fail", "exception", "not ", "exit")


@cache
def _gates() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The gates of all rules, those with a common stem behind it. Bytes stand as Latin-1: searching short texts is faster."""
    rest = {gate.encode().decode("latin-1") for each in RULES for gate in each.gates}
    rest.update(_MARKS)
    grouped: list[tuple[str, tuple[str, ...]]] = []
    for stem in _STEMS:
        own = {gate for gate in rest if stem in gate}
        rest -= own
        grouped.append((stem, tuple(sorted(own))))
    return (*grouped, *((gate, (gate,)) for gate in sorted(rest)))


@lru_cache(maxsize=4096)
def _asked(hits: tuple[str, ...]) -> tuple[Rule, ...]:
    gates = {hit.encode("latin-1").decode() for hit in hits}
    return tuple(each for each in RULES if not gates.isdisjoint(each.gates))
