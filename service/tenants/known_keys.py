"""The keys and limits that a web process knows: read every two seconds and for unknown keys, not for each request."""

from __future__ import annotations

import hmac
import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import DatabaseError, Unavailable
from service.machine.new_threads import start
from service.storage.database import Database, now
from service.storage.schema import DEFAULT_TENANT, MarkRow
from service.storage.tenant_limits import NO_LIMITS, TenantLimits, limits_from
from service.storage.tenant_schema import KeyRow, TenantRow
from service.telemetry.complaints import Complaint
from service.tenants.callers import caller_of
from service.tenants.keys import LATE_S, PREFIX, TOUCH_S, VERSION, Keys, digest_of, end_of
from service.tenants.scopes import Scopes, from_text

logger = logging.getLogger(__name__)

FRESH_S = 2.0  # seconds for which what was read isn't read again
TOLERATED_S = 60.0  # seconds for which it counts while the database fails
RETRY_S = 1.0  # seconds before the next try after that
UNKNOWN_S = 0.02  # seconds at least between two readings for unknown keys


@dataclass(frozen=True)
class KnownKey:
    """A key that counts until `expires_at`, in seconds since 1970. `owner` is the caller that it makes jobs for.

    `tenant_since` is when its tenant was made: later there may be another one of that name.
    """

    id: str
    tenant: str
    tenant_since: float
    scopes: Scopes
    digest: str
    owner: str
    expires_at: float | None


@dataclass(frozen=True)
class _State:
    """What was read.

    Attributes:
        version: of the keys; None where there was never one.
        keys: by their digests.
        limits: of tenants that have values of their own.
    """

    version: str | None
    keys: Mapping[str, KnownKey]
    limits: Mapping[str, TenantLimits]
    read_at: float  # monotonic


class KnownKeys:
    """The live keys, and the limits, as this process knows them. A change counts within LATE_S.

    A new key counts at once: before an unknown one is refused, the keys are read again.
    `defaults` are the limits of tenants without values of their own. While the database fails, what was read last
    counts for TOLERATED_S. Before anything was read, nobody is let in.
    """

    def __init__(self, database: Database, defaults: TenantLimits = NO_LIMITS) -> None:
        self._database = database
        self._defaults = defaults
        self._state: _State | None = None
        self._tried_at = -RETRY_S
        self._reading = threading.Lock()
        self._complaint = Complaint(logger)
        self._uses = _Uses(Keys(database))

    def asks_for_key(self) -> bool:
        """Return whether there are keys in the database, or have been. Raises Unavailable if nothing is known."""
        return self._newest().version is not None

    def find(self, text: str) -> KnownKey | None:
        """Return the key with this text if it counts now, and note its use.

        Raises Unavailable if nothing is known, or if an unknown key can't be looked up.
        """
        if not text.startswith(PREFIX):
            return None
        digest = digest_of(text)
        key = self._newest().keys.get(digest) or self._read_now().keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest) or not _counts(key):
            return None
        self._uses.note(key.id)
        return key

    def tenant_of(self, text: str) -> str:
        """Return the tenant of the key with this text, as it was read last; the default one for an unknown key.

        It never waits, and lets nobody in.
        """
        key = self._state.keys.get(digest_of(text)) if self._state else None
        return key.tenant if key else DEFAULT_TENANT

    def still_count(self, key: KnownKey | None) -> bool:
        """Return whether a key that was found counts still, or without one whether none is asked for."""
        try:
            state = self._newest()
        except Unavailable:
            return False
        if key is None:
            return state.version is None
        found = state.keys.get(key.digest)  # with another end, if it was rotated meanwhile
        return found is not None and _counts(found)

    def limits_of(self, tenant: str) -> TenantLimits:
        """Return the limits of a tenant; the defaults where they can't be read."""
        try:
            return self._newest().limits.get(tenant, self._defaults)
        except Unavailable:
            return self._defaults

    def _newest(self) -> _State:
        clock = time.monotonic()
        read_at = self._read_at()
        if read_at < clock - FRESH_S and self._reading.acquire(blocking=read_at < clock - LATE_S):
            try:
                self._read_unless(time.monotonic() - FRESH_S)
            finally:
                self._reading.release()
        return self._read_since(time.monotonic() - TOLERATED_S)

    def _read_now(self) -> _State:
        """Return what a reading finds that begins after this call. Requests that wait at a time share one."""
        asked = time.monotonic()
        with self._reading:
            if self._read_at() < asked:
                time.sleep(max(0.0, self._read_at() + UNKNOWN_S - time.monotonic()))
                self._read_unless(asked)
        return self._read_since(asked)

    def _read_at(self) -> float:
        return self._state.read_at if self._state else -math.inf

    def _read_since(self, moment: float) -> _State:
        """Return what was read, if that reading began at this moment or later. Raises Unavailable."""
        state = self._state
        if state is None or state.read_at < moment:
            raise Unavailable("the database fails, so no key can be checked", retry_after=RETRY_S)
        return state

    def _read_unless(self, moment: float) -> None:
        """Read, unless a reading began at this moment or later, or a try has just failed. The caller has the lock."""
        begun = time.monotonic()
        if self._read_at() >= moment or begun < self._tried_at + RETRY_S:
            return
        try:
            self._state = self._read(begun)
        except DatabaseError as error:
            self._tried_at = time.monotonic()
            self._complaint.say(
                "keys can't be read, those known before count for %g s: %s", TOLERATED_S, error.detail
            )

    def _read(self, begun: float) -> _State:
        with self._database.reading() as session:
            mark = session.get(MarkRow, VERSION)
            version = mark.value if mark else None
            limits = self._read_limits(session)
            if self._state is not None and self._state.version == version:
                return _State(version, self._state.keys, limits, begun)
            ends = [(end.is_(None)) | (end > now()) for end in (KeyRow.revoked_at, KeyRow.expires_at)]
            mine = select(KeyRow, TenantRow.created_at).join(TenantRow, TenantRow.name == KeyRow.tenant)
            rows = session.execute(mine.where(*ends)).all()
        return _State(version, {row.digest: _known(row, since) for row, since in rows}, limits, begun)

    def _read_limits(self, session: Session) -> dict[str, TenantLimits]:
        rows = session.execute(select(TenantRow.name, TenantRow.limits).where(TenantRow.limits.is_not(None)))
        return {name: limits_from(limits).over(self._defaults) for name, limits in rows}


class _Uses:
    """Notes of when keys were used, written in the background at most once in TOUCH_S for each key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}  # key -> monotonic time
        self._waiting: set[str] = set()
        self._is_writing = False
        self._complaint = Complaint(logger)

    def note(self, id: str) -> None:
        clock = time.monotonic()
        if clock < self._noted.get(id, -TOUCH_S) + TOUCH_S:
            return
        with self._lock:
            self._noted[id] = clock
            self._waiting.add(id)
            if self._is_writing:
                return
            self._is_writing = True
        try:
            start(threading.Thread(target=self._write, name="key uses", daemon=True))
        except Unavailable:  # it is noted with the next use
            self._is_writing = False

    def _write(self) -> None:
        while True:
            with self._lock:
                ids, self._waiting = self._waiting, set()
                if not ids:
                    self._is_writing = False
                    return
            try:
                self._keys.touch(ids)
            except DatabaseError as error:  # the next use is noted
                self._complaint.say("the use of keys could not be noted: %s", error.detail)


def _known(row: KeyRow, since: float) -> KnownKey:
    return KnownKey(row.id, row.tenant, since, from_text(row.scopes), row.digest, caller_of(row), end_of(row))


def _counts(key: KnownKey) -> bool:
    return key.expires_at is None or key.expires_at > time.time()
