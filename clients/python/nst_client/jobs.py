"""What transfers, scores, batches and painters have in common: a resource that is read until the job has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self
from urllib.parse import quote

from nst_client.connection import Connection
from nst_client.errors import Conflict, JobFailed, StillRunning
from nst_client.events import Event, events

ENDED = ("succeeded", "failed", "canceled")
SHORTEST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0


def path_of(collection: str, id: str) -> str:
    return f"{collection}/{quote(id, safe='')}"


class Job:
    """A job of the service. `resource` is its state when it was last read."""

    collection: ClassVar[str]  # path of all jobs of its kind

    def __init__(self, connection: Connection, resource: Mapping[str, Any]) -> None:
        self._connection = connection
        self.resource = resource

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self.status!r})"

    @property
    def id(self) -> str:
        return str(self.resource["id"])

    @property
    def status(self) -> str:
        return str(self.resource["status"])

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def has_succeeded(self) -> bool:
        return self.status == "succeeded"

    @property
    def failure(self) -> JobFailed:
        """The error of a job that has ended without a result."""
        return JobFailed.of_job(self.id, self.resource.get("error") or {"title": f"The job is {self.status}"})

    @property
    def path(self) -> str:
        """Path of its resource, below the service's URL."""
        return path_of(self.collection, self.id)

    def refresh(self) -> Self:
        """Read the state of the job anew."""
        self.resource = self._connection.read(self.path)
        return self

    def wait(self, timeout: float | None = None, on_progress: Callable[[Self], object] | None = None) -> Self:
        """Wait until the job has succeeded. `on_progress` is called with the job each time it was read.

        Raises:
            JobFailed: it failed or was canceled.
            StillRunning: it has not ended after `timeout` seconds. A read under way is still repeated as others are.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = SHORTEST_PAUSE_S
        while not self.has_ended:
            left = pause if end is None else min(pause, end - time.monotonic())
            if left <= 0:
                raise StillRunning(f"job {self.id} is {self.status} after {timeout:g} s")
            time.sleep(left)
            pause = min(pause * 1.3, LONGEST_PAUSE_S)
            self.refresh()
            if on_progress:
                on_progress(self)
        if not self.has_succeeded:
            raise self.failure
        return self

    def delete(self) -> None:
        """Cancel the job, and remove it with its files."""
        self._connection.delete(self.path)


class Watched(Job):
    """A job with events."""

    def events(self) -> Iterator[Event]:
        """Yield the events until the job's end; connections that break are made again.

        Raises:
            Problem: the job was deleted meanwhile, the key no longer counts, or no stream is free (LimitExceeded).
            Unreachable: the service can't be reached.
        """
        for event in events(self._connection, f"{self.path}/events"):
            if event.name == "done":
                self.resource = event.data
            yield event


class Cancelable(Watched):
    """A job that can be canceled."""

    def cancel(self) -> Self:
        """Cancel the job; no error if it has ended."""
        self.resource = self._connection.post_safely(f"{self.path}/cancel")
        return self


class Previewed(Watched):
    """A job with previews."""

    def preview(self) -> bytes | None:
        """Return the newest preview, a small JPEG; None while there is none."""
        try:
            return self._connection.picture(f"{self.path}/preview")
        except Conflict:
            return None
