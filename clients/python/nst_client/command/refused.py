"""What the command line refuses to do."""

from __future__ import annotations


class Refused(Exception):
    """A call that makes no sense, or would overwrite what it must not."""
