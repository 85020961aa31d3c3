"""Aegis, the long-term memory: a file on this machine or a server, behind `services.ports.Knowledge`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ci_memory_workers.adapters.aegis.identity import content_with_pattern, pattern_id_in
from ci_memory_workers.services.ports import Knowledge

__all__ = ["content_with_pattern", "open_knowledge", "pattern_id_in"]


def open_knowledge(
    *,
    aegis_url: str | None,
    aegis_api_key: str,
    local_path: Path,
    redact: Callable[[str], str],
    rate_per_minute: int,
    search_timeout: float = 5.0,
) -> Knowledge:
    """The server at ``aegis_url`` where there is one, else the file ``local_path`` (made on first use).

    ``redact`` takes secrets out of every text that is written. ``rate_per_minute`` bounds the calls of one process to the
    server; 0 means no bound. ``search_timeout`` is how long a search of the playbook waits for it, in seconds. Raises
    `InvalidSettings` for a URL without a key, or one that is no URL.
    """
    # Here and not above: aegis_memory and its HTTP client cost every command 250 ms, and few need them.
    if aegis_url:
        from ci_memory_workers.adapters.aegis.remote import RemoteAegis

        return RemoteAegis(
            aegis_url, aegis_api_key, redact=redact, rate_per_minute=rate_per_minute, search_timeout=search_timeout
        )
    from ci_memory_workers.adapters.aegis.local import LocalAegis

    return LocalAegis(local_path, redact=redact)
