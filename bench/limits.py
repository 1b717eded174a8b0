"""python -m bench.limits: what the limits of a tenant cost a request, in CPU time.

Whole requests to the application, of a tenant with all limits and of one without, by turns in one process: the
difference is what is looked up, counted and said about limits. Each tenant has 1000 jobs in SQLite.
"""

from __future__ import annotations

import base64
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import update
from werkzeug.test import TestResponse

from service.api.context import KEY
from service.config import Settings
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, TransferRequest
from service.options import TransferOptions
from service.storage.database import Database, now
from service.storage.schema import JobRow
from service.storage.stored_files import StoredImage
from service.storage.tenant_limits import NO_LIMITS, TenantLimits
from service.tenants.callers import owner_of
from service.tenants.keys import Keys
from service.tenants.scopes import ALL
from service.tenants.tenants import Tenants
from service.web.app import create_app

LIMITED, FREE, KEPT, CALLS = "limited", "free", 1000, 500
REQUEST = TransferRequest(StoredImage("content", "c", 512, 384), Painting((), TransferOptions()))
GENEROUS = TenantLimits(1e6, 1_000_000, 1_000_000, 1_000_000, 1e9, 1e9, 1_000_000, 1_000_000)
MEMORY = Path("/dev/shm")  # noqa: S108 - where a commit waits for no disk


def main() -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder:
        app = create_app(Settings(data=Path(folder), starters=False, queue_limit=KEPT + 1, caller_limit=KEPT + 1))
        context = app.extensions[KEY]
        with closing(context.database) as database:
            keys = {}
            for tenant, values in ((FREE, NO_LIMITS), (LIMITED, GENEROUS)):
                Tenants(database).add(tenant, values)
                keys[tenant] = Keys(database).add(tenant, "bench", ALL).text
                _keep(database, context.queue.of(tenant), tenant)
            client = app.test_client()
            _compare("GET of a list", lambda tenant: _read(client, keys[tenant]))
            _compare("POST of a transfer", lambda tenant: _post(client, keys[tenant], context.queue.of(tenant)))


def _keep(database: Database, queue: Queue, tenant: str) -> None:
    """Add jobs that have ended."""
    with database.writing() as session:
        for _ in range(KEPT):
            queue.submit_in(session, Submission(new_id(), REQUEST, owner_of(tenant), files=[100_000]))
        session.execute(update(JobRow).values(status="succeeded", finished_at=now(), reserved=0))


def _read(client: FlaskClient, key: str) -> float:
    return _timed(lambda: client.get("/v1/styles", headers={"X-API-Key": key}))[1]


def _post(client: FlaskClient, key: str, queue: Queue) -> float:
    """Return the CPU seconds of a POST; its job is removed after it, so that none waits."""
    answer, took = _timed(lambda: client.post("/v1/transfers", json=BODY, headers={"X-API-Key": key}))
    queue.delete(answer.get_json()["id"])
    return took


def _timed(send: Callable[[], TestResponse]) -> tuple[TestResponse, float]:
    """Return an answer, and the CPU seconds of this thread that it took: other programs count little in them."""
    begun = time.thread_time()
    answer = send()
    took = time.thread_time() - begun
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        raise SystemExit(answer.text)
    return answer, took


def _picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


BODY = {"content": _picture(), "styles": [{"image": _picture()}], "size": 64, "iterations": 1}


def _compare(what: str, send: Callable[[str], float]) -> None:
    """Print the median milliseconds of a request without limits, and how many more it takes with all of them."""
    took: dict[str, list[float]] = {FREE: [], LIMITED: []}
    for i in range(CALLS):
        for tenant in (FREE, LIMITED)[:: 1 if i % 2 else -1]:
            took[tenant].append(1e3 * send(tenant))
    pairs = zip(took[FREE], took[LIMITED], strict=True)
    more = statistics.median(limited - free for free, limited in pairs)
    print(f"{what}: {statistics.median(took[FREE]):.3f} ms without limits, {more:.3f} ms more with all of them")


if __name__ == "__main__":
    main()
