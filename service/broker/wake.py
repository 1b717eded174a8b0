"""The web side of the broker: wake a worker when a job was submitted."""

from __future__ import annotations

from collections.abc import Callable


def waker(broker_url: str) -> Callable[[], None]:
    """Return what to call after a submission. It neither waits nor fails; without a broker it does nothing."""
    if not broker_url:
        return _wake_nobody
    # Celery costs a web process memory and start time, so it is imported only with a broker.
    from service.broker.publisher import Publisher  # noqa: PLC0415

    return Publisher(broker_url).publish


def _wake_nobody() -> None:
    """Do nothing: the workers look by themselves."""
