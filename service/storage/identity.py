"""The id that a database and its blob store share, by which a wrong or older database is noticed.

The database keeps it as a mark, the blob store as the file `store/id`. Both also count the sweeps: a database with a
lower count than its blob store is an older copy, which doesn't know all files. A second mark says that the blob store
has had the id: from then on a folder without one isn't that blob store, and nothing is written to it.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.errors import BlobNotFound
from service.storage.blob_folders import STORE, WITH_ROWS
from service.storage.blobs import Blobs
from service.storage.database import Database, advisory_lock, read_clock
from service.storage.schema import STORE_MARK, MarkRow

KEY = f"{STORE}/id"
MARK = STORE_MARK
GIVEN = "store has its id"  # the mark of a database whose blob store was seen with the id that they share
ACCEPTED = "files accepted"  # the mark that lets a sweep remove all files without a row
STRANGE = "most of the files have no row in the database"
COUNT_S = 600.0  # seconds between two counts, at least
ADVICE = (
    "bring back the database that belongs to them; or, to give up the files that have no row and have them removed: "
    "python -m service accept-blobs"
)


@dataclass(frozen=True)
class Identity:
    """An id, and the number of counted sweeps under it; JSON in the blob store's file."""

    id: str
    sweeps: int = 0

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str | None) -> Identity | None:
        """Parse what `text` returned; None for None. Unreadable text becomes an id that equals no other."""
        if text is None:
            return None
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return cls(f"unreadable {text[:40]!r}")


def of_database(session: Session) -> Identity | None:
    """Return the database's identity; None if it has none."""
    row = session.get(MarkRow, MARK)
    return Identity.from_text(row.value) if row else None


def of_blobs(blobs: Blobs) -> Identity | None:
    """Return the blob store's identity; None if it has none. Raises StorageError."""
    try:
        return Identity.from_text(blobs.get(KEY).decode(errors="replace"))
    except BlobNotFound:
        return None


def open_blobs(database: Database, url: str) -> Blobs:
    """Open the blob store of a database; its folder is made only for a database that never had one.

    A folder that had its id and isn't there, or has none now, counts as moved away.

    Raises:
        StorageError
    """
    return Blobs(url, expected=KEY if has_store(database) else "")


def has_store(database: Database) -> bool:
    """Return whether a blob store was seen with the database's id. Raises DatabaseError."""
    with database.reading() as session:
        return _is_given(session)


def _is_given(session: Session) -> bool:
    return session.get(MarkRow, GIVEN) is not None


def why_apart(database: Identity | None, blobs: Identity | None) -> str:
    """Return why a database and a blob store with files don't belong together; empty if they do."""
    if database is None or blobs is None:
        lacks = "the database" if database is None else "the blob store"
        return f"{lacks} has no id and the other one has, so they don't belong together"
    if database.id != blobs.id:
        return f"the blob store has the id {blobs.id} and the database {database.id}, so they don't belong together"
    if database.sweeps < blobs.sweeps:
        return "the database is an older copy, which doesn't know of all files"
    return ""


@dataclass(frozen=True)
class Fit:
    """The match of files and rows, by which a database and a blob store new to each other are judged.

    Attributes:
        plausible: whether there are rows for most files that are old enough to have one.
        styles: number of files of presets without a row.
    """

    plausible: bool
    styles: int


def standing(database: Database, blobs: Blobs, fit: Fit) -> str:
    """Return why a database and a blob store don't belong together; empty if they do or may be tied. Changes nothing.

    Raises:
        StorageError
    """
    with database.reading() as session:
        known, given = of_database(session), _is_given(session)
    return _standing(known, of_blobs(blobs), blobs, fit, given=given)


def tie(database: Database, blobs: Blobs, fit: Fit) -> str:
    """Give a database and a blob store new to each other one id; return why they don't belong together, or "".

    If they don't, the database gets an id of its own, if it has none, and counts as one that has swept. So they stay
    apart until an operator accepts them. Otherwise files that are stored later could make them match.

    Raises:
        StorageError
    """
    with database.reading() as session:
        known, given = of_database(session), _is_given(session)
    theirs = of_blobs(blobs)
    if given and _share_id(known, theirs):
        return why_apart(known, theirs)
    with database.writing() as session:
        advisory_lock(session, MARK)
        known, theirs = of_database(session), of_blobs(blobs)
        reason = _standing(known, theirs, blobs, fit, given=_is_given(session))
        if not reason:
            if not _share_id(known, theirs):
                shared = theirs or known or Identity(uuid.uuid4().hex)
                _write(session, shared)
                if theirs is None:
                    blobs.put(KEY, shared.text().encode())
            _note_given(session)
        elif known is None or (not known.sweeps and (theirs is None or theirs.id != known.id)):
            _write(session, Identity(known.id if known else uuid.uuid4().hex, sweeps=1))
    return reason


def is_new_store(blobs: Blobs) -> bool:
    """Return whether a blob store has neither an id nor files. Raises StorageError."""
    return of_blobs(blobs) is None and not holds_files(blobs)


def tie_new(database: Database, blobs: Blobs) -> None:
    """Give a new blob store the id of its database, if that is new too.

    So they belong together before there is any file. Later, the first sweep would have to judge by the files, and a
    killed process may have left files without a row.

    Raises:
        StorageError
    """
    tie(database, blobs, Fit(plausible=True, styles=0))


def _standing(known: Identity | None, theirs: Identity | None, blobs: Blobs, fit: Fit, *, given: bool) -> str:
    if _share_id(known, theirs) or (given and theirs is None):
        return why_apart(known, theirs)
    if _is_new(known) and _is_new(theirs):
        # A new database must know all files of presets.
        fits = fit.plausible and (known is None or (theirs is None and not fit.styles))
        if fits:
            return ""
    if (known is None or not known.sweeps) and not holds_files(blobs):
        return ""
    return why_apart(known, theirs) if known or theirs else STRANGE


def _share_id(known: Identity | None, theirs: Identity | None) -> bool:
    return known is not None and theirs is not None and known.id == theirs.id


def _is_new(identity: Identity | None) -> bool:
    """Return whether nothing was swept under an id yet: perhaps only one side got it before a process was killed."""
    return identity is None or not identity.sweeps


def count_sweep(database: Database, blobs: Blobs) -> None:
    """Count a sweep, once in COUNT_S, first in the database: the blob store may lag behind. Raises StorageError."""
    with database.writing() as session:
        row = session.get(MarkRow, MARK)
        clock = read_clock(session)
        known = of_database(session)
        if row is None or known is None or clock < row.made_at + COUNT_S:
            return
        known = Identity(known.id, known.sweeps + 1)
        _write(session, known)
    blobs.put(KEY, known.text().encode())


def accept(database: Database, blobs: Blobs) -> None:
    """Tie database and blob store together as they are, and let the next sweep remove all files without a row.

    Raises StorageError.
    """
    with database.writing() as session:
        advisory_lock(session, MARK)
        known, theirs = of_database(session), of_blobs(blobs)
        sweeps = 1 + max(known.sweeps if known else 0, theirs.sweeps if theirs else 0)
        shared = Identity(known.id if known else uuid.uuid4().hex, sweeps)
        _write(session, shared)
        session.merge(MarkRow(name=ACCEPTED, made_at=read_clock(session)))
        _note_given(session)
        blobs.put(KEY, shared.text().encode())


def is_accepted(session: Session) -> bool:
    """Return whether an operator lets the next sweep remove all files without a row."""
    return session.get(MarkRow, ACCEPTED) is not None


def end_acceptance(database: Database) -> None:
    """Let sweeps doubt again, once one has removed all files without a row. Raises DatabaseError."""
    with database.writing() as session:
        session.execute(delete(MarkRow).where(MarkRow.name == ACCEPTED))


def holds_files(blobs: Blobs) -> bool:
    """Return whether there is any file that a row may refer to. Raises StorageError."""
    return any(True for folder in WITH_ROWS for _ in blobs.listing(folder))


def _write(session: Session, identity: Identity) -> None:
    session.merge(MarkRow(name=MARK, made_at=read_clock(session), value=identity.text()))


def _note_given(session: Session) -> None:
    session.merge(MarkRow(name=GIVEN, made_at=read_clock(session)))
