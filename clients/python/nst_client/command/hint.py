"""How to go on after a call that was broken off."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from nst_client.errors import ClientError, JobFailed, NotFound

BROKEN_OFF = (KeyboardInterrupt, ClientError, OSError)


@contextmanager
def hint(words: str, after: tuple[type[BaseException], ...] = BROKEN_OFF) -> Iterator[None]:
    """Print words if what is done within ends by Ctrl-C, or by an error after which the service still has the job."""
    try:
        yield
    except (JobFailed, NotFound):
        raise
    except after as error:
        print(f"\n{words}" if isinstance(error, KeyboardInterrupt) else words, file=sys.stderr)
        raise
