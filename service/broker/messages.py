"""The one message that goes through the broker, and how Celery is set up to carry it."""

from __future__ import annotations

from typing import Any

from celery import Celery

WAKE = "service.wake"  # "there may be a job to claim"; says nothing else
QUEUE = "nst"
WAKE_EXPIRES_S = 30.0  # after which a wake-up is dropped: whoever had time has looked by itself long before
CONNECT_S = 1.0
ANSWER_S = 2.0  # how long a broker may take over one command
LOADING_S = 3600.0  # a process that still loads its model is not killed for it, nor one whose word came in an outage


def make_app(url: str) -> Celery:
    """Celery over a redis:// or amqp:// broker, without results, events or remote control."""
    app = Celery("service", broker=url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        # A wake-up is done when its worker has nothing left to do: so a busy machine takes no further ones.
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
