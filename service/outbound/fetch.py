"""One picture fetched from an address that a caller named: checked, and with limits on its time and its bytes."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import TypeVar
from urllib.parse import urldefrag, urljoin

from service.errors import InvalidInput, StorageError
from service.machine.new_threads import start
from service.outbound.connections import AGENT, Connector
from service.outbound.hosts import AddressRefused, Hosts
from service.outbound.urls import Target
from service.storage.buckets import Buckets

FETCH_S = 10.0  # seconds for one picture in all: lookups, redirects, connections and bytes
MAX_REDIRECTS = 5
PIECE = 2**16  # bytes that are read at a time
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {
    "User-Agent": AGENT,
    "Accept": "image/*, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}

Resolved = tuple[Target, list[str]]
Result = TypeVar("Result")


class NotFetched(Exception):
    """A picture could not be fetched. The text is written for the caller, and names no address and no URL."""


Take = Callable[[int], None]
"""A function that counts bytes of a fetch, and raises NotFetched if they are too many."""


class ByteBudget:
    """The bytes that the pictures of a request may still have, shared by all threads that fetch them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._left = most
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator[Take]:
        """Count the bytes of one fetch, which are free again if the block fails."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            self._take(size)
            taken += size

        try:
            yield take
        except BaseException:
            with self._lock:
                self._left += taken
            raise

    def _take(self, size: int) -> None:
        with self._lock:
            if size > self._left:
                raise NotFetched(
                    f"is too large: pictures by address may have {self.most / 2**20:g} MiB together (NST_MAX_BODY_MB)"
                )
            self._left -= size


class Fetcher:
    """A fetcher of pictures: by http:// and https:// where `hosts` allows it, by s3:// from `buckets`."""

    def __init__(self, hosts: Hosts, buckets: Buckets, seconds: float = FETCH_S) -> None:
        self._hosts = hosts
        self._buckets = buckets
        self._seconds = seconds
        self._connector = Connector()

    def check(self, url: str) -> None:
        """Raise InvalidInput if a URL's form isn't allowed, or its host or bucket."""
        if self._buckets.is_meant(url):
            self._buckets.check(url)
        else:
            self._hosts.check_url(url)

    def fetch(self, url: str, budget: ByteBudget) -> bytes:
        """Return the bytes at a URL. No cookie and no credentials go along, and a compressed response is refused.

        Raises:
            NotFetched: it can't be had, or takes too long or too much room.
            Unavailable: the system has no room for a thread.
        """
        end = time.monotonic() + self._seconds
        try:
            with budget.share() as take:
                if self._buckets.is_meant(url):
                    return _waited_for(lambda: self._buckets.read(url, take, end), end)
                return self._followed(url, take, end)
        except TimeoutError:
            raise NotFetched(f"was not fetched within {self._seconds:g} s") from None
        except AddressRefused:
            raise NotFetched("can't be fetched: its host has an address that is not public") from None
        except ssl.SSLCertVerificationError:
            raise NotFetched("can't be fetched: the certificate of its host isn't trusted") from None
        except StorageError:
            raise NotFetched("can't be fetched: it isn't in that bucket, or can't be read") from None
        except HTTPException:
            raise NotFetched("can't be fetched: its host broke off, or doesn't speak HTTP") from None
        except OSError:
            raise NotFetched("can't be fetched: its host can't be reached") from None

    def _followed(self, url: str, take: Take, end: float) -> bytes:
        for redirected in range(MAX_REDIRECTS + 1):
            try:
                target, addresses = self._resolved(url, end)
            except InvalidInput as error:
                where = "is redirected to an address that isn't allowed: " if redirected else ""
                raise NotFetched(where + error.errors[0].msg) from None
            with self._connector.connected(target, addresses, end) as connection:
                connection.request("GET", target.path, headers=HEADERS)
                with connection.getresponse() as response:
                    if response.status not in REDIRECTS:
                        return _body(response, take, end)
                    url = _next(url, target, response)
        raise NotFetched(f"was redirected more than {MAX_REDIRECTS} times")

    def _resolved(self, url: str, end: float) -> Resolved:
        return _waited_for(lambda: self._hosts.resolve(url), end)


def _waited_for(call: Callable[[], Result], end: float) -> Result:
    """Return what a call returns that has no such time limit of its own: after it, its thread is left alone.

    Raises TimeoutError at `end` (time.monotonic()), and Unavailable where the system has no room for a thread.
    """
    found: Future[Result] = Future()
    start(threading.Thread(target=_into, args=(found, call), daemon=True))
    return found.result(max(0.0, end - time.monotonic()))


def _into(found: Future[Result], call: Callable[[], Result]) -> None:
    try:
        found.set_result(call())
    except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits
        found.set_exception(error)


def _next(url: str, target: Target, response: HTTPResponse) -> str:
    """Return the URL that a response redirects to; it is checked as the first one was. Raises NotFetched."""
    location = response.getheader("Location")
    if not location:
        raise NotFetched(f"can't be fetched: its host answered {response.status} without saying where it is")
    try:
        following = urldefrag(urljoin(url, location)).url
    except ValueError:
        raise NotFetched("is redirected to a text that is no URL") from None
    if target.scheme == "https" and not following.lower().startswith("https://"):
        raise NotFetched("is redirected from https:// to an address that isn't")
    return following


def _body(response: HTTPResponse, take: Take, end: float) -> bytes:
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotFetched(f"can't be fetched: its host answered {response.status}")
    if response.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise NotFetched("came compressed (Content-Encoding), which is not unpacked")
    promised = response.length
    if promised is not None:
        take(promised)
    pieces, size = [], 0
    while piece := response.read(PIECE):
        size += len(piece)
        if promised is None:
            take(len(piece))
        pieces.append(piece)
    if time.monotonic() >= end:  # a connection that was broken off looks like an end
        raise TimeoutError
    if promised is not None and size != promised:
        raise NotFetched("can't be fetched: its host broke off")
    return b"".join(pieces)
