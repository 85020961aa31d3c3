"""What goes into Redis comes out the same."""

from __future__ import annotations

from dataclasses import replace

from fakes import DIAGNOSIS, NOW, failed, fixed, passed
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_producers.events import PassEvent, ResolutionEvent
from ci_memory_workers.adapters.event_codec import END, decode_sample, decode_slim, encode_event, encode_first, slim_record
from ci_memory_workers.adapters.fix_codec import decode_counts, encode_counts, encode_fix
from ci_memory_workers.adapters.pattern_codec import decode_pattern, digest, encode_analysis, pairs, pattern_fields, text
from ci_memory_workers.domain.pattern import Fix
from ci_memory_workers.services.ports import AnalystAnswer, Dated

names = st.text(min_size=1, max_size=80).filter(str.strip)
FIX = Fix("fix1", "config_change", "set AUTH_TOKEN | \u2028 ü", "abc123", "dev@example.com", "acme/shop", NOW)


def test_bytes_numbers_and_nothing_are_text() -> None:
    assert [text(value) for value in (b"a\xff", "b", 3, None, b"")] == ["a\ufffd", "b", "3", "", ""]


def test_a_hash_is_read_from_a_mapping_and_from_a_flat_list() -> None:
    assert pairs({b"a": b"1"}) == pairs([b"a", b"1"]) == {"a": "1"}
    assert pairs([]) == pairs(None) == pairs({}) == {}


def test_digests_tell_their_parts_apart_and_nothing_has_none() -> None:
    assert digest("", "") == ""
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("", "abc")}) == 4


@given(st.text(), st.text())
def test_a_digest_holds_no_separator(left: str, right: str) -> None:
    assert set(digest(left, right)) <= set("0123456789abcdef")


def fields_of(encoded: bytes) -> list[str]:
    *fields, rest = encoded.split(END)
    assert rest == b""
    return [field.decode() for field in fields]


def test_a_failure_says_where_it_happened_and_its_sample_gives_the_headline() -> None:
    reading = failed(job="unit", attempt=2, commit_sha="c1", test_id="tests/a.py::test_a")

    flat = fields_of(encode_event(reading, first=encode_first(reading, "pat_aaaaaaaaaaaa")))

    assert flat[:4] == ["F", reading.event.event_id, str(NOW), "1:aaaa"]
    assert flat[4:10] == ["acme/shop", digest("acme/shop", "1"), "acme/shop#1", digest("unit"), "2", "c1"]
    pattern_id, traits, sample = flat[11].split("\n")
    assert (pattern_id, decode_sample(pattern_id, sample.encode())) == ("pat_aaaaaaaaaaaa", reading.context(pattern_id))
    assert pattern_fields({b"traits": traits.encode()}) == {
        "category": reading.category, "signal": reading.signal, "stage": "test", "generic": "0", "test_key": reading.test_key,
        "headline": "E   boom 1:aaaa",
    }  # fmt: skip


def test_a_pass_and_a_resolution_say_the_same_place_and_payload() -> None:
    one, event = passed(job="unit", attempt=3, test_id="t"), fixed("pat_aaaaaaaaaaaa")

    flat, resolution = fields_of(encode_event(one)), fields_of(encode_event(Dated(event, NOW)))

    assert flat[3:8] == [digest("acme/shop", "1"), "acme/shop#1", digest("unit"), "3", digest("t")]
    assert resolution[:4] == ["R", event.event_id, str(NOW), "pat_aaaaaaaaaaaa"]
    assert ResolutionEvent.model_validate_json(resolution[4]) == event


@given(st.text(min_size=1).filter(str.strip), st.lists(st.text(max_size=20), max_size=4))
def test_a_sample_comes_back_as_it_was(message: str, files: list[str]) -> None:
    reading = failed(error_message=message, stack_trace="at x", changed_files=files, exit_code=-9)

    *_, sample = encode_first(reading, "pat_aaaaaaaaaaaa").split("\n")
    assert decode_sample("pat_bbbbbbbbbbbb", sample.encode()) == reading.context("pat_bbbbbbbbbbbb")


def test_fixes_come_back_as_they_were() -> None:
    other = replace(FIX, fix_id="fix2", commit="")

    found = decode_pattern("pat_aaaaaaaaaaaa", {"fix|fix1": encode_fix(FIX), "fix|fix2": encode_fix(other)})

    assert found.fixes == (FIX, other)
    assert encode_fix(None) == ""
    assert "worked" not in encode_fix(replace(FIX, worked=7))


def as_bytes(fields: dict[str, str | bytes]) -> dict[bytes, bytes]:
    return {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in fields.items()}


def test_a_pattern_comes_back_with_its_analysis() -> None:
    kept: dict[str, str | bytes] = {
        "status": "resolved", "category": "test_assertion", "stage": "build", "generic": "1", "occurrence_count": "12",
        "analysed": "provisional", "analysis": encode_analysis(AnalystAnswer(DIAGNOSIS, "rules", reason="why")), "attempts": "2",
        "first_ms": "1", "last_ms": "2", "recurred": "3", "merged_into": "pat_bbbbbbbbbbbb",
    }  # fmt: skip

    found = decode_pattern("pat_aaaaaaaaaaaa", pattern_fields(as_bytes(kept)))

    assert (found.status, found.stage, found.generic, found.occurrences) == ("resolved", "build", True, 12)
    assert (found.analysed, found.analyst, found.diagnosis, found.attempts) == ("provisional", "rules", DIAGNOSIS, 2)
    assert (found.first_ms, found.last_ms, found.recurred, found.merged_into) == (1, 2, 3, "pat_bbbbbbbbbbbb")


def test_a_pattern_of_which_redis_knows_little_is_unresolved_and_unanalysed() -> None:
    found = decode_pattern("pat_aaaaaaaaaaaa", {})

    assert (found.status, found.analysed, found.diagnosis, found.fix) == ("unresolved", "", None, None)


def test_what_is_counted_of_a_fix_comes_back_and_nothing_is_nothing() -> None:
    counts = {"reported|worked": 3, "inferred|pending": 1}

    assert decode_counts(encode_counts(counts, 2, NOW)).items() >= {**counts, "repositories": 2, "last": NOW}.items()
    assert set(decode_counts("").values()) == {0}


@given(st.text(max_size=80), names, names)
def test_a_slim_record_tells_its_parts_apart_whatever_they_hold(commit: str, repo: str, build: str) -> None:
    event = passed(commit_sha=commit, repo=repo, build=build, run_number=7, branch="main", default_branch="main").event
    assert isinstance(event, PassEvent)

    found = decode_slim(slim_record(event, NOW))

    assert found == (7, True, event.commit_sha, event.repo, f"{event.repo}#{event.build_id}")
