"""The manifests in docs/kubernetes/ are Kubernetes', and fit the service and each other."""

from __future__ import annotations

from typing import Any, get_args

import kubernetes_validate
import pytest
import yaml
from front_door import ROOT

from service.__main__ import COMMANDS
from service.config import Settings, variables
from service.storage.kinds import FOLLOWING
from service.storage.lanes import Lane
from service.storage.records import UNFINISHED

VERSIONS = ("1.30", "1.37")
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for path in sorted((ROOT / "docs" / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]
IDS = [f"{manifest['kind']} {manifest['metadata']['name']}" for manifest in MANIFESTS]
PODS = [manifest for manifest in MANIFESTS if "template" in manifest.get("spec", {})]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {manifest["metadata"]["name"]: manifest for manifest in MANIFESTS if manifest["kind"] == kind}


def containers() -> list[dict[str, Any]]:
    return [container for pod in PODS for container in pod["spec"]["template"]["spec"]["containers"]]


def environment() -> dict[str, str]:
    """What every container finds in its environment."""
    return dict(of_kind("ConfigMap")["nst"]["data"] | of_kind("Secret")["nst"]["stringData"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=IDS)
def test_every_manifest_fits_its_schema(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_every_part_that_an_operator_needs_is_there() -> None:
    assert (
        set(of_kind("Deployment")) == {"nst-web", "nst-worker", "nst-painter"} == set(of_kind("PodDisruptionBudget"))
    )
    assert len(of_kind("Job")) == len(of_kind("Service")) == len(of_kind("HorizontalPodAutoscaler")) == 1


def test_every_setting_is_one_that_the_service_reads() -> None:
    settings = {name for name in environment() if name.startswith("NST_")}
    assert {"NST_DATABASE_URL", "NST_BLOBS", "NST_BROKER_URL"} <= settings <= set(variables())
    Settings.from_environment(environment())
    for container in containers():
        assert container["envFrom"] == [{"configMapRef": {"name": "nst"}}, {"secretRef": {"name": "nst"}}]


def test_every_command_is_one_of_the_services() -> None:
    for container in containers():
        assert container["command"][:3] == ["python", "-m", "service"]
        assert container["command"][3] in COMMANDS


def test_pods_run_as_the_user_of_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for pod in PODS:
        assert f"--uid {pod['spec']['template']['spec']['securityContext']['runAsUser']} " in dockerfile


def test_ports_are_those_that_the_service_listens_on() -> None:
    settings = Settings.from_environment(environment())
    for pod in PODS:
        annotations = pod["spec"]["template"]["metadata"].get("annotations", {})
        (container,) = pod["spec"]["template"]["spec"]["containers"]
        ports = [port["containerPort"] for port in container.get("ports", ())]
        assert all(port in (settings.port, settings.metrics_port) for port in ports)
        assert annotations.get("prometheus.io/port") in (None, *map(str, ports))


def test_what_selects_pods_finds_some() -> None:
    labels = [pod["spec"]["template"]["metadata"]["labels"] for pod in PODS]
    for manifest in MANIFESTS:
        selector = manifest.get("spec", {}).get("selector", {})
        wanted = selector.get("matchLabels", selector)
        assert any(wanted.items() <= one.items() for one in labels), manifest["metadata"]["name"]
    for scaler in of_kind("HorizontalPodAutoscaler").values():
        target = scaler["spec"]["scaleTargetRef"]
        assert target["name"] in of_kind(target["kind"])
        assert "replicas" not in of_kind(target["kind"])[target["name"]]["spec"]  # a rollout would undo its work


def test_workers_are_scaled_by_a_metric_that_is_there() -> None:
    operating = (ROOT / "docs" / "operating.md").read_text()  # whose table is compared with the code
    for scaler in of_kind("HorizontalPodAutoscaler").values():
        for metric in scaler["spec"]["metrics"]:
            wanted = metric["external"]["metric"]
            selected = wanted["selector"]["matchLabels"]
            left_out = {one["key"]: one["values"] for one in wanted["selector"]["matchExpressions"]}
            (row,) = [line for line in operating.splitlines() if line.startswith(f"| `{wanted['name']}` ")]
            assert all(f"`{label}`" in row for label in selected | left_out)
            assert selected["lane"] in get_args(Lane)
            assert selected["status"] in UNFINISHED
            assert tuple(left_out["kind"]) == FOLLOWING
