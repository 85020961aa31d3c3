"""Annotations: the file and line of a failure, in a workflow command that a log can't leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_producers.comment.annotate import Spot, annotation, error_command, spot_of, warning_command

HERE = {"tests/test_profile.py", "shop/client.py", "src/cart.ts", "pkg/cart.go", "src/main.c", "app/models/cart.rb"}
ROOT = "/home/runner/work/shop/shop"


@pytest.mark.parametrize(
    ("text", "test_id", "spot"),
    [
        ("tests/test_profile.py:12: AssertionError", "tests/test_profile.py::test_x", ("tests/test_profile.py", 12)),
        ("shop/client.py:3: in get\ntests/test_profile.py:12: E", "tests.test_profile::test_x", ("tests/test_profile.py", 12)),
        (f'  File "{ROOT}/shop/client.py", line 40, in get', "", ("shop/client.py", 40)),
        ('  File "/usr/lib/python3/site-packages/x.py", line 4\n  File "./shop/client.py", line 5', "", ("shop/client.py", 5)),
        ("    at get (src/cart.ts:10:5)", "", ("src/cart.ts", 10)),
        (f"    at get ({ROOT}/src/cart.ts:10:5)", "", ("src/cart.ts", 10)),
        ("    pkg/cart.go:17: want 3, got 4", "", ("pkg/cart.go", 17)),
        ("src/main.c:4:10: fatal error: x.h: No such file", "", ("src/main.c", 4)),
        ("  # ./app/models/cart.rb:9:in `total'", "", ("app/models/cart.rb", 9)),
        ("elsewhere.py:4: x", "", None),
        ("/etc/passwd:1: x ../../etc/passwd:1", "", None),
        ("tests/test_profile.py:0: x", "", None),
        ("12:30:45 no file at all", "", None),
    ],
)
def test_a_failure_is_where_its_trace_says_inside_of_the_checkout(text: str, test_id: str, spot: tuple[str, int] | None) -> None:
    assert spot_of(text, test_id, ROOT, HERE.__contains__) == (Spot(*spot) if spot else None)


@given(st.text(max_size=300), st.text(max_size=40))
def test_any_text_is_read(text: str, test_id: str) -> None:
    found = spot_of(text, test_id, ROOT, lambda path: True)
    assert found is None or (found.line > 0 and not found.file.startswith("/"))


def test_a_trace_of_a_megabyte_is_read() -> None:
    assert spot_of("a.py:1 " * 150_000, "", ROOT, lambda path: False) is None


def test_the_command_has_the_documented_form() -> None:
    assert error_command("50% wrong\nsee log", "ci-memory: known, failure", Spot("a,b:c.py", 7)) == (
        "::error file=a%2Cb%3Ac.py,line=7,title=ci-memory%3A known%2C failure::50%25 wrong%0Asee log"
    )
    assert error_command("x", "t", None) == "::error title=t::x"


@given(st.text(), st.text(), st.text(min_size=1))
def test_a_log_never_begins_another_command(message: str, title: str, file: str) -> None:
    for command in (error_command(annotation([message, title]), title, Spot(file, 1)), warning_command(message)):
        assert "\n" not in command
        assert "\r" not in command
        properties = command.removeprefix("::error ").removeprefix("::warning ").split("::")[0]
        assert properties.count(",") == (2 if command.startswith("::error") else 0)


def test_an_annotation_has_a_line_for_each_thing_that_there_is_to_say() -> None:
    assert annotation(["assert 401 == 200", "", "  two\nlines  "]) == "assert 401 == 200\ntwo lines"
