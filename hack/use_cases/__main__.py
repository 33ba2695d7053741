"""`make use-cases`: every example is run, and its page gets the figures and the picture of that run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .cases import PAGES, USE_CASES
from .measure import measure
from .page import case_table, overview, with_figures
from .pictures import draw


def main() -> None:
    all_tested = []
    for case in USE_CASES:
        with tempfile.TemporaryDirectory(prefix="timoneiro-use-case-") as folder:
            tested = measure(case, Path(folder))
        all_tested.append(tested)
        (PAGES / f"{case.name}.svg").write_text(draw(tested), encoding="utf-8")
        _write(case.page, case_table(tested))
    _write(PAGES / "README.md", overview(all_tested))


def _write(page: Path, table: list[str]) -> None:
    page.write_text(with_figures(page.read_text(encoding="utf-8"), table), encoding="utf-8")
    print("\n".join([f"wrote {page.name}", *table, ""]), flush=True)


if __name__ == "__main__":
    main()
