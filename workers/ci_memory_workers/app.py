"""The Celery app: its queues, and the settings under which a killed worker loses nothing that matters.

Events are not Celery messages (they are a log, see `tasks.ingest`), and what a message asks for is owed in Redis anyhow: a
lost message costs the seconds until beat rings again.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery, Task
from kombu import Exchange, Queue

from . import names, settings
from .adapters.bell import BROKER_PREFIX
from .errors import CiMemoryError, origin
from .schedule import beat_schedule

log = logging.getLogger(__name__)

VISIBILITY_SECONDS = 900
"""A message that was taken and not acknowledged for so long is given to another worker; every time limit stays below."""


class TaskFailed(CiMemoryError):
    """A task ended with an error that nobody foresaw. Says which, and not what it said: that may be text of a build."""

    reason = "task_failed"


class SanitisedTask(Task[..., Any]):
    """A task whose errors may be shown: Flower and logs show the message of an exception."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task. Our own errors pass; of any other, its kind and where it came from are all that is told."""
        try:
            return super().__call__(*args, **kwargs)
        except CiMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its message must not be shown
            log.error("a task fails task=%s error=%s", self.name, origin(error))
            raise TaskFailed(f"{self.name}: {type(error).__name__}, see the worker's log") from None


def make_app() -> Celery[SanitisedTask]:
    """The app, configured by the environment. Raises `errors.InvalidSettings`."""
    config = settings.load()
    broker = config.broker
    celery = Celery("ci_memory", task_cls=SanitisedTask, include=[f"ci_memory_workers.tasks.{queue}" for queue in names.QUEUES])
    celery.conf.update(
        broker_url=broker.url,
        broker_use_ssl=broker.use_ssl,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_SECONDS,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": BROKER_PREFIX,
            **broker.transport_options,
        },
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        timezone="UTC",
        task_queues=[Queue(queue, Exchange("ci-memory"), routing_key=queue) for queue in names.QUEUES],
        task_create_missing_queues=False,
        task_default_queue=names.QUEUE_SWEEPS,
        task_default_exchange="ci-memory",
        task_default_routing_key=names.QUEUE_SWEEPS,
        task_routes={f"{queue}.*": {"queue": queue} for queue in names.QUEUES},
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_retry_on_worker_lost=True,
        task_acks_on_failure=True,
        task_acks_on_timeout=True,
        task_ignore_result=True,
        task_send_sent_event=False,
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=True,
        # Cancelling kills processes of the pool, and after some restarts of Redis the worker then waited for a dead one for ever
        # (Celery 5.7). What goes on without its message does no harm: whatever is done is keyed or fenced.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=10,
        worker_enable_soft_shutdown_on_idle=False,
        worker_redirect_stdouts=False,
        beat_schedule=beat_schedule(config),
        beat_scheduler="ci_memory_workers.beat:ClaimingScheduler",
    )
    return celery


app = make_app()
