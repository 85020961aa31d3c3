"""Which rule knows a line. Literals decide, fast, whether any can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.rules import RULES, Rule
from ci_memory_producers.excerpt.rules.providers import MARKED, MARKS, WARNINGS

COMMON: tuple[bytes, ...] = (b"error", b"fail", b"exception", b"process-crash", b"moz_crash(", b"test-unexpected", b"leaking the")
"""Words that are looked for in the whole log."""
TELLING = re.compile(rb"(?:error|exception|fail(?:ed|ing|ure)?)s?(?![\w.,;/=`-]|: 0\b)|process|moz|test|leaking")
"""The same words where they are no part of a longer one or of a count of none: most lines with one need no second look."""
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
    "\u25cf ".encode(),
)
"""Words that are looked for where the log or a step ends; rules for lines with neither are asked right before verdicts."""
LOOKED_AT = 400
"""Characters of a line in which a rule can find what it knows."""


@lru_cache(maxsize=8_192)
def classify(raw: bytes) -> tuple[Rule, str] | None:
    """The first rule that knows the raw line, with the cleaned text of the line; nothing for most lines."""
    low = raw[:LOOKED_AT].lower().rstrip() + b"\n"
    hits = _trigger().findall(low)
    if not hits or any(mark in low for mark in WARNINGS):
        return None
    text = strip_line(raw.decode("utf-8", "replace"))
    looked_at = text[:LOOKED_AT]
    found = next((each for each in _asked(frozenset(hits)) if each.knows(looked_at) and _open(each, low)), None)
    if (found is None or 1 < found.strength <= MARKED.strength) and any(mark in low for mark in MARKS):
        found = MARKED
    return (found, text) if found else None


def lines_with_gates(text: bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of the lines that a rule may know. Lines end with a newline alone."""
    low = text.lower()
    search = _trigger().search
    match = search(low, 0)
    while match:
        begin = low.rfind(b"\n", 0, match.start() + 1) + 1
        end = low.find(b"\n", max(match.end() - 1, begin))
        end = len(low) if end < 0 else end
        yield begin, end
        match = search(low, end)


def _open(rule: Rule, low: bytes) -> bool:
    return any(gate.encode() in low for gate in rule.gates)


@cache
def _gates() -> dict[bytes, frozenset[int]]:
    """Every gate with the rules that it opens, by their place in `RULES`: its own, and those of gates that it may hide.

    The search finds no overlaps. So a gate hides those inside it, and those that begin with its end.
    """
    own: dict[bytes, set[int]] = {mark: set() for mark in MARKS}
    for index, each in enumerate(RULES):
        for literal in each.gates:
            own.setdefault(literal.encode(), set()).add(index)
    begun: dict[bytes, set[bytes]] = {}
    for gate in own:
        for cut in range(1, len(gate) + 1):
            begun.setdefault(gate[:cut], set()).add(gate)
    opened: dict[bytes, frozenset[int]] = {}
    for gate in own:
        hidden = {other for cut in range(len(gate)) for other in begun.get(gate[cut:], ())}
        hidden |= {other for other in own if other in gate}
        opened[gate] = frozenset(index for other in hidden for index in own[other])
    return opened


@lru_cache(maxsize=8_192)
def _asked(hits: frozenset[bytes]) -> tuple[Rule, ...]:
    return tuple(RULES[index] for index in sorted(frozenset().union(*(_gates()[hit] for hit in hits))))


@cache
def _trigger() -> re.Pattern[bytes]:
    return re.compile(_factored(set(_gates())))


def _factored(words: set[bytes]) -> bytes:
    """The alternation of ``words`` with common beginnings written once: several times faster than the plain one."""
    heads: dict[bytes, set[bytes]] = {}
    for word in words:
        heads.setdefault(word[:1], set()).add(word[1:])
    ends = heads.pop(b"", None) is not None
    branches = [re.escape(head) + _factored(rest) for head, rest in sorted(heads.items())]
    if not branches:
        return b""
    body = branches[0] if len(branches) == 1 and not ends else b"(?:" + b"|".join(branches) + b")"
    return body + b"?" if ends else body
