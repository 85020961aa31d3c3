from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain.fingerprint import MAX_MASKED, VERSION, Fingerprint, fingerprint

# A failure's text with places for what varies from run to run ({…} in lower case) and what tells failures apart (upper).
TRACEBACK = """{stamp} INFO request {uuid} took {duration}
{stamp} ERROR Traceback (most recent call last):
{stamp} ERROR   File "{root}/shop/api.py", line {line}, in checkout
{stamp} ERROR     total = price(cart)
{stamp} ERROR   File "{root}/shop/prices.py", line {line}, in price
{stamp} ERROR     return client.get(url)
{stamp} ERROR {TYPE}: {STATUS} Server Error for url: http://{host}:{port}/prices object at {address}
##[error]Process completed with exit code 1."""
COMPILER = """{stamp} make: Entering directory '{root}'
{stamp} {root}/src/net.c:{line}:{line}: error: use of undeclared identifier '{MODULE}'
make: *** [Makefile:{line}: net.o] Error 1"""
MISSING = """{stamp} Collecting things after {duration}
{stamp} Traceback (most recent call last):
{stamp}   File "{root}/run.py", line {line}, in <module>
{stamp} ModuleNotFoundError: No module named '{MODULE}'"""
PYTEST = """=== FAILURES ===
{stamp} E   {TYPE}: connection to {host}:{port} lost after {duration}
{root}/tests/test_shop.py:{line}: {TYPE}
FAILED tests/test_shop.py::{TEST} - {TYPE}: connection to {host}:{port} lost after {duration}
=== 1 failed in {duration} ==="""
TEXTS = (TRACEBACK, COMPILER, MISSING, PYTEST)

TELLING = {"TYPE": "requests.exceptions.HTTPError", "STATUS": "502", "MODULE": "shop_prices", "TEST": "test_checkout"}

digits = st.integers(1, 9_999)
runs = st.fixed_dictionaries(
    {
        "stamp": st.datetimes().map(lambda when: when.replace(year=2024).strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
        "uuid": st.uuids().map(str),
        "duration": st.one_of(
            digits.map("{}ms".format), st.floats(0, 900).map("{:.2f}s".format), digits.map("{} seconds".format)
        ),
        "root": st.lists(st.sampled_from(["home", "ci", "builds", "work", "a1", "agent-7"]), min_size=2, max_size=6).map(
            lambda parts: "/" + "/".join(parts)
        ),
        "line": digits.map(str),
        "host": st.tuples(*[st.integers(1, 254)] * 4).map(lambda ip: ".".join(map(str, ip))),
        "port": st.integers(1_024, 65_535).map(str),
        "address": st.integers(0x1000, 0xFFFFFFFFFFFF).map(hex),
    }
)


def read(template: str, run: dict[str, str], **telling: str) -> Fingerprint:
    return fingerprint(template.format(**run, **(TELLING | telling)), stage="test")


@pytest.mark.parametrize("template", TEXTS)
@given(one=runs, other=runs)
def test_another_run_of_the_same_failure_has_the_same_fingerprint(
    template: str, one: dict[str, str], other: dict[str, str]
) -> None:
    assert read(template, one).value == read(template, other).value


@pytest.mark.parametrize("template", TEXTS)
@given(run=runs, colour=st.sampled_from(["\x1b[31m", "\x1b[1;91m", "\x1b[0m"]))
def test_colours_change_nothing(template: str, run: dict[str, str], colour: str) -> None:
    plain = template.format(**run, **TELLING)
    painted = "\n".join(f"{colour}{line}\x1b[0m" for line in plain.splitlines())
    assert fingerprint(plain, stage="test").value == fingerprint(painted, stage="test").value


@pytest.mark.parametrize(
    ("template", "change"),
    [
        (TRACEBACK, {"STATUS": "500"}),
        (TRACEBACK, {"TYPE": "requests.exceptions.ConnectionError"}),
        (COMPILER, {"MODULE": "shop_taxes"}),
        (MISSING, {"MODULE": "shop_taxes"}),
        (PYTEST, {"TEST": "test_refund"}),
        (PYTEST, {"TYPE": "ValueError"}),
    ],
)
@given(one=runs, other=runs)
def test_another_failure_has_another_fingerprint(
    template: str, change: dict[str, str], one: dict[str, str], other: dict[str, str]
) -> None:
    assert read(template, one).value != read(template, other, **change).value


@given(one=st.integers(400, 599), other=st.integers(400, 599))
def test_every_http_error_is_its_own(one: int, other: int) -> None:
    values = [fingerprint(f"error: upload failed with status {status}", stage="build").value for status in (one, other)]
    assert (values[0] == values[1]) is (one == other)


@given(st.from_regex(r"[a-z][a-z0-9_]{2,12}", fullmatch=True), st.from_regex(r"[a-z][a-z0-9_]{2,12}", fullmatch=True))
def test_every_missing_module_is_its_own(one: str, other: str) -> None:
    values = [fingerprint(f"ModuleNotFoundError: No module named '{name}'", stage="test").value for name in (one, other)]
    assert (values[0] == values[1]) is (one == other)


@given(st.text(max_size=2_000), st.text(max_size=100), st.text(max_size=500))
def test_any_text_has_a_fingerprint(text: str, test_id: str, trace: str) -> None:
    made = fingerprint(text, stage="build", test_id=test_id, stack_trace=trace)
    assert re.fullmatch(rf"{VERSION}:[0-9a-f]{{32}}", made.value)
    assert len(made.masked) <= MAX_MASKED
    assert made.why


def test_the_stage_is_part_of_it() -> None:
    assert (
        fingerprint("connection lost to cache", stage="test").value
        != fingerprint("connection lost to cache", stage="deploy").value
    )


def test_the_same_test_failing_in_another_way_keeps_its_key() -> None:
    one = fingerprint("AssertionError: totals differ", stage="test", test_id="tests/test_cart.py::test_total")
    other = fingerprint("TimeoutError: no answer", stage="test", test_id="tests.test_cart.test_total")
    assert (one.test_key, other.test_key) == ("tests.test_cart.test_total",) * 2
    assert one.value != other.value


@pytest.mark.parametrize(
    "text",
    [
        "##[error]Process completed with exit code 1.",
        "Error: Process completed with exit code 2.",
        "The command '/bin/sh -c make' returned a non-zero code: 2",
        "BUILD FAILED in 12s",
        "npm ERR! code ELIFECYCLE\nnpm ERR! errno 1",
        "make: *** [all] Error 2",
        "Killed",
        "AssertionError",
        "",
    ],
)
def test_a_text_that_says_too_little_is_generic(text: str) -> None:
    assert fingerprint(text, stage="build").generic


@pytest.mark.parametrize(
    "text",
    [
        "ModuleNotFoundError: No module named 'yaml'",
        "fatal: unable to access 'https://example.com/a.git/': Could not resolve host: example.com",
        "src/net.c:3:5: error: expected ';' before '}' token",
        "java.lang.OutOfMemoryError: Java heap space",
    ],
)
def test_a_text_that_says_why_is_not_generic(text: str) -> None:
    assert not fingerprint(text, stage="build").generic


def test_a_failing_test_is_never_generic() -> None:
    assert not fingerprint("exit code 1", stage="test", test_id="tests/test_cart.py::test_total").generic


def test_the_exit_code_never_decides_where_a_line_says_why() -> None:
    reason = "error: disk image is corrupt\n"
    one = fingerprint(reason + "Process completed with exit code 1.", stage="build")
    other = fingerprint(reason + "make: *** [all] Error 2\nProcess completed with exit code 2.", stage="build")
    assert one.value == other.value


def test_a_separate_stack_trace_gives_the_exception() -> None:
    trace = "java.lang.IllegalStateException: closed\n\tat com.acme.Cart.total(Cart.java:3)"
    one = fingerprint("request failed", stage="test", stack_trace=trace)
    other = fingerprint("request failed", stage="test", stack_trace=trace.replace("total", "refund"))
    assert one.value != other.value
    assert "exception" in one.why
