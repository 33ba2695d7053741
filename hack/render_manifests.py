"""Renders manifests/ from the chart, for those who install without Helm. `make manifests` writes, a test compares."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from localcluster.build.tools import build_tools

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "timoneiro-system"
# A Helm that was built from its module assumes an ancient Kubernetes when it has no cluster to ask.
TEMPLATE = ("template", "timoneiro", str(ROOT / "charts/timoneiro"), "-n", NAMESPACE, "--kube-version", "1.34.0")
_HEAD = "# Rendered from charts/timoneiro by `make manifests`. Change the chart, not this file.\n"


def render(helm: Callable[..., str]) -> dict[str, str]:
    """Content by file name below manifests/."""
    text = helm(*TEMPLATE)
    files: dict[str, str] = {}
    for document in re.split(r"^---\n", text, flags=re.MULTILINE):
        source = re.search(r"^# Source: timoneiro/templates/(\S+)$", document, flags=re.MULTILINE)
        if source is None:
            continue
        name = "crd/modeldeployments.yaml" if source[1] == "crd.yaml" else f"operator/{source[1]}"
        body = re.sub(r"^# Source: .*\n", "", document, flags=re.MULTILINE).strip() + "\n"
        files[name] = files[name] + "---\n" + body if name in files else _HEAD + body
    return files


def main() -> None:
    helm = build_tools(print).programs["helm"]

    def run(*arguments: str) -> str:
        return subprocess.run([str(helm), *arguments], check=True, capture_output=True, text=True).stdout

    for name, content in render(run).items():
        (ROOT / "manifests" / name).write_text(content)
        print(f"wrote manifests/{name}")


if __name__ == "__main__":
    main()
