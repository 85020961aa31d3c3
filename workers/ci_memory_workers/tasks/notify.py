"""Queue ``notify``: one execution of a job, of which somebody is to be told."""

from __future__ import annotations

import sys
from typing import Any

from celery import signals

from .. import names
from ..app import app
from ..bootstrap import now_ms
from ..errors import InvalidSettings
from .process import container


@signals.celeryd_after_setup.connect
def _refuse_a_broken_file(instance: Any = None, **_: object) -> None:
    # Said at once and by the exit status; in a task it would be said with each one.
    box = container()
    try:
        channels = box.channels
        if channels and names.QUEUE_NOTIFY in instance.app.amqp.queues.consume_from:
            box.notifier  # noqa: B018 - built now, its secrets are read
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


@app.task(name=names.NOTIFY, max_retries=3)
def tell(tenant: str, work_id: str) -> str:
    """Tell those who are to be told, if that is due. Returns what came of it."""
    return container().notifier.tell(tenant, work_id, now_ms())
