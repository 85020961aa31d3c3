"""Test runs in XML. An element's name says which dialect it is; suites of all dialects may be nested at will."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax import SAXException

from .model import FailedTest, Outcome, TestRun, UnreadableReport

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ROOTS = frozenset(
    {"testsuites", "testsuite", "testcase", "test-run", "test-results", "test-suite", "assemblies", "assembly", "TestRun"}
)
_CUT = "write it again: it is cut off or damaged, and a part of a report is not reported"


def xml_runs(path: Path) -> Iterator[TestRun]:
    """The runs in an XML report, one after another, in bounded memory. Raises `UnreadableReport`."""
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, iterparse
    except ImportError as error:
        raise UnreadableReport(
            path, "needs defusedxml to be read", "install it: pip install 'ci-memory-producers[junit]'"
        ) from error
    root: Element | None = None
    try:
        for event, element in iterparse(str(path), events=("start", "end"), forbid_entities=True, forbid_external=True):
            if root is None:
                root = element
                _check_root(path, root)
            run = _CASES.get(_name(element)) if event == "end" else None
            if run is not None:
                yield run(element)
                element.clear()
    except ParseError as error:
        raise UnreadableReport(path, f"is no well-formed XML: {error}", _CUT) from error
    except DefusedXmlException as error:
        raise UnreadableReport(path, f"declares entities ({error})", "write it without: they are not expanded") from error
    except (SAXException, LookupError, ValueError) as error:
        if isinstance(error, UnreadableReport):
            raise
        raise UnreadableReport(path, f"cannot be parsed: {error}", _CUT) from error


def _check_root(path: Path, root: Element) -> None:
    if _name(root) not in _ROOTS:
        known = "JUnit, NUnit, xUnit.net and TRX are known"
        raise UnreadableReport(path, f"is no test report: its root element is <{_name(root)}>", known)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Element, *names: str) -> list[Element]:
    return [child for child in element if _name(child) in names]


def _text(element: Element | None, *path: str) -> str:
    for name in path:
        found = _children(element, name) if element is not None else []
        element = found[0] if found else None
    return "" if element is None else "".join(element.itertext()).strip()


def _joined(place: str, name: str) -> str:
    """The name with its class before it, unless it holds it."""
    if not place or name == place or name.startswith((f"{place}.", f"{place}::", f"{place} ")):
        return name or place
    return f"{place}.{name}" if name else place


def _junit(case: Element) -> TestRun:
    name = _joined(case.get("classname", "").strip(), case.get("name", "").strip())
    error, failure = _children(case, "error"), _children(case, "failure")
    flaky = _children(case, "flakyFailure", "flakyError")
    outcome = Outcome.PASSED
    if _children(case, "skipped", "disabled") or case.get("status", "").lower() in ("disabled", "skipped", "notrun"):
        outcome = Outcome.SKIPPED
    elif error:
        outcome = Outcome.ERROR
    elif failure:
        outcome = Outcome.FAILED
    reason = [*failure, *error]
    return TestRun(outcome, _reason(name, reason), _reason(name, flaky) if flaky and not reason else None)


def _reason(name: str, reasons: list[Element]) -> FailedTest:
    if not reasons:
        return FailedTest(name, "", "")
    first = reasons[0]
    trace = _text(first, "stackTrace") or _text(first)
    message = first.get("message", "").strip() or next((line for line in trace.splitlines() if line.strip()), "").strip()
    return FailedTest(name, message or first.get("type", ""), trace)


_NUNIT = {
    "passed": Outcome.PASSED,
    "success": Outcome.PASSED,
    "warning": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "failure": Outcome.FAILED,
    "error": Outcome.ERROR,
    "cancelled": Outcome.ERROR,
    "notrunnable": Outcome.ERROR,
    "invalid": Outcome.ERROR,
    "skipped": Outcome.SKIPPED,
    "ignored": Outcome.SKIPPED,
    "notrun": Outcome.SKIPPED,
    "inconclusive": Outcome.SKIPPED,
}


def _nunit(case: Element) -> TestRun:
    result = case.get("result", "").lower()
    outcome = _NUNIT.get(result)
    if outcome is None:
        outcome = Outcome.FAILED if case.get("success", "").lower() == "false" else Outcome.PASSED
        if case.get("executed", "true").lower() != "true":
            outcome = Outcome.SKIPPED
    failure = _children(case, "failure")
    told = failure[0] if failure else None
    name = case.get("fullname", "") or case.get("name", "")
    return TestRun(outcome, FailedTest(name, _text(told, "message"), _text(told, "stack-trace")))


_XUNIT = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED, "notrun": Outcome.SKIPPED}


def _xunit(case: Element) -> TestRun:
    outcome = _XUNIT.get(case.get("result", "").lower(), Outcome.ERROR)
    name = case.get("name") or _joined(case.get("type", ""), case.get("method", ""))
    return TestRun(outcome, FailedTest(name, _text(case, "failure", "message"), _text(case, "failure", "stack-trace")))


_TRX = {
    "passed": Outcome.PASSED,
    "passedbutrunaborted": Outcome.PASSED,
    "warning": Outcome.PASSED,
    "completed": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "error": Outcome.ERROR,
    "timeout": Outcome.ERROR,
    "aborted": Outcome.ERROR,
}


def _trx(case: Element) -> TestRun:
    outcome = _TRX.get(case.get("outcome", "").lower(), Outcome.SKIPPED)
    told = _children(case, "Output")
    info = told[0] if told else None
    return TestRun(
        outcome,
        FailedTest(case.get("testName", ""), _text(info, "ErrorInfo", "Message"), _text(info, "ErrorInfo", "StackTrace")),
    )


_CASES: dict[str, Callable[[Element], TestRun]] = {
    "testcase": _junit,
    "test-case": _nunit,
    "test": _xunit,
    "UnitTestResult": _trx,
}
