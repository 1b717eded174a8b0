"""Logging, set up in one way in every process: a line for each event, to standard error, as JSON or as text."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from service.telemetry.log_stream import LogStream
from service.telemetry.stray_lines import log_stream

TEXT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LOST = "%d lines of this process are missing here: nobody read its log"
NAMES = {"levelname": "level", "name": "logger"}

_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never written to


def set_up_logs(form: str = "auto") -> None:
    """Write all logs, warnings and fatal errors to standard error.

    Args:
        form: "json", "text", or "auto": text at a terminal, JSON elsewhere.
    """
    root = logging.getLogger()
    ours = next((handler for handler in root.handlers if isinstance(handler, _Handler)), None)
    if ours is None and not root.handlers:  # handlers that were set up before, for example by a test, stay
        ours = _Handler(log_stream())
        root.addHandler(ours)
        root.setLevel(logging.INFO)
    if ours is not None:
        ours.setFormatter(_formatter(form, ours.stream))
        logging.captureWarnings(True)
        sys.excepthook, threading.excepthook, sys.unraisablehook = _log_fatal, _log_end_of_thread, _log_unraisable
    logging.getLogger("alembic").setLevel(logging.WARNING)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add these fields to all that this thread logs in the block."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def bind(**fields: Any) -> None:
    """Set the fields of all that this thread logs from now on; earlier fields are dropped."""
    _context.set(fields)


class _Handler(logging.StreamHandler[Any]):
    """A handler that adds the bound fields to each record; the record's own fields win."""

    def emit(self, record: logging.LogRecord) -> None:
        for name, value in _context.get().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        told = self._tell_of_lost() if isinstance(self.stream, LogStream) else 0
        super().emit(record)
        if told:
            self.stream.lost -= told  # only now, so that neither line waits for room

    def _tell_of_lost(self) -> int:
        """Write how many lines were lost, if there is room; return their number, 0 if that couldn't be written."""
        lost = self.stream.lost
        if not (lost and self.stream.has_room()):
            return 0
        super().emit(logging.LogRecord(__name__, logging.WARNING, "", 0, LOST, (lost,), None))
        told = lost if self.stream.lost == lost else 0
        self.stream.lost = lost
        return told


class _OneLine(logging.Formatter):
    """Text format that escapes control characters, so that a message stays on one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        record.message = CONTROL.sub(lambda found: repr(found[0])[1:-1], record.message)
        return super().formatMessage(record)


def _formatter(form: str, stream: TextIO | LogStream = sys.stderr) -> logging.Formatter:
    if form == "text" or (form == "auto" and stream.isatty()):
        return _OneLine(TEXT)
    return JsonFormatter(["levelname", "name", "process", "message"], rename_fields=NAMES, timestamp="time")


def _log_fatal(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger(__name__).critical("the process ends of an error", exc_info=(kind, error, trace))


def _log_unraisable(about: sys.UnraisableHookArgs) -> None:
    """Log an error in a finalizer or callback, which nobody could catch."""
    words = about.err_msg or "an error was ignored"
    exc_info = (about.exc_type, about.exc_value or about.exc_type(), about.exc_traceback)
    logging.getLogger(__name__).error("%s: %r", words, about.object, exc_info=exc_info)


def _log_end_of_thread(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value
    if error is not None:
        exc_info = (args.exc_type, error, args.exc_traceback)
        logging.getLogger(__name__).critical("a thread ends of an error", exc_info=exc_info)
