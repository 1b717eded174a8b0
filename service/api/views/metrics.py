"""/metrics: counts of this host's processes, and the state of the database and the disks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response
from flask_openapi3 import Tag
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service import __version__
from service.api.context import context
from service.api.description.operations import Operations
from service.errors import DatabaseError, StorageError
from service.jobs.stats import QueueStats, queue_stats
from service.storage.database import Database
from service.storage.disks import Disks
from service.telemetry.exposition import CONTENT_TYPE, exposition
from service.telemetry.instruments import REGISTRY

logger = logging.getLogger(__name__)

blueprint = Operations("metrics", __name__, abp_tags=[Tag(name="system")])

TEXT: dict[Any, Any] = {"200": {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@blueprint.get("/metrics", responses=TEXT)
def get_metrics() -> Response:
    """The metrics, as Prometheus reads them

    It asks for no key: a proxy in front should not pass it on.
    """
    return Response(exposition(REGISTRY, _State(context().database, context().disks)), content_type=CONTENT_TYPE)


class _State(Collector):
    """Metrics that each scrape reads from the database and the disks."""

    def __init__(self, database: Database, disks: Disks) -> None:
        self._database = database
        self._disks = disks

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _family("nst_build_info", "The version that runs.", ["version"], {(__version__,): 1})
        if (free := self._free()) is not None:
            yield GaugeMetricFamily("nst_disk_free_bytes", "Free bytes on the fuller of the service's disks.", free)
        try:
            stats = queue_stats(self._database)
        except DatabaseError as error:
            logger.warning("a scrape without the database: %s", error)
            stats = None
        up = "Whether the database answered this scrape; the metrics that are read from it are only there if it did."
        yield GaugeMetricFamily("nst_database_up", up, 0 if stats is None else 1)
        if stats is not None:
            yield from _of_stats(stats)

    def _free(self) -> int | None:
        try:
            return self._disks.free()
        except StorageError as error:
            logger.warning("a scrape without the room on the disks: %s", error)
            return None


def _of_stats(stats: QueueStats) -> Iterator[GaugeMetricFamily]:
    kept = {(status,): count for status, count in stats.kept.items()}
    yield _family("nst_jobs", "Jobs that wait or run.", ["kind", "lane", "status"], stats.open)
    yield _family("nst_jobs_kept", "Ended jobs that are still kept.", ["status"], kept)
    age = "For how long the oldest waiting job has waited."
    yield GaugeMetricFamily("nst_queue_oldest_age_seconds", age, stats.oldest_s)
    yield GaugeMetricFamily("nst_workers_alive", "Live workers with the model, on all hosts.", stats.workers)
    yield GaugeMetricFamily("nst_painters_alive", "Live painter workers, on all hosts.", stats.painters)
    yield GaugeMetricFamily("nst_webhooks_pending", "Webhooks and pictures still to be delivered.", stats.webhooks)
    stored = {(of,): count for of, count in stats.stored.items()}
    yield _family("nst_stored_bytes", "Bytes that count as their callers', by what they belong to.", ["of"], stored)


def _family(name: str, doc: str, labels: list[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, doc, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family
