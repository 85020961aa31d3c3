"""Queues, tasks and lanes by name: the one place that spells them."""

from __future__ import annotations

from typing import Literal

GROUP = "ci-memory"
"""The consumer group of the event log."""

QUEUE_INGEST = "ingest"
QUEUE_ANALYSIS = "analysis"
QUEUE_RESOLUTIONS = "resolutions"
QUEUE_MEMORY = "memory"
QUEUE_SWEEPS = "sweeps"
QUEUE_LOGS = "logs"
QUEUE_NOTIFY = "notify"
QUEUES = (QUEUE_INGEST, QUEUE_ANALYSIS, QUEUE_RESOLUTIONS, QUEUE_MEMORY, QUEUE_SWEEPS, QUEUE_LOGS, QUEUE_NOTIFY)

DRAIN = "ingest.drain"
ANALYZE = "analysis.analyze"
APPLY_RESOLUTION = "resolutions.apply"
LEARN = "resolutions.learn"
SYNC_MEMORY = "memory.sync"
FETCH_LOG = "logs.fetch"
NOTIFY = "notify.tell"
RING = "sweeps.ring"
AGE = "sweeps.age"
QUARANTINE = "sweeps.quarantine"
TRIM = "sweeps.trim"

Lane = Literal["analysis", "memory", "resolutions", "transitions", "logs", "notify"]
"""A set of owed work (``due:{lane}`` in Redis), worked off by the tasks of one queue."""
LANES: tuple[Lane, ...] = ("analysis", "memory", "resolutions", "transitions", "logs", "notify")
LANE_TASKS: dict[Lane, str] = {
    "analysis": ANALYZE,
    "memory": SYNC_MEMORY,
    "resolutions": APPLY_RESOLUTION,
    "transitions": LEARN,
    "logs": FETCH_LOG,
    "notify": NOTIFY,
}
LANE_QUEUES: dict[Lane, str] = {
    "analysis": QUEUE_ANALYSIS,
    "memory": QUEUE_MEMORY,
    "resolutions": QUEUE_RESOLUTIONS,
    "transitions": QUEUE_RESOLUTIONS,
    "logs": QUEUE_LOGS,
    "notify": QUEUE_NOTIFY,
}
