"""Trade dates and settlement dates, on days where they are easily got wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from oms.post.calendars import CALENDAR_OF_MARKET, TradeDates, calendar_of, settlement_date


@pytest.mark.parametrize(
    ("calendar", "trade_date", "days", "settles"),
    [
        ("US", "2026-10-08", 1, "2026-10-09"),
        ("US", "2026-10-09", 1, "2026-10-13"),  # a Friday; Monday is Columbus Day: trades, does not settle
        ("US", "2026-10-12", 1, "2026-10-13"),  # a trade of Columbus Day itself
        ("US", "2026-11-10", 1, "2026-11-12"),  # Veterans Day between
        ("US", "2026-10-16", 1, "2026-10-19"),  # a Friday
        ("US", "2026-12-31", 1, "2027-01-04"),  # year end: New Year's Day is a Friday
        ("US", "2026-04-02", 1, "2026-04-06"),  # Good Friday
        ("US", "2026-07-02", 1, "2026-07-06"),  # Independence Day is observed on Friday the 3rd
        ("TARGET", "2026-12-23", 2, "2026-12-28"),  # the 24th settles, the 25th and the weekend do not
        ("TARGET", "2026-12-30", 2, "2027-01-04"),  # the 31st settles, although Xetra is closed
        ("TARGET", "2026-04-02", 2, "2026-04-08"),  # Good Friday and Easter Monday
        ("TARGET", "2026-10-01", 2, "2026-10-05"),  # German Unity Day is none of the euro's
        ("GB", "2026-12-24", 2, "2026-12-30"),  # Boxing Day is observed on Monday the 28th
        ("GB", "2026-05-01", 2, "2026-05-06"),  # early May bank holiday
        ("SE", "2026-06-18", 2, "2026-06-23"),  # Midsummer Eve
        ("SE", "2026-12-30", 2, "2027-01-05"),  # New Year's Eve
        ("JP", "2026-12-29", 2, "2027-01-04"),  # banks are closed from 31 December to 3 January
        ("JP", "2026-05-01", 2, "2026-05-08"),  # Golden Week
        ("weekends", "2026-12-24", 2, "2026-12-28"),
        ("US", "2026-10-10", 1, "2026-10-13"),  # a Saturday
        ("US", "2026-10-10", 0, "2026-10-13"),
        ("US", "2026-10-09", 0, "2026-10-09"),
    ],
)
def test_settlement_date(calendar: str, trade_date: str, days: int, settles: str) -> None:
    assert settlement_date(calendar, trade_date, days) == settles


def test_every_calendar_exists() -> None:
    for calendar in {*CALENDAR_OF_MARKET.values(), calendar_of("XXXX")}:
        assert settlement_date(calendar, "2026-03-10", 2) == "2026-03-12"


def test_an_unknown_market_is_called_weekends() -> None:
    assert calendar_of("XXXX") == "weekends"


@pytest.mark.parametrize(
    ("market", "utc", "trade_date"),
    [
        ("XNYS", "2026-01-09T14:30", "2026-01-09"),
        ("XNYS", "2026-01-10T01:00", "2026-01-09"),  # after hours: still Friday in New York
        ("XTKS", "2026-01-08T23:59", "2026-01-09"),  # a minute before nine in Tokyo
        ("XLON", "2026-06-09T23:30", "2026-06-10"),  # summer time
        ("XXXX", "2026-01-09T23:59", "2026-01-09"),  # not known: UTC
    ],
)
def test_the_trade_date_is_the_date_at_the_exchange(market: str, utc: str, trade_date: str) -> None:
    zones = {"XNYS": "America/New_York", "XTKS": "Asia/Tokyo", "XLON": "Europe/London"}
    since_1970 = datetime.fromisoformat(utc).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    at_ns = since_1970 // timedelta(microseconds=1) * 1000
    assert TradeDates(zones).trade_date(market, at_ns) == trade_date
