"""How a command finds the server that ``ci-memory up`` started on the same machine."""

from __future__ import annotations

import os
from pathlib import Path

URL_FILE = "url"
"""``up`` writes the server's URL into this file of its data directory, and removes it when it stops."""


def default_data_dir() -> Path:
    """``CI_MEMORY_DATA_DIR``, else ``$XDG_DATA_HOME/ci-memory``, else ``~/.local/share/ci-memory``."""
    chosen = os.environ.get("CI_MEMORY_DATA_DIR", "")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "share") / "ci-memory"


def find_url(data_dir: Path | None = None) -> str:
    """``CI_MEMORY_URL``, else what a running ``ci-memory up`` wrote, else an empty string."""
    url = os.environ.get("CI_MEMORY_URL", "")
    if url:
        return url
    file = (data_dir or default_data_dir()) / URL_FILE
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
