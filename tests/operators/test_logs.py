"""The log: one line a request and a job, all of it JSON, tied together by ids, and without secrets."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import requests
from front_door import RunningService, eventually
from operators.scraping import HEADERS, KEY, end_of, ended, logged, post
from webhooks.receiver import SECRET, Receiver

from service.telemetry.tracing import parse

pytestmark = pytest.mark.slow

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def test_a_trace_goes_from_the_request_into_the_job_and_its_webhook(
    watched: RunningService, body: dict[str, Any]
) -> None:
    with Receiver() as receiver:
        asked = body | {"callback_url": receiver.url()}
        id = post(watched, asked, traceparent=TRACEPARENT, **{"X-Request-ID": "my-own.id"})
        ended(watched, id)
        eventually(lambda: receiver.received, 60, "no webhook")
    webhook = parse(receiver.received[0].headers["traceparent"])
    about = [line for line in logged(watched) if line.get("job_id") == id]
    (request,) = [line for line in about if line.get("method") == "POST"]
    (begun,) = [line for line in about if line["message"] == f"job {id}: begun"]
    assert end_of(watched, id)[0] in about
    assert webhook
    assert {line["trace_id"] for line in about} | {webhook.trace_id} == {TRACE_ID}
    spans = {request["span_id"], begun["span_id"], webhook.span_id}
    assert len(spans) == 3
    assert "00f067aa0ba902b7" not in spans
    assert request["request_id"] == "my-own.id"


def test_a_request_has_one_line(watched: RunningService) -> None:
    response = watched.get("/v1/styles/none?secret=query", headers=HEADERS)
    id = response.headers["X-Request-ID"]
    eventually(lambda: any(line.get("request_id") == id for line in logged(watched)), 60, "no line")
    (line,) = [line for line in logged(watched) if line.get("request_id") == id]
    told = ("level", "method", "path", "route", "status", "bytes")
    assert [line[name] for name in told] == [
        "INFO", "GET", "/v1/styles/none", "/v1/styles/<name>", 404, len(response.content)
    ]  # fmt: skip
    assert line["duration_ms"] > 0
    assert line["caller"].startswith("key:")
    assert parse(f"00-{line['trace_id']}-{line['span_id']}-01")
    assert "query" not in watched.log.read_text()


def test_a_stream_has_its_line_when_it_ends(watched: RunningService, body: dict[str, Any]) -> None:
    id = post(watched, body | {"iterations": 200})
    url = f"{watched.url}/v1/transfers/{id}/events"
    with contextlib.closing(requests.get(url, headers=HEADERS, stream=True, timeout=60)) as response:
        size = len(response.content)
    lines: list[dict[str, Any]] = []

    def found() -> bool:
        lines[:] = [line for line in logged(watched) if line.get("path", "").endswith(f"{id}/events")]
        return bool(lines)

    eventually(found, 60, "no line")
    (line,) = lines
    assert line["bytes"] == size
    assert line["time"] >= end_of(watched, id)[0]["time"]


def test_a_job_has_one_line_at_its_end(watched: RunningService, body: dict[str, Any]) -> None:
    id = post(watched, body)
    done = ended(watched, id)
    (line,) = end_of(watched, id)
    told = {name: line[name] for name in ("level", "kind", "status", "size", "iterations", "style_cache", "attempts")}
    assert told == {
        "level": "INFO", "kind": "transfer", "status": "succeeded", "size": 64,
        "iterations": 20, "style_cache": "miss", "attempts": 1,
    }  # fmt: skip
    assert {name: line[name] for name in done["timings"]} == done["timings"]
    late = post(watched, body | {"size": 512, "iterations": 5000, "deadline_s": 0.3})
    ended(watched, late)
    (line,) = end_of(watched, late)
    assert (line["level"], line["status"], line["cause"]) == ("WARNING", "failed", "deadline-exceeded")


def test_every_line_is_json_and_none_has_a_secret(watched: RunningService, body: dict[str, Any]) -> None:
    ended(watched, post(watched, body))
    requests.post(f"{watched.url}/v1/transfers", data=b"{", headers=HEADERS, timeout=60)
    requests.get(f"{watched.url}/v1/styles", headers={"X-API-Key": f"{KEY}-nearly"}, timeout=60)
    lines = logged(watched)
    assert {"service.commands.serve", "gunicorn.error", "service.worker.loop"} <= {line["logger"] for line in lines}
    assert all({"time", "level", "logger", "process", "message"} <= set(line) for line in lines)
    assert not any(line.get("path") in ("/livez", "/readyz", "/metrics") for line in lines)
    text = watched.log.read_text()
    assert KEY not in text
    assert SECRET not in text
