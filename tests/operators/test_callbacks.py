"""Webhooks that are sent again, by the API."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
from front_door import RunningService, eventually
from operators.scraping import HEADERS, ended, job, post
from standardwebhooks import Webhook, WebhookVerificationError
from tenants.people import command, first_by_command
from webhooks.receiver import SECRETS, Received, Receiver

pytestmark = pytest.mark.slow


def send_again(service: RunningService, id: str) -> requests.Response:
    return requests.post(f"{service.url}/v1/transfers/{id}/callback", headers=HEADERS, timeout=60)


def test_the_webhook_of_an_ended_transfer_is_sent_again(watched: RunningService, body: dict[str, Any]) -> None:
    def callback() -> Any:
        return watched.get(f"/v1/transfers/{id}", headers=HEADERS).json()["callback"]

    with Receiver(410) as receiver:
        id = post(watched, body | {"callback_url": receiver.url()})
        eventually(lambda: (callback() or {}).get("status") == "failed", 30, "it wasn't given up")
        response = send_again(watched, id)
        assert response.status_code == 202, response.text
        assert response.json()["callback"] == {
            "url": receiver.url(), "status": "pending", "attempts": 0, "error": None
        }  # fmt: skip
        eventually(lambda: callback()["status"] == "delivered", 30, "it wasn't sent again")
        items = watched.get("/v1/transfers", headers=HEADERS).json()["items"]
        assert [item["callback"] for item in items if item["id"] == id] == [callback()]
    first, second = receiver.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


def test_it_is_sent_again_whatever_the_end_was_and_all_secrets_sign_it(
    watched: RunningService, body: dict[str, Any]
) -> None:
    with Receiver() as receiver:
        hooked = body | {"callback_url": receiver.url()}
        ids = [
            post(watched, hooked),
            post(watched, hooked | {"variants": [{}, {"strength": 0.2}]}),
            post(watched, hooked | {"iterations": 5000, "deadline_s": 0.1}),
            post(watched, hooked | {"iterations": 5000}),
        ]
        requests.post(f"{watched.url}/v1/transfers/{ids[-1]}/cancel", headers=HEADERS, timeout=60)
        ends = [ended(watched, id)["status"] for id in ids]
        assert ends == ["succeeded", "succeeded", "failed", "canceled"]
        eventually(lambda: len(receiver.received) == len(ids), 30, "not all were sent")
        for id in ids:
            assert job(watched, id)["callback"]["status"] == "delivered"
            assert send_again(watched, id).status_code == 202
        eventually(lambda: len(receiver.received) == 2 * len(ids), 30, "not all were sent again")
    once, again = ({one.headers["webhook-id"]: one.body for one in part} for part in halves(receiver.received))
    assert once == again
    told = {payload["data"]["id"]: payload for payload in map(json.loads, again.values())}
    assert [told[id]["type"] for id in ids] == [f"transfer.{end}" for end in ends]
    assert len(told[ids[1]]["data"]["result"]["variants"]) == 2
    for received in receiver.received:
        assert len(received.headers["webhook-signature"].split(" ")) == len(SECRETS)
        for secret in SECRETS:
            assert Webhook(secret).verify(received.body, received.headers)


def test_the_receivers_of_a_tenant_have_a_secret_of_their_own(watched: RunningService, body: dict[str, Any]) -> None:
    for name in ("hooked", "other"):
        assert command(watched, "tenants", "add", name).returncode == 0
    person = first_by_command(watched, "--tenant", "hooked", "--name", "test", "--scopes", "read,run")
    secrets = command(watched, "webhook-secret", "--tenant", "hooked").stdout.split()
    with Receiver() as receiver:
        assert person.post("/v1/transfers", body | {"callback_url": receiver.url()}).status_code == 202
        eventually(lambda: receiver.received, 30, "it wasn't sent")
    (received,) = receiver.received
    assert len(secrets) == len(SECRETS)
    for secret in (*secrets, *SECRETS):
        assert Webhook(secret).verify(received.body, received.headers)["type"] == "transfer.succeeded"
    for secret in command(watched, "webhook-secret", "--tenant", "other").stdout.split():
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(received.body, received.headers)
    default = command(watched, "webhook-secret", "--tenant", "default")  # it would be the secret of all
    assert (default.returncode, default.stdout) == (2, "")
    unknown = command(watched, "webhook-secret", "--tenant", "nobody")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "there is no tenant 'nobody'" in unknown.stderr


def halves(received: list[Received]) -> tuple[list[Received], list[Received]]:
    return received[: len(received) // 2], received[len(received) // 2 :]


def test_one_that_waits_for_its_next_try_is_sent_at_once(watched: RunningService, body: dict[str, Any]) -> None:
    with Receiver(500, 500) as receiver:
        id = post(watched, body | {"callback_url": receiver.url()})
        ended(watched, id)
        eventually(lambda: len(receiver.received) == 2, 30, "it isn't tried twice")
        eventually(lambda: 9 < due_in(watched, id) < 60, 30, "no third try is planned")  # in 10 s
        watched.execute("UPDATE deliveries SET due_at = due_at + 3600 WHERE job_id = ?", id)
        assert send_again(watched, id).status_code == 202
        eventually(lambda: job(watched, id)["callback"]["status"] == "delivered", 30, "it waits still")
    assert len(set(receiver.ids())) == 1


def due_in(service: RunningService, id: str) -> float:
    """Return the seconds until a webhook is due."""
    ((due_at,),) = service.execute("SELECT due_at FROM deliveries WHERE job_id = ?", id)
    return float(due_at) - time.time()


def test_there_is_none_to_send_without_an_end_or_a_url(watched: RunningService, body: dict[str, Any]) -> None:
    assert send_again(watched, "nothing").status_code == 404
    silent = post(watched, body)
    ended(watched, silent)
    refused = send_again(watched, silent)
    assert (refused.status_code, [error["loc"] for error in refused.json()["errors"]]) == (422, ["callback_url"])
    with Receiver() as receiver:
        running = post(watched, body | {"iterations": 5000, "callback_url": receiver.url()})
        refused = send_again(watched, running)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:nst:problem:not-ready")
        requests.delete(f"{watched.url}/v1/transfers/{running}", headers=HEADERS, timeout=60)
    assert receiver.received == []
