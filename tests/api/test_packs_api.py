"""A preset's Gram matrices as a file, and presets that were saved from such a file."""

from __future__ import annotations

import dataclasses
import json
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import requests
from api.controls import NEGATIVE, QUICK, STYLE, TISSUE, assert_refused, decoded, digests, painted
from front_door import RunningService, b64, png
from safetensors.numpy import load, save

from service.config import Settings
from service.network.safetensors_header import PREFIX
from service.options import TransferOptions
from service.pictures.sizes import LADDER
from service.storage import identity
from service.storage.database import Database
from service.styles.packs import Pack
from service.styles.preset_files import PACK_DIGEST
from service.worker.sweep import sweep

PACK_TYPE = "application/octet-stream"
ON_THE_LADDER = {"size": 128, "iterations": 3}  # with all three of its levels


def put_pack(service: RunningService, name: str, data: bytes, media_type: str = PACK_TYPE) -> requests.Response:
    headers = {"Content-Type": media_type}
    return requests.put(f"{service.url}/v1/styles/{name}/pack", data=data, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def packed(service: RunningService) -> bytes:
    """The pack of the preset "two-packed", which has two images."""
    service.put_style("two-packed", png(TISSUE), png(NEGATIVE), description="day and night")
    response = service.get("/v1/styles/two-packed/pack")
    assert response.status_code == 200, response.text
    return response.content


@pytest.fixture(scope="module")
def unpacked(service: RunningService, packed: bytes) -> dict[str, str]:
    """The preset that was saved from it."""
    assert put_pack(service, "from-pack", packed).status_code == 201
    return {"preset": "from-pack"}


@pytest.mark.slow
def test_a_pack_is_one_safetensors_file(service: RunningService, packed: bytes) -> None:
    response = service.get("/v1/styles/two-packed/pack")
    assert response.content == packed
    assert response.headers["Content-Type"] == PACK_TYPE
    assert 'filename="two-packed.safetensors"' in response.headers["Content-Disposition"]
    again = {"If-None-Match": response.headers["ETag"]}
    assert service.get("/v1/styles/two-packed/pack", headers=again).status_code == 304
    names = {f"{size}/{layer}" for size in LADDER for layer in TransferOptions().style_layers}
    assert set(load(packed)) == names | {"thumbnail"}


@pytest.mark.slow
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
def test_a_pack_that_is_taken_gives_losses_that_numbers_can_hold(
    service: RunningService, packed: bytes, scaling: str
) -> None:
    pack = Pack.from_bytes(packed)
    largest = max(float(gram.max()) for grams in pack.ladder.values() for gram in grams.values())

    def put(entry: float) -> requests.Response:
        factor = np.float32(entry / largest)
        ladder = {
            size: {layer: gram * factor for layer, gram in grams.items()} for size, grams in pack.ladder.items()
        }
        return put_pack(service, "large", dataclasses.replace(pack, ladder=ladder).to_bytes())

    assert_refused(put(1.01e12), "pack")
    assert put(0.99e12).status_code in (200, 201)
    weights = {"style_weight": 1e9, "content_weight": 1e9}
    job = painted(service, {"preset": "large"}, iterations=2, loss_scaling=scaling, **weights)
    assert math.isfinite(job["result"]["losses"]["total"])


@pytest.mark.slow
def test_a_replaced_preset_has_another_pack(service: RunningService) -> None:
    service.put_style("repacked", png(TISSUE))
    before = service.get("/v1/styles/repacked/pack")
    service.put_style("repacked", png(NEGATIVE))
    after = service.get("/v1/styles/repacked/pack", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.content != before.content


@pytest.mark.slow
def test_all_who_ask_at_once_get_the_pack(service: RunningService) -> None:
    service.put_style("asked-for", png(TISSUE[::2, ::2].copy()))
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda _: service.get("/v1/styles/asked-for/pack"), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6, [answer.text[:200] for answer in answers]
    assert len({answer.content for answer in answers}) == 1


def test_no_preset_no_pack(service: RunningService) -> None:
    assert service.get("/v1/styles/never-saved/pack").status_code == 404


def test_a_preset_too_narrow_for_each_size_of_a_pack_has_none(service: RunningService) -> None:
    assert service.put_style("narrow", png(np.zeros((8, 4000, 3), np.uint8))).status_code == 201
    assert_refused(service.get("/v1/styles/narrow/pack"), "name")


@pytest.mark.slow
def test_a_preset_from_a_pack_paints_like_the_one_with_pictures(
    service: RunningService, unpacked: dict[str, str]
) -> None:
    job = painted(service, variants=[{"styles": [{"preset": "two-packed"}]}, {"styles": [unpacked]}], **ON_THE_LADDER)
    assert len(set(digests(job))) == 1
    alone = painted(service, unpacked, **ON_THE_LADDER)
    assert alone["style_cache"] == "hit"
    assert digests(alone) == digests(job)[:1] != digests(painted(service, STYLE, **ON_THE_LADDER))


@pytest.mark.slow
def test_a_preset_from_a_pack_shows_what_the_first_one_did(
    service: RunningService, packed: bytes, unpacked: dict[str, str]
) -> None:
    first, shown = (service.get(f"/v1/styles/{name}").json() for name in ("two-packed", "from-pack"))
    assert first["pack"] is None
    model = painted(service, unpacked, iterations=0)["engine"]["model"]
    assert shown["pack"] == {
        "model": model,
        "layers": sorted(TransferOptions().style_layers),
        "sizes": list(LADDER),
    }
    for same in ("images", "description"):
        assert shown[same] == first[same]
    assert service.get("/v1/styles/from-pack/pack").content == packed
    thumbnails = [decoded(service.get(f"/v1/styles/{name}/image")) for name in ("two-packed", "from-pack")]
    assert np.abs(thumbnails[0].astype(float) - thumbnails[1]).mean() < 5


def test_a_pack_replaces_a_preset_and_pictures_replace_a_pack(service: RunningService, packed: bytes) -> None:
    first = put_pack(service, "to-and-fro", packed)
    assert first.status_code == 201
    assert first.headers["Location"] == "/v1/styles/to-and-fro"
    assert put_pack(service, "to-and-fro", packed).status_code == 200
    response = service.put_style("to-and-fro", png(TISSUE))
    assert response.status_code == 200
    assert response.json()["pack"] is None
    assert service.get("/v1/styles/to-and-fro/pack").content != packed


def test_a_deleted_pack_is_gone_and_its_transfers_are_not_harmed(service: RunningService, packed: bytes) -> None:
    put_pack(service, "brief-pack", packed)
    posted = service.post(QUICK | {"styles": [{"preset": "brief-pack"}]}).json()["id"]
    assert requests.delete(f"{service.url}/v1/styles/brief-pack", timeout=30).status_code == 204
    assert service.get("/v1/styles/brief-pack/pack").status_code == 404
    assert service.ended(posted)["status"] == "succeeded"
    assert_refused(service.post(QUICK | {"styles": [{"preset": "brief-pack"}]}), "styles.0.preset")


@pytest.mark.parametrize("fields, locs", [
    ({"color": "match"}, ["styles.0.preset"]),
    ({"color": "luminance"}, ["styles.0.preset"]),
    ({"init": "style"}, ["init"]),
    ({"style_layers": {"relu1_2": 1.0, "relu1_1": 1.0}}, ["styles.0.preset"]),
    ({"variants": [{}, {"color": "match"}]}, ["variants.1.styles.0.preset"]),
])  # fmt: skip
@pytest.mark.slow
def test_what_a_pack_has_no_pictures_for_is_refused(
    service: RunningService, unpacked: dict[str, str], fields: dict[str, Any], locs: list[str]
) -> None:
    assert_refused(service.post(QUICK | {"styles": [unpacked]} | fields), *locs)


def test_a_pack_has_no_style_mask_but_goes_where_its_mask_is(
    service: RunningService, unpacked: dict[str, str]
) -> None:
    mask = png(np.full((48, 64), 128, np.uint8))
    entry = unpacked | {"style_mask": QUICK["content"]}
    assert_refused(service.post(QUICK | {"styles": [entry]}), "styles.0.style_mask")
    own = [{"styles": [{"preset": name, "mask": b64(mask)}]} for name in ("two-packed", "from-pack")]
    assert len(set(digests(painted(service, variants=own)))) == 1


@pytest.mark.slow
def test_a_style_picture_beside_a_pack_can_be_the_first_image(
    service: RunningService, unpacked: dict[str, str]
) -> None:
    heavy = unpacked | {"weight": 5.0}
    both, alone = (painted(service, *styles, init="style", iterations=0) for styles in ([heavy, STYLE], [STYLE]))
    assert digests(both) == digests(alone)


@pytest.mark.slow
def test_a_pack_that_was_swept_up_is_made_again(
    service: RunningService, packed: bytes, unpacked: dict[str, str]
) -> None:
    settings = Settings(data=service.data)
    packs = {path for path in service.data.glob("blobs/styles/*/*") if path.read_bytes() == packed}
    made = {path for path in packs if path.with_name(f"{path.name}{PACK_DIGEST}").exists()}  # by workers
    (own,) = (path for path in made if path.parent.name == service.get("/v1/styles/two-packed").json()["version"])
    with closing(Database(settings.database)) as database:
        sweep(database, identity.open_blobs(database, settings.blob_url), 0, settings.retention)
    assert {path for path in packs if path.exists()} == packs - made  # presets that came as one keep it
    for name in ("two-packed", "from-pack"):
        assert service.get(f"/v1/styles/{name}/pack").content == packed
    assert own.exists()


def test_another_models_pack_is_a_conflict(service: RunningService, packed: bytes) -> None:
    other = dataclasses.replace(Pack.from_bytes(packed), model="0" * 64)
    response = put_pack(service, "other-model", other.to_bytes())
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "0" * 64 in response.json()["detail"]
    assert service.get("/v1/styles/other-model").status_code == 404


def test_a_pack_of_another_media_type_is_refused(service: RunningService, packed: bytes) -> None:
    for media_type in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        response = put_pack(service, "other-type", packed[:1000], media_type)
        assert response.status_code == 415
        assert response.headers["Content-Type"] == "application/problem+json"
    assert service.get("/v1/styles/other-type").status_code == 404


def test_a_packs_name_is_as_any_presets(service: RunningService, packed: bytes) -> None:
    assert_refused(put_pack(service, "Upper", packed), "name")


def test_what_is_no_pack_is_refused_and_leaves_no_preset(service: RunningService, packed: bytes) -> None:
    """One pack of each kind of error; the tests of packs have them all."""
    gram = "32/relu1_1"
    tensors = load(packed)
    preset = {"preset": json.dumps({"version": 1, "model": "0" * 64, "description": "", "images": []})}
    no_number = tensors | {gram: np.full_like(tensors[gram], math.nan)}
    broken = [b"", b"a text", png(TISSUE), packed[:-1], packed + b"x", save(tensors), save(no_number, preset),
              save(tensors, preset), save(no_number, _metadata(packed))]  # fmt: skip
    for data in broken:
        response = put_pack(service, "unusable", data)
        assert_refused(response, "pack")
        assert response.json()["detail"].startswith("pack: ")
    assert service.get("/v1/styles/unusable").status_code == 404
    assert put_pack(service, "usable", save(tensors, _metadata(packed))).status_code == 201


def _metadata(packed: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file."""
    size = int.from_bytes(packed[:PREFIX], "little")
    metadata: dict[str, str] = json.loads(packed[PREFIX : PREFIX + size])["__metadata__"]
    return metadata


def test_a_chunked_pack_over_the_limit_is_413_and_a_compressed_one_415(service: RunningService) -> None:
    url, headers = f"{service.url}/v1/styles/too-large", {"Content-Type": PACK_TYPE}
    response = requests.put(url + "/pack", iter([b"A" * 2**20] * 65), headers=headers, timeout=30)
    assert response.status_code == 413
    response = requests.put(url + "/pack", b"x", headers=headers | {"Content-Encoding": "gzip"}, timeout=30)
    assert response.status_code == 415
