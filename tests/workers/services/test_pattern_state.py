"""The state of a pattern in one string: whole where it fits, else smaller by what matters least, never broken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fakes import DIAGNOSIS, NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_memory_workers.services.pattern_state import (
    MAX_STATE,
    SAMPLE_KEY,
    STATE_KEY,
    UnreadableState,
    compact,
    compact_sample,
    read,
    read_sample,
)
from ci_memory_workers.services.ports import FailureContext
from ci_memory_workers.services.ports.archive import (
    ApartState,
    FixState,
    MergedState,
    PatternState,
    PlaceState,
    ReportState,
    RulingState,
    TrialState,
)

FIELDS = {
    "status": "resolved",
    "category": "unknown",
    "stage": "test",
    "fingerprint": "1:aaaa",
    "revision": "7",
    "analysed": "final",
}


def trial(number: int, *, fix: str = "fix1", kind: Any = "inferred") -> TrialState:
    return TrialState(trial_id=f"t{number:05}", fix=fix, repo="acme/shop", kind=kind, verdict="worked", ms=NOW + number)


def state(**fields: Any) -> PatternState:
    usual: dict[str, Any] = {"pattern_id": "pat_aaaaaa", "fields": FIELDS, "diagnosis": DIAGNOSIS, "analyst": "model-x"}
    return PatternState(**{**usual, **fields})


def fix(fix_id: str = "fix1", description: str = "set AUTH_TOKEN", **fields: Any) -> FixState:
    return FixState(fix_id=fix_id, fix_type="code_change", description=description, **fields)


def there_and_back(whole: PatternState) -> PatternState:
    text = compact(whole)
    assert len(text) <= MAX_STATE
    return read({STATE_KEY: text, "analysis": DIAGNOSIS.model_dump()})


def test_what_fits_comes_back_whole() -> None:
    whole = state(
        aliases=("1:bbbb",),
        fixes=(fix(counts={"reported|worked": 1}, veto=RulingState(by="dev@example.com", why="ü", ms=NOW)),),
        trials=(trial(1, kind="reported"),),
        reported=(ReportState(repo="acme/shop", trial="t00001", ms=NOW),),
        repos=("acme/shop",),
        recent=(PlaceState(place="acme/shop#1", commit="c1", ms=NOW),),
        merged=(MergedState(pattern_id="pat_bbbbbb", by="", why="the same", ms=NOW),),
        origins={"1:bbbb": "pat_bbbbbb"},
        apart=(ApartState(fingerprint="1:aaaa", other="1:cccc", by="dev@example.com", ms=NOW),),
        settled=True,
        journal="12-3",
    )

    assert there_and_back(whole) == whole


def test_the_oldest_trials_go_first_and_the_counts_stay() -> None:
    whole = state(fixes=(fix(counts={"inferred|worked": 500}),), trials=tuple(trial(n) for n in range(500)))

    back = there_and_back(whole)

    gone = back.dropped["trials"]
    assert set(back.dropped) == {"trials"}
    assert 0 < gone < 500
    assert back.trials == whole.trials[gone:]
    assert back.fixes == whole.fixes
    assert len(compact(whole)) > MAX_STATE * 0.9, "no more is dropped than must be"


def test_the_trial_of_a_report_goes_last_and_its_report_with_it() -> None:
    report = ReportState(repo="acme/shop", trial="t00000", ms=NOW)
    trials = (trial(0, kind="reported"), *(trial(n) for n in range(1, 400)))

    kept = there_and_back(state(trials=trials, reported=(report,)))
    assert kept.reported == (report,)
    assert kept.trials[0] == trials[0]

    reports = tuple(ReportState(repo=f"acme/{n}", trial=f"t{n:05}", ms=NOW) for n in range(400))
    all_reported = there_and_back(state(trials=trials, reported=reports))
    assert {one.trial for one in all_reported.reported} == {one.trial_id for one in all_reported.trials}
    assert all_reported.dropped["trials"] > 100


def test_of_fixes_that_are_too_long_the_words_go_before_the_outcomes() -> None:
    fixes = tuple(fix(f"fix{n}", "ü" * 4_000, counts={"reported|worked": n + 1}) for n in range(5))

    back = there_and_back(state(fixes=fixes))

    assert [one.counts for one in back.fixes] == [one.counts for one in fixes]
    assert back.dropped == {"descriptions": sum(one.description == "" for one in back.fixes)}


names = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 300), st.integers(0, 80), st.lists(names, max_size=40), st.integers(0, 400), st.integers(0, 60), names, names
)
def test_whatever_is_known_it_fits_and_can_be_read(
    trials: int, fixes: int, repos: list[str], aliases: int, apart: int, description: str, headline: str
) -> None:
    whole = state(
        fields=FIELDS | {"headline": headline, "fix_commits": " ".join(["c" * 300] * 10), "test_key": "k" * 600},
        trials=tuple(trial(n, fix=f"fix{n % 7}") for n in range(trials)),
        reported=tuple(ReportState(repo=f"r{n}", trial=f"t{n:05}", ms=NOW) for n in range(0, trials, 3)),
        fixes=tuple(fix(f"fix{n}", description * 10, repos=tuple(repos)) for n in range(fixes)),
        repos=tuple(repos),
        aliases=tuple(f"1:{n:032x}" for n in range(aliases)),
        origins={f"1:{n:032x}": f"pat_{n:012}" for n in range(aliases)},
        merged=tuple(MergedState(pattern_id=f"pat_{n:012}", by="", ms=NOW) for n in range(aliases)),
        apart=tuple(ApartState(fingerprint="1:aaaa", other=f"1:{n}", by="x", why=description, ms=NOW) for n in range(apart)),
    )

    back = there_and_back(whole)

    assert (back.pattern_id, back.revision, back.fields["status"]) == ("pat_aaaaaa", 7, "resolved")
    if not back.dropped:
        assert back == whole


def test_a_text_is_kept_whole_or_not_at_all() -> None:
    sample = FailureContext("pat_aaaaaa", "test", "unknown", "none", "E   boom \u00fc", changed_files=("a.py",), exit_code=1)
    long = replace(sample, error_message="x" * MAX_STATE)

    assert read_sample({SAMPLE_KEY: compact_sample(sample)}) == sample
    assert compact_sample(long) == ""
    assert [read_sample({SAMPLE_KEY: text}) for text in ("", "{broken", "[1]", "[" * 5_000)] == [None] * 4


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({}, "no state"),
        ({STATE_KEY: ""}, "no state"),
        ({STATE_KEY: "{broken"}, "no JSON"),
        ({STATE_KEY: "[" * 5_000}, "no JSON"),
        ({STATE_KEY: "[1]"}, "no object"),
        ({STATE_KEY: "{}"}, "pattern_id: Field required"),
        ({STATE_KEY: compact(state())}, "diagnosis is missing"),
        (
            {STATE_KEY: compact(state()).replace('"resolved"', '"solved"'), "analysis": DIAGNOSIS.model_dump()},
            "status is none of",
        ),
        ({STATE_KEY: json.dumps(json.loads(compact(state())) | {"version": 2})}, "version"),
    ],
)
def test_what_is_no_state_is_told(metadata: dict[str, object], why: str) -> None:
    with pytest.raises(UnreadableState) as caught:
        read(metadata)

    assert why in caught.value.why
