"""A request as its bytes arrive: first its head, which gunicorn parses, then its body."""

from __future__ import annotations

import contextlib
import re
from io import BytesIO
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import (
    InvalidHeader,
    LimitRequestHeaders,
    NoMoreData,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from service.web.bodies import ChunkedBody, NoBody, SizedBody

LONGEST_HEAD = 16 * 1024  # bytes, request line included
HEAD_END = b"\r\n\r\n"
BARE_NEWLINE = re.compile(rb"(?<!\r)\n")


class Incoming:
    """A request that is being read from a connection.

    Attributes:
        request: gunicorn's request object; None until the head is whole.
        expects_continue: whether the client waits for 100 (Continue) before it sends the body.
    """

    def __init__(self, cfg: Any, client: Any, limit: int) -> None:
        self.request: Any = None
        self.expects_continue = False
        self._cfg = cfg
        self._client = client
        self._limit = limit
        self._head = bytearray()
        self._body: SizedBody | ChunkedBody | None = None

    @property
    def begun(self) -> bool:
        """Return whether any part of the request has arrived."""
        return bool(self._head)

    @property
    def length(self) -> int:
        """Return how many bytes of the body are in memory."""
        return self._body.length if self._body else 0

    @property
    def wanted(self) -> int:
        """Return how many bytes to read next at most."""
        return self._body.wanted if self._body else LONGEST_HEAD

    def close(self) -> None:
        """Free the body, even if something still refers to it.

        A chunked request and its decoders (gunicorn's and ours) refer to each other until the garbage collector runs.
        """
        if self._body:
            self._body.data.close()

    def take(self, data: memoryview) -> bytes | None:
        """Add bytes; return those after the request once it can be passed on, else None.

        Raises:
            ParseException: it is malformed, or its head too large.
            Refusal: its body comes in too many chunks.
        """
        if self.request is None:
            behind = self._take_head(data)
            if behind is None:
                return None
            self._expect_body()
            data = memoryview(behind)
        if self._body is None:  # a body that is too large is never read
            return b""
        rest = self._body.take(data)
        if rest is not None:
            self._pass_on(self._body)
        return rest

    def _take_head(self, data: memoryview) -> bytes | None:
        searched = max(0, len(self._head) - len(HEAD_END) + 1)
        self._head += data
        end = self._head.find(HEAD_END, searched)
        if end < 0 or end > LONGEST_HEAD:
            self._check_unended(searched)
            return None
        end += len(HEAD_END)
        self.request = self._parsed(bytes(self._head[:end]))
        return bytes(self._head[end:])

    def _check_unended(self, searched: int) -> None:
        """Refuse a head that is too large, or that can't end any more; gunicorn may find a better reason."""
        too_large = len(self._head) > LONGEST_HEAD
        if not too_large and not BARE_NEWLINE.search(self._head, searched):
            return
        with contextlib.suppress(NoMoreData, StopIteration):
            self._parsed(bytes(self._head))
        if too_large:
            raise LimitRequestHeaders(f"the request's head has more than {LONGEST_HEAD} bytes")
        raise InvalidHeader("bare LF as line terminator")

    def _parsed(self, head: bytes) -> Any:
        return Request(self._cfg, IterUnreader([head]), self._client)

    def _expect_body(self) -> None:
        request = self.request
        self.expects_continue = request._expected_100_continue
        request._expected_100_continue = False  # gunicorn would send 100 again, and late
        if isinstance(request.body.reader, ChunkedReader):
            _check_coding(request)
            self._body = ChunkedBody(request, self._limit)
        elif request.body.reader.length > self._limit:
            self._leave_body()
        else:
            self._body = SizedBody(request.body.reader.length)

    def refuse_body(self) -> None:
        """Have the request passed on without its body: the application refuses it for another reason."""
        self.close()
        self._leave_body()
        self.request.body = NoBody()

    def _leave_body(self) -> None:
        """Pass the request on without its body: the application refuses it because of its length."""
        self._body = None
        self.expects_continue = False
        self.request.body = BytesIO()
        self.request.force_close()

    def _pass_on(self, body: SizedBody | ChunkedBody) -> None:
        """Give the request its body, and one that came in chunks its length."""
        body.data.getvalue()  # shrinks its buffer to the body's length: then a read of the whole body copies nothing
        body.data.seek(0)
        self.request.body = body.data
        if isinstance(body, SizedBody):
            return
        if body.too_large:
            self._leave_body()
        length = self._limit + 1 if body.too_large else body.length
        headers = [field for field in self.request.headers if field[0] != "TRANSFER-ENCODING"]
        self.request.headers = [*headers, ("CONTENT-LENGTH", str(length))]


def _check_coding(request: Any) -> None:
    """Refuse compressed transfer codings: gunicorn would pass the body on compressed."""
    for name, value in request.headers:
        if name == "TRANSFER-ENCODING" and value.lower() != "chunked":
            raise UnsupportedTransferCoding(value)
