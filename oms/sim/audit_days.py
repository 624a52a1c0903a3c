"""Trading days as an auditor finds them: from the tables and the ends in the journal, by searching them.

Part of `auditor`. Dates are YYYYMMDD, times UTC. Nothing here is fast: a question goes through a whole table.
"""

from datetime import UTC, datetime
from typing import Any

from oms.core import events as ev

Record = dict[str, Any]


class Days:
    """Which day every market is on. What is wrong with an event about days is answered in words."""

    def __init__(self) -> None:
        self.ends: list[str] = []  # the market of every day that has ended; "" for all
        self.tables: dict[str, ev.CalendarDefined] = {}
        self.ended: dict[str, int] = {}  # market -> the last trading date that has ended, or was over
        self.begun: dict[str, int] = {}  # market -> the last trading date that has begun

    def number(self, market: str) -> int:
        """The number of the day that a market is on: that of the last end that concerned it."""
        return max((n for n, of in enumerate(self.ends, 2) if of in ("", market)), default=1)

    def date_on(self, market: str, at_ns: int) -> int:
        """The trading date that a market is on; 0 outside its hours, or without a table."""
        table = self.tables.get(market)
        second = at_ns // 1_000_000_000
        for date, *bounds in table.sessions if table is not None else ():
            assert table is not None
            if bounds[0] - table.pre_open_s <= second < bounds[-1] + table.day_end_s:
                return date
        return 0

    def is_any_on(self) -> bool:
        """Whether any market is on a date that has begun and not ended."""
        return any(date > self.ended.get(market, 0) for market, date in self.begun.items())

    def takes_orders(self, market: str, at_ns: int) -> bool:
        """Whether orders for the day may be sent: before the close of a date that has not ended."""
        date = self.date_on(market, at_ns)
        if date <= self.ended.get(market, 0):
            return False
        close = next(s[-1] for s in self.tables[market].sessions if s[0] == date)
        return at_ns // 1_000_000_000 < close

    def defined(self, event: ev.CalendarDefined) -> None:
        """A table comes: what is over by then is nothing that it ends."""
        if event.market not in self.tables:
            over = [s[0] for s in event.sessions if s[-1] + event.day_end_s <= event.at_ns // 1_000_000_000]
            self.ended[event.market] = max(over, default=0)
        self.tables[event.market] = event

    def started(self, event: ev.DayStarted) -> list[str]:
        """A date begins."""
        wrong = []
        if self.date_on(event.market, event.at_ns) != event.date:
            wrong.append(f"{event.market} begins {event.date}, which is not on")
        if event.date <= max(self.begun.get(event.market, 0), self.ended.get(event.market, 0)):
            wrong.append(f"{event.market} begins {event.date} again, or after it has ended")
        self.begun[event.market] = event.date
        return wrong

    def end(self, event: ev.DayEnded) -> list[str]:
        """A day ends, of one market or of all."""
        wrong = []
        if event.date:
            if event.date <= self.ended.get(event.market, 0):
                wrong.append(f"{event.market} ends {event.date} again")
            table = self.tables[event.market]
            ends_s = next(s[-1] + table.day_end_s for s in table.sessions if s[0] == event.date)
            if ends_s > event.at_ns // 1_000_000_000:
                wrong.append(f"{event.market} ends {event.date} before its time")
        for market in self.tables:
            if event.market in ("", market):
                date = event.date or self.date_on(market, event.at_ns)
                self.ended[market] = max(self.ended[market], date)
        self.ends.append(event.market)
        return wrong

    def is_last(self, market: str, until: str, event: ev.DayEnded) -> bool:
        """Whether an ExpireDate(432) or ExpireTime(126) leaves no trading day after the one that ends."""
        table = self.tables.get(market)
        ending = event.date or self.date_on(market, event.at_ns) or self.ended.get(market, 0)
        later = [s for s in table.sessions if s[0] > ending] if table is not None else []
        if not later:
            return until[:8] <= f"{datetime.fromtimestamp(event.at_ns // 1_000_000_000, UTC):%Y%m%d}"
        if len(until) == 8:
            return int(until) < later[0][0]
        moment = datetime.strptime(until[:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        return moment.timestamp() <= later[0][1]
