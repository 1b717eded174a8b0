"""Webhooks: signed by the Standard Webhooks specification, and sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from service.outbound.connections import AGENT
from service.outbound.hosts import Hosts
from service.storage.json_text import write_json
from service.telemetry.tracing import HEADER, Trace
from service.webhooks.exchange import Exchange, Undeliverable
from service.webhooks.secret import tenants_secret

TIMEOUT_S = 10.0  # seconds for connecting, sending and the response together


class Sender:
    """A sender of webhooks. `timeout_s` is the time limit of each in seconds, without the lookup of its host.

    Each webhook has a signature by each of the `secrets`, and by the secret that its tenant has from each of them;
    receivers accept it if they know one of all these.
    """

    def __init__(self, hosts: Hosts, secrets: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        self._exchange = Exchange(hosts, timeout_s)
        self._secrets = tuple(secrets)

    def send(
        self,
        url: str,
        id: str,
        payload: Mapping[str, Any] | None,
        trace: Trace | None = None,
        tenant: tuple[str, float] | None = None,
    ) -> None:
        """Send a webhook; return when the receiver has answered with 2xx. `trace` is sent as `traceparent`.

        `payload` is None where the row is damaged. `tenant` is the name of a tenant with secrets of its own, and when
        it was made.

        Raises:
            NotDelivered, Undeliverable
        """
        if payload is None:
            raise Undeliverable("what it would say can't be read: its row is damaged")
        text = write_json(payload, separators=(",", ":"))
        secrets = self._secrets + tuple(tenants_secret(secret, *tenant) for secret in self._secrets if tenant)
        headers = _headers(id, text, secrets) | ({HEADER: trace.header} if trace else {})
        self._exchange.send("POST", url, text.encode(), headers)


def _headers(id: str, text: str, secrets: Sequence[str]) -> dict[str, str]:
    sent_at = datetime.now(UTC)  # the library reads a time of any zone as UTC
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "webhook-id": id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(id, sent_at, text) for secret in secrets),
    }
