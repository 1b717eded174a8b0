"""The web side's wake-ups when a job was submitted: bells on this machine, the broker for others."""

from __future__ import annotations

from collections.abc import Callable

from service.machine.bells import JOBS, ring
from service.storage.lanes import Lane


def waker(broker_url: str) -> Callable[[Lane], None]:
    """Return what to call with the lane of a job that was submitted. It neither waits nor fails."""
    if not broker_url:
        return lambda _: ring(JOBS)  # workers of other machines look by themselves
    # Celery costs a web process memory and start time, so it is imported only with a broker.
    from service.broker.publisher import Publisher  # noqa: PLC0415

    publisher = Publisher(broker_url)

    def wake(lane: Lane) -> None:
        ring(JOBS)
        publisher.publish(lane)

    return wake
