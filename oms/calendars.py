"""config/calendars.toml to definitions: every trading day of every market, in UTC.

The table has dates and local times; time zones and summer time are worked out here, once, at start, so that
the core compares nothing but numbers. The dates on which a market is closed and its special hours come from
the table, its usual hours, and for how long before and after them a day lasts, from markets.toml.

A table that has ended would end no day any more, and nobody would notice: an engine does not start with it.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from oms.config import ConfigError, Strict, convert, read_toml
from oms.core import events as ev

log = logging.getLogger("oms")

WARN_DAYS: Final = 30
"""How long before its end a table is warned about."""

_AGAIN: Final = "make it anew with tools/make_calendars.py"
_MIDNIGHT: Final = "24:00"


class Hours(Strict, frozen=True):
    """What markets.toml says of a market's days."""

    timezone: str
    sessions: list[tuple[str, str]]  # local time, the usual ones
    pre_open_minutes: int
    day_end_minutes: int


class _Calendar(Strict, frozen=True):
    market: str
    first: str
    until: str
    closed: list[str]
    special: list[list[str]]


class _Table(Strict, frozen=True):
    source: str
    calendar: list[_Calendar]


def definitions(path: Path, hours: Mapping[str, Hours], used: Iterable[str], at_ns: int) -> list[ev.Event]:
    """The calendars of a table. Raises ConfigError; warns of what ends soon.

    `hours` is MIC -> hours; `used` are the markets that need a calendar.
    """
    table = convert(path, read_toml(path), _Table)
    today = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).date()
    events: list[ev.Event] = []
    for calendar in table.calendar:
        mic = calendar.market
        if mic not in hours:
            raise ConfigError(f"{_at(path, mic)}: {mic} is not in markets.toml")
        if any(event.market == mic for event in events if isinstance(event, ev.CalendarDefined)):
            raise ConfigError(f"{path}: {mic} has two calendars")
        until = _date(path, mic, calendar.until)
        if until < today:
            raise ConfigError(f"{_at(path, mic, 'until')}: {mic} ended on {calendar.until}: {_AGAIN}")
        if until - today < timedelta(WARN_DAYS):
            log.warning("%s: %s ends on %s: %s", _at(path, mic, "until"), mic, until, _AGAIN)
        events.append(_definition(path, calendar, hours[mic], table.source, at_ns))
    missing = set(used) - {calendar.market for calendar in table.calendar}
    if missing:
        raise ConfigError(f"{path}: no calendar for {', '.join(sorted(missing))}, which has instruments")
    return events


def _definition(path: Path, calendar: _Calendar, hours: Hours, source: str, at_ns: int) -> ev.CalendarDefined:
    mic = calendar.market
    zone = ZoneInfo(hours.timezone)
    first, until = _date(path, mic, calendar.first), _date(path, mic, calendar.until)
    closed = {_date(path, mic, day) for day in calendar.closed}
    usual = [bound for session in hours.sessions for bound in session]
    special = {_date(path, mic, row[0] if row else ""): row[1:] for row in calendar.special}
    for day in closed | special.keys():
        if not first <= day <= until:
            raise ConfigError(f"{_at(path, mic)}: {mic}: {day} is not from {first} to {until}")
    sessions: list[tuple[int, ...]] = []
    for day in (first + timedelta(n) for n in range((until - first).days + 1)):
        bounds = special.get(day, usual if day.weekday() < 5 and day not in closed else [])
        if bounds or day in special:
            sessions.append((int(f"{day:%Y%m%d}"), *_utc(path, mic, day, bounds, zone)))
    pre_open_s, day_end_s = hours.pre_open_minutes * 60, hours.day_end_minutes * 60
    for before, after in pairwise(sessions):
        if before[-1] + day_end_s > after[1] - pre_open_s:
            raise ConfigError(f"{_at(path, mic)}: {mic}: {before[0]} ends after {after[0]} begins")
    return ev.CalendarDefined(at_ns, mic, pre_open_s, day_end_s, tuple(sessions), source)


def _utc(path: Path, mic: str, day: date, bounds: list[str], zone: ZoneInfo) -> list[int]:
    """Local times of a date in UTC seconds."""
    try:
        found = [_second(day, bound, zone) for bound in bounds]
    except ValueError as error:
        raise ConfigError(f"{_at(path, mic)}: {mic}, {day}: {error}") from None
    if not found or len(found) % 2 or any(a >= b for a, b in pairwise(found)):
        raise ConfigError(f"{_at(path, mic)}: {mic}, {day}: {bounds} are not opens and closes, ascending")
    return found


def _second(day: date, bound: str, zone: ZoneInfo) -> int:
    if bound == _MIDNIGHT:
        day, bound = day + timedelta(1), "00:00"
    return int(datetime.combine(day, time.fromisoformat(bound), zone).timestamp())


def _date(path: Path, mic: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{_at(path, mic)}: {mic}: {text!r} is not a date, YYYY-MM-DD") from None


def _at(path: Path, mic: str, key: str = "market") -> str:
    """The place where a market's calendar says something."""
    of_market = False
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        of_market = of_market or bool(re.match(rf'\s*market\s*=\s*"{re.escape(mic)}"', line))
        if of_market and re.match(rf"\s*{key}\s*=", line):
            return f"{path}, line {number}"
    return f"{path}"
