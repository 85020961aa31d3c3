import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_memory_workers.domain.likeness import likeness, read
from ci_memory_workers.domain.traits import Traits, difference, traits

identifier = st.from_regex(r"\A[a-z]{3,9}(?:_[a-z]{2,6})?\Z")
statuses = st.integers(400, 599)
any_text = st.text(max_size=200) | st.text("abEr:<n> \n'._0", max_size=200)

MISSING = (
    "ModuleNotFoundError: No module named '{}'",
    "Error: Cannot find module '{}'",
    "ERROR: No matching distribution found for {}",
    "error: undefined reference to `{}'",
    "E: Unable to locate package {}",
    "fatal error: could not find package {}",
    "TypeError: create() got an unexpected keyword argument '{}'",
    "error while loading shared libraries: {}.so",
)


def accepted(a: str, b: str, test_key: str = "") -> bool:
    return likeness(read(a, stage="test", test_key=test_key), read(b, stage="test", test_key=test_key)).accept


@pytest.mark.parametrize("sentence", MISSING)
@settings(deadline=None)
@given(one=identifier, other=identifier)
def test_different_missing_names_are_never_accepted(sentence: str, one: str, other: str) -> None:
    a, b = sentence.format(one), sentence.format(other)

    assert accepted(a, b) == (one == other)
    assert accepted(a, b, test_key="suite.test_imports") == (one == other)


@pytest.mark.parametrize(
    "sentence", ["error: the server answered with status {}", "HTTP {} from the registry", "got a {}, giving up"]
)
@settings(deadline=None)
@given(one=statuses, other=statuses)
def test_different_statuses_are_never_accepted(sentence: str, one: int, other: int) -> None:
    a, b = sentence.format(one), sentence.format(other)

    assert accepted(a, b) == (one == other)
    assert accepted(a, b, test_key="api.test_upload") == (one == other)


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ("TypeError: the cart is empty", "ValueError: the cart is empty", "exception types"),
        ("shop.cart.EmptyError: nothing", "shop.cart.FullError: nothing", "exception types"),
        ("error TS2304: no such name", "error TS2305: no such name", "error codes"),
        ("open failed: ENOENT", "open failed: EACCES", "error codes"),
        ("terminated by SIGSEGV", "terminated by SIGABRT", "error codes"),
        ("handshake failed, TLSv1.2 wanted", "handshake failed, TLSv1.3 wanted", "error codes"),
        ("container exited with code 137", "container exited with code 139", "exit codes"),
        ("error: needs six>=1.10", "error: needs six>=1.12", "version constraints"),
        ("error: volume 'data' is busy", "error: volume 'logs' is busy", "names"),
        ("error: read_config gave up", "error: write_config gave up", "names"),
        ("error: requires Python 3.9 or newer", "error: requires Python 3.11 or newer", "numbers"),
        ("AssertionError: <n> < <n>", "AssertionError: <n> >= <n>", "names"),
    ],
)
def test_what_tells_two_texts_apart_is_said(a: str, b: str, kind: str) -> None:
    assert kind in difference(traits(a), traits(b))
    assert not accepted(a, b)
    assert not accepted(a, b, test_key="suite.test_one")


def test_a_module_path_before_the_type_tells_nothing_apart() -> None:
    assert difference(traits("requests.exceptions.ConnectionError: no route"), traits("ConnectionError: no route")) == ""


def test_the_line_that_says_why_is_the_exception_and_not_a_frame_or_progress() -> None:
    text = "ok <n> - opens\nwarning: slow\nat Object.run (<path>/error.js:<n>)\nRangeError: size is too large\nfatal: stopped"

    assert traits(text).headline == "RangeError: size is too large"


def test_of_chained_exceptions_the_cause_tells_apart() -> None:
    java = "java.lang.RuntimeException: cannot start\n  at a.B.c(B.java:<n>)\nCaused by: java.io.{}: no route"
    python = (
        "Traceback (most recent call last):\n  File <path>\nKeyError: 'a'\n\nTraceback (most recent call last):\n{}: no route"
    )

    for chain, one, other in ((java, "IOException", "EOFException"), (python, "ValueError", "TypeError")):
        assert "exception types" in difference(traits(chain.format(one)), traits(chain.format(other)))
        assert not accepted(chain.format(one), chain.format(other), test_key="suite.test_start")


def test_a_text_without_an_error_has_no_headline() -> None:
    assert traits("ok <n> - opens\nall is well") == Traits()


def test_what_is_missing_at_a_masked_address_is_not_accepted() -> None:
    masked = "npm ERR! 404 Not Found - GET <url> - Not found"

    assert not accepted(masked, masked)
    assert not accepted(masked, masked, test_key="suite.test_install")


def test_a_trait_that_only_one_text_has_tells_nothing_apart() -> None:
    assert difference(traits("the upload gave up"), traits("the upload gave up with status 503")) == ""


@settings(deadline=None)
@given(any_text, any_text, st.sampled_from(["", "a.test_b"]), st.sampled_from(["", "a.test_b", "a.test_c"]))
def test_the_order_of_two_texts_changes_nothing_that_counts(one: str, other: str, key: str, other_key: str) -> None:
    a, b = read(one, stage="test", test_key=key), read(other, stage="test", test_key=other_key)
    forth, back = likeness(a, b), likeness(b, a)

    assert (forth.accept, forth.probability) == (back.accept, back.probability)
    assert bool(difference(a.traits, b.traits)) == bool(difference(b.traits, a.traits))


@settings(deadline=None)
@given(any_text)
def test_no_text_differs_from_itself(text: str) -> None:
    assert difference(traits(text), traits(text)) == ""
