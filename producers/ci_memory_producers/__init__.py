"""Push what happens in CI to ci-memory: `Producer`, and the events that it pushes."""

from .client import EventTooLarge, Producer, ServerUnreachable
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
    "EventTooLarge",
    "Evidence",
    "FailureEvent",
    "PassEvent",
    "Producer",
    "ResolutionEvent",
    "ResolutionReceipt",
    "RunTotals",
    "ServerUnreachable",
]
