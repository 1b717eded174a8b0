"""gunicorn's configuration: what its command line can't say."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

from service.api.parts import KEY


def post_worker_init(worker: Any) -> None:
    """Has requests that wait for a job answered at once when the web process is told to stop."""
    gunicorns = cast("Callable[[int, FrameType | None], Any]", signal.getsignal(signal.SIGTERM))

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        worker.wsgi.extensions[KEY].waiting.close()
        gunicorns(number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)
