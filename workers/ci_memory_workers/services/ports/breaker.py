"""What services need of a circuit breaker that all workers share: whoever finds that something is down spares the others."""

from __future__ import annotations

from typing import Literal, Protocol

Went = Literal["answered", "failed"]
Stands = Literal["closed", "open", "half_open"]


class Breaker(Protocol):
    """Lets calls through unless what they go to is down; then one now and then, which tries."""

    def enter(self, *, now_ms: int) -> int:
        """A ticket for one call, for `leave`; 0 where it may not be made now."""
        ...

    def leave(self, ticket: int, went: Went, *, now_ms: int) -> None:
        """Say how the call went. Who never says so is taken for dead after a while, and another may try."""
        ...


class NoBreaker:
    """Lets every call through."""

    def enter(self, *, now_ms: int) -> int:
        """See `Breaker.enter`."""
        return 1

    def leave(self, ticket: int, went: Went, *, now_ms: int) -> None:
        """See `Breaker.leave`."""
