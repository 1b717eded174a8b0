"""The app's context: the objects that the views work with, kept on the Flask app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from flask import current_app, g

from service.api.conversions import Conversions
from service.api.http.fullness import Fullness
from service.api.http.held_responses import HeldResponses
from service.api.http.shared_check import SharedCheck
from service.api.intake.long_reads import LongReads
from service.api.intake.recent_reads import RecentReads
from service.api.live.batch_events import BatchStreams
from service.api.live.streams import Streams
from service.api.live.waiting import Waits
from service.api.live.watch import Watch
from service.config import Settings
from service.errors import MixedModels
from service.jobs.batches import Batches
from service.jobs.deliveries import Deliveries
from service.jobs.line import Line
from service.jobs.queue import Queue
from service.jobs.registry import WorkerRegistry
from service.network.digests import model_sha256
from service.outbound.fetches import Fetches
from service.outbound.hosts import Hosts
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.disks import Disks
from service.storage.lanes import Lane
from service.storage.schema import DEFAULT_TENANT
from service.styles.preset_painters import PresetPainters
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets
from service.styles.starters.loading import StartersCheck
from service.tenants.known_keys import KnownKeys
from service.tenants.rates import Rates
from service.tenants.recent_amounts import RecentAmounts

KEY = "nst"


@dataclass(frozen=True)
class AppContext:
    """The objects of the service that the HTTP side uses, made once in create_app.

    `blobs_check` writes a file, once a second at most. `responses` counts the bytes of large responses,
    `zips` zip files.

    `wake` tells workers, on this machine and on others, that there is a job of a lane. `presets`, `versions`,
    `painters`, `queue` and `batches` are those of one tenant: in a request the caller's, elsewhere the default one.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    blobs_check: SharedCheck
    disks: Disks
    presets: Presets
    starters: StartersCheck
    versions: PresetVersions
    painters: PresetPainters
    queue: Queue
    batches: Batches
    line: Line
    deliveries: Deliveries
    registry: WorkerRegistry
    known_keys: KnownKeys
    rates: Rates
    recent_amounts: RecentAmounts
    watch: Watch
    waits: Waits
    streams: Streams
    batch_streams: BatchStreams
    webhook_hosts: Hosts
    delivery_hosts: Hosts
    fetches: Fetches
    conversions: Conversions
    long_reads: LongReads
    recent_reads: RecentReads
    fullness: Fullness
    responses: HeldResponses
    zips: HeldResponses
    wake: Callable[[Lane], None]

    def of(self, tenant: str, since: float | None) -> AppContext:
        """Return the context for requests of a tenant, which was made at the time `since`."""
        return replace(
            self,
            presets=self.presets.of(tenant, since),
            versions=self.versions.of(tenant, since),
            painters=self.painters.of(tenant),
            queue=self.queue.of(tenant, since),
            batches=self.batches.of(tenant, since),
        )

    def asks_for_key(self) -> bool:
        """Return whether /v1 asks for a key. Raises Unavailable if that isn't known."""
        return bool(self.settings.api_keys) or self.known_keys.asks_for_key()

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
    """Return the context of the app that handles this request, for its caller's tenant once that is known."""
    return cast(AppContext, g.get(KEY) or current_app.extensions[KEY])


def enter_tenant(tenant: str, since: float | None) -> None:
    """Have `context` return that of a tenant, which was made at the time `since`, for the rest of this request."""
    if tenant != DEFAULT_TENANT:
        g.setdefault(KEY, context().of(tenant, since))
