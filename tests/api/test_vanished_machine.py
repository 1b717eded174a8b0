"""A machine that vanishes within a transaction keeps its locks for a while, and no other machine waits for longer."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from api.bounded.conftest import client_over
from front_door import b64, eventually
from servers.postgresql import PostgreSQL

from service.errors import DatabaseError
from service.storage.database import Database, advisory_lock
from service.storage.postgresql import SERVER
from service.storage.tenant_amounts import SUBMIT_LOCK

pytestmark = pytest.mark.slow


@pytest.mark.timeout(120)  # without limits it would wait for the lock of a transaction that never ends
def test_a_post_waits_for_the_lock_of_jobs_so_long_and_the_server_ends_who_idles_with_it(
    postgresql: PostgreSQL, tmp_path: Path, photo_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SERVER, "lock_timeout", "200ms")
    url = postgresql.fresh_database()
    body = {"content": b64(photo_png), "styles": [{"image": b64(photo_png)}], "size": 64}
    with client_over(url, tmp_path) as client:
        with closing(Database(url)) as other, other.writing() as session:
            advisory_lock(session, SUBMIT_LOCK)
            refused = client.post("/v1/transfers", json=body)
            assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
        monkeypatch.setitem(SERVER, "idle_in_transaction_session_timeout", "500ms")
        with closing(Database(url)) as vanished, pytest.raises(DatabaseError), vanished.writing() as session:
            advisory_lock(session, SUBMIT_LOCK)
            eventually(lambda: client.post("/v1/transfers", json=body).status_code == 202, 30, "the lock is kept")
    postgresql.drop(url)
