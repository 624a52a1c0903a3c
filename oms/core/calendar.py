"""Trading days of the markets: which one a time belongs to, and what a market does at that time.

A market's calendar is an event (`CalendarDefined`): its sessions in UTC, so that summer time and time zones
are the business of whoever made the table. A session belongs to a *trading date*, has one or more stretches
of continuous trading, and lasts from some time before the first of them (orders are taken already) until some
time after the last (the closing auction is through, its reports are there). Sessions follow each other and do
not overlap.

    pre-open     open        break        open         closing     closed
    |------------|-----------|------------|------------|-----------|...
    begins       opens                                 closes      ends

What has *happened* to a market's days is state of its own, `MarketDay`: the calendar says when a day is due
to end, `DayEnded` that it did. A date ends once, whatever the clock does; so does it start.

`at` finds the session of a time in O(1): the first session that ends on or after each UTC day is looked up,
and a UTC day has few of them.
"""

from typing import Final

from msgspec import Struct

from oms.core import events as ev

SECOND_NS: Final = 1_000_000_000
_DAY_S: Final = 86_400


class Phase:
    """What a market does. `UNKNOWN` is that of a market without a calendar, or after its last session."""

    UNKNOWN: Final = "unknown"
    CLOSED: Final = "closed"
    PRE_OPEN: Final = "pre-open"
    OPEN: Final = "open"
    BREAK: Final = "break"
    CLOSING: Final = "closing"


TAKES_ORDERS: Final = frozenset((Phase.PRE_OPEN, Phase.OPEN, Phase.BREAK))
"""Phases in which a venue may be sent an order for the day."""


class MarketState(Struct, frozen=True, gc=False):
    """What a market does at some time."""

    phase: str
    date: int  # the trading date, YYYYMMDD, of this session or, while it is closed, of the next; 0 if unknown
    until_ns: int  # when that changes; 0 if the calendar does not say


NO_CALENDAR: Final = MarketState(Phase.UNKNOWN, 0, 0)


class Session(Struct, frozen=True, gc=False):
    """One trading day of one market. Times are UTC, in seconds."""

    date: int
    begins_s: int
    bounds_s: tuple[int, ...]  # open, close, and again where there are breaks
    ends_s: int

    @property
    def opens_s(self) -> int:
        """When trading begins."""
        return self.bounds_s[0]


class MarketDay(Struct, gc=False):
    """Where a market is in its days. Belongs to `state.State`: only `apply` changes it."""

    number: int = 1  # unique among all days of all markets, but for those before the first end: see `fold`
    ended_date: int = 0  # the last trading date that has ended, or that was over when the calendar came
    started_date: int = 0
    ended_ns: int = 0  # when the last day ended


class Calendar:
    """One market's sessions, ready to be asked."""

    __slots__ = ("_first", "_from_day", "event", "sessions")

    def __init__(self, event: ev.CalendarDefined) -> None:
        self.event = event
        self.sessions = [
            Session(date, bounds[0] - event.pre_open_s, tuple(bounds), bounds[-1] + event.day_end_s)
            for date, *bounds in event.sessions
        ]
        self._first: list[
            int
        ] = []  # UTC day, from `_from_day` on -> the first session that ends then or later
        self._from_day = self.sessions[0].begins_s // _DAY_S if self.sessions else 0
        for n, session in enumerate(self.sessions):
            while self._from_day + len(self._first) <= session.ends_s // _DAY_S:
                self._first.append(n)

    def next(self, now_ns: int) -> int:
        """The place of the session that is on, or of the next; how many there are if none is left. O(1)."""
        now_s = now_ns // SECOND_NS
        day = now_s // _DAY_S - self._from_day
        if day >= len(self._first):
            return len(self.sessions)
        n = self._first[max(day, 0)]
        while n < len(self.sessions) and self.sessions[n].ends_s <= now_s:
            n += 1
        return n

    def on(self, now_ns: int) -> Session | None:
        """The session that is on: it has begun and not ended."""
        n = self.next(now_ns)
        if n == len(self.sessions) or self.sessions[n].begins_s > now_ns // SECOND_NS:
            return None
        return self.sessions[n]

    def over(self, now_ns: int) -> int:
        """The trading date of the last session that has ended by then; 0 if none has."""
        n = self.next(now_ns)
        return self.sessions[n - 1].date if n else 0

    def after(self, date: int) -> Session | None:
        """The first session of a later date than this; None if the calendar has none. O(log n)."""
        low, high = 0, len(self.sessions)
        while low < high:
            middle = (low + high) // 2
            if self.sessions[middle].date <= date:
                low = middle + 1
            else:
                high = middle
        return self.sessions[low] if low < len(self.sessions) else None

    def state(self, now_ns: int) -> MarketState:
        """What the market does. O(1)."""
        n = self.next(now_ns)
        if n == len(self.sessions):
            return NO_CALENDAR
        now_s = now_ns // SECOND_NS
        session = self.sessions[n]
        if now_s < session.begins_s:
            return MarketState(Phase.CLOSED, session.date, session.begins_s * SECOND_NS)
        phase = Phase.PRE_OPEN
        for bound_s in session.bounds_s:
            if now_s < bound_s:
                return MarketState(phase, session.date, bound_s * SECOND_NS)
            phase = Phase.BREAK if phase == Phase.OPEN else Phase.OPEN
        return MarketState(Phase.CLOSING, session.date, session.ends_s * SECOND_NS)
