"""The web side's wake-ups when a job was submitted: bells on this machine, the broker for others."""

from __future__ import annotations

from collections.abc import Callable

from service.machine.bells import JOBS, ring


def waker(broker_url: str) -> Callable[[], None]:
    """Return what to call after a submission. It neither waits nor fails."""
    if not broker_url:
        return _ring
    # Celery costs a web process memory and start time, so it is imported only with a broker.
    from service.broker.publisher import Publisher  # noqa: PLC0415

    publisher = Publisher(broker_url)

    def wake() -> None:
        _ring()
        publisher.publish()

    return wake


def _ring() -> None:
    """Wake the workers of this machine; others look by themselves."""
    ring(JOBS)
