"""A file that a request names many times is read once."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from api.controls import PHOTO
from flask.testing import FlaskClient
from front_door import png

from service.decoding import files
from service.decoding.allowance import Allowance
from service.pictures.images import ImageFile


def test_a_file_named_many_times_is_read_once_in_each_request(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bytes] = []
    check = files.check_image

    def noted(data: bytes, allowance: Allowance) -> ImageFile:
        reads.append(data)
        return check(data, allowance)

    monkeypatch.setattr(files, "check_image", noted)
    body = {"content": "file:a", "styles": [{"image": "file:a"}] * 3, "size": 64}
    for count in (1, 2):
        form = {"request": json.dumps(body), "a": (BytesIO(png(PHOTO)), "a.png")}
        assert client.post("/v1/transfers", data=form).status_code == 202
        assert len(reads) == count
