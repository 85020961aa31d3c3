"""Push what happens in CI to ci-memory: `Producer`, and the events that it pushes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import EventRefused, EventTooLarge, LogFull, Producer, ServerUnreachable
    from .events import (
        Analysis,
        Diagnosis,
        Evidence,
        FailureEvent,
        PassEvent,
        ResolutionEvent,
        ResolutionReceipt,
        RunTotals,
    )

__all__ = [
    "Analysis",
    "Diagnosis",
    "EventRefused",
    "EventTooLarge",
    "Evidence",
    "FailureEvent",
    "LogFull",
    "PassEvent",
    "Producer",
    "ResolutionEvent",
    "ResolutionReceipt",
    "RunTotals",
    "ServerUnreachable",
]
_OF_THE_CLIENT = ("EventRefused", "EventTooLarge", "LogFull", "Producer", "ServerUnreachable")


def __getattr__(name: str) -> object:
    # pytest loads `pytest_plugin` in every run of its environment: that must not cost what redis and pydantic cost.
    if name in __all__:
        return getattr(import_module(".client" if name in _OF_THE_CLIENT else ".events", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
