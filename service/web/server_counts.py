"""What all web processes of a server count together: requests and event streams of each tenant."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.machine.fork_places import ForkPlaces
from service.tenants.rates import Rates


@dataclass(frozen=True)
class ServerCounts:
    """Counts of a process and of those that are forked from it later."""

    rates: Rates = field(default_factory=Rates)
    streams: ForkPlaces = field(default_factory=ForkPlaces)


_of_server: list[ServerCounts] = []


def share_counts() -> None:
    """Let all applications count together that this process makes from now on, and those forked from it."""
    _of_server[:] = [ServerCounts()]


def server_counts() -> ServerCounts:
    """Return the counts that are shared; without such, new ones."""
    return _of_server[0] if _of_server else ServerCounts()
