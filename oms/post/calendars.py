"""Trade dates and settlement dates.

The *trade date* is the date at the exchange when the trade was made, if the exchange's time zone is known,
else the UTC date. In the regular hours of every market below the two are the same; before and after hours
they may differ.

The *settlement date* is n settlement days after the trade date. Settlement days are not trading days: they
are the days on which the depository and the payment system of the currency both work. US shares trade on
Columbus Day and Veterans Day, but the banks are closed, so that nothing settles: a trade of Friday
2026-10-09 settles T+1 on Tuesday 2026-10-13. Xetra closes on 24 and 31 December, and trades still settle on
both.

    US       NYSE holidays and Federal Reserve holidays
    TARGET   the euro's payment system, which is what euro shares settle by (also Helsinki, Madrid, Milan)
    GB       bank holidays of England and Wales
    SE       Swedish public holidays, and the eves of Midsummer, Christmas and New Year
    JP       public holidays, and the bank holidays around New Year
    weekends a market that is not in the table: Saturdays and Sundays only

The calendar's name is stored with every date made from it, so that "weekends" is seen and not guessed at.
Dates come from the `holidays` package, which knows moved and one-off closures.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays

WEEKENDS: Final = "weekends"

CALENDAR_OF_MARKET: Final[Mapping[str, str]] = {
    "XNAS": "US",
    "XNYS": "US",
    "XETR": "TARGET",
    "XPAR": "TARGET",
    "XAMS": "TARGET",
    "XBRU": "TARGET",
    "XMAD": "TARGET",
    "XMIL": "TARGET",
    "XHEL": "TARGET",
    "XSTO": "SE",
    "XLON": "GB",
    "XTKS": "JP",
}
"""ISO 10383 MIC -> settlement calendar."""


class TradeDates:
    """Turns a time into a trade date, by the time zones it was given."""

    __slots__ = ("_zones",)

    def __init__(self, timezones: Mapping[str, str]) -> None:
        """`timezones` is MIC -> IANA name. Raises ZoneInfoNotFoundError for a name that is none."""
        self._zones: dict[str, tzinfo] = {market: ZoneInfo(name) for market, name in timezones.items()}

    def trade_date(self, market: str, at_ns: int) -> str:
        """ISO 8601 date at the market, or UTC where its time zone is not known."""
        zone = self._zones.get(market, UTC)
        return datetime.fromtimestamp(at_ns // 1_000_000_000, zone).date().isoformat()


def calendar_of(market: str) -> str:
    """The name of the calendar that a market's trades settle by."""
    return CALENDAR_OF_MARKET.get(market, WEEKENDS)


@lru_cache(maxsize=4096)
def settlement_date(calendar: str, trade_date: str, settlement_days: int) -> str:
    """The ISO date `settlement_days` settlement days after the trade date.

    With 0 it is the trade date itself, or the next settlement day where that is none.
    *Source:* SettlDate(64); T+1 in the US since 2024-05-28, T+2 in Europe and Japan.
    """
    closed = _closed(calendar)
    day = date.fromisoformat(trade_date)
    left = settlement_days
    while left > 0 or _is_weekend(day) or closed(day):
        day += timedelta(days=1)
        if left > 0 and not _is_weekend(day) and not closed(day):
            left -= 1
    return day.isoformat()


def _is_weekend(day: date) -> bool:
    return day.weekday() >= 5


@cache
def _closed(calendar: str) -> Callable[[date], bool]:
    return _CALENDARS[calendar]()


def _us() -> Callable[[date], bool]:
    exchange = holidays.financial_holidays("XNYS")
    banks = holidays.financial_holidays("XFED")
    return lambda day: day in exchange or day in banks


def _target() -> Callable[[date], bool]:
    payment_system = holidays.financial_holidays("XECB")
    return lambda day: day in payment_system


def _gb() -> Callable[[date], bool]:
    england = holidays.country_holidays("GB", subdiv="ENG")
    return lambda day: day in england


def _se() -> Callable[[date], bool]:
    public = holidays.country_holidays("SE")

    def closed(day: date) -> bool:
        is_midsummer_eve = day.month == 6 and 19 <= day.day <= 25 and day.weekday() == 4
        is_year_end_eve = day.month == 12 and day.day in (24, 31)
        return day in public or is_midsummer_eve or is_year_end_eve

    return closed


def _jp() -> Callable[[date], bool]:
    public_and_bank = holidays.country_holidays("JP", categories=("public", "bank"))
    return lambda day: day in public_and_bank


_CALENDARS: Final[dict[str, Callable[[], Callable[[date], bool]]]] = {
    "US": _us,
    "TARGET": _target,
    "GB": _gb,
    "SE": _se,
    "JP": _jp,
    WEEKENDS: lambda: lambda day: False,
}
