"""python -m scripts.lock: write locks/, the pins of requirements.txt with the hashes of all files of each package.

`common.txt` has all packages but torch. `cuda.txt` adds torch as the package index has it, and the packages that only
this build needs. `cpu.txt` adds the one wheel of torch's build for CPUs that pip finds here.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
LOCKS = ROOT / "locks"
RESOLVE = [
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config", "--system-certs"),
    *("--python-version", "3.11.9", "--python-platform", "x86_64-manylinux_2_28"),
    *("--generate-hashes", "--no-annotate", "--no-header", "--no-strip-extras"),
]
MADE = "# Made by `make lock` from requirements.txt.\n"
TORCH = "torch"


def main() -> None:
    LOCKS.mkdir(exist_ok=True)
    packages = resolved()
    pinned = {name_of(line) for line in REQUIREMENTS.read_text().splitlines() if "==" in line}
    write("common.txt", [packages[name] for name in sorted(pinned - {TORCH})])
    only_cuda = sorted(packages.keys() - pinned)
    write("cuda.txt", ["-r common.txt\n", *(packages[name] for name in [TORCH, *only_cuda])])
    write("cpu.txt", ["-r common.txt\n", cpu_torch(packages[TORCH].split()[0])])


def resolved() -> dict[str, str]:
    """Return the lines of each package, its version and hashes, by its name."""
    text = subprocess.run([*RESOLVE, str(REQUIREMENTS)], check=True, capture_output=True, text=True).stdout
    return {
        name_of(lines): lines
        for lines in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE | re.IGNORECASE)
        if lines
    }


def name_of(line: str) -> str:
    """Return the normal form (PEP 503) of the name with which a line begins."""
    found = re.match(r"[A-Za-z0-9._-]+", line)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def cpu_torch(pin: str) -> str:
    """Return the lines of torch's build for CPUs, of the version that is pinned."""
    with TemporaryDirectory() as folder:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, f"{pin}+cpu"]
        subprocess.run(download, check=True)
        (wheel,) = Path(folder).iterdir()
        with wheel.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{pin}+cpu \\\n    --hash=sha256:{sha256}\n"


def write(name: str, parts: Iterable[str]) -> None:
    (LOCKS / name).write_text(MADE + "".join(parts))


if __name__ == "__main__":
    main()
