"""Helpers that send one webhook, under a rule that lets loopback be a receiver."""

from __future__ import annotations

from collections.abc import Sequence

from webhooks.receiver import SECRET

from service.outbound.hosts import WEBHOOKS, Hosts
from service.webhooks.sender import Sender

NAME = "hooks.example.com"
PAYLOAD = {"type": "transfer.succeeded", "timestamp": "2026-01-02T03:04:05.678Z", "data": {"é": [1.5, None]}}


def sender(addresses: Sequence[str] = ("127.0.0.1",), timeout_s: float = 10.0) -> Sender:
    """Return a sender that may send to loopback, where the name leads to these addresses."""
    return Sender(Hosts(WEBHOOKS, (NAME, "127.0.0.0/8"), lambda host, port: addresses), (SECRET,), timeout_s)


def attempt(url: str, timeout_s: float = 10.0) -> None:
    sender(timeout_s=timeout_s).send(url, "msg_1", PAYLOAD)
