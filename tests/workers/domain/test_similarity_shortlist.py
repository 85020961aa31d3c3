import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_memory_workers.domain.shortlist import Descriptions, fused

CAUSES = {
    "pat_pool": "Database pool is exhausted. Sessions of the billing worker were never returned to the connection pool",
    "pat_proxy": "Corporate proxy rewrites certificates. Trust its authority before npm talks to the registry",
    "pat_clock": "Clock skew between nodes. Tokens are refused as not yet valid until ntp has synchronised",
    "pat_disk": "Runner has no space. Images that nobody uses filled the disk of the build machine",
}


def described() -> Descriptions:
    held = Descriptions()
    for pattern_id, text in CAUSES.items():
        held.put(pattern_id, text)
    return held


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("sqlalchemy.exc.TimeoutError: QueuePool limit of size <n> reached, connection timed out", "pat_pool"),
        ("npm ERR! self signed certificate in certificate chain, registry answered <host>", "pat_proxy"),
        ("TokenNotYetValidError: token is used before its time", "pat_clock"),
        ("write failed: no space left on disk", "pat_disk"),
    ],
)
def test_an_error_finds_the_cause_that_is_described_in_other_words(error: str, cause: str) -> None:
    assert described().nearest(error)[0][0] == cause


def test_parts_of_identifiers_count_as_words() -> None:
    held = described()
    held.put("pat_cart", "Shopping cart rounds totals too late")

    assert held.nearest("compute_cartTotal raised")[0][0] == "pat_cart"


def test_the_shortlist_is_as_long_as_asked_for_best_first() -> None:
    found = described().nearest("the pool of the build machine is full, tokens are refused, certificates too", top_k=3)

    assert len(found) == 3
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_what_shares_nothing_is_left_out() -> None:
    assert described().nearest("zzz qqqq") == []
    assert described().nearest("") == []
    assert Descriptions().nearest("the pool is exhausted") == []


def test_a_later_description_takes_the_place_of_the_first() -> None:
    held = described()
    held.put("pat_disk", "Kernel was too old for overlay mounts")

    assert len(held) == 4
    assert "pat_disk" not in [pattern_id for pattern_id, _ in held.nearest("no space left on disk")]
    assert held.nearest("overlay mount failed")[0][0] == "pat_disk"


def test_a_removed_pattern_leaves_no_trace() -> None:
    held, without = described(), Descriptions()
    held.remove("pat_disk")
    held.remove("pat_unknown")
    for pattern_id, text in CAUSES.items():
        if pattern_id != "pat_disk":
            without.put(pattern_id, text)

    assert held.nearest("the pool of the disk is exhausted") == without.nearest("the pool of the disk is exhausted")


def test_placeholders_of_the_mask_are_no_words() -> None:
    held = Descriptions()
    held.put("pat_path", "path host duration size time")
    held.put("pat_other", "the lock was never released")

    assert [pattern_id for pattern_id, _ in held.nearest("<path>/lock on <host> for <duration>")] == ["pat_other"]


def test_what_several_rankings_hold_comes_before_what_one_holds() -> None:
    assert fused([["a", "b", "c"], ["d", "c"]], top_k=3) == ["c", "a", "d"]
    assert fused([["a", "b"], []]) == ["a", "b"]
    assert fused([]) == []


@settings(deadline=None)
@given(st.lists(st.text(max_size=80), max_size=6), st.text(max_size=200))
def test_no_text_is_too_odd_and_the_order_of_adding_does_not_matter(texts: list[str], query: str) -> None:
    forth, back = Descriptions(), Descriptions()
    for number, text in enumerate(texts):
        forth.put(f"pat_{number}", text)
    for number, text in reversed(list(enumerate(texts))):
        back.put(f"pat_{number}", text)

    one, other = dict(forth.nearest(query, top_k=10)), dict(back.nearest(query, top_k=10))

    assert one.keys() == other.keys()
    assert all(np.isclose(one[pattern_id], other[pattern_id], rtol=1e-4) for pattern_id in one)
    assert all(score > 0 for score in one.values())
