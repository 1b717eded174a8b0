"""What a webhook is on its way: compact JSON, with an id, a time and a signature."""

from __future__ import annotations

import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from webhooks.receiver import SECRET, SECRETS, Receiver, signature
from webhooks.sending import PAYLOAD, attempt

from service.outbound.hosts import WEBHOOKS, Hosts
from service.webhooks.exchange import NotDelivered
from service.webhooks.secret import tenants_secret
from service.webhooks.sender import Sender


def test_a_webhook_arrives_as_compact_json_that_the_standards_own_library_verifies() -> None:
    with Receiver() as receiver:
        attempt(receiver.url("/hook?a=b%20c"))
    (received,) = receiver.received
    assert received.path == "/hook?a=b%20c"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "msg_1"
    assert received.body == json.dumps(PAYLOAD, separators=(",", ":")).encode()
    assert Webhook(SECRET).verify(received.body, received.headers) == PAYLOAD


def test_the_signature_is_that_of_the_specification() -> None:
    with Receiver() as receiver:
        attempt(receiver.url())
    (received,) = receiver.received
    assert received.headers["webhook-signature"] == signature(received)
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60


def test_while_one_secret_replaces_another_receivers_may_know_either() -> None:
    with Receiver() as receiver:
        Sender(Hosts(WEBHOOKS, ("127.0.0.1",)), SECRETS).send(receiver.url(), "msg_1", PAYLOAD)
    (received,) = receiver.received
    assert len(received.headers["webhook-signature"].split(" ")) == len(SECRETS)
    for secret in SECRETS:
        assert Webhook(secret).verify(received.body, received.headers) == PAYLOAD


def test_a_tenants_own_secret_signs_its_webhooks_and_nobody_elses() -> None:
    with Receiver() as receiver:
        sender = Sender(Hosts(WEBHOOKS, ("127.0.0.1",)), SECRETS)
        sender.send(receiver.url(), "msg_1", PAYLOAD, tenant=("acme", 1_700_000_000.25))
    (received,) = receiver.received
    for secret in SECRETS:
        assert Webhook(secret).verify(received.body, received.headers) == PAYLOAD
        own = tenants_secret(secret, "acme", 1_700_000_000.25)
        assert Webhook(own).verify(received.body, received.headers) == PAYLOAD
        for other in (("acm", 1_700_000_000.25), ("acme", 1_700_000_000.5)):
            with pytest.raises(WebhookVerificationError):
                Webhook(tenants_secret(secret, *other)).verify(received.body, received.headers)


def test_the_timestamp_is_right_in_any_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        with Receiver() as receiver:
            attempt(receiver.url())
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    (received,) = receiver.received
    assert received.headers["webhook-signature"] == signature(received)
    Webhook(SECRET).verify(received.body, received.headers)


@pytest.mark.slow
def test_every_attempt_has_the_same_id_and_a_signature_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(500) as receiver:
        with pytest.raises(NotDelivered):
            attempt(receiver.url())
        attempt(receiver.url())
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.headers["webhook-signature"] == signature(second)
