"""The command line: build, up, down, status, logs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .build.images import build_images
from .build.tools import build_tools, wanted_tools
from .cluster import Cluster
from .errors import LocalClusterError
from .layout import Layout
from .paths import cluster_folder


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _build(arguments: argparse.Namespace) -> None:
    build_tools(_say, wanted_tools(prometheus=arguments.prometheus, services=arguments.services))
    build_images(_say)
    _say("everything is built")


def _show(cluster: Cluster) -> None:
    _say(f"cluster     {cluster.name} (process {cluster.description.process.pid})")
    _say(f"kubeconfig  {cluster.kubeconfig}")
    _say(f"kubectl     {cluster.description.programs['kubectl']}")
    _say(f"gateway     {cluster.gateway}")
    _say(f"statistics  {cluster.gateway_stats}/stats/prometheus")
    _say(f"S3          {cluster.s3.endpoint} (in pods {cluster.s3.cluster_endpoint})")
    if cluster.prometheus is not None:
        _say(f"Prometheus  {cluster.prometheus} (in pods {cluster.description.cluster_prometheus})")


def _up(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    cluster = Cluster.up(arguments.name, _say, prometheus=arguments.prometheus, services=arguments.services)
    _show(cluster)
    _say(f"ready after {time.monotonic() - started:.1f} s")


def _down(arguments: argparse.Namespace) -> None:
    names = Cluster.names() if arguments.all else [arguments.name]
    for name in names:
        _say(f"cluster {name} is gone" if Cluster.remove(name) else f"there was no cluster {name}")


def _status(arguments: argparse.Namespace) -> None:
    cluster = Cluster.load(arguments.name)
    _show(cluster)
    _say(cluster.kubectl("get", "pods", "--all-namespaces", "--output=wide"))


def _logs(arguments: argparse.Namespace) -> None:
    layout = Layout(cluster_folder(arguments.name))
    files = _log_files(layout, arguments.subject)
    if not files:
        known = ", ".join(sorted(path.stem for path in layout.logs.glob("*.log"))) or "none"
        raise LocalClusterError(f"There is no component or pod {arguments.subject}; components: {known}.")
    for file in files:
        if len(files) > 1:
            _say(f"==> {file.relative_to(layout.folder)} <==")
        sys.stdout.write(file.read_text(errors="replace"))


def _log_files(layout: Layout, subject: str) -> list[Path]:
    component = layout.logs / f"{subject}.log"
    if component.exists():
        return [component]
    namespace, _, name = subject.rpartition("/")
    pods = (layout.folder / "pods").glob(f"{namespace or '*'}_{name}_*/*/*.log")
    return sorted(pods, key=lambda path: path.stat().st_mtime)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localcluster", description="A Kubernetes cluster of host processes.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", default="dev", help="which cluster (default: dev)")

    extended = argparse.ArgumentParser(add_help=False)
    extended.add_argument("--prometheus", action="store_true", help="with Prometheus, which reads all model servers")
    extended.add_argument("--services", action="store_true", help="with names and addresses of Services")

    verbs.add_parser("build", parents=[extended], help="build tools and images").set_defaults(run=_build)
    verbs.add_parser("up", parents=[named, extended], help="start a cluster").set_defaults(run=_up)
    down = verbs.add_parser("down", parents=[named], help="end a cluster")
    down.add_argument("--all", action="store_true", help="end all clusters")
    down.set_defaults(run=_down)
    verbs.add_parser("status", parents=[named], help="show addresses and pods").set_defaults(run=_status)
    logs = verbs.add_parser("logs", parents=[named], help="print the log of a component or pod")
    logs.add_argument("subject", metavar="COMPONENT|POD", help="a pod may be given as NAMESPACE/NAME")
    logs.set_defaults(run=_logs)
    return parser


def main() -> int:
    """Runs one verb; the exit code is 1 after a failure that a person can act on."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except LocalClusterError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was left running\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
