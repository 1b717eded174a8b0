"""A worker on a host without a web server shows what its processes counted; so does a web server alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from broker.parts import Part
from front_door import eventually
from operators.scraping import Series, logged, metrics_folders, scrape, value
from servers.redis import Redis

from scripts.ports import free_port

pytestmark = pytest.mark.slow


def both(model: Path, folder: Path, **settings: Any) -> tuple[Part, Part, str]:
    """A web server and a worker host over one database, and where the worker shows its metrics."""
    port = free_port()
    shared = {
        "database_url": f"sqlite:///{folder}/x.db",
        "blobs": f"file://{folder}/blobs",
        "workers": 2,
    } | settings
    web = Part("web", model, folder / "web", **shared)
    return (
        web,
        Part("worker", model, folder / "worker", metrics_port=port, **shared),
        f"http://127.0.0.1:{port}",
    )


def check(web: Part, worker: Part, shown_at: str, body: dict[str, Any]) -> None:
    with worker, web:
        eventually(web.is_ready, 60, "not ready")
        for _ in range(3):
            response = requests.post(f"{web.url}/v1/transfers", json=body, timeout=60)
            assert web.ended(response.json()["id"])["status"] == "succeeded"

        def shown() -> Series:
            return scrape(shown_at)

        eventually(lambda: value(shown(), "nst_iterations_total") == 60, 60, f"{shown()}")
        assert value(shown(), "nst_jobs_ended_total", kind="transfer", status="succeeded") == 3
        assert value(scrape(web.url), "nst_iterations_total") == 0
        assert value(scrape(web.url), "nst_jobs_submitted_total", kind="transfer") == 3
        processes = [part.process.pid for part in (web, worker) if part.process]
        assert [len(metrics_folders(part)) for part in (web, worker)] == [1, 1]
        assert (web.stop(), worker.stop()) == (0, 0)
        assert [metrics_folders(part) for part in (web, worker)] == [[], []]
        assert {line["process"] for part in (web, worker) for line in logged(part)} > set(processes)


def test_a_worker_alone(narrow_model: Path, tmp_path: Path, body: dict[str, Any]) -> None:
    check(*both(narrow_model, tmp_path), body)


def test_a_pool_alone(narrow_model: Path, tmp_path: Path, body: dict[str, Any], redis: Redis) -> None:
    check(*both(narrow_model, tmp_path, broker_url=redis.url), body)
