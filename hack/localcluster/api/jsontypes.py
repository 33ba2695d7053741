"""Names for what the Kubernetes API sends: plain JSON, not modelled further than needed."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
