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
from service.engine.stylize import Progress
from service.errors import InvalidInput
from service.options import OPTIONS, STYLE_SCALES, STYLE_WEIGHTS, TransferOptions
from service.painting.outcome import Outcome, format_of
from service.painting.sources import make_order, read, style_of
from service.painting.stylist import Stylist
from service.pictures.images import ImageFile
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
        text = f"The initial image: content, random, style, or an image file. Default: {default}."
    parser.add_argument(
        f"--{option.name.replace('_', '-')}", type=kind, choices=choices, help=text.replace("%", "%%")
    )


def run(args: argparse.Namespace) -> int:
    options, initial = _options(args)
    order = make_order(read("content", args.content), _styles(args), options, initial)
    stylist = Stylist.from_settings(Settings.from_environment())
    with tqdm(total=options.iterations, unit="it", desc="stylize") as bar:
        outcome = stylist.transfer(order, lambda progress: _show(bar, progress))
    outcome.save(args.output)
    _report(args.output, outcome)
    return 0


def _options(args: argparse.Namespace) -> tuple[TransferOptions, ImageFile | None]:
    given = {name: value for name in OPTIONS if (value := getattr(args, name, None)) is not None}
    given["format"] = format_of(args.output)
    if not args.output.parent.is_dir() or args.output.is_dir():
        raise InvalidInput.field("output", f"can't be a file: {args.output}")
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


def _report(path: Path, outcome: Outcome) -> None:
    losses = outcome.result.losses
    print(
        f"{path}: content {losses.content:.4g}, style {losses.style:.4g}, total {losses.total:.4g}; "
        f"style {outcome.style_s:.1f} s, optimisation {outcome.optimize_s:.1f} s ({outcome.result.stopped})",
        file=sys.stderr,
    )
