"""Traits are read line by line and remembered: neither may change what a text is found to be."""

from __future__ import annotations

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from ci_memory_workers.domain import line_traits
from ci_memory_workers.domain.build_errors import COMPILER, DEPENDENCY
from ci_memory_workers.domain.failing_test import printed_test
from ci_memory_workers.domain.fingerprint import fingerprint
from ci_memory_workers.domain.log_lines import clean

_LINES = (
    "error[E0425]: cannot find value `foo` in this scope",
    " --> src/main.rs:2:5",
    "src/a.c:3:5: error: expected ';'",
    "# acme/shop",
    "[ERROR] /w/A.java:[12,3] cannot find symbol",
    "[ERROR]   symbol:   class Foo",
    "e: file:///w/A.kt:3:4 Unresolved reference",
    "./cart.go:12: undefined: total",
    "ld: cannot find -lz",
    "main.c:(.text+0x1f): undefined reference to `total'",
    "npm ERR! code ERESOLVE",
    'npm ERR! peer react@"^17" from ui@1.2.3',
    "ModuleNotFoundError: No module named 'x'",
    "E: Unable to locate package x",
    "  1) Cart adds",
    "       items:",
    "Failure:",
    "CartTest#test_total",
    "t/cart.t ..",
    "Dubious, test",
    "FAILED tests/test_a.py::test_b - assert 1",
    "____ test_b ____",
    "--- FAIL: TestCart",
    "not ok 3 - adds",
    "Tests run: 3 <<< FAILURE!",
    "BUG: unable to handle page fault for address 1",
    " cart_add+0x1f/0x40 [cart]",
    "Call Trace:",
    "WARNING: CPU: 1 PID: 2 at a/b.c:3",
    "Traceback (most recent call last):",
    '  File "a.py", line 3, in f',
    "ValueError: bad",
    "Caused by: java.io.IOException: x",
    "thread 'main' panicked at src/a.rs:1:2:",
    "boom 42",
    "Error:",
    "exit status 1",
    "make: *** [all] Error 2",
    "warning: old",
    "2026-01-02T03:04:05Z ERROR cart failed at 0x7f3a",
    "  at com.acme.A.a(A.java:3)",
    "severity: fail",
    "all is well",
    "│ Error: no",
)
_TEXTS = st.lists(st.one_of(st.sampled_from(_LINES), st.text(max_size=40)), max_size=14).map("\n".join)
_OF_LINES = {
    name: (getattr(line_traits, name), pattern)
    for name, pattern in zip(
        ("HOLLOW", "TELLING", "RAISED", "COMPILER", "DEPENDENCY", "CRASH", "HEADING", "TEST", "TEST_BEGINS", "TRACEBACK"),
        (pattern for pattern in line_traits._PATTERNS if pattern not in (line_traits._MILD, line_traits._PASSING)),
        strict=True,
    )
}


@pytest.mark.parametrize("name", _OF_LINES)
@given(text=_TEXTS)
def test_a_text_has_a_trait_exactly_where_one_of_its_lines_has_it(name: str, text: str) -> None:
    trait, pattern = _OF_LINES[name]
    log = clean(text)

    found = log.lines and re2.search(pattern, "\n".join(log.lines)) is not None

    assert bool(log.found & trait) == bool(found)


@given(_TEXTS)
@example("error[E0425]: x\n --> a.rs:1:2")
@example("# acme/shop\n./cart.go:12: undefined: total")
@example('npm ERR! code ERESOLVE\nx\npeer react@"^17" from ui@1')
@example("Failure:\nCartTest#test_total")
@example("t/cart.t ..\nDubious, test")
@example("  1) Cart\n       adds:")
def test_what_stands_on_several_lines_shows_in_one_of_them(text: str) -> None:
    log = clean(text)
    joined = "\n".join(log.lines)

    assert log.found & line_traits.COMPILER or COMPILER.search(joined) is None
    assert log.found & line_traits.DEPENDENCY or DEPENDENCY.search(joined) is None
    candidates = log.having(line_traits.TEST)
    whole = printed_test(log.lines, candidates, several=True)
    assert log.found & (line_traits.TEST | line_traits.TEST_BEGINS) or not whole
    assert log.found & line_traits.TEST_BEGINS or whole == printed_test(log.lines, candidates, several=False)


@given(_TEXTS, _TEXTS)
def test_what_was_read_before_changes_no_fingerprint(text: str, trace: str) -> None:
    remembered = fingerprint(text, stage="test", stack_trace=trace)
    line_traits._remembered.cache_clear()
    clean_cache = clean.__globals__["_remembered"]
    clean_cache.cache_clear()

    assert fingerprint(text, stage="test", stack_trace=trace) == remembered
    assert fingerprint(text, stage="test", stack_trace=trace) == remembered


def test_a_line_too_long_to_be_remembered_is_read_alike() -> None:
    line = "error: cannot open " + "x" * 400

    assert line_traits.traits(line) == line_traits.traits("error: cannot open x")


@given(st.lists(st.one_of(st.sampled_from(_LINES), st.text("aE: \t-#")), max_size=6))
def test_lines_read_as_one_text_have_at_least_the_traits_of_each(lines: list[str]) -> None:
    together = line_traits.traits("\n".join(lines))

    assert all(line_traits.traits(line) & ~together == 0 for line in lines)
