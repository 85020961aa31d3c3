"""What all tasks of this process share: the container, and the sign that the worker is about to stop."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ctypes import c_bool
from typing import Any

from billiard import Value
from celery import signals

from .. import settings
from ..app import app
from ..bootstrap import Bootstrap

_stopping: Any = Value(c_bool, False, lock=False)
"""Shared memory, made before the pool forks: children of a prefork pool are not told of a warm shutdown otherwise."""


@signals.worker_shutting_down.connect
def _stop(**_: object) -> None:
    _stopping.value = True


def stopping() -> bool:
    """Whether this worker is shutting down: long tasks end soon."""
    return bool(_stopping.value)


def _send(task: str, args: Sequence[str], queue: str) -> object:
    return app.send_task(task, args=list(args), queue=queue)


container = Bootstrap(settings.load, _send, stopping)


@signals.worker_process_init.connect
@signals.worker_init.connect
def _quiet(**_: object) -> None:
    # httpx logs every URL it asks at INFO; URLs of a private server are nobody's business in a log.
    logging.getLogger("httpx").setLevel(logging.WARNING)
