"""The web side's end of the broker: a job was taken in, so somebody should wake up."""

from __future__ import annotations

from collections.abc import Callable


def waker(broker_url: str) -> Callable[[], None]:
    """What to call when a job was taken in. It neither waits nor fails; without a broker it does nothing."""
    if not broker_url:
        return _nobody
    # Celery costs a web process memory and time to start, so only where there is a broker.
    from service.broker.publisher import Publisher  # noqa: PLC0415

    return Publisher(broker_url).publish


def _nobody() -> None:
    """The workers look by themselves."""
