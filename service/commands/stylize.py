"""python -m service stylize: one transfer without a server, with the API's option names."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from service.config import Settings
from service.decoding import files
from service.engine.stylize import Progress
from service.errors import InvalidInput
from service.options import OPTIONS, STYLE_SCALES, STYLE_WEIGHTS, TransferOptions
from service.painting.order import Order
from service.painting.stylist import Outcome, Stylist
from service.pictures import images
from service.pictures.cutout import fitted
from service.pictures.images import ImageFile, UnreadableImage
from service.pictures.sizes import content_size_errors, style_size_errors
from service.pictures.style_image import StyleImage
from service.styles.style import Style


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
        text = f"The first image: content, random, style, or an image file. Default: {default}."
    parser.add_argument(
        f"--{option.name.replace('_', '-')}", type=kind, choices=choices, help=text.replace("%", "%%")
    )


def run(args: argparse.Namespace) -> int:
    options, first = _options(args)
    content = _read("content", args.content)
    styles = _styles(args)
    errors = content_size_errors(content, options.size)
    errors += style_size_errors("scale", [(style.images[0], style.images[0].scale) for style in styles], options.size)
    if errors:
        raise InvalidInput(errors)
    stylist = Stylist.from_settings(Settings.from_environment())
    with tqdm(total=options.iterations, unit="it", desc="stylize") as bar:
        order = _order(content, first, styles, options)
        outcome = stylist.transfer(order, lambda progress: _show(bar, progress))
    _write(args.output, images.encode(outcome.result.picture, options.format, options.quality, order.alpha))
    _report(args.output, outcome)
    return 0


def _options(args: argparse.Namespace) -> tuple[TransferOptions, ImageFile | None]:
    given = {name: value for name in OPTIONS if (value := getattr(args, name, None)) is not None}
    suffix = args.output.suffix.lower().lstrip(".")
    given["format"] = "jpeg" if suffix == "jpg" else suffix
    if given["format"] not in images.MEDIA_TYPES:
        raise InvalidInput.field("output", "must end in .png, .jpg, .jpeg or .webp")
    if not args.output.parent.is_dir() or args.output.is_dir():
        raise InvalidInput.field("output", f"can't be a file: {args.output}")
    first = None
    if given.get("init", "content") not in OPTIONS["init"].metadata["choices"]:
        first, given["init"] = _read("init", Path(given["init"])), "image"
    return TransferOptions.of(**given), first


def _order(content: ImageFile, first: ImageFile | None, styles: list[Style], options: TransferOptions) -> Order:
    if options.alpha == "flatten":
        return Order(files.decode(content.data), styles, options, files.decode(first.data) if first else None)
    seen = fitted(files.decode_cutout(content.data), options.size)
    begun = files.decode_cutout(first.data).colours if first else None
    return Order(seen.colours, styles, options, begun, alpha=seen.alpha)


def _styles(args: argparse.Namespace) -> list[Style]:
    weights = args.weight or [1.0] * len(args.style)
    scales = args.scale or [1.0] * len(args.style)
    for name, values in (("weight", weights), ("scale", scales)):
        if len(values) != len(args.style):
            raise InvalidInput.field(name, f"{len(values)} given for {len(args.style)} style images")
    for name, values, (low, high) in (("weight", weights, STYLE_WEIGHTS), ("scale", scales, STYLE_SCALES)):
        if not all(low <= value <= high for value in values) or not sum(values):
            raise InvalidInput.field(name, f"must be between {low:g} and {high:g}, and one at least above 0")
    return [
        Style.of(StyleImage(_read("style", path), scale=scale), weight)
        for path, weight, scale in zip(args.style, weights, scales, strict=True)
    ]


def _read(field: str, path: Path) -> ImageFile:
    try:
        return files.check_image(path.read_bytes())
    except OSError as error:
        raise InvalidInput.field(field, f"{path}: {error.strerror}") from error
    except UnreadableImage as error:
        raise InvalidInput.field(field, f"{path}: {error}") from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidInput.field("output", f"{path}: {error.strerror}") from error


def _layers(text: str) -> dict[str, float]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError('layers are JSON, as in {"relu4_2": 1.0}') from error


def _show(bar: tqdm[Any], progress: Progress) -> None:
    bar.update(progress.iteration - bar.n)
    bar.set_postfix(total=f"{progress.losses.total:.4g}")


def _report(path: Path, outcome: Outcome) -> None:
    losses = outcome.result.losses
    print(
        f"{path}: content {losses.content:.4g}, style {losses.style:.4g}, total {losses.total:.4g}; "
        f"style {outcome.style_s:.1f} s, optimisation {outcome.optimize_s:.1f} s ({outcome.result.stopped})",
        file=sys.stderr,
    )
