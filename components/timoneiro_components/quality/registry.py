"""The checks, in their order."""

from __future__ import annotations

from .accuracy import NO_COLUMN_TELLS_THE_TARGET, VALUES_AS_DESCRIBED
from .check import CheckKind
from .completeness import EVERY_CLASS_HAS_ROWS, EVERY_COLUMN_SAYS_SOMETHING, FEW_VALUES_ARE_MISSING
from .consistency import KEYS_ARE_THERE_ONCE, NO_ROW_IS_TRAINED_AND_TESTED_ON, ROWS_ARE_THERE_ONCE
from .rules import RULES_HOLD
from .timeliness import ROWS_ARE_RECENT, TIMES_HAVE_BEEN

# Checks of a stage are about the rows that those of the stages before it have not taken out: first each row by itself,
# then rows beside others, then the table that is left.
STAGES: tuple[tuple[CheckKind, ...], ...] = (
    (VALUES_AS_DESCRIBED, TIMES_HAVE_BEEN, RULES_HOLD),
    (ROWS_ARE_THERE_ONCE, KEYS_ARE_THERE_ONCE, NO_ROW_IS_TRAINED_AND_TESTED_ON),
    (
        ROWS_ARE_RECENT,
        FEW_VALUES_ARE_MISSING,
        EVERY_CLASS_HAS_ROWS,
        EVERY_COLUMN_SAYS_SOMETHING,
        NO_COLUMN_TELLS_THE_TARGET,
    ),
)
