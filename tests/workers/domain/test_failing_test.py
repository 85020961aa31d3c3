from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain import failing_test
from ci_memory_workers.domain.failing_test import printed_test
from ci_memory_workers.domain.line_traits import TEST, TEST_BEGINS
from ci_memory_workers.domain.log_lines import clean


@pytest.mark.parametrize(
    ("test_id", "key"),
    [
        ("tests/test_cart.py::TestCart::test_total[eur-3]", "tests.test_cart.TestCart.test_total"),
        ("tests.test_cart.TestCart.test_total", "tests.test_cart.TestCart.test_total"),
        ("test_total (tests.test_cart.TestCart)", "tests.test_cart.TestCart.test_total"),
        ("test_total (tests.test_cart.TestCart.test_total)", "tests.test_cart.TestCart.test_total"),
        ("/home/ci/repo/tests/test_cart.py::test_total", "tests.test_cart.test_total"),
        ("C:\\agent\\work\\tests\\test_cart.py::test_total", "tests.test_cart.test_total"),
        ("totals(com.acme.CartTest)", "com.acme.CartTest.totals"),
        ("com.acme.CartTest.totals[2]", "com.acme.CartTest.totals"),
        ("com.acme.CartTest.totals()", "com.acme.CartTest.totals"),
        ("CartTest > totals()", "CartTest.totals"),
        ("TestCart/empty", "TestCart.empty"),
        ("cart \u203a adds an item", "cart.adds an item"),
        ("parallel/test-net-connect", "parallel.test-net-connect"),
        ("App\\Tests\\CartTest::testTotal with data set #3", "App.Tests.CartTest.testTotal"),
    ],
)
def test_one_test_has_one_key_in_every_framework_spelling(test_id: str, key: str) -> None:
    assert key == failing_test.test_key(test_id)


@pytest.mark.parametrize("nothing", ["", "   ", "[3]", "::"])
def test_an_id_that_names_nothing_has_no_key(nothing: str) -> None:
    assert failing_test.test_key(nothing) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("not ok 12 parallel/test-x\n  ---", "parallel/test-x"),
        (
            "____ test_total ____\nE   assert 1 == 2\nFAILED tests/test_cart.py::test_total - assert 1 == 2",
            "tests/test_cart.py::test_total",
        ),
        ("____ test_total ____\nE   assert 1 == 2", "test_total"),
        ("FAIL: test_total (tests.test_cart.TestCart)\n---", "test_total (tests.test_cart.TestCart)"),
        ("--- FAIL: TestCart/empty (0.01s)", "TestCart/empty"),
        ("[  FAILED  ] Cart.Total (3 ms)", "Cart.Total"),
        ("test cart::total ... FAILED", "cart::total"),
        ("FAIL src/cart.test.ts\n  ● cart \u203a adds an item\n", "cart \u203a adds an item"),
        ("FAIL src/cart.test.ts\nnothing more", "src/cart.test.ts"),
        ("  1) Cart\n       adds an item:\n     Error: no", "Cart\n       adds an item"),
        ("rspec ./spec/cart_spec.rb:7 # Cart adds items", "spec/cart_spec.rb > Cart adds items"),
        ("com.acme.CartTest.totals  Time elapsed: 0.1 s  <<< FAILURE!", "com.acme.CartTest.totals"),
        ("totals(com.acme.CartTest)  Time elapsed: 0.1 sec  <<< ERROR!", "totals(com.acme.CartTest)"),
        ("CartTest > totals() FAILED", "CartTest > totals()"),
        ("1) App\\Tests\\CartTest::testTotal\nFailed asserting", "App\\Tests\\CartTest::testTotal"),
        ("\t  3 - net_test (Timeout)", "net_test"),
        ("all is well", ""),
    ],
)
def test_the_failed_test_is_read_as_its_framework_prints_it(text: str, name: str) -> None:
    log = clean(text)
    several = bool(log.found & TEST_BEGINS)

    assert name == printed_test(log.lines, log.having(TEST), several=several)
    assert name == printed_test(log.lines, log.having(TEST), several=True)


@given(st.text(max_size=500))
def test_any_id_is_read(text: str) -> None:
    key = failing_test.test_key(text)
    assert key is None or 0 < len(key) <= 300
