"""The last gate before a text leaves for Aegis: printable, without secrets, small, and acceptable to the server."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ci_memory_workers.adapters.aegis.identity import content_with_pattern, pattern_id_in
from ci_memory_workers.adapters.aegis.screening import acceptable, printable, without_secrets
from ci_memory_workers.errors import KnowledgeRefused

MAX_CONTENT = 4_000
MAX_QUERY = 2_000
MAX_ERROR_PATTERN = 128
MAX_CONTEXT = 1_000
MAX_TASK_ID = 64
MAX_METADATA_KEYS = 50
MAX_METADATA_DEPTH = 4
MAX_METADATA_VALUES = 400
MAX_METADATA_STRING = 4_000
MAX_KEY = 100
JSON_KEYS = ("state", "sample")
"""Metadata keys whose text is JSON and stays so: each text in it is cleaned by itself."""
MAX_STATE = 10_000
"""The server's bound of one string."""
_MAX_READ = 65_536
"""Characters of a text that are looked at; secrets are sought before the text is cut, so that none is cut in two."""
_SETTLING = 6
"""Cutting can bring a new match about at the cut. It settles after two rounds; this bounds it."""


@dataclass(slots=True)
class _Room:
    """How many keys and values of a metadata document may still be written."""

    keys: int
    values: int = MAX_METADATA_VALUES


class Sanitiser:
    """Cleans what is written to Aegis. ``redact`` takes secrets out of a text and must not raise.

    Linear in the input's size, which is looked at up to 64 kB; never raises but `KnowledgeRefused` for an empty content.
    Applying a method to its own result changes nothing, as far as that is true of ``redact``.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    def content(self, content: str) -> str:
        """A memory's text, at most 4,000 characters. Its leading ``[pat_…]`` is kept as it is."""
        pattern_id = pattern_id_in(content)
        if pattern_id is None:
            text = self._acceptable(content, MAX_CONTENT)
        else:
            prefix = content_with_pattern(pattern_id, "")
            text = self._acceptable(content[len(prefix) :], MAX_CONTENT - len(prefix))
            return prefix + (text or "(no text)")
        if not text:
            raise KnowledgeRefused("a memory needs a text: nothing is left of this one once it is cleaned")
        return text

    def query(self, query: str) -> str:
        """A playbook query, at most 2,000 characters; empty where nothing is left. Aegis keeps queries in its event log."""
        return self._acceptable(query, MAX_QUERY)

    def error_pattern(self, error_pattern: str) -> str:
        """A category or signature, at most 128 characters, on one line."""
        one_line = " ".join(self._plain(error_pattern, MAX_CONTENT).split())
        return self._plain(one_line, MAX_ERROR_PATTERN)

    def context(self, context: str) -> str:
        """Why a vote was cast, at most 1,000 characters."""
        return self._acceptable(context, MAX_CONTEXT)

    def task_id(self, task_id: str) -> str:
        """The task that a vote belongs to: itself up to 64 characters, else a digest of it."""
        text = self._plain(task_id, MAX_CONTENT)
        if len(text) <= MAX_TASK_ID:
            return text
        return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=32).hexdigest()

    def correct_approach(self, text: str) -> str:
        """What should have been done, at most 4,000 characters."""
        return self._plain(text, MAX_METADATA_STRING)

    def metadata(self, metadata: Mapping[str, object], *, reserved: int = 0) -> dict[str, object]:
        """JSON of at most 50 keys less ``reserved``, 4 levels and 400 values; what is beyond is left out, the first keys stay.

        Strings are cut to 4,000 characters, deeper levels become text, numbers that JSON has no name for become None.
        """
        clean = self._document(metadata, 1, _Room(keys=MAX_METADATA_KEYS - reserved))
        return clean | {key: self._json(metadata[key]) for key in JSON_KEYS if key in clean}

    def _json(self, text: object) -> str:
        """JSON text, each text in it cleaned and no longer than it was; empty where it is no JSON or too long to be whole."""
        try:
            document = self._each_text(json.loads(str(text)[: MAX_STATE + 1]))
        except (ValueError, RecursionError):
            return ""
        clean = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return clean if len(clean) <= MAX_STATE else ""

    def _each_text(self, value: object) -> object:
        if isinstance(value, dict):
            return {self._plain(name, MAX_KEY): self._each_text(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._each_text(item) for item in value]
        return self._plain(value, len(value)) if isinstance(value, str) and value else value

    def _document(self, document: Mapping[str, object], depth: int, room: _Room) -> dict[str, object]:
        clean: dict[str, object] = {}
        for key, value in document.items():
            name = self._plain(str(key), MAX_KEY)
            if room.keys <= 0 or room.values <= 0:
                break
            room.keys -= 1
            clean[name] = self._value(value, depth + 1, room)
        return clean

    def _value(self, value: object, depth: int, room: _Room) -> object:
        room.values -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if abs(value) < 2**63 else str(value)[:MAX_KEY]
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Mapping) and depth < MAX_METADATA_DEPTH:
            return self._document(value, depth, room)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes) and depth < MAX_METADATA_DEPTH:
            return [self._value(item, depth + 1, room) for item, _ in zip(value, range(max(room.values, 0)), strict=False)]
        return self._plain(str(value), MAX_METADATA_STRING)

    def _plain(self, text: str, limit: int) -> str:
        """Printable and without secrets, but not screened: the server screens contents only, and ids must stay as they are."""
        text = self._readable(text)
        for _ in range(_SETTLING):
            cut = _cut(without_secrets(text), limit)
            if cut == text:
                break
            text = cut
        return text

    def _acceptable(self, text: str, limit: int) -> str:
        text = _cut(self._readable(text), limit)
        for _ in range(_SETTLING):
            cut = _cut(acceptable(text), limit)
            if cut == text:
                break
            text = cut
        return text

    def _readable(self, text: str) -> str:
        return printable(self._redact(printable(text[:_MAX_READ]))).strip()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
