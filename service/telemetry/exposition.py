"""The metrics that Prometheus reads: of all processes of this host that share a folder, or of this one alone."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.errors import Unavailable
from service.telemetry.ended_processes import add_up_ended, locked
from service.telemetry.metrics_folder import VARIABLE

CONTENT_TYPE = CONTENT_TYPE_LATEST
KINDS = ("counter", "gauge", "histogram", "summary")

logger = logging.getLogger(__name__)
_broken: set[str] = set()  # names of files that were logged


class _Folder(MultiProcessCollector):
    """Collector of the folder. Counters of ended processes stay; their gauges are removed."""

    def collect(self) -> Iterable[Metric]:
        folder = Path(self._path)
        add_up_ended(folder)
        with locked(folder) if folder.is_dir() else nullcontext():  # it may have been cleaned away
            files = [str(file) for file in folder.glob("*.db") if self._is_readable(file)]
            found: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]
        return found

    def _is_readable(self, file: Path) -> bool:
        """Return whether prometheus_client can read the file; log each one that it can't, once."""
        try:
            KINDS.index(file.stem.split("_")[0])
            self.merge([str(file)])  # type: ignore[no-untyped-call]
        except FileNotFoundError:  # it was removed meanwhile
            return False
        except Exception as error:  # noqa: BLE001 - a broken file can raise anything
            if file.name not in _broken:
                _broken.add(file.name)
                logger.warning("%s is left out of the metrics: %s: %s", file, type(error).__name__, error)
            return False
        return True


def exposition(own: Collector, others: Collector) -> bytes:
    """Return the text of a scrape.

    Args:
        own: this process' metrics, used if it shares no folder.
        others: metrics that are computed at each scrape.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(others)
    if os.environ.get(VARIABLE):
        _Folder(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(own)
    return generate_latest(registry)


class Exporter:
    """A small HTTP server in its own thread that exposes the folder."""

    def __init__(self, host: str, port: int) -> None:
        registry = CollectorRegistry()
        _Folder(registry)  # type: ignore[no-untyped-call]
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise Unavailable(f"NST_METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}") from error

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def leave(self) -> None:
        """Close the port in a fork of this process, so that it is free when the owner ends."""
        self._server.socket.close()
