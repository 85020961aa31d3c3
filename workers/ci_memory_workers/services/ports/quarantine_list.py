"""What sweeps need to tell CI jobs which failures are known to be flaky."""

from __future__ import annotations

from typing import Protocol

from ci_memory_producers.quarantine_list import QuarantineList


class QuarantineLists(Protocol):
    """One list a tenant, for all of its repositories, which CI jobs may read."""

    def flaky_in(self, tenant: str, pattern_id: str, limit: int) -> tuple[tuple[str, ...], int]:
        """Repositories where a pattern's quarantine holds, since it was flaky there more than once: at most ``limit`` names,
        sorted, and how many there are.
        """
        ...

    def publish(self, tenant: str, published: QuarantineList) -> None:
        """Put the list in the place of the one before."""
        ...
