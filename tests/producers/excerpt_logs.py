"""Small logs in the form that each tool gives them, with what a reader should find: written for these tests."""

from __future__ import annotations

from typing import NamedTuple


class Log(NamedTuple):
    """What a tool prints, the line that says why it failed, and the failed tests."""

    tool: str
    text: str
    headline: str
    tests: tuple[str, ...] = ()


TEST_RUNNERS = (
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

COMPILERS = (
    Log(
        "gcc",
        """g++ -Wall -Werror -c cart.cpp -o cart.o
cart.cpp: In function 'int total()':
cart.cpp:12:10: error: 'prices' was not declared in this scope
   12 |   return prices[0];
      |          ^~~~~~
make: *** [Makefile:4: cart.o] Error 1""",
        "cart.cpp:12:10: error: 'prices' was not declared in this scope",
    ),
    Log(
        "linker",
        """/usr/bin/ld: main.o: in function `main':
main.c:(.text+0x9): undefined reference to `total'
collect2: error: ld returned 1 exit status
make: *** [app] Error 1""",
        "main.c:(.text+0x9): undefined reference to `total'",
    ),
    Log(
        "rustc",
        """   Compiling shop v0.1.0 (/w)
error[E0425]: cannot find value `prices` in this scope
  --> src/cart.rs:12:5
   |
12 |     prices
   |     ^^^^^^ not found in this scope

error: aborting due to previous error

error: could not compile `shop` (lib) due to 1 previous error""",
        "error[E0425]: cannot find value `prices` in this scope",
    ),
    Log(
        "javac by maven",
        """[INFO] Compiling 3 source files to /w/target/classes
[ERROR] COMPILATION ERROR :
[ERROR] /w/src/main/java/shop/Cart.java:[12,5] cannot find symbol
  symbol:   variable prices
  location: class shop.Cart
[INFO] BUILD FAILURE
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.8.1:compile (default-compile) on project shop
[ERROR] -> [Help 1]""",
        "[ERROR] /w/src/main/java/shop/Cart.java:[12,5] cannot find symbol",
    ),
    Log(
        "scalac by sbt",
        """[info] compiling 3 Scala sources to /w/target/scala-2.13/classes ...
[error] /w/src/main/scala/Cart.scala:12:5: not found: value prices
[error]     prices.sum
[error]     ^
[error] one error found
[error] (Compile / compileIncremental) Compilation failed""",
        "[error] /w/src/main/scala/Cart.scala:12:5: not found: value prices",
    ),
    Log(
        "kotlinc",
        """> Task :compileKotlin FAILED
e: file:///w/src/main/kotlin/Cart.kt:12:5 Unresolved reference: prices

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':compileKotlin'.
> Compilation error. See log for more details""",
        "e: file:///w/src/main/kotlin/Cart.kt:12:5 Unresolved reference: prices",
    ),
    Log(
        "tsc",
        """> shop@1.0.0 build
> tsc

src/cart.ts(12,5): error TS2304: Cannot find name 'prices'.
npm ERR! code ELIFECYCLE
npm ERR! errno 2""",
        "src/cart.ts(12,5): error TS2304: Cannot find name 'prices'.",
    ),
    Log(
        "msbuild",
        """  Determining projects to restore...
/w/Cart.cs(12,9): error CS0103: The name 'prices' does not exist in the current context [/w/Shop.csproj]

Build FAILED.
    0 Warning(s)
    1 Error(s)""",
        "/w/Cart.cs(12,9): error CS0103: The name 'prices' does not exist in the current context [/w/Shop.csproj]",
    ),
    Log(
        "go build",
        """# example.org/shop/cart
cart/cart.go:12:9: undefined: prices
make: *** [build] Error 2""",
        "cart/cart.go:12:9: undefined: prices",
    ),
    Log(
        "swiftc",
        """[3/4] Compiling Shop Cart.swift
/w/Sources/Shop/Cart.swift:12:5: error: cannot find 'prices' in scope
    prices
    ^~~~~~
error: fatalError""",
        "/w/Sources/Shop/Cart.swift:12:5: error: cannot find 'prices' in scope",
    ),
    Log(
        "eslint",
        """> eslint src

/w/src/cart.js
  12:5  error  'prices' is not defined  no-undef

\u2716 1 problem (1 error, 0 warnings)

npm ERR! code ELIFECYCLE
npm ERR! errno 1""",
        "12:5  error  'prices' is not defined  no-undef",
    ),
    Log(
        "flake8",
        """$ flake8 shop
shop/cart.py:12:5: F821 undefined name 'prices'
make: *** [lint] Error 1""",
        "shop/cart.py:12:5: F821 undefined name 'prices'",
    ),
    Log(
        "mypy",
        """$ mypy shop
shop/cart.py:12: error: Name "prices" is not defined  [name-defined]
Found 1 error in 1 file (checked 3 source files)
make: *** [types] Error 1""",
        'shop/cart.py:12: error: Name "prices" is not defined  [name-defined]',
    ),
    Log(
        "rubocop",
        """Inspecting 3 files
..C

Offenses:

lib/cart.rb:12:5: C: Layout/IndentationWidth: Use 2 (not 4) spaces for indentation.
    prices
    ^^^^

3 files inspected, 1 offense detected""",
        "lib/cart.rb:12:5: C: Layout/IndentationWidth: Use 2 (not 4) spaces for indentation.",
    ),
    Log(
        "checkstyle",
        """[ERROR] /w/src/main/java/shop/Cart.java:12:5: Missing a Javadoc comment. [JavadocVariable]
[INFO] BUILD FAILURE
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-checkstyle-plugin:3.1.0:check (validate) on project shop""",
        "[ERROR] /w/src/main/java/shop/Cart.java:12:5: Missing a Javadoc comment. [JavadocVariable]",
    ),
    Log(
        "shellcheck",
        """In deploy.sh line 12:
rm -rf $dir
       ^--^ SC2086: Double quote to prevent globbing and word splitting.

make: *** [lint] Error 1""",
        "^--^ SC2086: Double quote to prevent globbing and word splitting.",
    ),
)

TOOLS = (
    Log(
        "npm, registry",
        """npm ERR! code E404
npm ERR! 404 Not Found - GET https://npm.example.org/left-pad2 - Not found
npm ERR! 404  'left-pad2@^1.0.0' is not in this registry.
npm ERR! A complete log of this run can be found in: /w/.npm/_logs/debug.log""",
        "npm ERR! code E404",
    ),
    Log(
        "npm, peers",
        """npm ERR! code ERESOLVE
npm ERR! ERESOLVE unable to resolve dependency tree
npm ERR! Found: react@18.0.0
npm ERR! A complete log of this run can be found in:""",
        "npm ERR! code ERESOLVE",
    ),
    Log(
        "yarn",
        """[1/4] Resolving packages...
error Couldn't find package "left-pad2" on the "npm" registry.
info Visit https://yarnpkg.com/en/docs/cli/install for documentation about this command.""",
        'error Couldn\'t find package "left-pad2" on the "npm" registry.',
    ),
    Log(
        "pip",
        """Collecting shop-prices==9.9
ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: 1.0, 1.1)
ERROR: No matching distribution found for shop-prices==9.9""",
        "ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: 1.0, 1.1)",
    ),
    Log(
        "bundler",
        """Fetching gem metadata from https://gems.example.org/.........
Could not find gem 'shop-prices (~> 9.9)' in rubygems repository https://gems.example.org/ or installed locally.""",
        "Could not find gem 'shop-prices (~> 9.9)' in rubygems repository https://gems.example.org/ or installed locally.",
    ),
    Log(
        "gradle, dependency",
        """FAILURE: Build failed with an exception.

* What went wrong:
Could not resolve all files for configuration ':compileClasspath'.
> Could not find shop:prices:9.9.

* Try:
> Run with --stacktrace option to get the stack trace.

BUILD FAILED in 1s""",
        "Could not find shop:prices:9.9.",
    ),
    Log(
        "maven, dependency",
        """[INFO] BUILD FAILURE
[ERROR] Failed to execute goal on project shop: Could not resolve dependencies for project shop:jar:1.0: Could not find artifact
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
[ERROR] -> [Help 1]""",
        "[ERROR] Failed to execute goal on project shop: Could not resolve dependencies for project shop:jar:1.0: "
        "Could not find artifact",
    ),
    Log(
        "make without a rule",
        """make[1]: Entering directory '/w'
make[1]: *** No rule to make target 'prices.o', needed by 'app'.  Stop.
make: *** [all] Error 2""",
        "make[1]: *** No rule to make target 'prices.o', needed by 'app'.  Stop.",
    ),
    Log(
        "cmake",
        """-- Configuring incomplete, errors occurred!
CMake Error at CMakeLists.txt:7 (find_package):
  Could not find a package configuration file provided by "Prices"

See also "/w/CMakeFiles/CMakeOutput.log".""",
        'Could not find a package configuration file provided by "Prices"',
    ),
    Log(
        "docker build",
        """#9 [4/5] RUN pip install -r requirements.txt
#9 1.234 ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: none)
#9 ERROR: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1
------
ERROR: failed to solve: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1""",
        "ERROR: Could not find a version that satisfies the requirement shop-prices==9.9 (from versions: none)",
    ),
    Log(
        "docker pull",
        """Unable to find image 'shop:9.9' locally
docker: Error response from daemon: manifest for shop:9.9 not found: manifest unknown: manifest unknown.
See 'docker run --help'.""",
        "docker: Error response from daemon: manifest for shop:9.9 not found: manifest unknown: manifest unknown.",
    ),
    Log(
        "terraform",
        """Planning failed. Terraform encountered an error while generating this plan.

\u2577
\u2502 Error: Reference to undeclared input variable
\u2502
\u2502   on main.tf line 7, in resource "aws_instance" "shop":
\u2502    7:   ami = var.image
\u2575""",
        "\u2502 Error: Reference to undeclared input variable",
    ),
    Log(
        "kubectl",
        """deployment.apps/shop configured
Error from server (Forbidden): error when creating "job.yaml": jobs.batch is forbidden: exceeded quota""",
        'Error from server (Forbidden): error when creating "job.yaml": jobs.batch is forbidden: exceeded quota',
    ),
    Log(
        "helm",
        """Release "shop" does not exist. Installing it now.
Error: UPGRADE FAILED: timed out waiting for the condition
helm exited with 1""",
        "Error: UPGRADE FAILED: timed out waiting for the condition",
    ),
    Log(
        "git",
        """Cloning into 'shop'...
fatal: could not read Username for 'https://git.example.org': terminal prompts disabled""",
        "fatal: could not read Username for 'https://git.example.org': terminal prompts disabled",
    ),
    Log(
        "bazel build",
        """ERROR: /w/shop/BUILD:7:1: undeclared inclusion(s) in rule '//shop:cart'
Target //shop:cart failed to build
FAILED: Build did NOT complete successfully""",
        "ERROR: /w/shop/BUILD:7:1: undeclared inclusion(s) in rule '//shop:cart'",
    ),
)

RUNTIMES = (
    Log(
        "python",
        """starting the worker
Traceback (most recent call last):
  File "/w/worker.py", line 12, in <module>
    main()
  File "/w/worker.py", line 8, in main
    raise KeyError("prices")
KeyError: 'prices'""",
        "KeyError: 'prices'",
    ),
    Log(
        "python, chained",
        """Traceback (most recent call last):
  File "/w/worker.py", line 8, in main
    prices["x"]
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/w/worker.py", line 10, in main
    raise RuntimeError("no price for x") from error
RuntimeError: no price for x""",
        "RuntimeError: no price for x",
    ),
    Log(
        "java",
        """Exception in thread "main" java.lang.IllegalStateException: no price for x
\tat shop.Cart.total(Cart.java:12)
\tat shop.Main.main(Main.java:5)
Caused by: java.lang.NullPointerException
\t... 2 more""",
        'Exception in thread "main" java.lang.IllegalStateException: no price for x',
    ),
    Log(
        "node",
        """/w/cart.js:12
    throw new TypeError('no price for x')
    ^

TypeError: no price for x
    at total (/w/cart.js:12:11)
    at Object.<anonymous> (/w/main.js:3:1)

Node.js v20.0.0""",
        "TypeError: no price for x",
    ),
    Log(
        "go panic",
        """panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.total(...)
\t/w/cart.go:12 +0x1d
exit status 2""",
        "panic: runtime error: index out of range [3] with length 3",
    ),
    Log(
        "rust panic",
        """thread 'main' panicked at 'no price for x', src/main.rs:12:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace""",
        "thread 'main' panicked at 'no price for x', src/main.rs:12:5",
    ),
    Log(
        "segmentation fault",
        """running the suite
/w/run.sh: line 3:  4711 Segmentation fault      (core dumped) ./cart --all
make: *** [check] Error 139""",
        "/w/run.sh: line 3:  4711 Segmentation fault      (core dumped) ./cart --all",
    ),
    Log(
        "killed",
        """linking the application
/w/build.sh: line 7:  4711 Killed                  ld -o app *.o
make: *** [app] Error 137""",
        "/w/build.sh: line 7:  4711 Killed                  ld -o app *.o",
    ),
    Log(
        "java heap",
        """[INFO] building
java.lang.OutOfMemoryError: Java heap space
\tat java.base/java.util.Arrays.copyOf(Arrays.java:3512)
[INFO] BUILD FAILURE""",
        "java.lang.OutOfMemoryError: Java heap space",
    ),
    Log(
        "disk",
        """extracting layers
write /var/lib/docker/tmp/layer.tar: no space left on device
make: *** [image] Error 1""",
        "write /var/lib/docker/tmp/layer.tar: no space left on device",
    ),
    Log(
        "silence",
        """compiling
No output has been received in the last 10m0s, this potentially indicates a stalled build or something wrong with it.
The build has been terminated""",
        "No output has been received in the last 10m0s, this potentially indicates a stalled build or something wrong with it.",
    ),
    Log(
        "time limit",
        """still testing
The job running on runner shared-1 has exceeded the maximum execution time of 360 minutes.""",
        "The job running on runner shared-1 has exceeded the maximum execution time of 360 minutes.",
    ),
    Log(
        "shell",
        """+ poetry install
/w/run.sh: line 4: poetry: command not found""",
        "/w/run.sh: line 4: poetry: command not found",
    ),
)

ALL = (*TEST_RUNNERS, *COMPILERS, *TOOLS, *RUNTIMES)
