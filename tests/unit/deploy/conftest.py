"""The manifests as the cluster would get them, rendered by the real kustomize."""

import base64
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
BASE = ROOT / "k8s" / "base"
TRY = ROOT / "k8s" / "overlays" / "try"

Manifest = dict[str, Any]


def kustomize() -> list[str]:
    """The command that renders: of the machine, or as `.ci/kubectl` puts it beside this Python."""
    if program := shutil.which("kustomize"):
        return [program, "build"]
    beside = Path(sys.executable).with_name("kubectl")
    program = str(beside) if beside.exists() else shutil.which("kubectl")
    assert program, "neither kustomize nor kubectl here: run .ci/kubectl .venv/bin"
    return [program, "kustomize"]


@cache
def rendered(folder: Path) -> tuple[Manifest, ...]:
    run = subprocess.run([*kustomize(), str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return tuple(yaml.safe_load_all(run.stdout))


def overlay_with(folder: Path, component: str) -> Path:
    """An overlay as operators write theirs: the base with a component, an image and settings of its own."""
    (folder / "overlay").mkdir()
    (folder / "k8s").symlink_to(ROOT / "k8s")
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "bellhop",
        "resources": ["../k8s/base"],
        "components": [f"../k8s/components/{component}"],
        "images": [{"name": "bellhop", "newName": "registry.shop.example/bellhop", "newTag": "1"}],
        "configMapGenerator": [
            {
                "name": "bellhop",
                "behavior": "merge",
                "literals": ["BELLHOP_BOUNCE_DOMAIN=bounces.shop.example"],
            }
        ],
        "secretGenerator": [
            {"name": "bellhop", "behavior": "merge", "literals": ["BELLHOP_LINK_SECRET=change-me"]}
        ],
    }
    (folder / "overlay" / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return folder / "overlay"


@dataclass(frozen=True)
class Cluster:
    """What one kustomization makes, to be asked about."""

    manifests: tuple[Manifest, ...]

    def of(self, kind: str) -> dict[str, Manifest]:
        return {m["metadata"]["name"]: m for m in self.manifests if m["kind"] == kind}

    def one(self, kind: str, name: str) -> Manifest:
        return self.of(kind)[name]

    def pod_templates(self) -> dict[str, Manifest]:
        """Every pod template, by its owner."""
        return {
            f"{m['kind']}/{m['metadata']['name']}": m["spec"]["template"]
            for m in self.manifests
            if "template" in (m.get("spec") or {})
        }

    def selected(self, selector: dict[str, str]) -> list[str]:
        """The owners of the pods that a selector finds."""
        return [
            owner
            for owner, template in self.pod_templates().items()
            if selector.items() <= template["metadata"]["labels"].items()
        ]

    def environment(self, owner: str) -> dict[str, str]:
        """What the first container of `owner` gets, resolved as the kubelet would: later sources win."""
        container = self.pod_templates()[owner]["spec"]["containers"][0]
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                found |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
            else:
                encoded = self.one("Secret", source["secretRef"]["name"])["data"]
                found |= {name: base64.b64decode(value).decode() for name, value in encoded.items()}
        return found | {entry["name"]: entry["value"] for entry in container.get("env", [])}


@pytest.fixture(scope="session")
def with_bounces(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The base and what takes mail that comes back."""
    return Cluster(rendered(overlay_with(tmp_path_factory.mktemp("bounces"), "bounces")))


@pytest.fixture(params=[BASE, TRY, "bounces"], ids=["base", "try", "bounces"])
def cluster(request, with_bounces: Cluster) -> Cluster:
    """Each of the kustomizations."""
    return with_bounces if request.param == "bounces" else Cluster(rendered(request.param))


@pytest.fixture
def base() -> Cluster:
    return Cluster(rendered(BASE))


@pytest.fixture
def overlay() -> Cluster:
    return Cluster(rendered(TRY))
