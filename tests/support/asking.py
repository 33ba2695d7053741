"""Commands as people write them who have no `kubectl timoneiro`: two annotations in one request."""

import json

from localcluster.cluster import Cluster


def user(cluster: Cluster) -> str:
    """The name under which the API server knows the tests."""
    return str(json.loads(cluster.kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]["username"])


def ask(cluster: Cluster, namespace: str, text: str, *, by: str | None = None, as_user: str | None = None) -> None:
    """Asks `text` of the ModelDeployment `fraud`, by default in the own name."""
    cluster.kubectl(
        *(["--as", as_user] if as_user else []),
        "-n",
        namespace,
        "annotate",
        "--overwrite",
        "md",
        "fraud",
        f"timoneiro.dev/command={text}",
        f"timoneiro.dev/command-by={by or as_user or user(cluster)}",
    )
