"""Reads test reports: JUnit XML with its dialects, NUnit, xUnit.net, TRX, and the JSON of go test, RSpec and mocha."""

from __future__ import annotations

from .model import FailedTest, TestReport, UnreadableReport
from .reader import MAX_REPORT_BYTES, read_report

__all__ = ["MAX_REPORT_BYTES", "FailedTest", "TestReport", "UnreadableReport", "read_report"]
