"""The venue's own record of its executions: a CSV, only ever appended to, flushed line by line.

This is what a broker would send at the end of the day, and what the book of the order management system is
reconciled against. A line is written before its report is sent: the venue's books lead, its messages follow.
A bust or a correction is a line of its own: ExecType(150) H or G, and in `exec_ref_id` the execution that it
is about. Numbers are plain decimals, times are UTC as in FIX.

A file that is there already is continued. One of an earlier version, without the last two columns, gets them
first: in a copy that takes its place when it is whole.
"""

import csv
import os
from pathlib import Path
from typing import Final

from oms.core.types import format_scaled
from oms.fix.wire import utc_timestamp
from oms.sim.reports import Execution

COLUMNS: Final = (
    "exec_id",
    "cl_ord_id",
    "order_id",
    "symbol",
    "side",
    "last_qty",
    "last_px",
    "transact_time",
    "exec_type",
    "exec_ref_id",
)

_FIRST_COLUMNS: Final = COLUMNS[:8]
"""Those of files from before there were busts in them."""


class TradeFile:
    """Appends executions to a CSV file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _bring_up_to_date(path)
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
                execution.exec_type,
                execution.exec_ref_id,
            )
        )
        self._file.flush()

    def close(self) -> None:
        """Close the file. Writing afterwards raises ValueError."""
        self._file.close()


def _bring_up_to_date(path: Path) -> None:
    """Give a file of the first kind the columns that it lacks: all its lines are trades."""
    head = ",".join(_FIRST_COLUMNS)
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        if file.readline().rstrip("\r\n") != head:
            return
        draft = path.with_name(path.name + ".new")
        with draft.open("w", encoding="utf-8") as new:
            new.write(",".join(COLUMNS) + "\n")
            new.writelines(f"{line.rstrip()},F,\n" for line in file if line.strip())
    os.replace(draft, path)
