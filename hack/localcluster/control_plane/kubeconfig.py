"""Kubeconfig files. Pure text; everything is embedded, so that a file can be copied elsewhere."""

from __future__ import annotations

import base64
import json
from pathlib import Path


def _embed(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def kubeconfig(server: str, authority: Path, user: dict[str, str]) -> str:
    """One cluster, one user, one context named localcluster. JSON is YAML too."""
    name = "localcluster"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": server, "certificate-authority-data": _embed(authority)}}
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
        indent=1,
    )


def certificate_user(certificate: Path, key: Path) -> dict[str, str]:
    """A user with a client certificate."""
    return {"client-certificate-data": _embed(certificate), "client-key-data": _embed(key)}
