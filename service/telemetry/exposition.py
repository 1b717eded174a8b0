"""What Prometheus reads: the numbers of all processes of this host that share a folder, or of this one alone."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.errors import Unavailable
from service.machine.processes import is_alive
from service.telemetry.metrics_folder import VARIABLE

CONTENT_TYPE = CONTENT_TYPE_LATEST
LIVE = "gauge_live"  # how the files begin that count only while their process lives
KINDS = ("counter", "gauge", "histogram", "summary")

logger = logging.getLogger(__name__)
_broken: set[str] = set()  # names of files that were complained of


class _Folder(MultiProcessCollector):
    """All that is in the folder. What dead processes counted stays; what they had open does not."""

    def collect(self) -> Iterable[Metric]:
        for file in Path(self._path).glob(f"{LIVE}*_*.db"):
            process = file.stem.rpartition("_")[2]
            if process.isdigit() and not is_alive(int(process)):
                file.unlink(missing_ok=True)
        files = [str(file) for file in Path(self._path).glob("*.db") if self._is_readable(file)]
        found: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]
        return found

    def _is_readable(self, file: Path) -> bool:
        """Whether a file is one of prometheus_client's; of each that isn't a line is said once."""
        try:
            KINDS.index(file.stem.split("_")[0])
            self.merge([str(file)])  # type: ignore[no-untyped-call]
        except FileNotFoundError:  # it went meanwhile
            return False
        except Exception as error:  # noqa: BLE001 - whatever is in it
            if file.name not in _broken:
                _broken.add(file.name)
                logger.warning("%s is left out of the metrics: %s: %s", file, type(error).__name__, error)
            return False
        return True


def exposition(own: Collector, others: Collector) -> bytes:
    """The text of a scrape.

    Args:
        own: what this process counted, shown where it shares no folder.
        others: what is looked up at each scrape.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(others)
    if os.environ.get(VARIABLE):
        _Folder(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(own)
    return generate_latest(registry)


class Exporter:
    """A small HTTP server of this process, in a thread of its own, that shows the folder."""

    def __init__(self, host: str, port: int) -> None:
        registry = CollectorRegistry()
        _Folder(registry)  # type: ignore[no-untyped-call]
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise Unavailable(f"NST_METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}") from error

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def leave(self) -> None:
        """In a fork of this process: lets go of the port, lest it is held longer than its owner lives."""
        self._server.socket.close()
