"""What each event does to the state: one function per event, all of `State.apply`.

A handler is told what has happened. It decides nothing, refuses nothing and asks nobody: it writes the fact
into the orders, the indexes and the risk counters, so that a replay of the same events makes the same state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from oms.core import events as ev
from oms.core import fold_legs
from oms.core.calendar import Calendar, MarketDay
from oms.core.fold_lists import LIST_HANDLERS, of_list
from oms.core.ledger import counts_as_refused
from oms.core.legs import new_legs
from oms.core.order import (
    Emulation,
    Execution,
    Order,
    Plan,
    Queued,
    Request,
    Route,
    RouteRequest,
    Version,
)
from oms.core.price_book import Resting
from oms.core.risk import AccountRisk, fill, money, rehold, required_hold
from oms.core.types import PRICED, SCALE, CxlRejResponseTo, OrdStatus, Px, Qty

if TYPE_CHECKING:
    from oms.core.state import State


def _engine_started(state: State, event: ev.EngineStarted) -> None:
    state.epoch = event.epoch
    state.sessions_up.clear()
    state.market.depth.clear()
    state.questions.clear()
    state.venues_moved()


def _instrument_defined(state: State, event: ev.InstrumentDefined) -> None:
    state.instruments[event.symbol] = event
    state.router = None


def _account_defined(state: State, event: ev.AccountDefined) -> None:
    state.accounts[event.account] = event
    state.buying_power[event.account] = {currency: most * SCALE for currency, most in event.buying_power}
    state.risk.setdefault(event.account, AccountRisk())


def _firm_defined(state: State, event: ev.FirmDefined) -> None:
    state.firm = event
    state.order_notional = {currency: most * SCALE for currency, most in event.max_order_notional}
    state.venue_of = dict(event.market_venues)


def _allocation_group_defined(state: State, event: ev.AllocationGroupDefined) -> None:
    state.groups[event.account] = event


def _session_logged_on(state: State, event: ev.SessionLoggedOn) -> None:
    state.sessions_up.add(event.session_id)
    state.waiting.arrived(event.session_id)
    state.venues_moved()
    if event.session_id in state.restarted:
        # Not before: a Logon that asks for it may reach nobody.
        state.restarted.discard(event.session_id)
        state.resets_due.discard(event.session_id)
    _wake(state, f"venue:{event.session_id}")


def _session_reset(state: State, event: ev.SessionReset) -> None:
    state.restarted.add(event.session_id)


def _session_logged_out(state: State, event: ev.SessionLoggedOut) -> None:
    state.sessions_up.discard(event.session_id)
    state.market.forget(event.session_id)
    state.questions.pop(event.session_id, None)
    state.venues_moved()


def _reference_price_changed(state: State, event: ev.ReferencePriceChanged) -> None:
    state.reference_px[event.symbol] = event.px


def _book_changed(state: State, event: ev.BookChanged) -> None:
    state.market.change(event.symbol, event.venue, event.full, event.entries, event.at_ns)


def _trading_halted(state: State, event: ev.TradingHalted) -> None:
    state.halts[event.scope, event.value] = (event.who, event.why)
    state.venues_moved()


def _trading_resumed(state: State, event: ev.TradingResumed) -> None:
    state.halts.pop((event.scope, event.value), None)
    if event.scope == "venue":
        state.waiting.arrived(event.value)
    state.venues_moved()
    _wake(state, "halt")
    _wake(state, f"venue:{event.value}")


def _order_received(state: State, event: ev.OrderReceived) -> None:
    order_id, symbol, price, side = event.order_id, event.symbol, event.price, event.side
    place = state.next_place
    state.next_place = place + 1
    order = Order(
        order_id,
        event.session_id,
        event.account,
        symbol,
        side,
        event.ord_type,
        event.time_in_force,
        event.at_ns,
        place,
        [Version(event.cl_ord_id, event.order_qty, price, event.hold_px, event.at_ns, event.terms)],
    )
    state.orders[order_id] = state.live[order_id] = order
    if event.cl_ord_id:
        state.cl_ord_ids[event.session_id, event.cl_ord_id] = order_id
    state.next_order_id = order_id + 1
    if event.terms is not None and event.terms.legs:
        order.legs = new_legs(side, event.terms.legs)
        state.rehold(order)
        state.count("orders")
        return
    instrument = state.instruments[symbol]
    qty, held = required_hold(order, instrument.price_unit)
    rehold(state.risk[event.account], order, instrument.currency, qty, held)
    if price:
        state.book(symbol).add(Resting(order_id, side, price, event.order_qty))
    if event.list_id:
        order.waits = True
        of_list(state, order, event.list_id)
    state.count("orders")


def _order_denied(state: State, event: ev.OrderDenied) -> None:
    order = state.orders[event.order_id] = Order(
        order_id=event.order_id,
        session_id=event.session_id,
        account=event.account,
        symbol=event.symbol,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        received_ns=event.at_ns,
        place=0,
        versions=[Version(event.cl_ord_id, event.order_qty, event.price, Px(0), event.at_ns)],
        working=OrdStatus.REJECTED,
        reason=event.reason,
        ord_rej_reason=event.ord_rej_reason,
    )
    if event.cl_ord_id and state.is_free(event.session_id, event.cl_ord_id):
        # A duplicate must not take over the id of the order that used it first.
        state.cl_ord_ids[event.session_id, event.cl_ord_id] = event.order_id
    state.next_order_id = event.order_id + 1
    if event.list_id:
        state.lists[event.session_id, event.list_id].denied += 1
        of_list(state, order, event.list_id)
    state.count("denied")


def _order_accepted(state: State, event: ev.OrderAccepted) -> None:
    order = state.orders[event.order_id]
    if order.working == OrdStatus.PENDING_NEW:
        order.working = OrdStatus.NEW


def _order_rejected(state: State, event: ev.OrderRejected) -> None:
    order = state.orders[event.order_id]
    order.ord_rej_reason = event.ord_rej_reason
    state.end(order, OrdStatus.REJECTED, event.text)
    state.count("rejected")


def _order_filled(state: State, event: ev.OrderFilled) -> None:
    order = state.orders[event.order_id]
    qty, px = event.last_qty, event.last_px
    route = order.routes[event.route_id - 1]
    day = state.day_of(order)
    route.executions[event.exec_id] = Execution(len(route.executions) + 1, qty, px, day)
    _executed(state, order, route, qty, px, px * qty, day, day)
    book = state.books.get(order.symbol)
    if book is not None and order.order_id in book:
        book.reduce(order.order_id, qty)
    if order.plan is not None:
        _look_at_plan(state, order)
    if order.list_id:
        state.look_at_member(order)
    if order.emulation is not None:
        state.emulated.look_at(order)
    state.count("fills")


def _executed(
    state: State, order: Order, route: Route, qty: int, px: int, notional: int, day: int, today: int
) -> None:
    """Count an execution of that day, or take it back where `qty` and `notional` are negative."""
    route.cum_qty += qty
    route.cum_notional += notional
    order.cum_qty += qty
    order.cum_notional += notional
    if order.day != today:
        order.day = today
        order.day_cum_qty = order.day_cum_notional = 0
    if day == today:
        order.day_cum_qty += qty
        order.day_cum_notional += notional
    if order.legs is not None:
        state.rehold(order)
        return
    instrument = state.instruments[order.symbol]
    risk = state.risk[order.account]
    unit = instrument.price_unit
    if unit == SCALE:
        worth = notional
    else:
        # Rounded as it was counted, also where it is taken back.
        worth = money(px, qty, unit) if qty > 0 else -money(px, -qty, unit)
    fill(risk, order, instrument.currency, qty, worth)
    open_qty, held = required_hold(order, unit)
    rehold(risk, order, instrument.currency, open_qty, held)


def _look_at_plan(state: State, order: Order) -> None:
    """Something of a planned order has changed; when all of it has ended nothing is left to do."""
    if order.ended and not order.requests:
        state.waiting.leave(order)
    else:
        state.waiting.look_at(order)


def _execution_busted(state: State, event: ev.ExecutionBusted) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    busted = route.executions[event.exec_ref_id]
    busted.stands = False
    leaves = order.leaves_qty
    today = state.day_of(order)
    route.executions[event.exec_id] = Execution(len(route.executions) + 1, 0, 0, today, stands=False)
    _executed(state, order, route, -busted.qty, busted.px, -busted.px * busted.qty, busted.day, today)
    state.rest(order, order.price, leaves)
    if order.plan is not None:
        _look_at_plan(state, order)
    if order.list_id:
        state.look_at_member(order)
    if order.emulation is not None:
        state.emulated.look_at(order)
    state.count("busts")


def _execution_corrected(state: State, event: ev.ExecutionCorrected) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    before = route.executions[event.exec_ref_id]
    before.stands = False
    before.successor = event.exec_id
    leaves = order.leaves_qty
    qty, px = event.last_qty, event.last_px
    # Of the day of what it corrects.
    route.executions[event.exec_id] = Execution(len(route.executions) + 1, qty, px, before.day)
    today = state.day_of(order)
    _executed(state, order, route, -before.qty, before.px, -before.px * before.qty, before.day, today)
    _executed(state, order, route, qty, px, px * qty, before.day, today)
    state.rest(order, order.price, leaves)
    if order.plan is not None:
        _look_at_plan(state, order)
    if order.list_id:
        state.look_at_member(order)
    if order.emulation is not None:
        state.emulated.look_at(order)
    state.count("corrections")


def _cancel_requested(state: State, event: ev.CancelRequested) -> None:
    order = state.orders[event.order_id]
    order.requests.append(
        Request(
            CxlRejResponseTo.CANCEL,
            event.cl_ord_id,
            event.orig_cl_ord_id,
            Qty(0),
            Px(0),
            Px(0),
            mass_cl_ord_id=event.mass_cl_ord_id,
        )
    )
    if event.cl_ord_id:
        state.cl_ord_ids[event.session_id, event.cl_ord_id] = event.order_id
    if order.queued:
        state.look_at_queue(order)
    if order.plan is not None:
        _look_at_plan(state, order)


def _replace_requested(state: State, event: ev.ReplaceRequested) -> None:
    order = state.orders[event.order_id]
    order.requests.append(
        Request(
            CxlRejResponseTo.REPLACE,
            event.cl_ord_id,
            event.orig_cl_ord_id,
            event.order_qty,
            event.price,
            event.hold_px,
            event.terms,
        )
    )
    state.cl_ord_ids[event.session_id, event.cl_ord_id] = event.order_id
    state.rehold(order)
    if order.queued:
        _leave_queue(state, order, event.cl_ord_id)


def _request_denied(state: State, event: ev.RequestDenied) -> None:
    if event.cl_ord_id:
        state.cl_ord_ids.setdefault((event.session_id, event.cl_ord_id), event.order_id)
    state.count("requests_denied")
    order = state.orders.get(event.order_id)
    # A repetition that is refused is not the one that waits under the same id.
    if order is not None and order.queued and event.reason != "duplicate_cl_ord_id":
        _leave_queue(state, order, event.cl_ord_id)


def _request_queued(state: State, event: ev.RequestQueued) -> None:
    order = state.orders[event.order_id]
    order.queued.append(
        Queued(
            event.session_id,
            event.cl_ord_id,
            event.ord_type,
            event.order_qty,
            event.price,
            event.terms,
            event.is_multileg,
        )
    )
    state.cl_ord_ids[event.session_id, event.cl_ord_id] = event.order_id


def _leave_queue(state: State, order: Order, cl_ord_id: str) -> None:
    order.queued = [q for q in order.queued if q.cl_ord_id != cl_ord_id]
    state.look_at_queue(order)


def _request_rejected(state: State, event: ev.RequestRejected) -> None:
    order = state.orders[event.order_id]
    order.requests = [r for r in order.requests if r.cl_ord_id != event.cl_ord_id]
    state.rehold(order)
    if order.queued:
        state.look_at_queue(order)
    if order.plan is not None:
        _look_at_plan(state, order)
    state.count("requests_rejected")


def _order_canceled(state: State, event: ev.OrderCanceled) -> None:
    order = state.orders[event.order_id]
    order.requests = [r for r in order.requests if r.cl_ord_id != event.cl_ord_id]
    if order.working != OrdStatus.CANCELED:
        # Otherwise a second request is answered by the same end.
        state.count("canceled")
        order.canceled_by = event.cl_ord_id
    state.end(order, OrdStatus.CANCELED, event.text)


def _order_replaced(state: State, event: ev.OrderReplaced) -> None:
    order = state.orders[event.order_id]
    request = order.request(event.cl_ord_id)
    if request is None:
        return
    order.requests.remove(request)
    before = order.versions[-1]
    open_before = max(before.order_qty - order.cum_qty, 0)
    # Below what has executed means: stop there. *Source:* FIX order state matrix C.3.
    order_qty = Qty(max(request.order_qty, order.cum_qty))
    order.versions.append(
        Version(request.cl_ord_id, order_qty, request.price, request.hold_px, event.at_ns, request.terms)
    )
    state.rehold(order)
    state.rest(order, before.price, open_before)
    if order.held_for:
        if order.emulation is not None:
            order.emulation.mark_px = 0  # the distance may be another
        state.hold_back(order)
    if order.queued:
        state.look_at_queue(order)
    if order.plan is not None:
        _look_at_plan(state, order)
    if order.list_id:
        state.look_at_member(order)
    if order.emulation is not None:
        state.emulated.look_at(order)
    state.count("replaced")


def _order_expired(state: State, event: ev.OrderExpired) -> None:
    state.end(state.orders[event.order_id], OrdStatus.EXPIRED, event.text)
    state.count("expired")


def _order_done_for_day(state: State, event: ev.OrderDoneForDay) -> None:
    order = state.orders[event.order_id]
    if order.good_till:
        order.done_for_day = True
    else:
        state.end(order, OrdStatus.DONE_FOR_DAY, event.text)


def _day_ended(state: State, event: ev.DayEnded) -> None:
    state.day += 1
    for market in (event.market,) if event.market else tuple(state.days):
        day = _own_day(state, market)
        day.number = state.day
        day.ended_ns = event.at_ns
        calendar = state.calendars.get(market)
        on = calendar.on(event.at_ns) if calendar is not None else None
        # Whoever ends it, the date that is on has ended: the calendar does not end it again.
        day.ended_date = max(day.ended_date, event.date or (on.date if on is not None else 0))
    # Those that were filled after they were done for the day as well.
    for order in state.orders.values():
        if order.done_for_day and event.market in ("", state.market_of(order)):
            order.done_for_day = False
    # Not every day of one market is one of a session, which may have orders for several.
    is_all_over = not event.market or all(d.started_date <= d.ended_date for d in state.days.values())
    profiles = state.profiles.values()
    if is_all_over:
        state.resets_due.update(p.session_id for p in profiles if p.reset == "day")
    by_day = {p.session_id for p in profiles if p.cl_ord_ids == "day"}
    if by_day:
        # Ids of the day that has ended may be used again, but for those of orders that outlive it. One that
        # names no order is of no market.
        state.cl_ord_ids = {
            key: order_id
            for key, order_id in state.cl_ord_ids.items()
            if key[0] not in by_day or not _is_of_the_past(state, order_id, event.market, is_all_over)
        }


def _is_of_the_past(state: State, order_id: int, market: str, is_all_over: bool) -> bool:
    order = state.orders.get(order_id)
    if order is not None and not order.settled:
        return False
    of = state.market_of(order) if order is not None else ""
    return of == market if of and market else is_all_over


def _own_day(state: State, market: str) -> MarketDay:
    """The market's own place in its days, from now on apart from that of the others."""
    day = state.days.get(market)
    if day is None:
        others = state.days[""]
        day = state.days[market] = MarketDay(others.number, 0, 0, others.ended_ns)
    return day


def _calendar_defined(state: State, event: ev.CalendarDefined) -> None:
    is_first = event.market not in state.calendars
    calendar = state.calendars[event.market] = Calendar(event)
    if is_first:
        # What was over before the calendar came is nothing that it ends.
        _own_day(state, event.market).ended_date = calendar.over(event.at_ns)


def _day_started(state: State, event: ev.DayStarted) -> None:
    _own_day(state, event.market).started_date = event.date
    _wake(state, f"market:{event.market}")


def _told(route: Route, exec_id: str) -> None:
    """A copy of what a venue reported unasked changes nothing."""
    if exec_id:
        route.told.append(exec_id)


def _order_restated(state: State, event: ev.OrderRestated) -> None:
    if not event.route_id:
        # We carry it into another day: nothing of it is otherwise.
        return
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    leaves = order.leaves_qty
    if event.cum_qty:
        _split(state, order, route, event.cum_qty, event.was_cum_qty)
    route.order_qty = event.route_qty
    route.price = event.price
    _told(route, event.exec_id)
    order.done_for_day = order.suspended = False
    before = order.versions[-1]
    if (event.order_qty, event.price) != (before.order_qty, before.price):
        hold_px = event.price if order.ord_type in PRICED else before.hold_px
        order.versions.append(
            Version(before.cl_ord_id, event.order_qty, event.price, hold_px, event.at_ns, before.terms)
        )
    elif not event.cum_qty:
        return
    state.rehold(order)
    state.rest(order, before.price, leaves)
    if order.list_id:
        state.look_at_member(order)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _split(state: State, order: Order, route: Route, cum_qty: int, was: int) -> None:
    """Restate what has executed: `cum_qty` for every `was`, at prices that leave it worth the same."""
    today = state.day_of(order)
    for execution in route.executions.values():
        if execution.stands:
            qty, px = execution.qty, execution.px
            _executed(state, order, route, -qty, px, -px * qty, execution.day, today)
            execution.qty, execution.px = qty * cum_qty // was, (2 * px * was + cum_qty) // (2 * cum_qty)
            worth = execution.px * execution.qty
            _executed(state, order, route, execution.qty, execution.px, worth, execution.day, today)


def _order_stopped(state: State, event: ev.OrderStopped) -> None:
    order = state.orders[event.order_id]
    order.stopped = True
    _told(order.route(event.route_id), event.exec_id)


def _order_suspended(state: State, event: ev.OrderSuspended) -> None:
    order = state.orders[event.order_id]
    order.suspended = True
    _told(order.route(event.route_id), event.exec_id)


def _order_triggered(state: State, event: ev.OrderTriggered) -> None:
    order = state.orders[event.order_id]
    order.suspended = False
    if order.held_for:
        state.let_go(order)
        if order.emulation is not None:
            state.emulated.look_at(order)
    elif event.route_id:
        _told(order.route(event.route_id), event.exec_id)


def _order_held(state: State, event: ev.OrderHeld) -> None:
    order = state.orders[event.order_id]
    order.working = OrdStatus.NEW
    order.waits = False
    order.held_for = event.venue
    state.hold_back(order)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _order_emulated(state: State, event: ev.OrderEmulated) -> None:
    order = state.orders[event.order_id]
    order.waits = False
    order.emulation = Emulation(event.venue, event.what, event.destination)
    state.emulated.look_at(order)


def _order_waits(state: State, event: ev.OrderWaits) -> None:
    order = state.orders[event.order_id]
    if order.emulation is not None:
        order.emulation.waits_for = event.waits_for
        state.emulated.look_at(order)


def _wake(state: State, what: str) -> None:
    """What was waited for has come."""
    for order_id in state.emulated.waiting_for(what):
        order = state.orders[order_id]
        assert order.emulation is not None
        order.emulation.waits_for = ""
        state.emulated.look_at(order)


def _stop_px_moved(state: State, event: ev.StopPxMoved) -> None:
    order = state.orders[event.order_id]
    version, emulation = order.versions[-1], order.emulation
    assert version.terms is not None
    assert emulation is not None
    # Not a version of its own: the client asked for a price that moves.
    version.terms = msgspec.structs.replace(version.terms, stop_px=event.stop_px)
    emulation.mark_px = state.reference_px[order.symbol]
    state.hold_back(order)


def _order_calculated(state: State, event: ev.OrderCalculated) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    _told(route, event.exec_id)
    if event.for_day:
        return
    route.working = OrdStatus.CALCULATED
    if order.working != OrdStatus.DONE_FOR_DAY:  # which comes first
        state.end(order, OrdStatus.CALCULATED, event.text)


def _profile_defined(state: State, event: ev.ProfileDefined) -> None:
    state.profiles[event.session_id] = event


def _mass_cancel_requested(state: State, event: ev.MassCancelRequested) -> None:
    state.cl_ord_ids.setdefault((event.session_id, event.cl_ord_id), 0)


def _venue_defined(state: State, event: ev.VenueDefined) -> None:
    state.venues[event.venue] = event


def _routing_defined(state: State, event: ev.RoutingDefined) -> None:
    state.routing = event if event.rules else None
    state.router = None


def _order_routed(state: State, event: ev.OrderRouted) -> None:
    order = state.orders[event.order_id]
    route = Route(event.route_id, event.venue, event.cl_ord_id, event.order_qty, event.price, event.ord_type)
    order.routes.append(route)
    order.waits = False
    state.routes[event.cl_ord_id] = (order, route)
    if state.waiting.rates:
        state.waiting.sent(event.venue, event.at_ns)
    if event.destination:
        _route_of_destination(state, event, order, route)
    if order.emulation is not None:
        order.emulation.waits_for = ""
        state.emulated.look_at(order)


def _route_of_destination(state: State, event: ev.OrderRouted, order: Order, route: Route) -> None:
    route.destination, route.terms, route.time_in_force = event.destination, event.terms, event.time_in_force
    if order.plan is None:
        return
    queue = state.waiting.queues.get(event.venue)
    if queue is not None:
        queue.served(order.order_id)
    if order.plan.to not in state.strategies:
        # It was parked, and is like any other from now on.
        state.waiting.leave(order)
        order.plan = None


def _order_planned(state: State, event: ev.OrderPlanned) -> None:
    order = state.orders[event.order_id]
    volume = state.market.volume.get(order.symbol, 0)
    order.waits = False
    order.plan = Plan(event.to, event.at_ns, event.at_ns, volume=volume)
    state.waiting.look_at(order)


def _order_worked(state: State, event: ev.OrderWorked) -> None:
    order = state.orders[event.order_id]
    plan = order.plan
    if plan is None:
        return
    state.waiting.leave(order)
    if event.step != plan.step:
        plan.step, plan.since_ns = event.step, event.at_ns
    plan.wake_ns, plan.waits, plan.round, plan.stuck = event.wake_ns, event.waits, event.round, event.stuck
    if plan.waits:
        plan.place = state.take_place()
    state.waiting.wait(order)


def _status_asked(state: State, event: ev.StatusAsked) -> None:
    venue = state.orders[event.order_id].route(event.route_id).venue
    asked = state.questions.get(venue)
    if asked is None:
        asked = state.questions[venue] = {}
        state.venues_moved()
    asked[event.cl_ord_id] = event.order_id


def _status_answered(state: State, event: ev.StatusAnswered) -> None:
    venue = state.orders[event.order_id].route(event.route_id).venue
    asked = state.questions[venue]
    del asked[event.cl_ord_id]
    if not asked:
        del state.questions[venue]
        state.waiting.arrived(venue)
        state.venues_moved()
        _wake(state, f"venue:{venue}")


def _asking_stopped(state: State, event: ev.AskingStopped) -> None:
    state.questions.pop(event.venue, None)
    state.waiting.arrived(event.venue)
    state.venues_moved()
    _wake(state, f"venue:{event.venue}")


def _reconcile_defined(state: State, event: ev.ReconcileDefined) -> None:
    state.reconciles[event.venue] = event


def _destination_defined(state: State, event: ev.DestinationDefined) -> None:
    state.destinations[event.name] = event


def _strategy_defined(state: State, event: ev.StrategyDefined) -> None:
    state.strategies[event.name] = event


def _venue_rate_defined(state: State, event: ev.VenueRateDefined) -> None:
    state.waiting.rates[event.venue] = event


def _route_accepted(state: State, event: ev.RouteAccepted) -> None:
    route = state.orders[event.order_id].route(event.route_id)
    if route.working == OrdStatus.PENDING_NEW:
        route.working = OrdStatus.NEW
    route.venue_order_id = event.venue_order_id


def _route_rejected(state: State, event: ev.RouteRejected) -> None:
    order = state.orders[event.order_id]
    order.route(event.route_id).working = OrdStatus.REJECTED
    if order.plan is not None:
        _look_at_plan(state, order)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _cancel_routed(state: State, event: ev.CancelRouted) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    route.sent_ids += 1
    route.requests.append(
        RouteRequest(
            CxlRejResponseTo.CANCEL,
            event.cl_ord_id,
            event.request_cl_ord_id,
            Qty(0),
            Px(0),
            event.mass_cl_ord_id,
        )
    )
    state.routes[event.cl_ord_id] = (order, route)
    state.live[order.order_id] = order
    if state.waiting.rates:
        state.waiting.sent(route.venue, event.at_ns)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _replace_routed(state: State, event: ev.ReplaceRouted) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    route.sent_ids += 1
    route.requests.append(
        RouteRequest(
            CxlRejResponseTo.REPLACE, event.cl_ord_id, event.request_cl_ord_id, event.order_qty, event.price
        )
    )
    state.routes[event.cl_ord_id] = (order, route)
    state.live[order.order_id] = order
    if state.waiting.rates:
        state.waiting.sent(route.venue, event.at_ns)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _route_canceled(state: State, event: ev.RouteCanceled) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    route.requests = [r for r in route.requests if r.cl_ord_id != event.cl_ord_id]
    route.working = OrdStatus.CANCELED
    if order.plan is not None:
        route.dropped = not event.cl_ord_id
        _look_at_plan(state, order)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _route_replaced(state: State, event: ev.RouteReplaced) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    request = route.request(event.cl_ord_id)
    if request is None:
        return
    route.requests.remove(request)
    route.past_ids.append(route.cl_ord_id)
    route.cl_ord_id = request.cl_ord_id
    route.order_qty = Qty(max(request.order_qty, route.cum_qty))
    route.price = request.price
    if event.venue_order_id:
        route.venue_order_id = event.venue_order_id
    if order.plan is not None:
        _look_at_plan(state, order)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _route_request_rejected(state: State, event: ev.RouteRequestRejected) -> None:
    order = state.orders[event.order_id]
    route = order.route(event.route_id)
    if order.plan is not None:
        refused = route.request(event.cl_ord_id)
        asked = order.request(refused.request_cl_ord_id) if refused is not None else None
        if refused is not None and asked is not None and counts_as_refused(route, refused):
            asked.refused = True
        _look_at_plan(state, order)
    route.requests = [r for r in route.requests if r.cl_ord_id != event.cl_ord_id]
    if order.emulation is not None:
        state.emulated.look_at(order)


def _route_expired(state: State, event: ev.RouteExpired) -> None:
    order = state.orders[event.order_id]
    _told(order.route(event.route_id), event.exec_id)
    if event.done_for_day and order.routes_outlive_day:
        return
    order.route(event.route_id).working = OrdStatus.DONE_FOR_DAY if event.done_for_day else OrdStatus.EXPIRED
    if order.plan is not None:
        _look_at_plan(state, order)
    if order.emulation is not None:
        state.emulated.look_at(order)


def _report_questioned(state: State, event: ev.ReportQuestioned) -> None:
    state.count("questioned")


HANDLERS: Final[dict[type, Callable[[State, Any], None]]] = {
    ev.EngineStarted: _engine_started,
    ev.InstrumentDefined: _instrument_defined,
    ev.AccountDefined: _account_defined,
    ev.FirmDefined: _firm_defined,
    ev.AllocationGroupDefined: _allocation_group_defined,
    ev.SessionLoggedOn: _session_logged_on,
    ev.SessionLoggedOut: _session_logged_out,
    ev.SessionReset: _session_reset,
    ev.ReferencePriceChanged: _reference_price_changed,
    ev.BookChanged: _book_changed,
    ev.TradingHalted: _trading_halted,
    ev.TradingResumed: _trading_resumed,
    ev.OrderReceived: _order_received,
    ev.OrderDenied: _order_denied,
    ev.OrderAccepted: _order_accepted,
    ev.OrderRejected: _order_rejected,
    ev.OrderFilled: _order_filled,
    ev.CancelRequested: _cancel_requested,
    ev.ReplaceRequested: _replace_requested,
    ev.RequestDenied: _request_denied,
    ev.RequestRejected: _request_rejected,
    ev.OrderCanceled: _order_canceled,
    ev.OrderReplaced: _order_replaced,
    ev.OrderExpired: _order_expired,
    ev.OrderDoneForDay: _order_done_for_day,
    ev.OrderRouted: _order_routed,
    ev.RouteAccepted: _route_accepted,
    ev.RouteRejected: _route_rejected,
    ev.CancelRouted: _cancel_routed,
    ev.ReplaceRouted: _replace_routed,
    ev.RouteCanceled: _route_canceled,
    ev.RouteReplaced: _route_replaced,
    ev.RouteRequestRejected: _route_request_rejected,
    ev.RouteExpired: _route_expired,
    ev.ReportQuestioned: _report_questioned,
    ev.ExecutionBusted: _execution_busted,
    ev.ExecutionCorrected: _execution_corrected,
    ev.OrderRestated: _order_restated,
    ev.OrderStopped: _order_stopped,
    ev.OrderSuspended: _order_suspended,
    ev.OrderTriggered: _order_triggered,
    ev.OrderHeld: _order_held,
    ev.OrderEmulated: _order_emulated,
    ev.OrderWaits: _order_waits,
    ev.StopPxMoved: _stop_px_moved,
    ev.OrderCalculated: _order_calculated,
    ev.RequestQueued: _request_queued,
    ev.DayEnded: _day_ended,
    ev.DayStarted: _day_started,
    ev.CalendarDefined: _calendar_defined,
    ev.ProfileDefined: _profile_defined,
    ev.VenueDefined: _venue_defined,
    ev.StatusAsked: _status_asked,
    ev.StatusAnswered: _status_answered,
    ev.AskingStopped: _asking_stopped,
    ev.ReconcileDefined: _reconcile_defined,
    ev.DestinationDefined: _destination_defined,
    ev.StrategyDefined: _strategy_defined,
    ev.VenueRateDefined: _venue_rate_defined,
    ev.OrderPlanned: _order_planned,
    ev.OrderWorked: _order_worked,
    ev.MassCancelRequested: _mass_cancel_requested,
    **LIST_HANDLERS,
    ev.LegFilled: fold_legs.leg_filled,
    ev.LegBusted: fold_legs.leg_busted,
    ev.LegCorrected: fold_legs.leg_corrected,
    ev.RoutingDefined: _routing_defined,
}
"""Event -> what it does to a state. Events that are not here change nothing."""
