"""A pattern's whole state in one string that Aegis keeps: versioned, bounded, never broken JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from ci_memory_producers.events import Diagnosis

from .ports import FailureContext
from .ports.archive import PatternState, TrialState, with_version

STATE_KEY = "state"
"""Where it stands in a reflection's metadata."""
SAMPLE_KEY = "sample"
"""The text of the pattern's first failure, so that a newer way to read failures can be applied to it."""
FORGOTTEN = "forgotten"
"""Metadata of a reflection whose pattern a person let be forgotten: the ruling."""
MAX_STATE = 9_500
"""Characters. Aegis cuts strings at 10,000, and what is cut is no JSON."""
_FOR_DROPPED = 160
"""Room that is kept to say what was dropped."""


_SAMPLE: TypeAdapter[FailureContext] = TypeAdapter(FailureContext)


@dataclass(frozen=True, slots=True)
class UnreadableState(Exception):
    """A reflection has no state that this version reads."""

    why: str


def compact(state: PatternState) -> str:
    """``state`` as JSON of at most `MAX_STATE` characters, without the diagnosis, which the reflection holds anyway.

    Where it is too long, the oldest trials go first (the counts of each fix stay exact), then places, names of repositories, what
    fixes say (their strategies say it too), fixes but the best tried, which patterns were merged, fingerprints, what is kept
    apart; and ``dropped`` says how many of each.
    """
    lean = state.model_copy(update={"diagnosis": None})
    text = _dump(lean)
    if len(text) <= MAX_STATE:
        return text
    for shorten in (
        _trials,
        _reported_trials,
        _places,
        _repositories,
        _descriptions,
        _fixes,
        _merged,
        _aliases,
        _apart,
        _commits,
    ):
        lean = shorten(lean, len(text) - MAX_STATE + _FOR_DROPPED)
        text = _dump(lean)
        if len(text) <= MAX_STATE:
            return text
    raise AssertionError("what is left is bounded by the fields of a pattern")


def read(metadata: Mapping[str, object]) -> PatternState:
    """The state in a reflection's metadata. Raises `UnreadableState`."""
    text = metadata.get(STATE_KEY)
    if not isinstance(text, str) or not text:
        raise UnreadableState("it has no state")
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise UnreadableState("its state is no object")
        analysis = metadata.get("analysis")
        if isinstance(analysis, Mapping):
            data["diagnosis"] = Diagnosis.model_validate(dict(analysis)).model_dump()
        return PatternState.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UnreadableState(f"its state is none: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise UnreadableState("its state is no JSON") from None


def compact_sample(sample: FailureContext) -> str:
    """The text of a failure as JSON; empty where it is longer than `MAX_STATE`: a part of it would be another failure."""
    text = json.dumps({name: value for name, value in asdict(sample).items() if value}, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= MAX_STATE else ""


def read_sample(metadata: Mapping[str, object]) -> FailureContext | None:
    """The text of a pattern's first failure in a reflection's metadata; None where it holds none that can be read."""
    text = metadata.get(SAMPLE_KEY)
    if not isinstance(text, str) or not text:
        return None
    try:
        return _SAMPLE.validate_json(text)
    except ValidationError:
        return None


def _dump(state: PatternState) -> str:
    return json.dumps(with_version(state), ensure_ascii=False, separators=(",", ":"))


def _size(item: BaseModel | str) -> int:
    data: Any = item.model_dump(mode="json", exclude_defaults=True) if isinstance(item, BaseModel) else item
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":"))) + 1


def _without_first(items: Sequence[Any], excess: int, size: Callable[[Any], int] = _size) -> tuple[int, int]:
    """How many of the first items must go to save ``excess`` characters, and how many that saves."""
    saved = 0
    for gone, item in enumerate(items):
        if saved >= excess:
            return gone, saved
        saved += size(item)
    return len(items), saved


def _dropping(state: PatternState, what: str, count: int, **changed: object) -> PatternState:
    if not count:
        return state
    dropped = {**state.dropped, what: state.dropped.get(what, 0) + count}
    return state.model_copy(update={**changed, "dropped": dropped})


def _trials(state: PatternState, excess: int) -> PatternState:
    reports = {report.trial for report in state.reported}
    return _drop_trials(state, [trial for trial in _by_age(state) if trial.trial_id not in reports], excess)


def _reported_trials(state: PatternState, excess: int) -> PatternState:
    return _drop_trials(state, _by_age(state), excess)


def _by_age(state: PatternState) -> list[TrialState]:
    return sorted(state.trials, key=lambda trial: (trial.ms, trial.trial_id))


def _drop_trials(state: PatternState, candidates: list[TrialState], excess: int) -> PatternState:
    count, _ = _without_first(candidates, excess)
    gone = {trial.trial_id for trial in candidates[:count]}
    kept = tuple(trial for trial in state.trials if trial.trial_id not in gone)
    reported = tuple(report for report in state.reported if report.trial not in gone)
    return _dropping(state, "trials", count, trials=kept, reported=reported)


def _places(state: PatternState, excess: int) -> PatternState:
    oldest_first = state.recent[::-1]
    count, _ = _without_first(oldest_first, excess)
    return _dropping(state, "recent", count, recent=oldest_first[count:][::-1])


def _repositories(state: PatternState, excess: int) -> PatternState:
    count, saved = _without_first(state.repos, excess)
    state = _dropping(state, "repos", count, repos=state.repos[count:])
    fixes, gone = [], 0
    for fix in state.fixes:
        count, more = _without_first(fix.repos, excess - saved)
        saved, gone = saved + more, gone + count
        fixes.append(fix.model_copy(update={"repos": fix.repos[count:]}))
    return _dropping(state, "fix_repos", gone, fixes=tuple(fixes))


def _descriptions(state: PatternState, excess: int) -> PatternState:
    fixes, count, saved = list(state.fixes), 0, 0
    for place in sorted(range(len(fixes)), key=lambda place: -len(fixes[place].description)):
        if saved >= excess or not fixes[place].description:
            break
        saved += _size(fixes[place].description) - 3
        fixes[place] = fixes[place].model_copy(update={"description": ""})
        count += 1
    return _dropping(state, "descriptions", count, fixes=tuple(fixes))


def _fixes(state: PatternState, excess: int) -> PatternState:
    least_tried_first = sorted(state.fixes, key=lambda fix: (sum(fix.counts.values()), fix.resolved_ms))
    count, _ = _without_first(least_tried_first, excess)
    gone = {fix.fix_id for fix in least_tried_first[:count]}
    kept = tuple(fix for fix in state.fixes if fix.fix_id not in gone)
    trials = tuple(trial for trial in state.trials if trial.fix not in gone)
    named = {trial.trial_id for trial in trials}
    reported = tuple(report for report in state.reported if report.trial in named)
    return _dropping(state, "fixes", count, fixes=kept, trials=trials, reported=reported)


def _merged(state: PatternState, excess: int) -> PatternState:
    state = _dropping(state, "origins", len(state.origins), origins={})
    count, _ = _without_first(state.merged, excess)
    return _dropping(state, "merged", count, merged=state.merged[count:])


def _apart(state: PatternState, excess: int) -> PatternState:
    count, _ = _without_first(state.apart, excess)
    return _dropping(state, "apart", count, apart=state.apart[count:])


def _aliases(state: PatternState, excess: int) -> PatternState:
    count, _ = _without_first(state.aliases, excess)
    return _dropping(state, "aliases", count, aliases=state.aliases[count:])


def _commits(state: PatternState, excess: int) -> PatternState:
    """What is left is a pattern's own fields: long texts among them are cut."""
    fields = {name: value if len(value) <= 500 else value[:499] + "…" for name, value in state.fields.items()}
    return _dropping(state, "texts", sum(fields[name] != value for name, value in state.fields.items()), fields=fields)
