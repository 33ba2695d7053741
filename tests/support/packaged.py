"""From a table to a package, as the steps of the pipeline make one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from timoneiro_components.definition.training import Training
from timoneiro_components.evaluate import evaluate
from timoneiro_components.package import package
from timoneiro_components.privacy.record import PrivacyRecord, write_record
from timoneiro_components.tables import write_table
from timoneiro_components.train import train


def packaged(root: Path, training: Training, table: pa.Table) -> Path:
    """The package of a model that is trained on `table`: the folder `package` below `root`, beside `model`, `test` and
    whatever else it was made of."""
    places = {name: root / name for name in ("data", "privacy", "dataset", "model", "test", "seen")}
    write_table(table, places["data"])
    nothing = PrivacyRecord((), {}, rows=0, rows_scanned=0, rows_erased=0, retention=None, withheld=False)
    write_record(nothing, places["privacy"])
    places["dataset"].write_text("{}")
    train(training, data=places["data"], model=places["model"], test=places["test"])
    judged = {"model": places["model"], "test": places["test"], "evaluation": places["seen"]}
    evaluate(training, **judged, champion_uri="")
    files = {name: places[name] for name in ("data", "privacy", "dataset", "model")}
    package(training, **files, destination=root / "package", version="1", evaluation=places["seen"])
    return root / "package"
