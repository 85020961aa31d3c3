"""Which failures of a run in which most tests fail are one incident."""

from __future__ import annotations

import hashlib

from .log_lines import clean
from .mask import mask_line
from .structure import read

_MAX_TEXT = 65_536


def incident(run: str, text: str, trace: str) -> str:
    """The same for all failures of ``run`` that fail for the same reason, whichever tests they are; '' where ``run`` is ''.

    ``text`` is a failure's message, ``trace`` its stack trace. Linear in both.
    """
    if not run:
        return ""
    log = clean(text[-_MAX_TEXT:])
    structure = read(log, clean(trace[-_MAX_TEXT:]), of_test=True)
    material = (run, structure.kind, *structure.names, *map(mask_line, structure.parts))
    return hashlib.blake2b("\x1f".join(material).encode("utf-8", "replace"), digest_size=12).hexdigest()
