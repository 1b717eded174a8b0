"""The locks are requirements.txt with hashes: the same versions, nothing left out."""

from __future__ import annotations

import re

import pytest
from front_door import ROOT

LOCKS = ROOT / "locks"
BUILDS = {"cpu.txt": "+cpu", "cuda.txt": ""}  # a lock -> the end of its torch's version


def pins(text: str) -> dict[str, str]:
    """Return the version of each package, by the normal form (PEP 503) of its name."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w, -]+\])?==(\S+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


REQUIRED = pins((ROOT / "requirements.txt").read_text())


def test_the_common_lock_has_the_versions_of_all_packages_but_torch() -> None:
    assert pins((LOCKS / "common.txt").read_text()) == {
        name: version for name, version in REQUIRED.items() if name != "torch"
    }


@pytest.mark.parametrize("build", BUILDS)
def test_each_build_adds_its_torch_to_the_common_lock(build: str) -> None:
    text = (LOCKS / build).read_text()
    assert "-r common.txt" in text.splitlines()
    added = pins(text)
    assert added.pop("torch") == REQUIRED["torch"] + BUILDS[build]
    assert not added.keys() & REQUIRED.keys()
    assert bool(added) == (build == "cuda.txt")  # only CUDA needs more


@pytest.mark.parametrize("lock", ["common.txt", *BUILDS])
def test_every_package_has_a_hash(lock: str) -> None:
    packages = re.findall(
        r"^[\w.-]+(?:\[[\w, -]+\])?==\S+.*\n(?:(?: .*)\n)*", (LOCKS / lock).read_text(), re.MULTILINE
    )
    assert len(packages) == len(pins((LOCKS / lock).read_text()))
    for package in packages:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), package
