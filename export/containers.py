"""Read named arrays from a file of weights: PyTorch's two formats, safetensors or HDF5, told apart by content."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import safetensors.torch
import torch

from export.errors import ExportError

Arrays = dict[str, np.ndarray]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK\x03\x04"  # torch.save since 1.6
_PICKLE_MAGIC = b"\x80\x02\x8a\n"  # torch.save before: a pickle of protocol 2 that starts with a long


def read_arrays(path: Path) -> Arrays:
    """Return the arrays of a file of weights by their names in it; floating-point arrays become float32.

    Raises ExportError for a file that can't be read or is none of the known containers.
    """
    try:
        return _reader(path)(path)
    except ExportError:
        raise
    except Exception as error:  # a damaged file makes torch alone raise a dozen unrelated types
        raise ExportError(f"damaged or unreadable: {_first_sentence(error)}") from error


def _reader(path: Path) -> Callable[[Path], Arrays]:
    with path.open("rb") as file:
        start = file.read(9)
    if start.startswith(_HDF5_MAGIC):
        return _read_hdf5
    if start[8:] == b"{":  # eight bytes of length, then a JSON header
        return _read_safetensors
    if start.startswith((_ZIP_MAGIC, _PICKLE_MAGIC)):
        return _read_torch
    raise ExportError("neither a PyTorch file, nor safetensors, nor HDF5")


def _read_safetensors(path: Path) -> Arrays:
    return _from_tensors(safetensors.torch.load_file(path))


def read_safetensors_bytes(content: bytes) -> Arrays:
    """Read the arrays of a safetensors file in memory, as read_arrays does. Raises ExportError."""
    try:
        return _from_tensors(safetensors.torch.load(content))
    except Exception as error:  # as for files
        raise ExportError(f"damaged or unreadable: {_first_sentence(error)}") from error


def _read_torch(path: Path) -> Arrays:
    return _from_tensors(torch.load(path, map_location="cpu", weights_only=True))


def _from_tensors(tensors: object) -> Arrays:
    if not isinstance(tensors, dict):
        raise ExportError(f"holds a {type(tensors).__name__}, not tensors by name")
    return {str(name): _array(value) for name, value in tensors.items() if isinstance(value, torch.Tensor)}


def _array(tensor: torch.Tensor) -> np.ndarray:
    # NumPy knows no bfloat16.
    return (tensor.float() if tensor.is_floating_point() else tensor).detach().numpy()


def _read_hdf5(path: Path) -> Arrays:
    arrays: Arrays = {}

    def collect(name: str, item: object) -> None:
        # The dense layers are most of a full file and none of the network here.
        if isinstance(item, h5py.Dataset) and "conv" in name:
            with np.errstate(over="ignore"):  # what float32 can't hold is reported as not finite
                arrays[name] = np.asarray(item[()], dtype=np.float32)

    with h5py.File(path, "r") as file:
        file.visititems(collect)
    return arrays


def _first_sentence(error: Exception) -> str:
    # torch's next sentences advise to load the file without weights_only, which would run the file's code.
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].partition(". ")[0]
