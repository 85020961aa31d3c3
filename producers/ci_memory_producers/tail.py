"""How much of a text an event may carry: its end."""

from __future__ import annotations

MAX_TEXT = 24_000
"""Largest ``error_message`` or ``stack_trace``, in characters. The tail is kept: failures are near the end of a log."""

MAX_TEXT_BYTES = 48_000
"""Largest of these texts in bytes of UTF-8: two of them fit into one event."""


def keep_tail(text: str, limit: int = MAX_TEXT) -> str:
    """The end of ``text``: at most ``limit`` characters and `MAX_TEXT_BYTES` bytes, from a line's beginning where there is."""
    tail = text[-limit:]
    encoded = tail.encode("utf-8", "replace")
    if len(encoded) > MAX_TEXT_BYTES:
        tail = encoded[-MAX_TEXT_BYTES:].decode("utf-8", "ignore")
    if len(tail) == len(text):
        return text
    newline = tail.find("\n")
    return tail[newline + 1 :] if 0 <= newline < len(tail) // 4 else tail
