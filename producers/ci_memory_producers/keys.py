"""Where things are in Redis: the one place that spells the names which producers and workers share."""

from __future__ import annotations

STREAM = "ci-memory:events"
"""The log of events. Entries have one field, `FIELD`, with the event as JSON."""
FIELD = "event"
LOG_LIMIT_KEY = "ci-memory:log_limit"
"""The most entries that the log may have, as the workers' settings say. A producer that meets a full log backs off."""
DEFAULT_LOG_LIMIT = 500_000
"""The limit where no worker has said one."""
WAKE_SECONDS = 60
"""How long a wake-up for a waiter is kept, when the waiter has gone meanwhile."""


def tenant_prefix(tenant: str) -> str:
    """The prefix of all keys of a tenant; the braces make it one hash slot."""
    return f"ci-memory:{{{tenant}}}:"


def result_key(tenant: str, event_id: str) -> str:
    """The answer to an event, JSON (`events.Answer`), kept for some days."""
    return f"{tenant_prefix(tenant)}result:{event_id}"


def waiting_key(tenant: str, event_id: str) -> str:
    """Exists while somebody waits for the answer: only then workers hand it over by `wake_key`, too."""
    return f"{tenant_prefix(tenant)}waiting:{event_id}"


def wake_key(tenant: str, event_id: str) -> str:
    """The list that a waiter pops the answer from, blocking."""
    return f"{tenant_prefix(tenant)}wake:{event_id}"


def quarantine_key(tenant: str) -> str:
    """Which failures are known to be flaky, JSON (`quarantine_list.QuarantineList`), written by each sweep."""
    return f"{tenant_prefix(tenant)}quarantine"
