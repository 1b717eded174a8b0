"""python -m service painter: one painter worker, which paints with presets' painters and needs no model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from service.commands.worker import exporter, run_until_stopped
from service.config import Settings
from service.machine.loading import loading
from service.machine.scratch import provide_temporary_folder
from service.storage.writable import check_or_wait
from service.telemetry.logs import set_up_logs
from service.telemetry.metrics_folder import metrics_folder
from service.worker.outgrown import begin_anew

if TYPE_CHECKING:
    from service.worker.loop import WorkerLoop


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    set_up_logs(settings.log)
    check_or_wait(settings)
    provide_temporary_folder(settings.data)
    with metrics_folder(settings.data) as is_ours, exporter(settings, wanted=is_ours):
        begins_anew = run_until_stopped(lambda stopping: _painter(settings, stopping))
    if begins_anew:
        begin_anew()
    return 0


def _painter(settings: Settings, stopping: Callable[[], bool]) -> WorkerLoop:
    with loading():
        from service.worker.painter_worker import PainterWorker  # noqa: PLC0415 - the metrics' folder must be there first

    worker = PainterWorker(settings, stopping)
    if settings.broker_url:
        from service.broker.listener import Listener  # noqa: PLC0415 - Celery only where it is wanted

        listener = Listener(settings.broker_url, worker.wake)
        listener.start()
        worker.is_woken = lambda: listener.is_listening
    return worker
