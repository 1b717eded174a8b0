"""What was found, and how it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from service.config import Settings
from service.errors import ServiceError

OK, WARNING, FAILURE = "ok", "warning", "failure"
SEPARATORS = re.compile("[:/@?#]")  # of a URL; a password that has one is where it is misread
SHORTEST = 3  # characters of what is taken for a secret: fewer are in many words


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        status: "ok", "warning" or "failure".
        about: what was looked at, in a word or two.
        said: what was found.
        advice: what to do about it; empty where nothing is to be done.
    """

    status: str
    about: str
    said: str
    advice: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(name: str, check: Check, settings: Settings) -> list[Finding]:
    """All that a check finds; where it raises, that it did, and the other checks go on."""
    found: list[Finding] = []
    try:
        for finding in check(settings):
            found.append(finding)
    except ServiceError as error:
        found.append(Finding(FAILURE, name, error.detail))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong here
        found.append(Finding(FAILURE, name, f"{type(error).__name__}: {error}"))
    return [replace(finding, said=_without_secrets(finding.said, settings)) for finding in found]


def _without_secrets(said: str, settings: Settings) -> str:
    """What is said may quote a URL, or the part of it that somebody took for a host or a port."""
    for url in (settings.database_url, settings.broker_url, settings.blobs):
        for secret in SEPARATORS.split(url.partition("://")[2].rpartition("@")[0]):
            said = said.replace(secret, "**") if len(secret) >= SHORTEST else said
    return said


def exit_status(found: Sequence[Finding]) -> int:
    """1 where something has failed."""
    return int(any(finding.status == FAILURE for finding in found))


def line_of(finding: Finding) -> str:
    """For people."""
    advice = f"\n{'':24}-> {finding.advice}" if finding.advice else ""
    return f"{finding.status:8} {finding.about:14} {finding.said}{advice}"


def json_of(found: Sequence[Finding]) -> str:
    """For machines."""
    healthy = not exit_status(found)
    return json.dumps({"healthy": healthy, "findings": [asdict(finding) for finding in found]}, indent=2)
