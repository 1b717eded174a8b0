"""The app's context: the objects that the views work with, kept on the Flask app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import current_app

from service.api.http.fullness import Fullness
from service.api.live.streams import Streams
from service.api.live.waiting import Waiting
from service.api.live.watch import Watch
from service.config import Settings
from service.errors import MixedModels
from service.jobs.deliveries import Deliveries
from service.jobs.queue import Queue
from service.jobs.registry import WorkerRegistry
from service.network.digests import model_sha256
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.disks import Disks
from service.storage.lanes import Lane
from service.styles.preset_painters import PresetPainters
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets
from service.webhooks.hosts import Hosts

KEY = "nst"


@dataclass(frozen=True)
class AppContext:
    """The objects of the service that the HTTP side uses, made once in create_app.

    `wake` tells workers, on this machine and on others, that there is a job of a lane.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    disks: Disks
    presets: Presets
    versions: PresetVersions
    painters: PresetPainters
    queue: Queue
    deliveries: Deliveries
    registry: WorkerRegistry
    watch: Watch
    waiting: Waiting
    streams: Streams
    hosts: Hosts
    fullness: Fullness
    wake: Callable[[Lane], None]

    def model_sha256(self) -> str:
        """Return the SHA-256 of the model that the workers compute with, or of the file if no worker is alive.

        Raises:
            ModelUnavailable: there is no file.
            MixedModels: the workers compute with different models.
        """
        models = self.registry.models()
        if len(models) > 1:
            raise MixedModels(f"the workers compute with different models, {', '.join(sorted(models))}")
        return models.pop() if models else model_sha256(self.settings.model)


def context() -> AppContext:
    """Return the context of the app that handles this request."""
    return cast(AppContext, current_app.extensions[KEY])
