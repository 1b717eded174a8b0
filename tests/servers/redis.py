"""A Redis for the tests."""

from __future__ import annotations

from servers.server import Server


class Redis(Server):
    """A Redis that keeps nothing on disk: its data is gone after `stop`."""

    def command(self) -> list[str]:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        return ["redis-server", *options]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
