"""A report file, read by the dialect that its first bytes show."""

from __future__ import annotations

import json
from pathlib import Path

from .json_dialects import json_runs
from .model import TestReport, UnreadableReport
from .xml_dialects import xml_runs

MAX_REPORT_BYTES = 64 * 1024 * 1024
"""Largest report that is read, in bytes."""
_HEAD = 1_024
_CUT = "write it again: it is cut off or damaged, and a part of a report is not reported"


def read_report(path: Path) -> TestReport:
    """The counts and the failed tests of a report.

    Raises `UnreadableReport`, which names the file and the problem, where the file cannot be read whole. XML is parsed with
    defusedxml: no entities that the file declares, nothing from the network.
    """
    head = _head(path)
    try:
        if head.lstrip().startswith((b"{", b"[")):
            return TestReport.of(json_runs(path.read_text("utf-8-sig")))
        return TestReport.of(xml_runs(path))
    except json.JSONDecodeError as error:
        raise UnreadableReport(path, f"is no valid JSON: {error.msg} at line {error.lineno}", _CUT) from error
    except UnicodeDecodeError as error:
        raise UnreadableReport(path, f"is no UTF-8 text at byte {error.start}", "write it as UTF-8") from error


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise UnreadableReport(path, "is a directory", "name the report files in it, as in 'reports/*.xml'")
    if not path.exists():
        raise UnreadableReport(path, "does not exist", "check the path, and that the tests ran far enough to write it")
    size = path.stat().st_size
    if size > MAX_REPORT_BYTES:
        way_out = f"split it: at most {MAX_REPORT_BYTES} bytes are read"
        raise UnreadableReport(path, f"is too large, {size} bytes", way_out)
    with path.open("rb") as stream:
        head = stream.read(_HEAD).removeprefix(b"\xef\xbb\xbf")
    if not head.strip() and size <= _HEAD:
        raise UnreadableReport(path, "is empty", "check that the test command ran to its end")
    return head
