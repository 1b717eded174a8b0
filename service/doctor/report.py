"""The report: findings, as lines and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from service.config import Settings
from service.errors import ServiceError

OK, WARNING, FAILURE = "ok", "warning", "failure"
SEPARATORS = re.compile("[:/@?#]")  # of a URL; a password that contains one may be misread
SHORTEST = 3  # least length of a secret that is masked, in characters: shorter ones occur in many words


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        status: "ok", "warning" or "failure".
        about: what was checked, in a word or two.
        text: what was found.
        advice: what to do about it; empty if nothing.
    """

    status: str
    about: str
    text: str
    advice: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(name: str, check: Check, settings: Settings) -> list[Finding]:
    """Run a check and return its findings; an exception becomes a finding too."""
    found: list[Finding] = []
    try:
        for finding in check(settings):
            found.append(finding)
    except ServiceError as error:
        found.append(Finding(FAILURE, name, error.detail))
    except Exception as error:  # noqa: BLE001 - whatever a check raises is a finding
        found.append(Finding(FAILURE, name, f"{type(error).__name__}: {error}"))
    return [replace(finding, text=_without_secrets(finding.text, settings)) for finding in found]


def _without_secrets(text: str, settings: Settings) -> str:
    """Mask passwords of URLs, or parts of them that were misread as host or port."""
    for url in (settings.database_url, settings.broker_url, settings.blobs):
        for secret in SEPARATORS.split(url.partition("://")[2].rpartition("@")[0]):
            text = text.replace(secret, "**") if len(secret) >= SHORTEST else text
    return text


def exit_status(found: Sequence[Finding]) -> int:
    """Return 1 if a check has failed, else 0."""
    return int(any(finding.status == FAILURE for finding in found))


def line_of(finding: Finding) -> str:
    """Return a finding as text."""
    advice = f"\n{'':24}-> {finding.advice}" if finding.advice else ""
    return f"{finding.status:8} {finding.about:14} {finding.text}{advice}"


def json_of(found: Sequence[Finding]) -> str:
    """Return the report as JSON."""
    healthy = not exit_status(found)
    return json.dumps({"healthy": healthy, "findings": [_as_json(finding) for finding in found]}, indent=2)


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "status": finding.status,
        "about": finding.about,
        "said": finding.text,  # the key that earlier versions' reports have
        "advice": finding.advice,
    }
