"""Container images as Python environments: which exist, how they are built, what they run.

Guarantees: an environment folder that exists is complete (it is built beside its place and renamed), and its name
carries a hash of everything that it was built from.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import LocalClusterError
from ..paths import REPOSITORY, image_root
from .image_reference import parse_image
from .lock import build_lock
from .tools import Progress

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """What a container gets: the program, its environment, and folders of the host that it needs."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str]
    visible: tuple[str, ...]


@dataclass(frozen=True)
class _Recipe:
    repository: str
    environment: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class _Environment:
    name: str
    requirements: str
    project: bool


_ENVIRONMENTS = (
    _Environment("operator", "operator.txt", project=True),
    _Environment("serving", "serving.txt", project=True),
)
_STORAGE_INITIALIZER = str(Path(__file__).with_name("storage_initializer.py"))
_RECIPES = (
    _Recipe("ghcr.io/timoneiro/operator", "operator", ("-m", "timoneiro_operator")),
    _Recipe("ghcr.io/timoneiro/serving", "serving", ("-m", "timoneiro_serving")),
    _Recipe("kserve/storage-initializer", "serving", (_STORAGE_INITIALIZER,)),
)
# The environment that runs the cluster itself, for containers that only need some Python.
DEVELOPMENT_IMAGE = "localhost/python"


def find_image(images: Mapping[str, Image], text: str) -> Image | None:
    """The image for a reference; its tag or digest must be there but may be any."""
    reference = parse_image(text)
    return images.get(reference.repository) if reference else None


def write_images(images: Mapping[str, Image], path: Path) -> None:
    """Saves the table where the node reads it, in one step."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({name: asdict(image) for name, image in images.items()}, indent=1))
    temporary.replace(path)


def read_images(path: Path) -> dict[str, Image]:
    """The inverse of write_images."""
    return {
        name: Image(
            entrypoint=tuple(entry["entrypoint"]),
            command=tuple(entry["command"]),
            environment=entry["environment"],
            visible=tuple(entry["visible"]),
        )
        for name, entry in json.loads(path.read_text()).items()
    }


def build_images(report: Progress) -> dict[str, Image]:
    """Builds the environments that are missing and returns all images by repository."""
    with build_lock(image_root()):
        folders = {environment.name: _build(environment, report) for environment in _ENVIRONMENTS}
    images = {recipe.repository: _image(folders[recipe.environment], recipe.arguments) for recipe in _RECIPES}
    return images | {DEVELOPMENT_IMAGE: _image(Path(sys.prefix), ())}


def _image(environment: Path, arguments: tuple[str, ...]) -> Image:
    return Image(
        entrypoint=(str(environment / "bin" / "python"), *arguments),
        command=(),
        environment={
            "PATH": f"{environment}/bin:{_SYSTEM_PATH}",
            "LANG": "C.UTF-8",
            # The only place that every container can write to: the host's folders are read-only.
            "HOME": "/tmp",  # noqa: S108 -- inside the container
            "PYTHONUNBUFFERED": "1",
        },
        visible=(str(environment), sys.base_prefix, str(REPOSITORY)),
    )


def _build(environment: _Environment, report: Progress) -> Path:
    requirements = REPOSITORY / "requirements" / environment.requirements
    if not requirements.exists():
        raise LocalClusterError(f"{requirements} is missing, so the image {environment.name} cannot be built.")
    target = image_root() / f"{environment.name}-{_digest(environment, requirements)}"
    if target.exists():
        return target
    uv = shutil.which("uv", path=f"{sys.prefix}/bin:{os.environ.get('PATH', '')}")
    if uv is None:
        raise LocalClusterError("uv is missing; install requirements/dev.txt.")
    report(f"building image environment {environment.name} ...")
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=image_root()))
    try:
        # Relocatable, because it moves to its final place only when it is complete.
        run(uv, "venv", "--quiet", "--relocatable", "--allow-existing", "--python", sys.executable, str(folder))
        install = (uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"))
        run(*install, "--require-hashes", "--requirements", str(requirements))
        if environment.project:
            run(*install, "--no-deps", "--editable", str(REPOSITORY))
        folder.chmod(0o755)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report(f"building image environment {environment.name} ... {time.monotonic() - started:.0f} s")
    return target


def _digest(environment: _Environment, requirements: Path) -> str:
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix} {environment} {REPOSITORY}".encode())
    digest.update(requirements.read_bytes())
    # What an editable install records; the rest of pyproject.toml configures development tools.
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    recorded = (project["project"], project["build-system"], project.get("tool", {}).get("hatch"))
    digest.update(json.dumps(recorded, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise LocalClusterError(f"`{' '.join(command)}` failed:\n{result.stderr.strip()}")
