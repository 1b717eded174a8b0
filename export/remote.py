"""Read VGG19's convolutions from a safetensors file behind a URL, without the rest of the file."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from export.containers import Arrays, read_safetensors_bytes
from export.errors import ExportError, compare_sha256
from export.formats import Weights, convolution_names, recognise
from export.http_file import HttpFile
from export.pieces import Pieces, Range, split
from export.vgg19 import check_convs

_LENGTH_BYTES = 8  # of the header's length, little endian
_LARGEST_HEADER = 100_000_000  # bytes; safetensors' own limit


@dataclass(frozen=True)
class _Tensor:
    name: str
    dtype: str
    shape: list[int]
    place: Range  # in the file


@dataclass(frozen=True)
class _Read:
    """The convolutions' arrays, the SHA-256 of the file if all of it was read, and the digest of the tensors."""

    arrays: Arrays
    sha256: str | None
    digest: str
    size: int  # bytes of tensors that were needed


def is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def weights_of_url(url: str, sha256: str | None, folder: Path) -> Weights:
    """Return the VGG19 in a safetensors file; its pieces are kept in `folder` until all were read.

    If the server states the file's SHA-256, `sha256` is compared with that; else the whole file is read for the
    comparison. Raises ExportError, which names the URL without user, password and query.
    """
    named = _without_secrets(url)
    file = HttpFile(url)
    try:
        tensors = _tensors(file)
        by_reading = sha256 is not None and file.stated_sha256 is None
        compare_sha256(file.stated_sha256, sha256, "the server states the SHA-256")
        read = _read(file, Pieces(file, url, folder), tensors, by_reading)
        compare_sha256(read.sha256, sha256, "the SHA-256 is")
        return _weights(named, file, read)
    except ExportError as error:
        raise ExportError(f"{named}: {error}") from error


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError as error:
        raise ExportError("--weights is no valid URL") from error
    return f"{parts.scheme}://{host}{parts.path}"


def _weights(named: str, file: HttpFile, read: _Read) -> Weights:
    convs, origin = recognise(read.arrays, read.sha256 or "")
    check_convs(convs)
    known = read.sha256 or file.stated_sha256
    if read.sha256:
        digest = read.sha256
    elif file.stated_sha256:
        digest = f"{file.stated_sha256} (stated by the server; {read.size} bytes were read)"
    else:
        tag = f", ETag {file.version.etag}" if file.version.etag else ""
        digest = f"not known{tag}; of the {read.size} bytes that were read: {read.digest}"
    return Weights(
        convs=convs,
        preprocess=origin.preprocess,
        source=f"{named}: {origin.description}",
        licence=origin.licence,
        identifier=f"{origin.family}-{known[:8]}" if known else f"{origin.family}-convs-{read.digest[:8]}",
        source_sha256=digest,
    )


def _tensors(file: HttpFile) -> list[_Tensor]:
    """Return the tensors of the convolutions, in the file's order."""
    size = int.from_bytes(file.read(0, _LENGTH_BYTES), "little")
    data_start = _LENGTH_BYTES + size
    if not 2 <= size <= _LARGEST_HEADER or data_start > file.version.length:  # noqa: PLR2004 (of "{}")
        raise ExportError("not safetensors: only such files are read from a URL")
    try:
        header = json.loads(file.read(_LENGTH_BYTES, data_start))
        wanted = convolution_names(list(header))
        tensors = [_tensor(name, header[name], data_start) for name in wanted]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ExportError("not safetensors: its header is damaged") from error
    tensors.sort(key=lambda tensor: tensor.place)
    ends = [data_start, *(tensor.place[1] for tensor in tensors)]
    for tensor, end in zip(tensors, ends, strict=False):
        if not end <= tensor.place[0] <= tensor.place[1] <= file.version.length:
            raise ExportError(f"{tensor.name} lies outside the file or over another tensor")
    return tensors


def _tensor(name: str, entry: dict[str, object], data_start: int) -> _Tensor:
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list):
        raise TypeError(name)
    start, end = (data_start + int(offset) for offset in offsets)
    return _Tensor(name, str(entry["dtype"]), [int(side) for side in shape], (start, end))


def _read(file: HttpFile, pieces: Pieces, tensors: list[_Tensor], whole: bool) -> _Read:
    """Read the tensors' ranges, or all of the file. The pieces on the disk are removed once all are in memory."""
    ranges = [(0, file.version.length)] if whole else _merged([tensor.place for tensor in tensors])
    buffers = [bytearray() for _ in tensors]
    total = sum(end - start for start, end in ranges)
    every = hashlib.sha256()
    with tqdm(total=total, unit="B", unit_scale=True, desc="weights", disable=None) as progress:
        for piece in split(ranges):
            data = pieces.read(piece)
            every.update(data)
            _spread(data, piece[0], tensors, buffers)
            progress.update(len(data))
    pieces.remove()
    content = _safetensors(tensors, buffers)
    digest = hashlib.sha256(content).hexdigest()
    return _Read(
        read_safetensors_bytes(content), every.hexdigest() if whole else None, digest, sum(map(len, buffers))
    )


def _merged(ranges: list[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in ranges:
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _spread(data: bytes, start: int, tensors: list[_Tensor], buffers: list[bytearray]) -> None:
    """Append `data`, which begins at byte `start` of the file, to the buffers of the tensors that it holds."""
    for tensor, buffer in zip(tensors, buffers, strict=True):
        first, end = (min(max(byte - start, 0), len(data)) for byte in tensor.place)
        buffer.extend(data[first:end])


def _safetensors(tensors: list[_Tensor], buffers: list[bytearray]) -> bytes:
    """Return a file of only these tensors, for safetensors' own reader, which checks sizes and types."""
    header, position = {}, 0
    for tensor, buffer in zip(tensors, buffers, strict=True):
        offsets = [position, position + len(buffer)]
        header[tensor.name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": offsets}
        position += len(buffer)
    text = json.dumps(header).encode()
    return b"".join([len(text).to_bytes(_LENGTH_BYTES, "little"), text, *buffers])
