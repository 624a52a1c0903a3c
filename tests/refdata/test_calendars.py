"""config/calendars.toml: what it says of days that people know, and what becomes of a table that is wrong.

The dates of holidays are held against the package holidays, which is made by other people.
"""

import logging
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import holidays
import pytest

from oms import reference
from oms.config import ConfigError, load
from oms.core import events as ev
from oms.core.calendar import Calendar, Phase
from tests.refdata.conftest import CONFIG
from tests.support.engine_process import write_config

DESK = CONFIG / "desk.toml"
MADE = 1_795_600_000_000_000_000
"""2026-11-25: when the table was made."""


@pytest.fixture(scope="session")
def calendars() -> dict[str, Calendar]:
    """The table as an engine of `config/desk.toml` has it."""
    found = reference.definitions(load(DESK), MADE)
    return {e.market: Calendar(e) for e in found if isinstance(e, ev.CalendarDefined)}


@pytest.fixture(scope="session")
def table() -> dict[str, Any]:
    return tomllib.loads((CONFIG / "calendars.toml").read_text("utf-8"))


def ns(text: str) -> int:
    """UTC, "2026-11-27 18:00"."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def test_every_market_has_a_calendar_and_the_table_says_who_says_so(
    calendars: dict[str, Calendar], markets: dict[str, Any], table: dict[str, Any]
) -> None:
    assert list(calendars) == list(markets)
    assert table["source"].startswith("exchange_calendars 4.")
    assert {c.event.source for c in calendars.values()} == {table["source"]}


KNOWN = (
    # market   UTC                  what it does      until (UTC)
    ("XNYS", "2026-11-26 16:00", Phase.CLOSED,   "2026-11-27 14:00"),  # Thanksgiving
    ("XNYS", "2026-11-27 17:59", Phase.OPEN,     "2026-11-27 18:00"),  # and the day after: 13:00 in New York
    ("XNYS", "2026-12-24 18:00", Phase.CLOSING,  "2026-12-24 18:15"),
    ("XNAS", "2027-01-18 16:00", Phase.CLOSED,   "2027-01-19 14:00"),  # Martin Luther King's day
    ("XLON", "2026-12-24 12:30", Phase.CLOSING,  "2026-12-24 12:50"),
    ("XLON", "2026-12-28 10:00", Phase.CLOSED,   "2026-12-29 07:50"),  # Boxing Day, on the Monday
    ("XETR", "2026-12-30 12:59", Phase.OPEN,     "2026-12-30 13:00"),  # the last day of the year
    ("XETR", "2026-12-31 10:00", Phase.CLOSED,   "2027-01-04 07:45"),
    ("XPAR", "2027-03-29 10:00", Phase.CLOSED,   "2027-03-30 06:45"),  # Easter Monday
    ("XSTO", "2027-06-25 10:00", Phase.CLOSED,   "2027-06-28 06:45"),  # Midsummer's eve
    ("XHEL", "2026-12-24 10:00", Phase.CLOSED,   "2026-12-28 07:45"),
    ("XTKS", "2026-11-23 03:00", Phase.CLOSED,   "2026-11-23 23:30"),  # Labour Thanksgiving Day
    ("XTKS", "2026-11-25 03:00", Phase.BREAK,    "2026-11-25 03:30"),
    ("XTKS", "2026-11-25 06:29", Phase.OPEN,     "2026-11-25 06:30"),
)  # fmt: skip


@pytest.mark.parametrize(("market", "time", "phase", "until"), KNOWN)
def test_days_that_people_know(
    calendars: dict[str, Calendar], market: str, time: str, phase: str, until: str
) -> None:
    found = calendars[market].state(ns(time))
    assert (found.phase, found.until_ns) == (phase, ns(until))


SUMMER_TIME = (
    # market   last open before, and first after the change (UTC)
    ("XNYS", "2027-03-12 14:30", "2027-03-15 13:30"),
    ("XNYS", "2027-11-05 13:30", "2027-11-08 14:30"),
    ("XLON", "2027-03-25 08:00", "2027-03-30 07:00"),  # Easter in between
    ("XETR", "2027-10-29 07:00", "2027-11-01 08:00"),
    ("XTKS", "2027-03-12 00:00", "2027-03-15 00:00"),  # has none
)


@pytest.mark.parametrize(("market", "before", "after"), SUMMER_TIME)
def test_summer_time_moves_a_session_by_an_hour_and_ends_every_date_once(
    calendars: dict[str, Calendar], market: str, before: str, after: str
) -> None:
    opens = [session.opens_s * 1_000_000_000 for session in calendars[market].sessions]
    first = opens.index(ns(before))
    assert opens[first + 1] == ns(after)
    dates = [session.date for session in calendars[market].sessions]
    assert dates == sorted(set(dates))


def test_new_york_is_closed_when_another_source_says_so(table: dict[str, Any]) -> None:
    exchange = holidays.financial_holidays("XNYS")
    for calendar in table["calendar"]:
        if calendar["market"] not in ("XNYS", "XNAS"):
            continue
        day, until = date.fromisoformat(calendar["first"]), date.fromisoformat(calendar["until"])
        while day <= until:
            if day.weekday() < 5:
                assert (day.isoformat() in calendar["closed"]) == (day in exchange), day
            day += timedelta(1)


def test_euronext_is_closed_when_the_euros_payment_system_is(table: dict[str, Any]) -> None:
    """Its trading days are those of TARGET."""
    target = holidays.financial_holidays("XECB")
    for calendar in table["calendar"]:
        if calendar["market"] in ("XPAR", "XAMS", "XBRU"):
            days = [date.fromisoformat(day) for day in calendar["closed"]]
            years = range(int(calendar["first"][:4]), int(calendar["until"][:4]) + 1)
            expected = [d for year in years for d in _of_year(year) if d.weekday() < 5 and d in target]
            assert days == expected


def _of_year(year: int) -> list[date]:
    return [
        date(year, 1, 1) + timedelta(n) for n in range(366) if (date(year, 1, 1) + timedelta(n)).year == year
    ]


# -- a table that is wrong -----------------------------------------------------------------------------------

SMALL = """source = "made up"

[[calendar]]
market = "XNAS"
first = "2026-11-02"
until = "2026-12-31"
closed = ["2026-11-26"]
special = [["2026-11-27", "09:30", "13:00"]]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration with a small table, beside it."""
    (tmp_path / "calendars.toml").write_text(SMALL)
    return write_config(tmp_path, 1, changes={"reference": {"calendars": "calendars.toml"}})


def sessions(path: Path, at: str = "2026-11-25 12:00") -> tuple[tuple[int, ...], ...]:
    found = reference.definitions(load(path), ns(at))
    return next(e for e in found if isinstance(e, ev.CalendarDefined)).sessions


def test_a_small_table(path: Path) -> None:
    found = {row[0]: row[1:] for row in sessions(path)}
    assert (min(found), max(found)) == (20261102, 20261231)
    assert 20261126 not in found
    assert found[20261127] == (ns("2026-11-27 14:30") // 10**9, ns("2026-11-27 18:00") // 10**9)
    assert 20261128 not in found, "a Saturday"


WRONG = (
    # what is written for what                              line and what is said
    ('market = "XNAS"', 'market = "XMOON"',                 4, "XMOON is not in markets.toml"),
    ('until = "2026-12-31"', 'until = "2026-11-24"',        6, "XNAS ended on 2026-11-24: make it anew"),
    ('until = "2026-12-31"', 'until = "soon"',              4, "XNAS: 'soon' is not a date"),
    ('["2026-11-26"]', '["2027-11-26"]',                    4, "2027-11-26 is not from 2026-11-02"),
    ('"13:00"', '"25:00"',                                  4, "XNAS, 2026-11-27: "),
    ('"13:00"', '"09:00"',                                  4, "are not opens and closes, ascending"),
    (', "13:00"', '',                                       4, "are not opens and closes, ascending"),
    ('"09:30", "13:00"', '',                                4, "are not opens and closes, ascending"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG, ids=[row[3] for row in WRONG])
def test_what_is_wrong_is_named_with_file_and_line(
    path: Path, old: str, new: str, line: int, said: str
) -> None:
    table = path.parent / "calendars.toml"
    assert old in SMALL
    table.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        sessions(path)
    assert str(error.value).startswith(f"{table}, line {line}: ")
    assert said in str(error.value)


def test_a_market_with_instruments_and_no_calendar_is_an_error(path: Path) -> None:
    (path.parent / "calendars.toml").write_text(SMALL.replace("XNAS", "XNYS"))
    with pytest.raises(ConfigError, match="no calendar for XNAS, which has instruments"):
        sessions(path)


def test_a_market_with_two_calendars_is_an_error(path: Path) -> None:
    (path.parent / "calendars.toml").write_text(SMALL + SMALL.partition("\n\n")[2])
    with pytest.raises(ConfigError, match="XNAS has two calendars"):
        sessions(path)


def test_a_day_that_would_not_end_before_the_next_begins_is_an_error(path: Path) -> None:
    markets = path.parent / "markets.toml"
    markets.write_text(markets.read_text().replace("day_end_minutes = 15", "day_end_minutes = 1021", 1))
    with pytest.raises(ConfigError, match="20261102 ends after 20261103 begins"):
        sessions(path)


WARNED = (("2026-12-01 12:00", False), ("2026-12-02 12:00", True), ("2026-12-31 12:00", True))


@pytest.mark.parametrize(("at", "warns"), WARNED)
def test_a_table_that_ends_within_30_days_is_warned_about(
    path: Path, caplog: pytest.LogCaptureFixture, at: str, warns: bool
) -> None:
    caplog.set_level(logging.WARNING)
    sessions(path, at)
    assert (f"{path.parent / 'calendars.toml'}, line 6: XNAS ends on 2026-12-31" in caplog.text) == warns


def test_a_table_that_has_ended_is_refused(path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"calendars.toml, line 6: XNAS ended on 2026-12-31: make it anew with "
    ):
        sessions(path, "2027-01-01 00:30")


def test_without_a_table_there_are_no_calendars(tmp_path: Path) -> None:
    found = reference.definitions(load(write_config(tmp_path, 1)), MADE)
    assert not [event for event in found if isinstance(event, ev.CalendarDefined)]
