"""What tests of analysts share: a failure, candidates, a redactor of made-up secrets, an analyst that asks a stand-in."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from ci_memory_workers.adapters.openai_analyst import OpenAIAnalyst
from ci_memory_workers.services.ports import Candidate, FailureContext
from llm_standin import LLMStandin

KEY = "sk-made-up-key-for-tests"
SECRET = "MADEUP-SECRET-hunter2"
FAILURE = FailureContext(
    pattern_id="pat_new00001",
    stage="test",
    category="test_assertion",
    signal="assertion",
    error_message="E   assert 200 == 503\nFAILED tests/test_pay.py::test_charge",
    stack_trace="tests/test_pay.py:41: in test_charge",
    test_id="tests/test_pay.py::test_charge",
    headline="assert 200 == 503",
    build_id="build-77",
    branch="feature/pay",
    exit_code=1,
    changed_files=("pay/gateway.py", "tests/test_pay.py"),
)
CANDIDATES = [
    Candidate("pat_known001", "mem-1", "The payment stub was not started: start it in conftest.", 0.5, "reflection"),
    Candidate("pat_known002", "mem-2", "The clock of the runner was off.", 0.0, "strategy"),
]


def redact(text: str) -> str:
    """Masks the made-up secrets of these tests."""
    return re.sub(r"MADEUP-SECRET-\w+|ghp_\w{20,}|sk-made-up[\w-]*", "[REDACTED]", text)


def changed(**fields: Any) -> FailureContext:
    """`FAILURE` with other ``fields``."""
    return dataclasses.replace(FAILURE, **fields)


def analyst_of(llm: LLMStandin, **settings: Any) -> OpenAIAnalyst:
    """An analyst that asks ``llm``."""
    given: dict[str, Any] = {
        "api_key": KEY,
        "base_url": llm.url,
        "model": "small-model",
        "timeout": 10.0,
        "redact": redact,
    }
    return OpenAIAnalyst(**{**given, **settings})
