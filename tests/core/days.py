"""Calendars for the core's tests, and a clock that makes days end and begin.

New York and Tokyo around Thanksgiving 2026; the desk's clock stands at Sunday 2026-11-22, 14:30 UTC.
"""

from oms.core import events as ev
from oms.core.days import due
from oms.core.types import utc_date, utc_ns
from tests.core.desk import DAY_NS, START_NS, Desk

MINUTE_NS = 60_000_000_000


def calendar(
    market: str, *sessions: tuple[str, ...], pre_open_min: int = 30, day_end_min: int = 15
) -> ev.CalendarDefined:
    """Sessions as (date, open, close, ...): UTC times of that date, or with a date of their own."""
    rows = []
    for date, *bounds in sessions:
        times = [utc_ns(f"{b if '-' in b else f'{date}-{b}'}:00") // 1_000_000_000 for b in bounds]
        rows.append((int(date), *times))
    return ev.CalendarDefined(START_NS, market, pre_open_min * 60, day_end_min * 60, tuple(rows), "made up")


NEW_YORK = calendar(
    "XNYS",
    ("20261120", "14:30", "21:00"),
    ("20261123", "14:30", "21:00"),
    ("20261124", "14:30", "21:00"),
    ("20261125", "14:30", "21:00"),
    # Thursday 26: Thanksgiving
    ("20261127", "14:30", "18:00"),  # an early close
    ("20261130", "14:30", "21:00"),
)
TOKYO = calendar(
    "XTKS",
    ("20261120", "00:00", "02:30", "03:30", "06:30"),
    ("20261124", "00:00", "02:30", "03:30", "06:30"),  # Monday 23 is a holiday
    ("20261125", "00:00", "02:30", "03:30", "06:30"),
    ("20261126", "00:00", "02:30", "03:30", "06:30"),
)


LONDON = calendar(
    "XLON",
    ("20261123", "08:00", "16:30"),
    ("20261124", "08:00", "16:30"),
    ("20261125", "08:00", "16:30"),
)


def _every_day(market: str, *hours: str) -> ev.CalendarDefined:
    """Half a year without holidays and weekends."""
    dates = [utc_date(START_NS + n * DAY_NS) for n in range(-2, 180)]
    return calendar(market, *((date, *hours) for date in dates))


LONG = (
    _every_day("XNYS", "14:30", "21:00"),
    _every_day("XLON", "08:00", "16:30"),
    _every_day("XTKS", "01:00", "02:30", "03:30", "06:30"),
)
"""For lives that go on for long."""


def at(desk: Desk, time: str) -> list[str]:
    """The clock says so ("24-21:15" is of November 2026): days that are due end and begin. What happens."""
    now_ns = utc_ns(f"202611{time}:00")
    found: list[str] = []
    for command in due(desk.state, now_ns):
        desk.now_ns = now_ns - desk.tick_ns
        found += desk.do(command)
    desk.now_ns = now_ns
    return found
