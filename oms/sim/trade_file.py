"""The venue's own record of its executions: a CSV, only ever appended to, flushed line by line.

This is what a broker would send at the end of the day, and what the book of the order management system is
reconciled against. A line is written before the report of the fill is sent: the venue's books lead, its
messages follow. Numbers are plain decimals, times are UTC as in FIX. A file that is there already is
continued.
"""

import csv
from pathlib import Path
from typing import Final

from oms.core.types import format_scaled
from oms.fix.wire import utc_timestamp
from oms.sim.exchange import Execution

COLUMNS: Final = (
    "exec_id",
    "cl_ord_id",
    "order_id",
    "symbol",
    "side",
    "last_qty",
    "last_px",
    "transact_time",
)


class TradeFile:
    """Appends executions to a CSV file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        if not self._file.tell():
            self._writer.writerow(COLUMNS)
            self._file.flush()

    def write(self, execution: Execution) -> None:
        """Append one line and hand it to the operating system."""
        self._writer.writerow(
            (
                execution.exec_id,
                execution.cl_ord_id,
                execution.order_id,
                execution.symbol,
                execution.side,
                format_scaled(execution.last_qty),
                format_scaled(execution.last_px),
                utc_timestamp(execution.transact_time_ns),
            )
        )
        self._file.flush()

    def close(self) -> None:
        """Close the file. Writing afterwards raises ValueError."""
        self._file.close()
