"""`ops/keys.md` says what is in Redis and what ends it: all of it, and as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fakes import NOW, failed, open_index, passed
from learned_patterns import rich
from line_runs import learn, run_of
from redis import Redis

ROOT = Path(__file__).parents[1]
LUA = sorted((ROOT / "workers/ci_memory_workers/adapters/lua").glob("*.lua"))
PYTHON = [
    path
    for folder in ("workers/ci_memory_workers", "producers/ci_memory_producers")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
SMALL = re.compile(r"(\w+) +\S+ -> ")
"""Small collections, as the header of `_small.lua` lists them: each is a hash of its own where it is large."""


def table(heading: str) -> dict[str, str]:
    """Families of keys under a heading of the page, each with what ends it."""
    page = (ROOT / "ops/keys.md").read_text()
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`([^`]+)`", cells[0]) if len(cells) == 3 else ():
            found[name.partition(":")[0]] = cells[2]
    return found


def spelled(pattern: str, files: list[Path]) -> set[str]:
    return {name for path in files for name in re.findall(pattern, path.read_text())}


def test_every_family_of_a_tenants_keys_is_on_the_page_and_no_other() -> None:
    by_lua = spelled(r"(?:\bp|KEYS\[1\]) \.\. '([a-z_]+)[:']", LUA)
    by_python = spelled(r"\{(?:p|(?:tenant_)?prefix\(tenant\))\}([a-z_]+)", PYTHON)
    header = (ROOT / "workers/ci_memory_workers/adapters/lua/_small.lua").read_text().partition("\n\n")[0]

    assert by_lua | by_python | set(SMALL.findall(header)) == set(table("Of a tenant"))


def test_every_key_of_all_tenants_is_on_the_page() -> None:
    spelled_out = spelled(r"\"ci-memory:(\{?[a-z_-]+\}?)[:\"{]", PYTHON)

    assert spelled_out <= set(table("Of all tenants"))


def ending_by_time() -> set[str]:
    return {name for name, ends in table("Of a tenant").items() if ends.startswith("time: ")}


def test_what_ends_by_time_has_a_ttl_and_nothing_else_has(redis_client: Redis) -> None:
    index = open_index(redis_client)
    rich(index)
    learn(index, failed(**run_of(1, commit="same")), passed(**run_of(2, commit="same")))
    learn(index, failed(**run_of(3)), passed(**run_of(4, changed_files=("conf/shop.toml",))))
    learn(index, failed("1:dddd", **run_of(5)), failed("1:dddd", **run_of(6)))
    late = NOW + 10 * 3_600_000
    learn(index, failed("1:eeee", **run_of(7, commit="late")), passed(**run_of(8, commit="late", ms=late)))

    keys: Any = redis_client.keys("ci-memory:{*")
    ends = {key.decode().split(":")[2]: redis_client.ttl(key) for key in sorted(keys)}

    by_time = ending_by_time() - {"sample"}
    assert {name for name, ttl in ends.items() if ttl > 0} - {"sample"} == by_time & ends.keys()
    assert {"pattern", "line", "learned", "run", "seen", "late", "reruns", "due", "journal"} <= ends.keys()
