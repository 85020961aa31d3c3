"""What was learned from the runs of a job, beside what they say now that more of them were read.

Runs are read in any order. One that is read late may begin a streak of failures earlier, end it earlier, or part it in two: what
was recorded of it before is moved or taken back, so that in the end the same is known as if all had been read in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .transitions import Attempt, Transition, streak_id, superseded_ids, transition_id

_TO_RECORD = "?"
"""Before what is about to be recorded: a learner that dies may have done so, or not."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One transition, what it is remembered by, and by which ids it may have been recorded before.

    Of an unsure one, ``no_longer_sure`` are ids of its pattern and line that were recorded before and are no sure fix now.
    """

    transition: Transition
    outbreak: bool
    transition_id: str
    formers: tuple[str, ...] = ()
    no_longer_sure: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Unique within a line."""
        return _key(self.transition_id, self.transition.pattern_id)

    @property
    def kind(self) -> str:
        """``attempt`` where a later attempt of the same run passed: that was counted when it was read."""
        one = self.transition
        return "attempt" if one.kind == "rerun" and one.passing.run == one.last.run else one.kind

    @property
    def unsure(self) -> bool:
        """Whether it is a fix of which nothing is kept beside a sure one."""
        return self.kind == "fix" and self.transition.unsure

    @property
    def said(self) -> str:
        """All that is recorded of it; the verdict last, since that alone changes when runs are read in order."""
        one, passing = self.transition, self.transition.passing
        facts = (one.persisted, one.failures > 1, one.unsure, one.first.ms, one.last.commit, self.outbreak)
        return " ".join(map(str, (self.kind, passing.run, passing.attempt, passing.commit, *facts, one.verdict)))


@dataclass(frozen=True, slots=True)
class Mistake:
    """What was recorded of a transition that is none."""

    pattern_id: str
    transition_id: str
    commit: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be taken back, then recorded (the latest pass first), and what is known after that, by `Lesson.key`.

    ``forgotten`` are pattern and transition ids of which no run is kept any more.
    """

    mistakes: tuple[Mistake, ...]
    lessons: tuple[Lesson, ...]
    known: dict[str, str]
    forgotten: tuple[tuple[str, str], ...] = ()

    def intended(self, before: Mapping[str, str]) -> dict[str, str]:
        """What to remember while it is recorded: nothing that may be recorded is forgotten."""
        new = {one.key: _TO_RECORD + one.said for one in self.lessons if one.key not in before}
        return {**before, **new} if new else {}


def plan(line_id: str, attempts: Iterable[Attempt], found: Sequence[tuple[Transition, bool]], before: Mapping[str, str]) -> Plan:
    """What changes by ``found``, the transitions in ``attempts`` with whether each belongs to an outbreak; ``before`` is what was
    known of them. What was learned of runs that are no longer kept stays as it is.
    """
    shown = {_key(streak_id(line_id, one), pattern_id) for one in attempts for pattern_id in one.patterns}
    by_pass = {(_pattern_of(key), _pass_of(said)): key for key, said in before.items()}
    lessons, known = [], {}
    for transition, outbreak in found:
        at = (transition.pattern_id, (str(transition.passing.run), str(transition.passing.attempt)))
        former = by_pass.get(at)
        if former is not None and former not in shown:
            known[former] = before[former]
            continue
        lesson = _lesson(line_id, transition, outbreak, former)
        lessons.append(lesson)
        known[lesson.key] = lesson.said
    moved = {_pattern_of(key) for key in before.keys() & shown if _facts(before[key]) != _facts(known.get(key, ""))}
    changed = tuple(one for one in reversed(lessons) if before.get(one.key) != one.said or one.transition.pattern_id in moved)
    # By the transition alone: a pattern that was merged has left its transitions to the one that stands for it.
    kept = {_id_of(key) for key in shown} | {_id_of(key) for key in known}
    forgotten = tuple((_pattern_of(key), _id_of(key)) for key in before if _id_of(key) not in kept)
    doubts = _no_longer_sure(shown, lessons, {_id_of(key) for key in before})
    changed = tuple(
        replace(one, no_longer_sure=doubts.get(one.transition.pattern_id, ())) if one.unsure else one for one in changed
    )
    return Plan(tuple(_mistakes(before, shown, known, changed)), changed, known, forgotten)


def _no_longer_sure(shown: set[str], lessons: Sequence[Lesson], recorded: set[str]) -> dict[str, tuple[str, ...]]:
    """By pattern, what may still be recorded as a sure fix and is none: lessons are recorded one by one."""
    sure = {one.key for one in lessons if one.kind == "fix" and not one.unsure}
    doubts: dict[str, list[str]] = {}
    for key in sorted(shown - sure):
        if _id_of(key) in recorded:
            doubts.setdefault(_pattern_of(key), []).append(_id_of(key))
    return {pattern_id: tuple(ids) for pattern_id, ids in doubts.items()}


def _mistakes(
    before: Mapping[str, str], shown: set[str], known: Mapping[str, str], changed: Sequence[Lesson]
) -> Iterable[Mistake]:
    followed = {_key(former, one.transition.pattern_id): one.kind for one in changed for former in one.formers}
    for key, said in before.items():
        if key not in shown:
            continue
        kind = _kind_of(said)
        now = _kind_of(known[key]) if key in known else followed.get(key, "")
        if kind not in ("attempt", now):
            yield Mistake(_pattern_of(key), _id_of(key), said.split(" ")[3])


def _lesson(line_id: str, transition: Transition, outbreak: bool, former: str | None) -> Lesson:
    identity = transition_id(line_id, transition)
    formers = dict.fromkeys(superseded_ids(line_id, transition))
    if former is not None:
        formers[_id_of(former)] = None
    return Lesson(transition, outbreak, identity, tuple(one for one in formers if one != identity))


def _key(transition_id: str, pattern_id: str) -> str:
    return f"{transition_id}|{pattern_id}"


def _id_of(key: str) -> str:
    return key.partition("|")[0]


def _pattern_of(key: str) -> str:
    return key.partition("|")[2]


def _facts(said: str) -> str:
    return said.removeprefix(_TO_RECORD).rpartition(" ")[0]


def _kind_of(said: str) -> str:
    return said.removeprefix(_TO_RECORD).partition(" ")[0]


def _pass_of(said: str) -> tuple[str, str]:
    _, run, attempt, *_ = said.split(" ", 3)
    return run, attempt
