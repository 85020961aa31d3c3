"""One sweep of a kind at a time, over all workers: a lease with a token, which a sweep renews between its pieces."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from .scripts import Scripts

LEASE_MS = 60_000
"""A piece of a sweep takes seconds at most: a lease that was not renewed for so long belonged to a worker that has died."""


class SweepLock:
    """Leases of sweeps; raises what redis raises."""

    def __init__(self, client: Redis, *, lease_ms: int = LEASE_MS) -> None:
        self._scripts = Scripts(client)
        self._lease_ms = lease_ms

    @contextmanager
    def held(self, name: str) -> Iterator[HeldSweep | None]:
        """The lease of the sweep ``name``; None when another holds it. Given up at the end, if it still is ours."""
        sweep = HeldSweep(self._scripts, f"ci-memory:sweep:{name}", secrets.token_hex(8), self._lease_ms)
        if not sweep.renew():
            yield None
            return
        try:
            yield sweep
        finally:
            sweep.release()


class HeldSweep:
    """A lease that is held."""

    def __init__(self, scripts: Scripts, key: str, token: str, lease_ms: int) -> None:
        self._scripts = scripts
        self._key = key
        self._token = token
        self._lease_ms = lease_ms

    def renew(self) -> bool:
        """Stay the holder. False when the lease ran out, and another took it."""
        return bool(self._scripts.run("lease", self._key, "hold", self._token, self._lease_ms))

    def release(self) -> None:
        """Give it up, if it still is ours."""
        self._scripts.run("lease", self._key, "release", self._token, 0)
