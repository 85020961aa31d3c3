from __future__ import annotations

import pytest

from ci_memory_workers.domain.log_lines import clean
from ci_memory_workers.domain.structure import Structure, read


def structure(text: str, *, of_test: bool = False) -> Structure:
    return read(clean(text), clean(""), of_test=of_test)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("src/a.c:3:5: error: expected ';'", "expected ';'"),
        (
            "error[E0425]: cannot find value `foo` in this scope\n --> src/main.rs:2:5",
            "error[E0425]: cannot find value `foo` in this scope",
        ),
        ("src/a.ts(3,7): error TS2304: Cannot find name 'foo'.", "error TS2304: Cannot find name 'foo'."),
        ("A.cs(12,9): error CS0246: Foo could not be found [/src/app.csproj]", "error CS0246: Foo could not be found"),
        (
            "[ERROR] /w/A.java:[12,3] cannot find symbol\n[ERROR]   symbol:   class Foo",
            "cannot find symbol\n  symbol:   class Foo",
        ),
        ("./cart.go:12:3: undefined: total", "undefined: total"),
        ("main.c:(.text+0x1f): undefined reference to `total'", "undefined reference to `total'"),
    ],
)
def test_a_compilers_error_is_its_code_and_message(text: str, error: str) -> None:
    assert (structure(text).kind, structure(text).parts) == ("compiler", (error,))


def test_a_symbol_without_quotes_is_kept_as_it_stands() -> None:
    assert structure("./cart.go:12:3: undefined: total_2").names == ("total_2",)
    assert structure("[ERROR] /w/A.java:[12,3] cannot find symbol\n[ERROR]   symbol:   class Foo2").names == ("Foo2",)


def test_what_maven_tells_of_a_symbol_after_its_list_of_places_is_part_of_the_error() -> None:
    places = (
        "[ERROR] COMPILATION ERROR :\n[ERROR] /w/A.java:[12,3] cannot find symbol\n[ERROR] /w/B.java:[1,2] cannot find symbol\n"
    )
    told = f"{places}[ERROR] /w/A.java:[12,3] cannot find symbol\n[ERROR]   symbol:   class Foo2\n[ERROR]   location: class A"

    assert structure(told).names == ("Foo2",)
    assert structure(places).parts == ("cannot find symbol in A.java",), "where no symbol is told, the file tells causes apart"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ERROR: No matching distribution found for requestz==9.9", "No matching distribution found for requestz==9.9"),
        ("Error: Cannot find module '/home/ci/app/node_modules/left-pad'", "Cannot find module 'left-pad'"),
        ("E: Unable to locate package libfoo", "Unable to locate package libfoo"),
        ("npm error 404 Not Found - GET https://registry.example.com/@acme%2fui - Not found", "Not Found @acme%2fui"),
        (
            "npm ERR! ERESOLVE unable to resolve\nnpm ERR! Found: react@18.2.0\n"
            'npm ERR! peer react@"^17.0.0" from @acme/ui@2.1.0\nnpm ERR! fix',
            'ERESOLVE peer react@"^17.0.0" from @acme/ui',
        ),
        ("Could not find artifact com.acme:cart:jar:1.2.0 in central", "Could not find artifact com.acme:cart:jar:1.2.0"),
    ],
)
def test_a_missing_package_is_named_with_its_constraint(text: str, name: str) -> None:
    assert Structure("dependency", (name,)) == structure(text)


def test_the_last_cause_of_a_java_exception_counts() -> None:
    text = (
        "java.lang.IllegalStateException: context\n\tat com.acme.CartTest.loads(CartTest.java:3)\n"
        "Caused by: java.net.ConnectException: refused\n\tat java.net.Socket.connect(Socket.java:1)\n"
    )
    assert Structure("exception", ("java.net.ConnectException", "com.acme.CartTest.loads"), ("refused",)) == structure(text)


def test_the_last_of_chained_python_tracebacks_counts_with_the_innermost_own_function() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/r/a.py", line 1, in one\n    x\nKeyError: 1\n\n'
        "During handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "/r/a.py", line 1, in two\n    y\n'
        '  File "/usr/lib/python3.12/json/decoder.py", line 1, in decode\n    z\nshop.BadCart: no items\n'
    )
    assert Structure("exception", ("shop.BadCart", "two", "one"), ("no items",)) == structure(text)


def test_frames_are_left_out_where_a_test_is_known() -> None:
    text = "TypeError: x is not a function\n    at total (/r/src/cart.js:3:1)"
    assert Structure("exception", ("TypeError", "total"), ("x is not a function",)) == structure(text)
    assert Structure("exception", ("TypeError",), ("x is not a function",)) == structure(text, of_test=True)


def test_a_message_that_only_announces_takes_the_next_line_along() -> None:
    text = "AssertionError: Expected values to be equal:\n\n'a' !== 'b'\n"
    assert Structure("exception", ("AssertionError",), ("Expected values to be equal: 'a' !== 'b'",)) == structure(text)


def test_an_errors_own_line_comes_before_a_warning_and_before_an_exit_code() -> None:
    text = (
        "W: Failed to fetch index\nworker could not start\nERROR: disk image is corrupt\n"
        "Error: Process completed with exit code 1."
    )
    assert Structure("reason", (), ("ERROR: disk image is corrupt",)) == structure(text)


def test_a_services_json_error_is_its_message_and_code() -> None:
    text = 'Details: {"conflict": {"message": "image is busy", "code": 409}}'
    assert Structure("reason", (), ("image is busy code 409",)) == structure(text)


def test_a_test_that_says_nothing_is_known_by_its_status() -> None:
    text = "not ok 3 parallel/test-x\n  ---\n  duration_ms: 3.2\n  severity: crashed\n  exitcode: -11\n  ...\n"
    assert Structure("reason", (), ("severity crashed exitcode -11",)) == structure(text, of_test=True)


def test_output_without_a_word_of_failure_is_only_output() -> None:
    assert structure("compiling a\ncompiling b").kind == "output"
    assert structure("").kind == "nothing"


@pytest.mark.parametrize(
    ("text", "names", "parts"),
    [
        (
            "[   12.345678] BUG: KASAN: use-after-free in cart_total+0x12/0x30\n[   12.345679] Call Trace:\n",
            ("cart_total",),
            ("KASAN: use-after-free",),
        ),
        (
            "[ 369.632214] INFO: task worker4:8442 blocked for more than 120 seconds.\n[ 369.65] Call Trace:\n"
            "[ 369.661423]  __schedule+0x8eb/0x2060\n[ 369.694288]  schedule+0xf5/0x430\n[ 369.7]  ? noise+0x1/0x2\n"
            "[ 369.711401]  cart_flush+0x1/0x2\n",
            ("cart_flush",),
            ("hung",),
        ),
        (
            "[ 1.0] general protection fault: 0000 [#1] SMP\n"
            "[ 1.0] RIP: 0010:[<ffffffff8123487f>]  [<ffffffff8123487f>] __lock_acquire+0x61f/0x4b50\n"
            "[ 1.0] Call Trace:\n[ 1.0]  [<ffffffff825b8a89>] cart_remove+0x69/0x110\n",
            ("cart_remove",),
            ("general protection fault",),
        ),
        (
            "==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010\n    #0 0x4f7b in __asan_memcpy x\n"
            "    #1 0x51ab in Cart::total /src/cart.cc:3\n",
            ("Cart::total",),
            ("AddressSanitizer: heap-use-after-free",),
        ),
    ],
)
def test_a_crash_is_what_happened_and_the_function_to_blame(text: str, names: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert Structure("crash", names, parts) == structure(text)
