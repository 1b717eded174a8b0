"""A check of the model file by a short-lived process: `serve`, which asks for it, keeps none of its memory."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from service.errors import ModelUnavailable


def check_model(path: Path) -> None:
    """Check that workers will be able to read the model. Call it before this process has threads, as it forks.

    Raises:
        ModelUnavailable: they will not.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_read, args=(path, theirs))
    process.start()
    theirs.close()
    try:
        problem = ours.recv()
    except EOFError:
        problem = f"the model {path} could not be read: the process that tried has ended; is there too little memory?"
    process.join()
    if problem:
        raise ModelUnavailable(problem)


def _read(path: Path, report: Connection) -> None:
    from service.network.model import load_model  # noqa: PLC0415 - what it loads must not stay in the parent

    try:
        load_model(path)
    except ModelUnavailable as error:
        report.send(error.detail)
    except Exception as error:  # noqa: BLE001 - the parent says it
        report.send(f"the model {path} could not be read: {type(error).__name__}: {error}")
    else:
        report.send("")
