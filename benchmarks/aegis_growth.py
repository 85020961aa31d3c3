"""What a new failure costs as local Aegis grows: each call that it makes, and all of them together, at several sizes.

    uv run python benchmarks/aegis_growth.py [--sizes 1000 10000 50000] [--rounds 200] [--json FILE]

One tenant's memories in Aegis's SQLite file, two of three reflections, the others strategies. The first hundred are written
through the adapter; the others are copies of these rows, each with an id, a text, a vector and metadata of its own: what Aegis
itself would have written one at a time. What is measured goes through the adapter and stays, so the file grows by it. A
new failure searches the playbook for what it may be, looks for what a killed writer left, stores a reflection, and writes its
counters; when it is fixed, a strategy is stored and voted for.

`Aegis's own` are the same searches by Aegis's playbook and without our index: both read all of the tenant's memories.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import numpy as np

from chaos_texts import Cause, causes
from ci_memory_workers.adapters.aegis.identity import AGENT_ID, content_with_pattern, namespace
from ci_memory_workers.adapters.aegis.local import LocalAegis
from ci_memory_workers.adapters.aegis.memory_file import MemoryFile
from ci_memory_workers.adapters.embeddings import HashedNgramEmbeddings
from ci_memory_workers.domain.match import playbook_query, reflection_text, strategy_text

TENANT = "growing"
SEED = 7
WRITTEN_BY_THE_ADAPTER = 100
OWN_ROUNDS = 15
_COPY = """
    INSERT INTO memories ({columns}) SELECT {values} FROM memories WHERE namespace = ? AND memory_type = ? LIMIT 1
"""
_FIND_BY_SCANNING = """
    SELECT id FROM memories NOT INDEXED
    WHERE namespace = ? AND memory_type = 'reflection' AND is_deprecated = 0 AND substr(content, 1, ?) = ?
"""
Timings = dict[str, list[float]]


def texts(cause: Cause) -> tuple[str, str]:
    """What a reflection and a strategy say of a cause."""
    headline = cause.log(1).strip().splitlines()[-1]
    said = f"The job fails over {cause.key} of {cause.words[0]}."
    reflection = reflection_text("unknown", cause.stage, headline, said, f"{cause.words[1]} is broken by {cause.words[2]}.")
    return reflection, strategy_text(headline, "config_change", f"set {cause.words[1]} to 2")


def pattern_id(number: int) -> str:
    """A pattern's id, as the index mints them."""
    return f"pat_{number:012x}"


def metadata(number: int) -> dict[str, object]:
    """About what the librarian writes with a memory."""
    return {
        "pattern_id": pattern_id(number),
        "error_signature": f"1:{number:032x}",
        "stage": "test",
        "status": "unresolved",
        "occurrence_count": 1,
        "state": "x" * 600,
    }


class Growing:
    """A memory file that is filled up to a size, and measured."""

    def __init__(self, path: Path) -> None:
        self.path, self.used = path, 0
        self.knowledge = LocalAegis(path, redact=lambda text: text)
        self._embeddings = HashedNgramEmbeddings()
        self._causes = iter(causes(SEED, 200_000))

    def _next(self) -> tuple[int, Cause]:
        self.used += 1
        return self.used, next(self._causes)

    def store(self, kind: str) -> tuple[int, Cause, str]:
        """Write a memory of a new cause through the adapter."""
        number, cause = self._next()
        reflection, strategy = texts(cause)
        carried = content_with_pattern(pattern_id(number), reflection if kind == "reflection" else strategy)
        if kind == "strategy":
            return number, cause, self.knowledge.add_strategy(TENANT, carried, metadata=metadata(number))
        told = {"error_pattern": "unknown", "correct_approach": ""}
        return number, cause, self.knowledge.add_reflection(TENANT, carried, **told, metadata=metadata(number))

    def grow_to(self, size: int) -> None:
        """Fill up to ``size`` memories: see this module's docstring for how."""
        while self.count() < min(size, WRITTEN_BY_THE_ADAPTER):
            self.store("strategy" if self.used % 3 == 2 else "reflection")
        missing = size - self.count()
        with closing(sqlite3.connect(self.path)) as connection:
            names = [row[1] for row in connection.execute("PRAGMA table_info(memories)")]
            own = {"id": "?", "content": "?", "content_hash": "?", "embedding": "?", "metadata": "?"}
            copy = _COPY.format(columns=", ".join(names), values=", ".join(own.get(name, name) for name in names))
            order = [name for name in names if name in own]
            with connection:
                for _ in range(missing):
                    row, kind = self._row()
                    connection.execute(copy, (*(row[name] for name in order), namespace(TENANT), kind))

    def _row(self) -> tuple[dict[str, Any], str]:
        number, cause = self._next()
        kind = "strategy" if number % 3 == 2 else "reflection"
        content = content_with_pattern(pattern_id(number), texts(cause)[kind == "strategy"])
        identity = UUID(int=Random(number).getrandbits(128)).hex
        vector = self._embeddings.embed_single(content)
        digest = sha256(content.encode()).hexdigest()
        told = {"id": identity, "content": content, "content_hash": digest, "embedding": vector.tobytes()}
        return {**told, "metadata": json.dumps(metadata(number))}, kind

    def count(self) -> int:
        """How many memories there are."""
        if not self.path.exists():
            return 0
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM memories").fetchone()[0])

    def measure(self, rounds: int) -> Timings:
        """Milliseconds of each call, round by round."""
        found: Timings = {}

        def timed(name: str, call: Callable[[], Any]) -> Any:
            began = time.perf_counter()
            made = call()
            found.setdefault(name, []).append((time.perf_counter() - began) * 1000)
            return made

        timed("first search of a process", lambda: LocalAegis(self.path, redact=str).shortlist(TENANT, "a text"))
        for _ in range(rounds):
            self._new_failure(timed)
            self._fixed(timed)
        for total, parts in (
            (
                "a new failure, all in all",
                ("search the playbook", "look for what is left", "store a reflection", "write its counters"),
            ),
            ("its fix, all in all", ("store a strategy", "vote")),
        ):
            found[total] = [sum(each) for each in zip(*(found[name] for name in parts), strict=True)]
        return found

    def _new_failure(self, timed: Callable[[str, Callable[[], Any]], Any]) -> None:
        number, cause = self._next()
        query = playbook_query("unknown", cause.log(2).strip().splitlines()[-1], cause.stage)
        timed("search the playbook", lambda: self.knowledge.shortlist(TENANT, query))
        timed("look for what is left", lambda: self.knowledge.find(TENANT, pattern_id(number), "reflection"))
        content = content_with_pattern(pattern_id(number), texts(cause)[0])
        told = {"error_pattern": "unknown", "correct_approach": ""}
        stored = timed(
            "store a reflection", lambda: self.knowledge.add_reflection(TENANT, content, **told, metadata=metadata(number))
        )
        timed("write its counters", lambda: self.knowledge.update_metadata(TENANT, stored, metadata(number)))

    def _fixed(self, timed: Callable[[str, Callable[[], Any]], Any]) -> None:
        number, cause = self._next()
        content = content_with_pattern(pattern_id(number), texts(cause)[1])
        stored = timed("store a strategy", lambda: self.knowledge.add_strategy(TENANT, content, metadata=metadata(number)))
        timed(
            "vote", lambda: self.knowledge.vote(TENANT, stored, "helpful", context="the fix worked", task_id=pattern_id(number))
        )

    def measure_their_own(self) -> Timings:
        """The searches as Aegis makes them, and without our index."""
        found: Timings = {"Aegis's own: search the playbook": [], "without index: look for what is left": []}
        file = MemoryFile(self.path, lock_timeout=60)
        with file.reading() as client:
            for number in range(OWN_ROUNDS):
                query = f"the {number}. text that nobody has asked for"
                began = time.perf_counter()
                client.get_playbook_for_agent(AGENT_ID, query=query, namespace=namespace(TENANT), top_k=20)
                found["Aegis's own: search the playbook"].append((time.perf_counter() - began) * 1000)
        file.close()
        with closing(sqlite3.connect(self.path)) as connection:
            for number in range(OWN_ROUNDS):
                prefix = content_with_pattern(pattern_id(10**9 + number), "")
                began = time.perf_counter()
                connection.execute(_FIND_BY_SCANNING, (namespace(TENANT), len(prefix), prefix)).fetchall()
                found["without index: look for what is left"].append((time.perf_counter() - began) * 1000)
        return found


def rows(size: int, found: Timings) -> Iterator[dict[str, Any]]:
    """A row of the table for each call."""
    for name, timings in found.items():
        p50, p99 = np.percentile(timings, [50, 99])
        yield {"memories": size, "call": name, "n": len(timings), "p50 ms": round(float(p50), 2), "p99 ms": round(float(p99), 2)}


def main() -> None:
    """Grow, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, default=None)
    told = parser.parse_args()
    table: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="aegis-growth-") as directory:
        growing = Growing(Path(directory) / "aegis.db")
        for size in sorted(told.sizes):
            growing.grow_to(size)
            table += rows(size, growing.measure(told.rounds) | growing.measure_their_own())
        growing.knowledge.close()
    print(f"{'memories':>8}  {'call':38} {'n':>4} {'p50 ms':>9} {'p99 ms':>9}")
    for row in table:
        print(f"{row['memories']:8}  {row['call']:38} {row['n']:4} {row['p50 ms']:9.2f} {row['p99 ms']:9.2f}")
    if told.json:
        told.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
