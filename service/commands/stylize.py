"""python -m service stylize: one transfer without a server, with the API's option names."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from tqdm import tqdm

from service.commands.interruption import Interrupted, Interruption
from service.config import Settings
from service.engine.stylize import Progress
from service.errors import InvalidInput
from service.options import OPTIONS, STYLE_SCALES, STYLE_WEIGHTS, TransferOptions
from service.painting.order import Order
from service.painting.outcome import Outcome
from service.painting.output_file import OutputFile, format_of
from service.painting.sources import make_order, read, style_of
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.images import ImageFile, Picture, fitted_size
from service.styles.style import Style

KEEP_S = 1.0  # seconds after which the newest picture is kept in place of the one before


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("content", type=Path, help="the content image; comes before the options")
    parser.add_argument("--style", type=Path, nargs="+", required=True, help="one or more style images")
    parser.add_argument("--weight", type=float, nargs="+", help="share of each style image in the average; 1")
    parser.add_argument("--scale", type=float, nargs="+", help="size of each style image relative to the output's; 1")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture to write: .png, .jpg or .webp")
    for option in OPTIONS.values():
        if option.name != "format":
            _add_option(parser, option)


def _add_option(parser: argparse.ArgumentParser, option: Field[Any]) -> None:
    default = option.default if option.default_factory is MISSING else option.default_factory()
    kind: Any = _layers if isinstance(default, dict) else float if default is None else type(default)
    choices = option.metadata["choices"] or None if option.name != "init" else None
    text = f"{option.metadata['doc']} Default: {json.dumps(default) if isinstance(default, dict) else default}."
    if option.name == "init":
        text = f"The initial image: content, random, style, or an image file. Default: {default}."
    parser.add_argument(
        f"--{option.name.replace('_', '-')}", type=kind, choices=choices, help=text.replace("%", "%%")
    )


def run(args: argparse.Namespace) -> int:
    with Interruption() as interruption:
        options, initial = _options(args)
        content, styles = read("content", args.content), _styles(args)
        output = OutputFile(args.output, _inputs(args), _room(content, options))
        order = make_order(content, styles, options, initial)
        newest = Newest()
        try:
            interruption.check()
            outcome = _paint(order, newest, interruption.check)
            picture, said = outcome.result.picture, _losses(outcome)
        except Interrupted:
            if newest.picture is None:
                print("stopped before there was a picture: nothing is written", file=sys.stderr)
                return interruption.exit_status
            width, height = fitted_size(content.width, content.height, options.size)
            picture, said = images.resize(newest.picture, width, height), f"stopped; {newest.said}"
        _write(output, images.encode(picture, options.format, options.quality, order.alpha))
        print(f"{args.output}: {said}", file=sys.stderr)
        return interruption.exit_status


@dataclass
class Newest:
    """The newest picture of a transfer, at most KEEP_S old, and a word about it."""

    picture: Picture | None = None
    said: str = ""
    kept_at: float = 0.0

    def keep(self, progress: Progress) -> None:
        """Keep the picture of a step, unless the kept one is new enough."""
        if self.picture is None or time.monotonic() > self.kept_at + KEEP_S:
            self.picture, self.kept_at = progress.picture(), time.monotonic()
            self.said = f"this is the picture of iteration {progress.iteration} of {progress.iterations}"


def _paint(order: Order, newest: Newest, check: Callable[[], None]) -> Outcome:
    stylist = Stylist.from_settings(Settings.from_environment())
    with tqdm(total=order.options.iterations, unit="it", desc="stylize", disable=None) as bar:  # on a terminal

        def on_progress(progress: Progress) -> None:
            _show(bar, progress)
            newest.keep(progress)
            check()

        return stylist.transfer(order, on_progress, check)


def _inputs(args: argparse.Namespace) -> list[Path]:
    """Return the files that the picture is made from."""
    initial = [Path(args.init)] if args.init and args.init not in OPTIONS["init"].metadata["choices"] else []
    return [args.content, *args.style, *initial]


def _room(content: ImageFile, options: TransferOptions) -> int:
    """Return the bytes that the picture's file may take: a PNG nearly all of its pixels', the others less."""
    width, height = fitted_size(content.width, content.height, options.size)
    return width * height * (3 if options.format == "png" else 1)


def _write(output: OutputFile, data: bytes) -> None:
    """Write the picture; in the folder of temporary files if its own can't be written to any more."""
    try:
        output.write(data)
    except InvalidInput as error:
        if (saved := _written_elsewhere(data, output.path.suffix)) is None:
            raise
        raise InvalidInput.field("output", f"{error.errors[0].msg}; the picture is in {saved}") from error


def _written_elsewhere(data: bytes, suffix: str) -> Path | None:
    """Write a picture to the folder of temporary files; return its path, or None if that can't be written to."""
    with suppress(OSError):
        descriptor, name = mkstemp(prefix="stylize-", suffix=suffix)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except BaseException:
            Path(name).unlink()
            raise
        return Path(name)
    return None


def _options(args: argparse.Namespace) -> tuple[TransferOptions, ImageFile | None]:
    given = {name: value for name in OPTIONS if (value := getattr(args, name, None)) is not None}
    given["format"] = format_of(args.output)
    initial = None
    if given.get("init", "content") not in OPTIONS["init"].metadata["choices"]:
        initial, given["init"] = read("init", given["init"]), "image"
    return TransferOptions.of(**given), initial


def _styles(args: argparse.Namespace) -> list[Style]:
    weights = args.weight or [1.0] * len(args.style)
    scales = args.scale or [1.0] * len(args.style)
    for name, values in (("weight", weights), ("scale", scales)):
        if len(values) != len(args.style):
            raise InvalidInput.field(name, f"{len(values)} given for {len(args.style)} style images")
    for name, values, (low, high) in (("weight", weights, STYLE_WEIGHTS), ("scale", scales, STYLE_SCALES)):
        if not all(low <= value <= high for value in values) or not sum(values):
            raise InvalidInput.field(name, f"must be between {low:g} and {high:g}, and one at least above 0")
    return [style_of(*given) for given in zip(args.style, weights, scales, strict=True)]


def _layers(text: str) -> dict[str, float]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError('layers are JSON, as in {"relu4_2": 1.0}') from error


def _show(bar: tqdm[Any], progress: Progress) -> None:
    bar.update(progress.iteration - bar.n)
    bar.set_postfix(total=f"{progress.losses.total:.4g}")


def _losses(outcome: Outcome) -> str:
    losses = outcome.result.losses
    return (
        f"content {losses.content:.4g}, style {losses.style:.4g}, total {losses.total:.4g}; "
        f"style {outcome.style_s:.1f} s, optimisation {outcome.optimize_s:.1f} s ({outcome.result.stopped})"
    )
