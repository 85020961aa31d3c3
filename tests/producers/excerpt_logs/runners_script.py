"""Failed tests of interpreted languages."""

from producers.excerpt_logs.log import Log

SCRIPT_RUNNERS = (
    Log(
        "pytest",
        """============================= test session starts ==============================
collected 2 items

tests/test_cart.py .F                                                    [100%]

=================================== FAILURES ===================================
________________________________ test_total_adds _______________________________

    def test_total_adds():
        cart = Cart([1, 2])
>       assert cart.total() == 4
E       assert 3 == 4
E        +  where 3 = total()

tests/test_cart.py:9: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total_adds - assert 3 == 4
========================= 1 failed, 1 passed in 0.12s ==========================
Error: Process completed with exit code 1.""",
        "assert 3 == 4",
        ("tests/test_cart.py::test_total_adds",),
    ),
    Log(
        "pytest, collection",
        """==================================== ERRORS ====================================
____________________ ERROR collecting tests/test_cart.py _____________________
ImportError while importing test module '/w/tests/test_cart.py'.
Traceback:
tests/test_cart.py:1: in <module>
    from shop import Cart
E   ModuleNotFoundError: No module named 'shop'
=========================== short test summary info ============================
ERROR tests/test_cart.py
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!""",
        "ModuleNotFoundError: No module named 'shop'",
        ("tests/test_cart.py",),
    ),
    Log(
        "unittest",
        """.F
======================================================================
FAIL: test_total (tests.test_cart.CartTest)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/w/tests/test_cart.py", line 9, in test_total
    self.assertEqual(3, 4)
AssertionError: 3 != 4

----------------------------------------------------------------------
Ran 2 tests in 0.001s

FAILED (failures=1)""",
        "AssertionError: 3 != 4",
        ("test_total (tests.test_cart.CartTest)",),
    ),
    Log(
        "jest",
        """ PASS  src/price.test.js
 FAIL  src/cart.test.js
  \u25cf Cart \u203a adds up

    expect(received).toBe(expected) // Object.is equality

    Expected: 4
    Received: 3

      at Object.<anonymous> (src/cart.test.js:7:17)

Test Suites: 1 failed, 1 passed, 2 total
Tests:       1 failed, 5 passed, 6 total
npm ERR! Test failed.  See above for more details.""",
        "expect(received).toBe(expected) // Object.is equality",
        ("Cart \u203a adds up",),
    ),
    Log(
        "vitest",
        """ \u276f src/cart.test.ts (2 tests | 1 failed) 12ms
\u23af\u23af\u23af\u23af\u23af\u23af\u23af Failed Tests 1 \u23af\u23af\u23af\u23af\u23af\u23af\u23af

 FAIL  src/cart.test.ts > Cart > adds up
AssertionError: expected 3 to be 4 // Object.is equality
 \u276f src/cart.test.ts:7:24

 Test Files  1 failed (1)
error Command failed with exit code 1.""",
        "AssertionError: expected 3 to be 4 // Object.is equality",
        ("src/cart.test.ts > Cart > adds up",),
    ),
    Log(
        "mocha",
        """  5 passing (20ms)
  2 failing

  1) Cart
       adds up:

      AssertionError: expected 3 to equal 4
      + expected - actual
      at Context.<anonymous> (test/cart.js:7:20)

  2) Cart empties:
     Error: timeout of 2000ms exceeded. Ensure the done() callback is being called in this test.


npm ERR! code ELIFECYCLE
npm ERR! errno 2""",
        "AssertionError: expected 3 to equal 4",
        ("Cart adds up", "Cart empties"),
    ),
    Log(
        "rspec",
        """.F

Failures:

  1) Cart adds up
     Failure/Error: expect(cart.total).to eq 4

       expected: 4
            got: 3
     # ./spec/cart_spec.rb:7:in `block (2 levels) in <top (required)>'

Finished in 0.01 seconds (files took 0.1 seconds to load)
2 examples, 1 failure

Failed examples:

rspec ./spec/cart_spec.rb:5 # Cart adds up""",
        "Failure/Error: expect(cart.total).to eq 4",
        ("Cart adds up", "./spec/cart_spec.rb:5"),
    ),
    Log(
        "minitest",
        """Run options: --seed 1

  1) Failure:
CartTest#test_total [test/cart_test.rb:9]:
Expected: 4
  Actual: 3

2 runs, 2 assertions, 1 failures, 0 errors, 0 skips
rake aborted!
Command failed with status (1)""",
        "Expected: 4",
        ("CartTest#test_total",),
    ),
    Log(
        "phpunit",
        """There was 1 failure:

1) Shop\\CartTest::testTotal
Failed asserting that 3 matches expected 4.

/w/tests/CartTest.php:12

FAILURES!
Tests: 2, Assertions: 2, Failures: 1.""",
        "Failed asserting that 3 matches expected 4.",
        ("Shop\\CartTest::testTotal",),
    ),
    Log(
        "exunit",
        """  1) test adds up (Shop.CartTest)
     test/cart_test.exs:7
     Assertion with == failed
     code:  assert total() == 4
     left:  3
     right: 4

Finished in 0.03 seconds
2 tests, 1 failure""",
        "Assertion with == failed",
        ("test adds up (Shop.CartTest)",),
    ),
    Log(
        "tap",
        """ok 1 - empty
not ok 2 - total adds up
  ---
    operator: equal
    expected: 4
    actual:   3
  ...
1..2
# tests 2
# fail  1""",
        "expected: 4",
        ("total adds up",),
    ),
)
