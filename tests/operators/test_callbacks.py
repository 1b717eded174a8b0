"""Webhooks that are sent again, by the API."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from front_door import RunningService, eventually
from operators.scraping import HEADERS, ended, post
from webhooks.receiver import Receiver

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
