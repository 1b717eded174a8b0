"""python -m bench.keys: what authentication costs a request, with 1000 keys in the database.

The hook of `service.api.auth` alone, in a request context of a web process: key, scope, and the tenant's objects.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from service.api import auth
from service.api.context import KEY
from service.config import Settings
from service.tenants.keys import Keys
from service.tenants.scopes import ALL
from service.tenants.tenants import Tenants
from service.web.app import create_app

MANY, CALLS = 1000, 2000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data=Path(folder), starters=False))
        database = app.extensions[KEY].database
        with closing(database):
            Tenants(database).add("acme")
            keys = [Keys(database).add("acme", "bench", ALL).text for _ in range(MANY)]
            took: list[float] = []
            for i in range(MANY + CALLS):
                if i == MANY:  # from here on no use is new, and is noted
                    took.clear()
                    time.sleep(1)
                with app.test_request_context("/v1/styles", headers={"X-API-Key": keys[i % MANY]}):
                    begun = time.perf_counter()
                    auth.check_key()
                    auth.check_scope()
                    took.append(1e6 * (time.perf_counter() - begun))
    ordered = sorted(took)
    print(
        f"median {statistics.median(took):.1f} us, 99 % under {ordered[int(0.99 * CALLS)]:.1f} us, of {CALLS} calls"
    )


if __name__ == "__main__":
    main()
