"""Failed tests of compiled languages."""

from producers.excerpt_logs.log import Log

COMPILED_RUNNERS = (
    Log(
        "go test",
        """=== RUN   TestTotal
    cart_test.go:12: total = 3, want 4
--- FAIL: TestTotal (0.00s)
    cart_test.go:14: wrong by 1
=== RUN   TestEmpty
--- PASS: TestEmpty (0.00s)
FAIL
FAIL\texample.org/shop/cart\t0.004s
FAIL""",
        "cart_test.go:14: wrong by 1",
        ("TestTotal",),
    ),
    Log(
        "cargo test",
        """running 2 tests
test cart::tests::empty ... ok
test cart::tests::total ... FAILED

failures:

---- cart::tests::total stdout ----
thread 'cart::tests::total' panicked at src/cart.rs:14:9:
assertion `left == right` failed
  left: 3
 right: 4

failures:
    cart::tests::total

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
error: test failed, to rerun pass `--lib`""",
        "thread 'cart::tests::total' panicked at src/cart.rs:14:9:",
        ("cart::tests::total",),
    ),
    Log(
        "surefire",
        """[INFO] Running shop.CartTest
[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! - in shop.CartTest
[ERROR] shop.CartTest.total  Time elapsed: 0.01 s  <<< FAILURE!
org.opentest4j.AssertionFailedError: expected: <4> but was: <3>
\tat shop.CartTest.total(CartTest.java:12)

[INFO] Results:
[ERROR] Failures:
[ERROR]   CartTest.total:12 expected: <4> but was: <3>
[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0
[INFO] BUILD FAILURE
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:2.22.2:test (default-test) on project shop""",
        "org.opentest4j.AssertionFailedError: expected: <4> but was: <3>",
        ("shop.CartTest.total",),
    ),
    Log(
        "gradle",
        """> Task :test

CartTest > total() FAILED
    org.opentest4j.AssertionFailedError at CartTest.java:12

2 tests completed, 1 failed

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':test'.
> There were failing tests. See the report at: file:///w/build/reports/tests/test/index.html

BUILD FAILED in 3s""",
        "org.opentest4j.AssertionFailedError at CartTest.java:12",
        ("CartTest > total()",),
    ),
    Log(
        "scalatest",
        """[info] CartSpec:
[info] - total adds up *** FAILED ***
[info]   3 did not equal 4 (CartSpec.scala:9)
[info] Run completed in 200 milliseconds.
[error] Failed tests:
[error] \tshop.CartSpec
[error] (Test / test) sbt.TestsFailedException: Tests unsuccessful""",
        "3 did not equal 4 (CartSpec.scala:9)",
        ("total adds up",),
    ),
    Log(
        "dotnet test",
        """  Failed Shop.CartTest.Total [12 ms]
  Error Message:
   Assert.Equal() Failure: Values differ
Expected: 4
Actual:   3
  Stack Trace:
     at Shop.CartTest.Total() in /w/CartTest.cs:line 12

Failed!  - Failed:     1, Passed:     1, Skipped:     0, Total:     2""",
        "Assert.Equal() Failure: Values differ",
        ("Shop.CartTest.Total",),
    ),
    Log(
        "googletest",
        """[ RUN      ] Cart.Total
cart_test.cc:12: Failure
Expected equality of these values:
  cart.total()
    Which is: 3
  4
[  FAILED  ] Cart.Total (0 ms)
[==========] 2 tests from 1 test suite ran.
 1 FAILED TEST""",
        "Expected equality of these values:",
        ("Cart.Total",),
    ),
    Log(
        "ctest",
        """    Start 2: cart
2/2 Test #2: cart .............................***Failed    0.01 sec
50% tests passed, 1 tests failed out of 2

The following tests FAILED:
\t  2 - cart (Failed)
Errors while running CTest
make: *** [test] Error 8""",
        "2 - cart (Failed)",
        ("cart",),
    ),
    Log(
        "bazel test",
        """INFO: Build completed, 1 test FAILED, 2 total actions
//shop:empty_test                                                        PASSED in 0.2s
//shop:cart_test                                                         FAILED in 0.3s
  /w/bazel-testlogs/shop/cart_test/test.log

Executed 2 out of 2 tests: 1 test passes and 1 fails locally.""",
        "//shop:cart_test                                                         FAILED in 0.3s",
        ("//shop:cart_test",),
    ),
)
