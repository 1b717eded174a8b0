"""The locks are requirements.txt with hashes: the same versions, nothing left out."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

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


def of_all_locks() -> dict[str, str]:
    """The version of each package that the CUDA image has, the larger one."""
    return pins((LOCKS / "common.txt").read_text()) | pins((LOCKS / "cuda.txt").read_text())


def command_of(target: str) -> list[str]:
    """The command of a target of the Makefile."""
    return shlex.split(
        run([str(shutil.which("make")), "--no-print-directory", "--dry-run", target]).stdout.splitlines()[-1]
    )


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.slow
def test_the_audit_reads_every_package_that_is_locked() -> None:
    done = run([*command_of("audit"), "--dry-run"])  # which asks nobody
    assert f"would have audited {len(of_all_locks())} packages" in done.stdout + done.stderr


@pytest.mark.slow
def test_the_sbom_has_every_package_that_is_locked_with_hashes(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    run([str(file) if word == "sbom.json" else word for word in command_of("sbom")])
    bom = json.loads(file.read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    found = {re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"] for part in bom["components"]}
    assert found == of_all_locks()
    hashes = [entry for part in bom["components"] for entry in part["externalReferences"]]
    assert all(entry["hashes"][0]["alg"] == "SHA-256" for entry in hashes)
    assert all(part["purl"].startswith("pkg:pypi/") for part in bom["components"])
