"""The stand-ins for a language model and for an Aegis server as processes of their own, which may be killed and started again.

    python benchmarks/chaos_standins.py llm PORT LOG
    python benchmarks/chaos_standins.py aegis PORT FILE

The model knows a cause by its key and says so; it is the same pattern where a candidate has the same key. Each answer is a line
of LOG. Aegis keeps what it was told in FILE, and has written it before it answers, as a server with a database has: a kill may
come after the effect and before the answer, which is what a client must cope with. Both take some milliseconds between the two.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from aegis_standin import AegisStandin
from aegis_standin_store import Answer, MemoryStore, StoredMemory
from chaos_texts import KEY, SUITE_KEY
from llm_standin import LLMStandin, data_blocks

MODEL = "stand-in"
API_KEY = "made-up-key"
LATENCY_S = 0.002
_KEY = re.compile(rf"{KEY}[a-z]+")
_PATTERN = re.compile(r"pat_[a-z0-9]+")
_ASKS = re.compile(r"query|playbook|export")


def diagnosis(request: dict[str, Any]) -> dict[str, Any]:
    """What the model says: the same for each failure of a cause, whatever its numbers."""
    blocks = data_blocks(request["messages"][-1]["content"])
    found = _KEY.search(blocks.get("error message", ""))
    key = found[0] if found else "nothing known"
    alone = key.startswith(SUITE_KEY)
    same = [name for name, text in blocks.items() if _PATTERN.fullmatch(name) and key in text and not alone]
    return {
        "summary": f"The job fails over {key}.",
        "likely_cause": f"{key} is broken.",
        "suggested_fix": f"Mend {key}.",
        "prevention": f"Test {key}.",
        "same_as": same[0] if same else None,
        "reason": f"It is about {key}.",
    }


class Model(LLMStandin):
    """The language model on a port that stays the same; each answer leaves a line in a file."""

    def __init__(self, log: Path) -> None:
        super().__init__(self._answer)
        self._log = log.open("a")

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        said = diagnosis(request)
        self._log.write(json.dumps(said["reason"]) + "\n")
        self._log.flush()
        time.sleep(LATENCY_S)  # what takes time between the effect and the answer; nothing is awaited
        self.requests.clear()
        self.headers.clear()
        return said


class Aegis(AegisStandin):
    """The Aegis server, its memories in a file of JSON, a line a change: the last of an id counts."""

    def __init__(self, file: Path, port: int) -> None:
        super().__init__(api_key=API_KEY, _port=port)
        self.store = read_store(file)
        self._file = file.open("a")

    def handle(self, method: str, path: str, authorization: str, raw: bytes) -> Answer | None:
        """As the stand-in does, the changes written before the answer goes out."""
        with self._guard:
            answer = super().handle(method, path, authorization, raw)
            self.requests.clear()
            changed = self._changed(answer) if method != "GET" and not _ASKS.search(path) else []
            for memory in changed:
                self._file.write(json.dumps({**asdict(memory), "created_at": memory.created_at.isoformat()}) + "\n")
            self._file.flush()
        time.sleep(LATENCY_S)  # what takes time between the effect and the answer; nothing is awaited
        return answer

    def _changed(self, answer: Answer | None) -> list[StoredMemory]:
        if answer is None or answer.status != 200:
            return []
        body: dict[str, Any] = answer.body
        ids = [body.get("id"), body.get("memory_id"), *(one.get("memory_id") for one in body.get("results", ()))]
        return [self.store.memories[one] for one in ids if one in self.store.memories]


def read_store(file: Path) -> MemoryStore:
    """What a file of `Aegis` says; a line that a kill has cut off says nothing."""
    store = MemoryStore()
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        memory = StoredMemory(**{**fields, "created_at": datetime.fromisoformat(fields["created_at"])})
        store.memories[memory.id] = memory
        store._last = max(store._last, memory.created_at)
    return store


def main() -> None:
    """Serve until a signal ends it."""
    kind, port, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if kind == "aegis" and file.exists() and not file.read_bytes().endswith(b"\n"):
        with file.open("a") as cut:
            cut.write("\n")
    server = Model(file).start(port) if kind == "llm" else Aegis(file, port).start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    server.stop()


if __name__ == "__main__":
    main()
