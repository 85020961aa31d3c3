"""What is read from a log: the failing part, its category, its fingerprint; for machines, and for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from ci_memory_producers.events import Stage
from ci_memory_producers.excerpt import Excerpt

from ..domain.category import Categorizer, Verdict
from ..domain.fingerprint import Fingerprint, fingerprint

_GENERIC: Final = "This says too little to recognise the failure by: report more of the log."
_LABEL: Final = 14
_UNPRINTABLE: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Explanation:
    """An excerpt, with the category and the fingerprint of its primary failure."""

    excerpt: Excerpt
    verdict: Verdict
    mark: Fingerprint

    def as_json(self) -> dict[str, Any]:
        """The keys of a line of ``--jsonl``, without ``id``."""
        return {
            "headline": self.excerpt.headline,
            "excerpt": self.excerpt.text,
            "ranges": [list(one) for one in self.excerpt.ranges],
            "failed_tests": list(self.excerpt.failed_tests),
            "category": self.verdict.category,
            "signal": self.verdict.signal,
            "why": f"{self.verdict.why}; {self.mark.why}",
            "test_key": self.mark.test_key,
            "fingerprint": self.mark.value,
            "generic": self.mark.generic,
        }

    def for_people(self) -> Iterator[Text]:
        """Lines for a terminal. What the log holds is text: no control character and no markup of it has an effect."""
        yield Text(visible(self.excerpt.headline) or "no text", style="bold red")
        yield Text()
        yield _labelled("category", self.verdict.category, self.verdict.why)
        yield _labelled("fingerprint", self.mark.value, self.mark.why)
        if self.mark.test_key:
            yield _labelled("test key", self.mark.test_key)
        for number, test in enumerate(self.excerpt.failed_tests):
            yield _labelled("" if number else "failed tests", test)
        if self.mark.generic:
            yield Text(_GENERIC, style="yellow")
        yield Text()
        yield from self._in_its_place()

    def _in_its_place(self) -> Iterator[Text]:
        """The lines of the excerpt with their numbers in the log, and a mark where the log has lines between them."""
        lines = self.excerpt.text.split("\n")
        numbers = [number for first, last in self.excerpt.ranges for number in range(first, last + 1)]
        headline = next((at for at, line in enumerate(lines) if self.excerpt.headline and self.excerpt.headline in line), -1)
        width = len(str(numbers[-1])) if numbers else 1
        before = 0
        for at, (number, line) in enumerate(zip(numbers, lines, strict=False)):
            if number > before + 1:
                yield Text(f"  {'⋮':>{width}} {_lines(number - before - 1)}", style="dim")
            before = number
            mark, style = (">", "bold red") if at == headline else (" ", "")
            yield Text.assemble((f"{mark} {number:>{width}} │ ", "red" if at == headline else "dim"), (visible(line), style))


def explained(excerpt: Excerpt, stage: Stage, categorizer: Categorizer) -> Explanation:
    """Category and fingerprint of the primary failure of an excerpt."""
    failure = excerpt.failures[0] if excerpt.failures else None
    text = failure.text if failure else excerpt.text
    test_id = failure.test_id if failure else ""
    trace = failure.stack_trace if failure else excerpt.stack_trace
    verdict = categorizer.categorize(text, stage, test_id=test_id)
    return Explanation(excerpt, verdict, fingerprint(text, stage=stage, test_id=test_id, stack_trace=trace))


def visible(text: str) -> str:
    """The text with a replacement character for each character that is not shown as itself: controls, directions, surrogates."""
    if text.isprintable():
        return text
    shown = (character if character.isprintable() else _UNPRINTABLE for character in text.replace("\u00a0", " ").expandtabs(4))
    return "".join(shown)


def _labelled(label: str, value: str, why: str = "") -> Text:
    parts = [(f"{label:{_LABEL}}", "dim"), (visible(value), "")]
    return Text.assemble(*parts, (f"  {visible(why)}", "dim") if why else "")


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"
