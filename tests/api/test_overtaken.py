"""A preset that is replaced for good between a POST's look-up and its submission is looked up again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from front_door import b64

from service.api.context import KEY, AppContext
from service.api.intake.submit import LOOK_UPS
from service.config import Settings
from service.jobs.queue import Queue, Submission
from service.storage.schema import JobRow

STYLE = "/v1/styles/harbour"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_preset_is_looked_up_again(
    client: FlaskClient,
    settings: Settings,
    photo_png: bytes,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
) -> None:
    def save() -> str:
        saved = client.put(STYLE, json={"images": [{"image": b64(photo_png)}]})
        assert saved.status_code == 201
        context: AppContext = client.application.extensions[KEY]
        return context.presets.get("harbour").version

    submit, submitted, versions = Queue.submit, [], [save()]

    def overtaken(queue: Queue, new: Submission, *args: Any) -> JobRow:
        submitted.append(new)
        if len(submitted) <= times:
            assert client.delete(STYLE, query_string={"purge": "true"}).status_code == 204
            versions.append(save())
        return submit(queue, new, *args)

    monkeypatch.setattr(Queue, "submit", overtaken)
    status = 202 if times < LOOK_UPS else 422
    body: dict[str, Any] = {"content": b64(photo_png), "styles": [{"preset": "harbour"}], "size": 64}
    answer = client.post("/v1/transfers", json=body)
    assert answer.status_code == status
    folders = {path.parent.name for path in settings.data.glob("blobs/jobs/*/*")}
    if status == 422:
        assert answer.json["errors"] == [  # type: ignore[index]
            {"loc": "styles", "msg": "a preset, or its painter, was removed meanwhile: try again"}
        ]
        assert folders == set()
    else:
        assert folders == {answer.json["id"]}  # type: ignore[index]
        assert versions[-1] in json.dumps(submitted[-1].request.to_json())
