"""Health, the API's own description, and keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, eventually, png

from service.engine.options import OPTIONS

PICTURE = b64(png(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)))


def test_the_service_lives_and_is_ready(service: RunningService) -> None:
    assert service.get("/livez").json() == {"status": "alive"}
    assert service.get("/readyz").json() == {"status": "ready"}


def test_it_is_not_ready_without_its_model_or_its_blobs(narrow_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(narrow_model.read_bytes())
    with RunningService(model, tmp_path) as service:
        model.unlink()
        response = service.get("/readyz")
        assert response.status_code == 503
        assert response.headers["Content-Type"] == "application/problem+json"
        assert "python -m export" in response.json()["detail"]
        shutil.rmtree(tmp_path / "blobs")
        (tmp_path / "blobs").write_text("no folder any more")
        detail = service.get("/readyz").json()["detail"]
        assert "probe/" in detail
        assert "python -m export" in detail


@pytest.mark.slow
def test_it_is_not_ready_without_a_worker(narrow_model: Path, tmp_path: Path) -> None:
    """After everything was killed a restart counts its own workers, not the dead; here none can load its model."""
    model = tmp_path / "model.onnx"
    model.write_bytes(narrow_model.read_bytes())
    with RunningService(model, tmp_path) as service:
        service.kill_everything()
        model.write_bytes(b"broken")
        service.start(wait=False)
        eventually(lambda: service.answers("/livez"), 30, "the web side does not live")
        response = service.get("/readyz")
        assert response.status_code == 503
        assert "no worker" in response.json()["detail"]


def test_the_choices_described_are_those_of_the_options(service: RunningService) -> None:
    described = service.get("/openapi.json").json()["components"]["schemas"]["TransferBody"]["properties"]
    for name, option in OPTIONS.items():
        if option.metadata["choices"] and name != "init":
            assert tuple(described[name]["enum"]) == option.metadata["choices"]


def test_the_description_is_openapi_3_1_and_knows_every_call(service: RunningService) -> None:
    spec = service.get("/openapi.json").json()
    assert spec["openapi"].startswith("3.1")
    calls = {(method, path) for path, item in spec["paths"].items() for method in item}
    assert {
        ("put", "/v1/styles/{name}"), ("get", "/v1/styles"), ("get", "/v1/styles/{name}"),
        ("get", "/v1/styles/{name}/image"), ("delete", "/v1/styles/{name}"),
        ("post", "/v1/transfers"), ("get", "/v1/transfers"), ("get", "/v1/transfers/{id}"),
        ("get", "/v1/transfers/{id}/image"), ("post", "/v1/transfers/{id}/cancel"), ("delete", "/v1/transfers/{id}"),
        ("get", "/livez"), ("get", "/readyz"),
    } <= calls  # fmt: skip
    body = spec["components"]["schemas"]["TransferBody"]
    assert body["properties"]["size"]["default"] == 512
    assert body["properties"]["size"]["maximum"] == 2048
    media = spec["paths"]["/v1/transfers"]["post"]["requestBody"]["content"]
    assert {"application/json", "multipart/form-data"} <= set(media)
    responses = spec["paths"]["/v1/transfers"]["post"]["responses"]
    assert {"400", "401", "413", "415", "422"} <= set(responses)
    assert set(responses["422"]["content"]) == {"application/problem+json"}


def test_with_keys_set_only_who_knows_one_is_served(narrow_model: Path, tmp_path: Path) -> None:
    with RunningService(narrow_model, tmp_path, api_keys="first, second") as service:
        assert service.get("/livez").status_code == 200
        assert service.is_ready()
        url = f"{service.url}/v1/styles"
        for headers in (
            {},
            {"X-API-Key": "third"},
            {"Authorization": "Bearer "},
            {"Authorization": "Basic Zmlyc3Q6"},
        ):
            response = requests.get(url, headers=headers, timeout=30)
            assert response.status_code == 401, headers
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.headers["WWW-Authenticate"] == "Bearer"
        for headers in ({"X-API-Key": "second"}, {"Authorization": "Bearer first"}):
            assert requests.get(url, headers=headers, timeout=30).status_code == 200
        body = {"content": PICTURE, "styles": [{"image": PICTURE}], "size": 32, "iterations": 0}
        assert service.post(body).status_code == 401
        assert service.post(body, **{"X-API-Key": "first", "Prefer": "wait=20"}).status_code == 200
