import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_memory_producers.events import STAGES
from ci_memory_workers.domain.mask import mask
from ci_memory_workers.domain.similarity import Known, Match, Texts, from_bytes, to_bytes, vector
from ci_memory_workers.domain.text_vector import DIMENSIONS

CART = "FAILED tests/test_cart.py::test_total\nTypeError: unsupported operand type(s) for +: 'int' and 'str'"
REFUSED = "ConnectionRefusedError: could not connect to the database while the fixtures were loaded"
LINKER = "undefined reference to `inflate_init'\ncollect2: ld gave up on the target app"

any_text = st.text(max_size=300) | st.text("abEr:<n> \n'._0", max_size=300)


def texts(*known: Known) -> Texts:
    held = Texts()
    for one in known:
        held.add(one)
    return held


def asked(held: Texts, text: str, *, test_key: str = "", generic: bool = False) -> Match:
    return held.nearest(text, stage="test", test_key=test_key, generic=generic)[0]


def test_an_identical_text_is_first_and_accepted() -> None:
    held = texts(Known("pat_cart", CART, "test"), Known("pat_refused", REFUSED, "test"), Known("pat_linker", LINKER, "test"))

    found = held.nearest(REFUSED, stage="test")

    assert found[0].pattern_id == "pat_refused"
    assert found[0].accept
    assert len(found) == 3


def test_a_test_that_fails_again_with_the_same_reason_is_accepted_whatever_surrounds_it() -> None:
    known = "setting up\nAssertionError: expected a paid invoice, got a draft\nat <path>/invoice.js:<n>:<n>"
    again = "AssertionError: expected a paid invoice, got a draft\nretrying the download of fixtures\nmirror answered late"
    held = texts(Known("pat_invoice", known, "test", test_key="invoice.test.pays"))

    match = asked(held, again, test_key="invoice.test.pays")

    assert match.accept
    assert match.score > 0.8
    assert "test" in match.why


def test_a_test_that_fails_in_another_way_is_found_and_not_accepted() -> None:
    known = "AssertionError: expected a paid invoice, got a draft"
    other = "AssertionError: the mail to the customer was never sent"
    held = texts(Known("pat_invoice", known, "test", test_key="invoice.test.pays"))

    match = asked(held, other, test_key="invoice.test.pays")

    assert match == Match("pat_invoice", match.score, False, "the same test, failing in another way")


def test_the_same_words_in_another_test_are_not_accepted() -> None:
    held = texts(Known("pat_one", REFUSED, "test", test_key="orders.test_list"))

    match = asked(held, REFUSED, test_key="orders.test_delete")

    assert not match.accept
    assert match.why == "different tests"


def test_another_stage_is_not_accepted() -> None:
    held = texts(Known("pat_one", REFUSED, "deploy"))

    assert not asked(held, REFUSED).accept


def test_a_generic_text_is_never_accepted_on_either_side() -> None:
    held = texts(Known("pat_one", "make: target all gave up", "test"))
    generic = texts(Known("pat_one", "make: target all gave up", "test", generic=True))

    assert asked(held, "make: target all gave up").accept
    assert not asked(held, "make: target all gave up", generic=True).accept
    assert not asked(generic, "make: target all gave up").accept


def test_texts_that_differ_in_a_single_word_are_not_accepted_however_long_they_are() -> None:
    rest = " then the scheduler gave the job to the next free machine of the pool" * 8
    held = texts(
        Known("pat_up", f"the machine went UP{rest}", "deploy"), Known("pat_error", f"error: link is up\n{rest}", "deploy")
    )

    for text in (f"the machine went DOWN{rest}", f"error: link is down\n{rest}"):
        assert not any(match.accept for match in held.nearest(text, stage="deploy"))


def test_a_trace_without_the_line_that_says_why_is_not_accepted() -> None:
    trace = "\n".join(f"at step{chr(97 + n)}.run(<path>/step{chr(97 + n)}.js:<n>:<n>)" for n in range(26))
    held = texts(Known("pat_trace", trace, "deploy"))

    assert not held.nearest(trace, stage="deploy")[0].accept


def test_of_two_ways_in_which_a_test_fails_the_right_one_comes_first() -> None:
    held = texts(
        Known("pat_timeout", "timed out waiting for the worker to answer", "test", test_key="worker.test_ping"),
        Known("pat_null", "TypeError: cannot read properties of null", "test", test_key="worker.test_ping"),
    )

    found = held.nearest("TypeError: cannot read properties of null\nat ping", stage="test", test_key="worker.test_ping")

    assert [match.pattern_id for match in found] == ["pat_null", "pat_timeout"]
    assert [match.accept for match in found] == [True, False]


def test_a_pattern_with_several_texts_is_one_match_with_its_best_text() -> None:
    held = texts(Known("pat_one", LINKER, "test"), Known("pat_one", REFUSED, "test"), Known("pat_two", CART, "test"))

    found = held.nearest(REFUSED, stage="test")

    assert [match.pattern_id for match in found].count("pat_one") == 1
    assert found[0].pattern_id == "pat_one"
    assert found[0].accept


def test_all_texts_of_the_same_test_are_compared_however_many_are_nearer() -> None:
    held = texts(*(Known(f"pat_{n}", f"{REFUSED} at attempt {'x' * n}", "test") for n in range(120)))
    held.add(Known("pat_silent", "stack follows", "test", test_key="orders.test_list"))

    found = held.nearest(REFUSED, stage="test", test_key="orders.test_list", top_k=200)

    assert "pat_silent" in [match.pattern_id for match in found]


def test_a_removed_pattern_is_gone_and_its_place_is_used_again() -> None:
    held = texts(Known("pat_one", REFUSED, "test", test_key="a.b"), Known("pat_two", CART, "test"))

    held.remove("pat_one")
    held.remove("pat_unknown")
    held.add(Known("pat_three", LINKER, "test"))

    assert len(held) == 2
    assert {match.pattern_id for match in held.nearest(REFUSED, stage="test", test_key="a.b")} == {"pat_two", "pat_three"}


def test_adding_the_same_text_twice_keeps_it_once() -> None:
    held = texts(Known("pat_one", CART, "test"), Known("pat_one", CART, "test"))

    assert len(held) == 1


def test_an_empty_collection_finds_nothing() -> None:
    assert Texts().nearest(CART, stage="test") == []


def test_many_texts_are_searched_as_well_as_few() -> None:
    held = texts(
        *(Known(f"pat_{n}", f"ValueError: widget {chr(97 + n % 26) * 5} of {chr(97 + n // 26) * 7}", "test") for n in range(600))
    )

    for n in (0, 299, 599):
        text = f"ValueError: widget {chr(97 + n % 26) * 5} of {chr(97 + n // 26) * 7}"
        assert asked(held, text).pattern_id == f"pat_{n}"


def test_a_kept_row_is_read_back_as_it_was() -> None:
    row = vector(CART)

    assert np.array_equal(row, from_bytes(to_bytes(row)))
    assert row.shape == (DIMENSIONS,)
    with pytest.raises(ValueError, match="another version"):
        from_bytes(b"short")


def test_a_kept_row_gives_the_same_matches() -> None:
    computed = texts(Known("pat_one", CART, "test"))
    kept = Texts()
    kept.add(Known("pat_one", CART, "test"), row=from_bytes(to_bytes(vector(CART))))

    assert computed.nearest(REFUSED, stage="test") == kept.nearest(REFUSED, stage="test", row=vector(REFUSED))


def test_rows_are_the_same_in_every_process() -> None:
    code = (
        "import sys; from ci_memory_workers.domain.similarity import to_bytes, vector;"
        "sys.stdout.write(to_bytes(vector('TypeError: cannot read properties of null in getUser_name')).hex())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(runs) == 1


@settings(deadline=None)
@given(any_text, any_text, st.sampled_from(STAGES), st.sampled_from(["", "a.test_b"]))
def test_no_text_is_too_odd_and_the_order_of_adding_does_not_matter(one: str, two: str, stage: str, key: str) -> None:
    first, second = Known("pat_one", one, "test", test_key=key), Known("pat_two", two, "build")
    query = mask(one + two)

    found = texts(first, second).nearest(query, stage="test", test_key=key)

    assert found == texts(second, first).nearest(query, stage="test", test_key=key)
    assert all(0.0 <= match.score <= 1.0 for match in found)
    assert len({match.pattern_id for match in found}) == len(found) == 2


@settings(deadline=None)
@given(any_text)
def test_a_text_is_never_less_like_itself_than_like_another(text: str) -> None:
    held = texts(Known("pat_other", LINKER, "test"), Known("pat_itself", text, "test"))

    by_id = {match.pattern_id: match.score for match in held.nearest(text, stage="test")}

    assert by_id["pat_itself"] >= by_id["pat_other"]
