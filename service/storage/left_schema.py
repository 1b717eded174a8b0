"""The table of folders whose files have no row."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.storage.schema import Base

HAS_BYTES = text("bytes > 0")  # as the indexes have it: with a parameter SQLite wouldn't use them


class LeftRow(Base):
    """A folder of the blobs, as in `jobs/<id>`, that has no row on purpose: its files may be swept up.

    The row was removed, or isn't written yet (service.storage.unsaved). `folder` can also be the beginning of the
    keys of a picture's Gram matrices, whose tenant was removed.

    `tenant` and `owner` had the row that was removed, and `bytes` is what the files count for them until they are
    removed. `tenant` is None where a row may come, and in records of earlier versions.
    """

    __tablename__ = "left_folders"
    __table_args__ = (
        Index("left_by_tenant", "tenant", "bytes", sqlite_where=HAS_BYTES, postgresql_where=HAS_BYTES),
        Index("left_by_owner", "owner", "bytes", sqlite_where=HAS_BYTES, postgresql_where=HAS_BYTES),
    )

    folder: Mapped[str] = mapped_column(primary_key=True)
    left_at: Mapped[float]
    tenant: Mapped[str | None]
    owner: Mapped[str] = mapped_column(default="", server_default="")
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
