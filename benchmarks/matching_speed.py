"""What adding and searching costs, in milliseconds, beside rapidfuzz over all texts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rapidfuzz import fuzz, process

from ci_memory_workers.domain.likeness import read
from ci_memory_workers.domain.shortlist import Descriptions
from ci_memory_workers.domain.similarity import Known, Texts, vector
from matching_measures import Row, row
from matching_repeat import known_failures

TEXTS: Final = 10_000
CHARACTERS: Final = 4_000
_SEED: Final = 5
_SEARCHES: Final = 60
_ROUNDS: Final = 3


def speed(data: Path) -> list[Row]:
    """Rows for texts of `CHARACTERS` characters, shuffled from the lines of known failures."""
    lines = [line for failure in known_failures(data) for line in failure.masked.splitlines()]
    if not lines:
        return []
    shuffled = random.Random(_SEED)
    texts = [_text(lines, shuffled) for _ in range(TEXTS)]
    asked = [f"{text[200:]}\nand one more line" for text in shuffled.sample(texts, _SEARCHES)]
    held, described = Texts(), Descriptions()
    adding = _milliseconds(lambda: _fill(held, texts), rounds=1)
    searching = _milliseconds(lambda: [held.nearest(text, stage="test") for text in asked])
    reading = _milliseconds(lambda: [(vector(text), read(text, stage="test")) for text in asked])
    fuzzy = _milliseconds(
        lambda: [process.extract(text, texts, scorer=fuzz.token_set_ratio, limit=5) for text in asked[:5]], rounds=1
    )
    for n, text in enumerate(texts):
        described.put(f"pat_{n:06}", text[:600])
    described.nearest(asked[0])
    listing = _milliseconds(lambda: [described.nearest(text[:1_000]) for text in asked])
    size = f"{TEXTS} texts of {CHARACTERS} characters"
    return [
        row("speed", "add a text, ms", adding / TEXTS, TEXTS, goal=1.0, at_most=True),
        row("speed", "vector and traits of a text, ms", reading / _SEARCHES, _SEARCHES),
        row(
            "speed",
            f"nearest of {size}, ms",
            searching / _SEARCHES,
            _SEARCHES,
            goal=10.0,
            at_most=True,
            baselines={"rapidfuzz": fuzzy / 5},
        ),
        row("speed", f"shortlist from {TEXTS} descriptions of 600 characters, ms", listing / _SEARCHES, _SEARCHES),
    ]


def _fill(held: Texts, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        held.add(Known(f"pat_{number:06}", text, "test"))


def _text(lines: list[str], shuffled: random.Random) -> str:
    text = ""
    while len(text) < CHARACTERS:
        place = shuffled.randrange(len(lines))
        text += "\n".join(lines[place : place + 5]) + "\n"
    return text[:CHARACTERS]


def _milliseconds(run: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """CPU time of this thread, the best of some rounds: what else the machine does counts for little."""
    best = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        run()
        best = min(best, time.thread_time() - began)
    return best * 1_000
