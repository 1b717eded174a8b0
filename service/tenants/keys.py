"""API keys: 256 random bits with a prefix. The database has their SHA-256 alone, so a key is shown once."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from service.errors import FieldError, Forbidden, InvalidInput, MissingScope, NotFound, Unauthorized
from service.storage.database import Database, advisory_lock, now, read_clock
from service.storage.row_locks import delete_unlocked
from service.storage.schema import MarkRow
from service.storage.tenant_schema import KeyRow, TenantRow
from service.tenants import scopes as known
from service.tenants.callers import caller_of
from service.tenants.scopes import Scopes

PREFIX = "nst_"
KEY_NAME = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,64}$"  # also refuses text that is no valid Unicode
KEY_NAME_WORDS = "must be 1 to 64 printable characters"
BITS = 256
LOCK = "keys"
VERSION = "keys"  # the mark whose value changes with every change of keys, and which no key's end removes
MOST = 1000  # keys of a tenant, ended ones included
KEPT_S = 30 * 86_400.0  # seconds for which an ended key is still listed
YEARS = 100  # for which a key may count, unless it has no end
LONGEST_S = YEARS * 365.25 * 86_400
LATE_S = 4.0  # seconds after which a web process that hasn't read the keys for so long waits until it has
TOUCH_S = 60.0  # seconds between two notes that a key was used


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. `text` is the key itself, which can't be had again."""

    row: KeyRow
    text: str


@dataclass(frozen=True)
class Maker:
    """Who makes or changes keys or tenants.

    Attributes:
        tenant: the one whose keys it manages; None for all.
        scopes: those it can give.
        key_id: of its own key in the database; None without one.
    """

    tenant: str | None = None
    scopes: Scopes = known.ALL
    key_id: str | None = None

    def check_scopes(self, wanted: Collection[str], field: str | None = None) -> None:
        """Raise MissingScope for scopes that the maker lacks itself; `field` is the one that names them, if any."""
        if lacking := known.in_order(frozenset(wanted) - self.scopes):
            words = f"a key can't give scopes that it lacks: {', '.join(lacking)}"
            raise MissingScope(words, [FieldError(field, words)] if field else ())

    def own_end(self, session: Session) -> float | None:
        """Return when the maker's own key ends, and with it every key that it makes; None for never.

        Raises Unauthorized if it has ended: the process that let it in may not know this yet.
        """
        if self.key_id is None:
            return None
        row = session.get(KeyRow, self.key_id)
        if row is None or not is_live(row, read_clock(session)):
            raise Unauthorized("this key has ended")
        return end_of(row)


OPERATOR = Maker()


def digest_of(key: str) -> str:
    """Return the SHA-256 of a key, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """The keys in the database, as `maker` may read and change them. Every method raises DatabaseError if that fails.

    Those that change keys raise Unauthorized if the maker's own key has ended.
    """

    def __init__(self, database: Database, maker: Maker = OPERATOR) -> None:
        self._database = database
        self._maker = maker

    def add(
        self,
        tenant: str,
        name: str,
        scopes: Scopes,
        lifetime: float | None = None,
        *,
        expires_at: float | None = None,
    ) -> NewKey:
        """Make a key that ends after `lifetime` seconds, or at `expires_at` in seconds since 1970.

        Without either it ends when its maker's key does, or never.

        Raises:
            InvalidInput: there is no such tenant, it has too many keys, or the end is over, more than LONGEST_S away
                or later than that of the maker's key.
            MissingScope: the maker lacks one of the scopes.
        """
        self._maker.check_scopes(scopes, "scopes")
        with self._changing() as (session, own_end):
            _check_room(session, self._maker, tenant)
            clock = read_clock(session)
            ends = _end_of_new(clock, own_end, expires_at if lifetime is None else clock + lifetime)
            return _new(session, KeyRow(tenant=tenant, name=name, scopes=known.to_text(scopes), expires_at=ends))

    def page(self, tenant: str | None, after: tuple[float, str], limit: int) -> list[KeyRow]:
        """Return at most `limit` keys, oldest first, after the key of this time and id; with `tenant`, its own."""
        place = or_(KeyRow.created_at > after[0], (KeyRow.created_at == after[0]) & (KeyRow.id > after[1]))
        query = select(KeyRow).where(place).order_by(KeyRow.created_at, KeyRow.id).limit(limit)
        for wanted in (tenant, self._maker.tenant):
            if wanted is not None:
                query = query.where(KeyRow.tenant == wanted)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def get(self, id: str) -> KeyRow:
        """Return a key. Raises NotFound."""
        with self._database.reading() as session:
            return _found(session, self._maker, id)

    def revoke(self, id: str) -> KeyRow:
        """End a key now; one that has ended stays as it is. Raises NotFound."""
        with self._changing() as (session, _):
            row = _found(session, self._maker, id)
            _end_at(row, read_clock(session))
            return row

    def retire(self, id: str, grace_s: float = 0.0) -> None:
        """End a key that another one replaces after `grace_s` seconds, at least LATE_S. Raises NotFound.

        By then every web process knows the other one, so that there is no moment at which some take only the former
        key and some only the new one.
        """
        with self._changing() as (session, _):
            _retire(_found(session, self._maker, id), read_clock(session), grace_s)

    def rotate(self, id: str, grace_s: float = 0.0) -> NewKey:
        """Make a key as `add_like` does, and end the other one as `retire` does.

        Raises as `add_like`.
        """
        with self._changing() as (session, own_end):
            row, clock = _found(session, self._maker, id), read_clock(session)
            new = _new_like(session, self._maker, own_end, row)
            _retire(row, clock, grace_s)
            return new

    def add_like(self, id: str) -> NewKey:
        """Make a key with another one's name, scopes, end and caller.

        Raises:
            NotFound: there is no such key, or it has ended.
            InvalidInput: its tenant has too many keys.
            MissingScope: the maker lacks one of its scopes.
            Forbidden: its end is later than that of the maker's key.
        """
        with self._changing() as (session, own_end):
            return _new_like(session, self._maker, own_end, _found(session, self._maker, id))

    def touch(self, ids: Collection[str]) -> None:
        """Note that keys were used."""
        was_noted = KeyRow.last_used_at > now() - TOUCH_S / 2
        used = select(KeyRow.id).where(KeyRow.id.in_(ids), or_(KeyRow.last_used_at.is_(None), ~was_noted))
        with self._database.writing() as session:
            free = session.scalars(used.with_for_update(skip_locked=True)).all()  # others are being noted or removed
            session.execute(update(KeyRow).where(KeyRow.id.in_(free)).values(last_used_at=now()))

    def remove_all(self) -> int:
        """Remove all keys, so that none is asked for but those of the settings; return how many there were."""
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            count = session.scalar(select(func.count()).select_from(KeyRow)) or 0
            session.execute(delete(KeyRow))
            session.execute(delete(MarkRow).where(MarkRow.name == VERSION))
        return count

    @contextmanager
    def _changing(self) -> Iterator[tuple[Session, float | None]]:
        """Begin a transaction that changes keys: all web processes read them again after it.

        Yield when the maker's own key ends, too. Raises Unauthorized if it has ended.
        """
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            yield session, self._maker.own_end(session)
            change_version(session)


def change_version(session: Session) -> None:
    """Have all web processes read the keys again after this transaction."""
    session.merge(MarkRow(name=VERSION, made_at=read_clock(session), value=uuid.uuid4().hex))


def is_live(row: KeyRow, clock: float) -> bool:
    """Return whether a key counts at this time."""
    end = end_of(row)
    return end is None or end > clock


def end_of(row: KeyRow) -> float | None:
    """Return when a key ends, by its own end or because it was revoked or replaced; None for never."""
    return min((end for end in (row.revoked_at, row.expires_at) if end is not None), default=None)


def _end_at(row: KeyRow, time: float) -> None:
    """End a key at a time, unless it was to be ended before."""
    row.revoked_at = time if row.revoked_at is None else min(row.revoked_at, time)


def _retire(row: KeyRow, clock: float, grace_s: float) -> None:
    _end_at(row, clock + max(grace_s, LATE_S))


def asks_for_key(session: Session) -> bool:
    """Return whether the database has had a key, so that /v1 asks for one."""
    return session.get(MarkRow, VERSION) is not None


def forget_ended(session: Session) -> None:
    """Remove the rows of keys that ended KEPT_S ago."""
    delete_unlocked(session, KeyRow, func.coalesce(KeyRow.revoked_at, KeyRow.expires_at) < now() - KEPT_S)


def _found(session: Session, maker: Maker, id: str) -> KeyRow:
    row = session.get(KeyRow, id)
    if row is None or maker.tenant not in (None, row.tenant):
        raise NotFound(f"there is no key {id!r}")
    return row


def _check_room(session: Session, maker: Maker, tenant: str) -> None:
    """Raise InvalidInput where the tenant can't get another key; one of others doesn't exist for the maker."""
    row = session.get(TenantRow, tenant)
    if row is None or row.removed_at is not None or maker.tenant not in (None, tenant):
        raise InvalidInput.field("tenant", f"there is no tenant {tenant!r}")
    if (session.scalar(select(func.count()).where(KeyRow.tenant == tenant)) or 0) >= MOST:
        days = KEPT_S / 86_400
        raise InvalidInput.field("tenant", f"has {MOST} keys; those that ended are forgotten after {days:g} days")


def _end_of_new(clock: float, own_end: float | None, wanted: float | None) -> float | None:
    """Return when a new key ends: at the wanted time, or without one when its maker's key does.

    Raises InvalidInput for a time that is over, more than LONGEST_S away or after the end of its maker's key.
    """
    if wanted is None:
        return own_end
    if not clock < wanted <= clock + LONGEST_S:  # nor NaN
        raise InvalidInput.field("expires_at", f"must be a time that is to come, within {YEARS} years")
    if own_end is not None and wanted > own_end:
        raise InvalidInput.field("expires_at", "must not be later than the end of the key that makes it")
    return wanted


def _new_like(session: Session, maker: Maker, own_end: float | None, row: KeyRow) -> NewKey:
    """Make a key like another one, which must not have ended. Raises as Keys.add_like."""
    if not is_live(row, read_clock(session)):
        raise NotFound(f"the key {row.id!r} has ended: make a new one")
    maker.check_scopes(known.from_text(row.scopes))
    if own_end is not None and (row.expires_at is None or row.expires_at > own_end):
        raise Forbidden("a key can't replace one that ends later than itself")
    _check_room(session, maker, row.tenant)
    new = KeyRow(tenant=row.tenant, name=row.name, scopes=row.scopes, expires_at=row.expires_at)
    new.owner = caller_of(row)
    return _new(session, new)


def _new(session: Session, row: KeyRow) -> NewKey:
    """Give a row its key, and add it."""
    text = PREFIX + secrets.token_urlsafe(BITS // 8)
    row.id, row.digest, row.created_at = uuid.uuid4().hex, digest_of(text), read_clock(session)
    session.add(row)
    return NewKey(row, text)
