"""An analyst that needs no model: it reads names out of a failure's text, and says what is known of such failures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import re2

from ci_memory_producers.events import Diagnosis
from ci_memory_producers.tail import keep_tail
from ci_memory_workers.adapters.prompts import visible
from ci_memory_workers.services.ports import AnalystAnswer, Candidate, FailureContext

MAX_TEXT: Final = 36_000
MAX_SLOT: Final = 160
MAX_QUOTE: Final = 240
MAX_FIELD: Final = 2_000
ALWAYS: Final = frozenset({"stage"})
"""Slots that every failure fills."""

_PHRASE: Final = re2.compile(r"\[([^\[\]]*)\]")
_SLOT: Final = re2.compile(r"\{(\w+)\}")
_WORD: Final = re2.compile(r"\pL{2,}[^\pL]+\pL{2,}|\pL{4,}")
_UNCERTAIN: Final = "Likely, by rules and not certain: "
_GUESS: Final = "A guess from single words of the log: "
_WORD_RULE: Final = "word_"
_SAYS_NOTHING: Final = {
    "summary": "The {stage} stage failed, and its log names no specific failure.",
    "likely_cause": "Not known: the log does not say why.",
    "suggested_fix": "Collect what the log lacks: the command that failed and its exit code, all of its output from the "
    "start, and the runner's own events. Run the step alone and verbosely (`-v`, `--debug`, `set -x`), and compare with the "
    "last green build.",
    "prevention": "Let every step print its error before it ends: no output thrown away, `set -eo pipefail` in scripts, and "
    "reports of tests kept as artefacts.",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """A row of advice.toml: the failures it is for, the slots it needs, and its four texts."""

    signals: frozenset[str]
    categories: frozenset[str]
    needs: frozenset[str]
    category_needs: frozenset[str]
    texts: Mapping[str, str]


class RulesAnalyst:
    """Diagnoses by rules, in a few milliseconds, with what it says marked as likely. Never takes a failure for another.

    It says that the cause is not known where the text does not tell it. Never raises.
    """

    name = "rules"

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        """The diagnosis of ``failure`` alone; ``candidates`` are not looked at."""
        facts = read_facts(failure)
        row = _choose(failure, facts)
        texts = _SAYS_NOTHING if row is None else row.texts
        said = {name: _fill(text, facts) for name, text in texts.items()}
        said["summary"] += _quote(failure, facts, said["summary"])
        said["likely_cause"] = _how_sure(failure, said["likely_cause"]) + _exit(facts) + _changed(failure)
        cut = {name: text[:MAX_FIELD].strip() for name, text in said.items()}
        return AnalystAnswer(diagnosis=Diagnosis(**cut), analyst=self.name)


def read_facts(failure: FailureContext) -> dict[str, str]:
    """Slots that the failure's texts fill: one line each, `MAX_SLOT` characters at most. Linear in the text's length."""
    headline = visible(failure.headline)[: MAX_SLOT * 4]
    body = keep_tail(visible(failure.error_message) + "\n" + visible(failure.stack_trace), MAX_TEXT)
    facts: dict[str, str] = {"stage": failure.stage}
    if failure.test_id:
        facts["test"] = _one_line(failure.test_id)
    for text in (headline, body):
        for pattern in _patterns():
            if facts.keys().isdisjoint(pattern.groupindex) and (match := pattern.search(text)):
                facts.update({slot: _one_line(value) for slot, value in match.groupdict().items() if value})
    if line := facts.pop("line", ""):
        facts["file"] += f":{line}"
    facts["complaint"] = facts.get("complaint", "").rstrip(" .:")
    if failure.exit_code is not None:
        facts["exit"] = str(failure.exit_code)
    return {slot: value for slot, value in facts.items() if value}


def _choose(failure: FailureContext, facts: Mapping[str, str]) -> Advice | None:
    """The first row that fits; None where the text is too generic for what is said of its category."""
    fitting = [row for row in advice() if row.needs <= facts.keys()]
    by_signal = [row for row in fitting if failure.signal in row.signals]
    by_category = [row for row in fitting if failure.category in row.categories and row.category_needs <= facts.keys()]
    with_facts = [row for row in by_category if row.needs or row.category_needs]
    alone = [] if failure.generic else [row for row in by_category if not (row.needs or row.category_needs)]
    return next(iter([*by_signal, *with_facts, *alone]), None)


def _how_sure(failure: FailureContext, cause: str) -> str:
    if cause.startswith("Not known"):
        return cause
    return (_GUESS if failure.signal.startswith(_WORD_RULE) else _UNCERTAIN) + cause


def _fill(text: str, facts: Mapping[str, str]) -> str:
    def choose(match: Any) -> str:
        phrase, _, other = str(match.group(1)).partition("|")
        return phrase if set(_SLOT.findall(phrase)) <= facts.keys() else other

    return str(_SLOT.sub(lambda match: facts[match.group(1)], str(_PHRASE.sub(choose, text))))


def _quote(failure: FailureContext, facts: Mapping[str, str], said: str) -> str:
    """The headline, or the last line with words, unless it was said already."""
    lines = (visible(failure.headline) or visible(keep_tail(failure.error_message, MAX_TEXT))).splitlines()
    line = next((_one_line(each, MAX_QUOTE) for each in reversed(lines) if _WORD.search(each)), "")
    complaint = facts.get("complaint", "").removesuffix("…")
    repeated = line in said or (complaint and complaint in said and complaint in line)
    return "" if repeated else f' The log says: "{line}"'


def _exit(facts: Mapping[str, str]) -> str:
    meaning = _exit_codes().get(facts.get("exit", ""))
    return f" Note: {meaning}." if meaning else ""


def _changed(failure: FailureContext) -> str:
    """Names a file that this build changed and the text mentions."""
    text = f"{failure.error_message}\n{failure.stack_trace}"
    mentioned = [name for name in failure.changed_files if len(name) > 3 and name in text]
    return f" {_one_line(mentioned[0])} was changed in this build and is named in the log: look there first." if mentioned else ""


def _one_line(text: str, limit: int = MAX_SLOT) -> str:
    line = " ".join(visible(text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@cache
def advice() -> tuple[Advice, ...]:
    """The rows of advice.toml in their order."""
    return tuple(_row(table) for table in _table("advice.toml")["advice"])


def _row(table: dict[str, Any]) -> Advice:
    texts = {name: str(table[name]) for name in Diagnosis.model_fields}
    which = {field: frozenset(table.get(field, ())) for field in ("signals", "categories", "needs", "category_needs")}
    return Advice(**which, texts=texts)


@cache
def _patterns() -> tuple[Any, ...]:
    return tuple(re2.compile(pattern) for pattern in _table("facts.toml")["facts"])


@cache
def _exit_codes() -> dict[str, str]:
    return dict(_table("facts.toml")["exit_codes"])


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))
