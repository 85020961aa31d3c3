"""Loads the Lua scripts that stand beside this file; each says in its header what it takes and replies."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.commands.core import Script

INCLUDE = "--@include "
"""A script's first lines may name others that are put before it: Lua in Redis has no modules."""


@cache
def source(name: str) -> str:
    """A script by name, with what it includes."""
    text = (files(__package__) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    included = []
    while text.startswith(INCLUDE):
        first, _, text = text.partition("\n")
        included.append(source(first.removeprefix(INCLUDE).strip()))
    return "\n".join((*included, text))


class Scripts:
    """Scripts by name, registered once for a client."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._registered: dict[str, Script] = {}

    def run(self, name: str, keys: str | list[str], *args: Any) -> Any:
        """Run a script on its key or keys. Raises what redis raises."""
        script = self._registered.get(name)
        if script is None:
            script = self._registered[name] = self._client.register_script(source(name))
        return script(keys=[keys] if isinstance(keys, str) else keys, args=args)
