"""Trading days begin and end, by the calendar or by a person. Part of `decide`.

A market's day ends some time after its close (`calendar`): orders that do not outlive the day end with it,
those good till a date on the last trading day that their date leaves them. What outlives it is restated when
the next day begins, with the quantities of the new day.

The calendar decides by dates and not by the clock alone: a date that has ended does not end again, whatever
becomes of the clock. An engine that was down at the close finds the day due when it starts.

Without a calendar a day ends when a person says so, and its date is that of UTC.
"""

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.calendar import NO_CALENDAR, SECOND_NS, TAKES_ORDERS, MarketState
from oms.core.decision import Events
from oms.core.emulated import expires_ns
from oms.core.multileg import disagreements
from oms.core.order import ENDED, Order
from oms.core.state import State
from oms.core.types import OrdStatus, Px, Qty, utc_date

GT_RENEWAL = "1"  # ExecRestatementReason(378)


def market_state(state: State, market: str, now_ns: int) -> MarketState:
    """What a market does at a time, by its calendar, and when that changes. O(1)."""
    calendar = state.calendars.get(market)
    return calendar.state(now_ns) if calendar is not None else NO_CALENDAR


def takes_orders(state: State, market: str, now_ns: int) -> bool:
    """Whether a venue of the market may be sent an order for the day: never after its day has ended."""
    now = market_state(state, market, now_ns)
    return now.phase in TAKES_ORDERS and now.date > state.day_at(market).ended_date


def due(state: State, now_ns: int) -> list[cmd.Command]:
    """The days that have to end or to begin by now, in that order, market by market."""
    commands: list[cmd.Command] = []
    for market, calendar in sorted(state.calendars.items()):
        day = state.day_at(market)
        over = calendar.over(now_ns)
        if over > day.ended_date:
            commands.append(cmd.EndDay("calendar", market, over))
        on = calendar.on(now_ns)
        if on is not None and on.date > max(day.ended_date, day.started_date):
            commands.append(cmd.StartDay(market, on.date))
    return commands


def end_day(state: State, command: cmd.EndDay, now_ns: int) -> Events:
    """Orders that do not outlive the day end with it; a late report of the venue is taken all the same."""
    if command.date and command.date <= state.day_at(command.market).ended_date:
        return []
    events: Events = []
    for order in state.open_orders():
        market = state.market_of(order)
        if order.ended or order.working in ENDED or command.market not in ("", market):
            continue
        until = _until(order)
        ends = not order.good_till or (until and _is_its_last(state, order, market, command.date, now_ns))
        if not ends and order.routes_outlive_day:
            continue
        text = f"good until {until}" if ends and order.good_till else "the day has ended"
        for route in order.routes:
            if not route.ended:
                events.append(ev.RouteExpired(now_ns, order.order_id, route.route_id, False, text))
        if ends:
            events.append(ev.OrderExpired(now_ns, order.order_id, text))
    events += disagreements(state, command.market, now_ns)
    events.append(ev.DayEnded(now_ns, command.who, command.market, command.date))
    return events


def start_day(state: State, command: cmd.StartDay, now_ns: int) -> Events:
    """What outlived the day before is restated: the client sees the quantities of the new day.

    *Source:* FIX order state matrices H: a good-till order carried into the next day.
    """
    day = state.day_at(command.market)
    if command.date <= max(day.ended_date, day.started_date):
        return []
    events: Events = [ev.DayStarted(now_ns, command.market, command.date)]
    for order in state.open_orders():
        # What came since the day before ended is new today.
        carried = order.good_till and order.received_ns <= day.ended_ns and not order.ended
        if carried and order.working == OrdStatus.NEW and state.market_of(order) == command.market:
            qty, px = Qty(order.order_qty), Px(order.price)
            events.append(ev.OrderRestated(now_ns, order.order_id, 0, GT_RENEWAL, qty, px, Qty(0)))
    return events


def _until(order: Order) -> str:
    """The date that the order is good till, as the client wrote it; empty if it has none."""
    terms = order.versions[-1].terms
    return (terms.expire_date or terms.expire_time[:8]) if terms is not None else ""


def _is_its_last(state: State, order: Order, market: str, date: int, now_ns: int) -> bool:
    """Whether no trading day of the market comes before the order's ExpireDate(432) or ExpireTime(126)."""
    terms = order.versions[-1].terms
    assert terms is not None
    calendar = state.calendars.get(market)
    on = calendar.on(now_ns) if calendar is not None else None
    ending = date or (on.date if on is not None else state.day_at(market).ended_date)
    following = calendar.after(ending) if calendar is not None else None
    if following is None:
        return _until(order) <= utc_date(now_ns)
    if terms.expire_date:
        return terms.expire_date < str(following.date)
    return expires_ns(order) <= following.opens_s * SECOND_NS
