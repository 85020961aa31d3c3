"""What the services need of the world. Adapters satisfy these Protocols; tests pass fakes that satisfy them too."""

from .analyst import Analyst, AnalystAnswer, FailureContext
from .events import Applied, Dated, Entry, EventLog, Outcome, Reading
from .index import Bell, Index, Lease, PendingVote
from .knowledge import Candidate, Knowledge, Memory, MemoryKind, Playbook, Vote
from .lookalikes import Lookalike, Lookalikes, NoLookalikes
from .runs import Line

__all__ = [
    "Analyst",
    "AnalystAnswer",
    "Applied",
    "Bell",
    "Candidate",
    "Dated",
    "Entry",
    "EventLog",
    "FailureContext",
    "Index",
    "Knowledge",
    "Lease",
    "Line",
    "Lookalike",
    "Lookalikes",
    "Memory",
    "MemoryKind",
    "NoLookalikes",
    "Outcome",
    "PendingVote",
    "Playbook",
    "Reading",
    "Vote",
]
