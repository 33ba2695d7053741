"""Image environments are built once, however many clusters start at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localcluster.build import images


def test_clusters_that_start_at_once_in_a_new_checkout_share_one_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, built = threading.Barrier(2), []

    def fake_run(*command: str) -> None:
        if "venv" in command:
            built.append(command[-1])
            (Path(command[-1]) / "bin").mkdir()

    def start(_: int) -> dict[str, images.Image]:
        both.wait()
        return images.build_images(lambda _: None)

    monkeypatch.setattr(images, "run", fake_run)
    monkeypatch.setattr(images, "image_root", lambda: tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(start, range(2))
    assert first == second
    assert len(built) == 2
    names = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir() if path.is_dir())
    assert names == ["operator", "serving"]
