"""/v1/scores: the losses of any picture against a content image and styles."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for
from flask_openapi3 import Tag

from service.api.auth import owner
from service.api.context import context
from service.api.description.operations import Operations
from service.api.intake.intake import take_in_score
from service.api.intake.submit import repeat_key, repeated, submitted
from service.api.live.waiting import MAX_WAIT_S, preferred_wait
from service.api.schemas.parameters import NewJobHeaders, ScorePath
from service.api.schemas.requests import ScoreBody
from service.api.schemas.resources import score_resource
from service.api.schemas.responses import Problem, ScoreOut
from service.api.views.awaited import awaited
from service.api.views.queue_places import queue_of
from service.api.views.stored_files import delete_job
from service.jobs.idempotency import RepeatKey
from service.jobs.queue import Submission
from service.storage.kinds import SCORE
from service.storage.records import ENDED

blueprint = Operations(
    "scores",
    __name__,
    url_prefix="/v1/scores",
    abp_tags=[Tag(name="scores", description="The losses of any picture.")],
    abp_responses={"422": Problem},
)

NEW: dict[Any, Any] = {"200": ScoreOut, "202": ScoreOut} | dict.fromkeys(("400", "413", "429", "503"), Problem)


@blueprint.post("", responses=NEW)
def create_score(header: NewJobHeaders, body: ScoreBody) -> tuple[Response, int]:
    """Judge a picture

    Its losses as a transfer with these options would count them, in all and for each layer. The response waits for
    them, with `Prefer: wait=N` up to N seconds; if they take longer it is 202.
    """
    key = repeat_key(header, body)
    job = repeated(key) or submitted(lambda id, room: _submission(id, body, key, room))
    preferred = preferred_wait(header.prefer)
    seconds = MAX_WAIT_S if preferred is None else preferred
    job, waited = awaited(job, seconds)
    response = jsonify(score_resource(job, queue_of(job)))
    response.headers["Location"] = url_for("scores.get_score", id=job.id)
    if waited and preferred is not None:
        response.headers["Preference-Applied"] = f"wait={preferred:g}"
    return response, 200 if job.status in ENDED else 202


def _submission(id: str, body: ScoreBody, key: RepeatKey | None, room: float) -> Submission:
    taken = take_in_score(id, body, context(), room)
    return Submission(id, taken.request, owner(), repeat=key, files=taken.files)


@blueprint.get("/<id>", responses={"200": ScoreOut, "404": Problem})
def get_score(path: ScorePath) -> dict[str, Any]:
    """Show a score"""
    job = context().queue.get(path.id, SCORE)
    return score_resource(job, queue_of(job))


@blueprint.delete("/<id>", responses={"204": None, "404": Problem})
def delete_score(path: ScorePath) -> tuple[str, int]:
    """Cancel a score, and remove it and its files"""
    delete_job(path.id, SCORE)
    return "", 204
