"""What the views work with, kept on the Flask app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import current_app

from service.api.streams import Streams
from service.api.waiting import Waiting
from service.api.watching import Watch
from service.config import Settings
from service.digests import model_sha256
from service.jobs.deliveries import Deliveries
from service.jobs.queue import Queue
from service.jobs.roll import Roll
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.disks import Disks
from service.styles.presets import Presets
from service.webhooks.hosts import Hosts

KEY = "nst"


@dataclass(frozen=True)
class Parts:
    """The parts of the service that the HTTP side uses, made once in create_app.

    `wake` tells workers on other machines that there is a job.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    disks: Disks
    presets: Presets
    queue: Queue
    deliveries: Deliveries
    roll: Roll
    watch: Watch
    waiting: Waiting
    streams: Streams
    hosts: Hosts
    wake: Callable[[], None]

    def model_sha256(self) -> str:
        """The model that the workers compute with. Raises ModelUnavailable."""
        return model_sha256(self.settings.model)


def parts() -> Parts:
    """The parts of the app that handles this request."""
    return cast(Parts, current_app.extensions[KEY])
