"""The MCP server over standard input and output, for an assistant that starts it as a child process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import anyio
from mcp.server.stdio import stdio_server

from .server import make_server
from .tools import Asked


def serve(asked_by: Callable[[Any], Asked]) -> None:
    """Serve until standard input ends."""
    # What a library prints must not stand among the messages: they get the real output, everybody else standard error.
    messages = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    anyio.run(_serve, asked_by, messages)


async def _serve(asked_by: Callable[[Any], Asked], messages: Any) -> None:
    server = make_server(asked_by)
    async with stdio_server(stdout=anyio.wrap_file(messages)) as (received, sent):
        await server.run(received, sent, server.create_initialization_options())
