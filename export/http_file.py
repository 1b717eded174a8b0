"""Byte ranges of one version of a file behind an http(s) URL."""

import email.utils
import re
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from export.errors import ExportError

_WAITS_S = (1.0, 2.0, 4.0, 8.0)  # after failures in a row that brought no byte
_LONGEST_WAIT_S = 60.0  # a Retry-After beyond it ends the export
_TIMEOUTS_S = (10.0, 30.0)  # to connect, between two reads
_CHUNK_BYTES = 65_536
_PASSING_STATUSES = {408, 429, 500, 502, 503, 504}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_SHA256_TAG = re.compile(r'"?([0-9a-f]{64})"?', re.IGNORECASE)


@dataclass(frozen=True)
class Version:
    """The version of a remote file: its length in bytes, and its ETag and Last-Modified as the server writes them."""

    length: int
    etag: str
    modified: str

    @property
    def strong_etag(self) -> str | None:
        return self.etag if self.etag.startswith('"') else None

    @property
    def key(self) -> str | None:
        """A key that is equal only for equal bytes, as far as the server tells; None if it tells nothing."""
        return self.strong_etag or (f"{self.modified} {self.length}" if self.modified else None)


class _PassingError(Exception):
    """An error that is worth another try, after wait_s seconds at least."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def _broken(error: Exception) -> _PassingError:
    return _PassingError(f"the connection failed ({type(error).__name__})")


class _Session(requests.Session):
    """A session that never leaves https. Like requests' own, it sends Authorization to no other host."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        try:
            scheme = urlsplit(urljoin(resp.url, target)).scheme if target else ""
        except ValueError as error:
            raise ExportError("the server redirects to what is no address") from error
        if target and urlsplit(resp.url).scheme == "https" and scheme != "https":
            raise ExportError("the server redirects from https to an address without it")
        return target


class HttpFile:
    """A remote file read by ranges. The first answer fixes the version; a later one of another version is an error.

    `version` and `stated_sha256` are known after a read. The latter has 64 hexadecimal digits; None if the server
    doesn't state the file's SHA-256.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = _Session()
        self._version: Version | None = None
        self.stated_sha256: str | None = None

    @property
    def version(self) -> Version:
        if self._version is None:
            raise ExportError("nothing was read yet")
        return self._version

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes start to end - 1. A broken download goes on from its last byte. Raises ExportError."""
        data = bytearray()
        failures = 0
        while len(data) < end - start:
            before = len(data)
            try:
                self._append(data, start + before, end)
            except _PassingError as error:
                failures = 1 if len(data) > before else failures + 1
                if failures > len(_WAITS_S):
                    raise ExportError(f"{error}, {failures} times in a row") from error
                time.sleep(max(error.wait_s, _WAITS_S[failures - 1]))
        return bytes(data)

    def _append(self, data: bytearray, start: int, end: int) -> None:
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        if self._version and self._version.strong_etag:
            headers["If-Range"] = self._version.strong_etag
        try:
            with self._session.get(self._url, headers=headers, stream=True, timeout=_TIMEOUTS_S) as response:
                count = self._check(response, start, end)
                whole = len(data) + count
                while chunk := response.raw.read1(_CHUNK_BYTES):  # unlike read(), keeps what came before a break
                    data += chunk[: whole - len(data)]
            if len(data) < whole:
                raise _PassingError("the answer was cut short")
        except requests.exceptions.SSLError as error:
            raise ExportError("the server's certificate or TLS was not accepted") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _broken(error) from error
        except requests.RequestException as error:  # its text may hold the URL's secrets
            raise ExportError(f"can't be read ({type(error).__name__})") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:  # while the body comes
            raise _broken(error) from error

    def _check(self, response: requests.Response, start: int, end: int) -> int:
        """Check an answer; return how many bytes it holds, which may be fewer than requested."""
        self._check_status(response)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ExportError("the server compresses the ranges of the file")
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        first, last, length = map(int, found.groups()) if found else (-1, -1, -1)
        if first != start or not start <= last < min(end, length):
            header = response.headers.get("Content-Range", "no Content-Range")
            raise ExportError(f"bytes {start}-{end - 1} were asked for, the server answers {header!r}")
        version = Version(length, response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))
        if self._version is None:
            self._version, self.stated_sha256 = version, _stated_sha256(response)
        elif version != self._version:
            raise ExportError("changed while it was read")
        return last + 1 - first

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _PASSING_STATUSES:
            raise _PassingError(f"HTTP status {status}", _retry_after_s(response))
        if status == requests.codes.ok and self._version and self._version.strong_etag:
            raise ExportError("changed while it was read")  # the answer to an If-Range that no longer holds
        if status == requests.codes.ok:
            raise ExportError("the server sends no ranges of files: fetch the file, and give --weights its path")
        if status != requests.codes.partial_content:
            raise ExportError(f"HTTP status {status} {response.reason}".rstrip())


def _stated_sha256(response: requests.Response) -> str | None:
    """Return the SHA-256 that a hub states: as X-Linked-ETag of a redirect or of the file, or as the file's ETag."""
    for answer in (*response.history, response):
        found = _SHA256_TAG.fullmatch(answer.headers.get("X-Linked-ETag", ""))
        if found:
            return found[1].lower()
    found = _SHA256_TAG.fullmatch(response.headers.get("ETag", ""))
    return found[1].lower() if found else None


def _retry_after_s(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "").strip()
    seconds = float(text) if text.isascii() and text.isdigit() else _seconds_until(text)
    if seconds > _LONGEST_WAIT_S:
        raise ExportError(f"HTTP status {response.status_code}; the server asks to wait for {seconds:.0f} s")
    return seconds


def _seconds_until(date: str) -> float:
    try:
        return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return 0.0  # no date: the usual wait
