"""The folders of a blob store: the first part of each key."""

from __future__ import annotations

GRAMS = "grams"  # a cache
JOBS = "jobs"
PAINTERS = "painters"
PROBES = "probe"  # of blobs that only show that they can be written
STORE = "store"  # of the store's own id
STYLES = "styles"  # of presets

ALL = (GRAMS, JOBS, PAINTERS, PROBES, STYLES, STORE)
WITH_ROWS = (JOBS, STYLES, PAINTERS)  # of files that rows refer to


def folder_of(key: str) -> str:
    """Return the folder that a blob lies in; empty for a key without one."""
    return key.rpartition("/")[0]
