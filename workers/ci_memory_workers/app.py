"""The Celery app: its queues, and the settings under which a killed worker loses nothing that matters.

Events are not Celery messages (they are a log, see `tasks.ingest`), and what a message asks for is owed in Redis anyhow: a
lost message costs the seconds until beat rings again.
"""

from __future__ import annotations

from celery import Celery
from kombu import Exchange, Queue

from . import names, settings
from .adapters.bell import BROKER_PREFIX
from .schedule import beat_schedule

VISIBILITY_SECONDS = 900
"""A message that was taken and not acknowledged for so long is given to another worker; every time limit stays below."""


def make_app() -> Celery:
    """The app, configured by the environment. Raises `errors.InvalidSettings`."""
    config = settings.load()
    celery = Celery("ci_memory", include=[f"ci_memory_workers.tasks.{queue}" for queue in names.QUEUES])
    celery.conf.update(
        broker_url=config.broker_url,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_SECONDS,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": BROKER_PREFIX,
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
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_soft_shutdown_timeout=10,
        worker_enable_soft_shutdown_on_idle=False,
        worker_redirect_stdouts=False,
        beat_schedule=beat_schedule(config),
    )
    return celery


app = make_app()
