"""Compilers and linters."""

from producers.excerpt_logs.log import Log

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
