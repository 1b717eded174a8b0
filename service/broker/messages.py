"""The messages that go through the broker, and Celery's configuration for them."""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu.entity import Exchange

WAKE = "service.wake"  # "there may be a job to claim"; it carries nothing else
QUEUE = "nst"
PAINTINGS = Exchange("nst.paintings", "fanout", durable=False, delivery_mode="transient")  # type: ignore[no-untyped-call]
"""Where a message says to all painter workers that a painting was submitted; it carries nothing else."""
WAKE_EXPIRES_S = 30.0  # seconds until an unread wake-up is dropped: idle workers have looked by themselves by then
CONNECT_S = 1.0  # time limit of connecting, in seconds
ANSWER_S = 2.0  # time limit of one command to the broker, in seconds
LOADING_S = 3600.0  # seconds that a process has to start: it may load its model, or wait for the end of an outage


def make_app(url: str) -> Celery:
    """Return Celery for a redis:// or amqp:// broker, without results, events or remote control."""
    app = Celery("service", broker=url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        # A wake-up is acknowledged when its worker has nothing left to do, so that a busy machine takes no others.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_proc_alive_timeout=LOADING_S,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_timeout=CONNECT_S,
        broker_transport_options=_transport_options(url),
    )
    return app


def _transport_options(url: str) -> dict[str, Any]:
    if not url.startswith("redis"):
        return {"read_timeout": ANSWER_S, "write_timeout": ANSWER_S}
    return {"socket_connect_timeout": CONNECT_S, "socket_timeout": ANSWER_S, "socket_keepalive": True}
