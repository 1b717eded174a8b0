"""nst folder/: all pictures of a folder."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from nst_client.client import Client
from nst_client.command import outputs, plan, recipe
from nst_client.command.bar import Bar
from nst_client.command.plan import Work
from nst_client.errors import ClientError, NotFound, Problem
from nst_client.transfers import Transfer

LOOK_S = 0.5  # seconds between two looks at the jobs under way
ATTEMPTS = 10  # at a picture whose job failed in a former call
DOES_NOT_FIT = "urn:nst:problem:does-not-fit"  # a job that takes more memory than a worker has


@dataclass
class Run:
    """The pictures of one call: those to come, under way, painted and failed.

    After a `refusal` none is submitted before `not_before`, a time of the monotonic clock.
    """

    name: str
    todo: list[Work]
    running: dict[Work, Transfer] = field(default_factory=dict)
    painted: int = 0
    failed: list[str] = field(default_factory=list)
    refusal: Problem | OSError | None = None
    not_before: float = -math.inf

    @property
    def ended(self) -> int:
        return self.painted + len(self.failed)

    def put_off(self, refusal: Problem | OSError, seconds: float | None) -> None:
        """Submit nothing for so many seconds; None: nothing more."""
        self.refusal = refusal
        self.not_before = math.inf if seconds is None else time.monotonic() + seconds

    def ask_again(self) -> None:
        """Submit the next picture at once, where what has ended may have made room for it; else raise the refusal."""
        if self.refusal and self.not_before == math.inf:
            raise self.refusal
        self.not_before = -math.inf


def paint(client: Client, args: argparse.Namespace) -> int:
    """Paint all pictures of a folder into another one. What is there is not painted again, and never replaced.

    Jobs that were submitted before Ctrl-C or an error go on in the service; the next call takes them up.
    """
    fields = recipe.fields_of(args)
    fields["format"] = outputs.format_of(fields)
    pictures = outputs.pictures_of(fields)
    every = plan.works(args.source, args.output, outputs.SUFFIXES[fields["format"]], pictures)
    plan.check_writable(every, args.source, args.output)
    run = Run(plan.run_of(args.output, recipe.digest(fields)), [work for work in every if work.missing])
    there = len(every) - len(run.todo)
    if there:
        print(f"{there} of {len(every)} are there already")
    try:
        with Bar(args.source.name, len(every)) as bar:
            for under_way in _carried_out(client, run, fields, max(1, args.jobs)):
                bar.show(there + run.ended + under_way, f"{there + run.ended} of {len(every)}")
    except (KeyboardInterrupt, ClientError, OSError) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        if interrupted or run.running or run.painted:
            left = f"{len(every) - there - run.painted} are left"
            words = f"Broken off: {left}. The same line goes on, with the service's jobs too."
            print(f"\n{words}" if interrupted else words, file=sys.stderr)
        raise
    finally:
        for line in run.failed:
            print(f"nst: {line}", file=sys.stderr)
    print(f"{there + run.painted} of {len(every)} are in {args.output}")
    return 1 if run.failed else 0


def _carried_out(client: Client, run: Run, fields: Mapping[str, Any], most: int) -> Iterator[float]:
    """Paint what is to do, `most` at a time; yield again and again how much of those under way is done."""
    run.todo.reverse()
    while run.todo or run.running:
        while run.todo and len(run.running) < most and _submitted(client, run, fields):
            yield _under_way(run)
        for work in list(run.running):
            _look(run, work)
        yield _under_way(run)
        if not run.running:
            run.ask_again()
        if run.todo or run.running:
            time.sleep(LOOK_S)


def _under_way(run: Run) -> float:
    return sum(job.fraction for job in run.running.values())


def _submitted(client: Client, run: Run, fields: Mapping[str, Any]) -> bool:
    """Submit the next picture; return False if the service takes none now, but others are under way.

    Raises Problem if none is.
    """
    if time.monotonic() < run.not_before:
        return False
    work = run.todo[-1]
    try:
        run.running[work] = _job(client, work, run.name, fields)
    except Problem as error:
        if not _is_of_one_picture(error):
            if not run.running:
                raise
            run.put_off(error, error.retry_after)
            return False
        run.failed.append(f"{work.source}: {error.errors[0].msg if error.errors else error}")
    except OSError as error:
        run.failed.append(f"{work.source}: {error.strerror}")
    run.todo.pop()
    return True


def _is_of_one_picture(error: Problem) -> bool:
    """Return whether a refusal is a picture's own: it can't be read, or is too large for the service or a worker."""
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or error.type == DOES_NOT_FIT:
        return True
    return bool(error.errors) and all(wrong.loc.startswith("content") for wrong in error.errors)


def _job(client: Client, work: Work, run: str, fields: Mapping[str, Any]) -> Transfer:
    """Return the picture's job, the one of a former call if that goes on or has succeeded."""
    for number in range(ATTEMPTS):
        job = client.transfer(work.source, idempotency_key=work.key(run, number), **fields)
        if job.status not in ("failed", "canceled"):
            break
    return job


def _look(run: Run, work: Work) -> None:
    """Read a job under way, and save its picture if it has succeeded."""
    job = run.running[work]
    try:
        if not job.has_ended:
            job.refresh()
        if not job.has_ended:
            return
        if job.has_succeeded:
            for number, file in work.missing:
                job.save(file, number)
            run.painted += 1
        else:
            run.failed.append(f"{work.source}: {job.failure}")
    except NotFound:
        run.failed.append(f"{work.source}: its job was deleted")
    except OSError as error:  # as of a full disk
        run.put_off(error, None)
    del run.running[work]
