"""The number format that the encoder computes in."""

from __future__ import annotations

import torch

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
NATIVE = ("avx512_bf16", "amx_bf16", "bf16")  # torch's names for processors that multiply bfloat16 in hardware


def choose(wanted: str, device: torch.device) -> str:
    """Return "float32" or "bfloat16"; for "auto", bfloat16 where the device multiplies it in hardware.

    On other devices bfloat16 would be emulated, and slower than float32.
    """
    if wanted != "auto":
        return wanted
    return "bfloat16" if _has_bfloat16(device) else "float32"


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return any(torch.cpu.get_capabilities().get(name) for name in NATIVE)
