"""What venues report of multileg orders: of the combination as a whole, and of its legs. Part of `decide`.

The combination's executions (`OrderFilled` and what takes it back) move the order's CumQty, LeavesQty, AvgPx
and status. The legs' executions (`LegFilled`, `LegBusted`, `LegCorrected`) move positions and money. The two
are separate reports, MultiLegReportingType(442) 3 and 2, and may come in any order; each is known by its
ExecID, busted and corrected by itself, and changes nothing when it comes again.

Which of them a venue sends is a fact about the venue (`VenueDefined.multileg_reports`):

    both       each speaks for itself. Where only one kind has come, nothing is made up: a leg that was not
               reported stays held as if it were open, also after the end of the order, and an order whose
               combination was not reported stays open. What does not agree when the day ends is questioned.
    legs       only legs. As soon as all of them make up another whole combination, the order has executed it,
               at the net price that they add up to; if a leg is taken back, so is that.
    multileg   only the combination. Each leg is executed by the same report, at the LegLastPx(637) that it
               has for the leg; where one is missing, no leg is executed and that is questioned.

Of `legs` and `multileg`, a report of the other kind is questioned and books nothing: it would count twice.

A report without MultiLegReportingType is about the combination, but for an execution that names the symbol of
a leg: which of the two it is cannot be known, so it is questioned.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.decision import Events, accepted, questioned, standing
from oms.core.legs import agree, complete_qty, find_leg, leg_qty, legs_of
from oms.core.order import Order, OrderLeg, Route
from oms.core.state import State
from oms.core.types import ExecType, MultiLegReportingType, OrdStatus, Px, Qty, Side, format_scaled

BOTH: Final = "both"
LEGS: Final = "legs"
MULTILEG: Final = "multileg"

EXECUTIONS: Final = (ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)

Handler = Callable[[State, Order, Route, cmd.VenueReport, int], Events]


def reports_of(state: State, route: Route) -> str:
    """Which executions of a multileg order the route's venue reports."""
    known = state.venues.get(route.venue)
    return known.multileg_reports if known is not None else BOTH


# -- the combination -----------------------------------------------------------------------------------------


def whole_report(
    state: State, order: Order, route: Route, report: cmd.VenueReport, handler: Handler, now_ns: int
) -> Events:
    """A report about the order. `handler` decides about it as about that of any order."""
    kind = reports_of(state, route)
    if report.exec_type not in EXECUTIONS:
        # A restatement may take one back, if the venue does it so.
        events = handler(state, order, route, report, now_ns)
        return _with_legs(order, route, report, events, now_ns) if kind == MULTILEG else events
    is_said = report.multi_leg_reporting_type == MultiLegReportingType.MULTILEG
    if not is_said and report.symbol != order.symbol and find_leg(order, "", report.symbol):
        return [questioned(now_ns, order.order_id, report, "leg_or_combination")]
    if kind == LEGS:
        return [questioned(now_ns, order.order_id, report, "combination_report_not_expected")]
    events = handler(state, order, route, report, now_ns)
    return _with_legs(order, route, report, events, now_ns) if kind == MULTILEG else events


Execution = ev.OrderFilled | ev.ExecutionBusted | ev.ExecutionCorrected


def _with_legs(order: Order, route: Route, report: cmd.VenueReport, events: Events, now_ns: int) -> Events:
    """A decision about the combination, and the same of its legs behind it and what is asked of it."""
    for number, event in enumerate(events, 1):
        if isinstance(event, Execution):
            of_legs = _legs_by_the_way(order, route, report, event, now_ns)
            while number < len(events) and isinstance(events[number], ev.ReportQuestioned):
                number += 1
            return events[:number] + of_legs + events[number:]
    return events


def _legs_by_the_way(
    order: Order, route: Route, report: cmd.VenueReport, done: Execution, now_ns: int
) -> Events:
    """What an execution of the combination is of each leg."""
    assert order.legs is not None
    if done.exec_id != report.exec_id:  # see `executions`
        report = replace(report, exec_id=done.exec_id)
    ref = done.exec_ref_id if not isinstance(done, ev.OrderFilled) else ""
    if isinstance(done, ev.ExecutionBusted):
        return [
            _busted(order, route, number, report, of_leg, now_ns)
            for number, leg in enumerate(order.legs, 1)
            if (of_leg := _same_execution(route, leg, ref))
        ]
    said = {find_leg(order, leg.leg_ref_id, leg.symbol): leg for leg in report.legs}
    parts = [
        (said[number].last_qty or leg_qty(report.last_qty, leg.ratio_qty), said[number].last_px)
        for number, leg in enumerate(order.legs, 1)
        if number in said
    ]
    if len(parts) < len(order.legs) or any(qty <= 0 or px <= 0 for qty, px in parts):
        return [questioned(now_ns, order.order_id, report, "legs_without_quantity_or_price")]
    found: Events = []
    for number, (leg, (qty, px)) in enumerate(zip(order.legs, parts, strict=True), 1):
        of_leg = _same_execution(route, leg, ref)
        if of_leg:
            found.append(_corrected(order, route, number, report, of_leg, qty, px, now_ns))
        else:
            found.append(_filled(order, route, number, report, qty, px, now_ns))
        found += _overfill(order, route, leg, report, qty, of_leg, now_ns)
    return found


def _same_execution(route: Route, leg: OrderLeg, ref: str) -> str:
    """The leg's part of an execution of the combination: it has its ExecID, or that of what was corrected
    since without a price for the leg. Empty if there is none, as where the first report had no price.
    """
    same = (exec_id for exec_id in leg.executions if ref and standing(route.executions, exec_id) == ref)
    return max((exec_id for exec_id in same if leg.executions[exec_id].stands), default="")


# -- a leg ---------------------------------------------------------------------------------------------------


def leg_report(state: State, order: Order, route: Route, command: cmd.VenueLegReport, now_ns: int) -> Events:
    """A report about one leg. One that is no execution says nothing of the order."""
    assert order.legs is not None
    report = command.report
    kind = reports_of(state, route)
    if report.exec_type not in EXECUTIONS:
        return []
    if kind == MULTILEG:
        return [questioned(now_ns, order.order_id, report, "leg_report_not_expected")]
    number = find_leg(order, command.leg_ref_id, command.leg_symbol or report.symbol)
    if not number:
        return [questioned(now_ns, order.order_id, report, "unknown_leg")]
    leg = order.legs[number - 1]
    if report.side in (Side.BUY, Side.SELL) and report.side != leg.side:
        return [questioned(now_ns, order.order_id, report, "leg_side_differs")]
    if report.exec_id in leg.executions:
        return []
    is_bust = report.exec_type == ExecType.TRADE_CANCEL
    if not report.exec_id or (not is_bust and (report.last_qty <= 0 or report.last_px <= 0)):
        return [questioned(now_ns, order.order_id, report, "execution_without_quantity_price_or_id")]
    events: Events = []
    if report.exec_type == ExecType.TRADE:
        if route.working == OrdStatus.PENDING_NEW:
            events += accepted(order, route, report, now_ns)
        done: ev.LegFilled | ev.LegBusted | ev.LegCorrected = _filled(
            order, route, number, report, report.last_qty, report.last_px, now_ns
        )
        ref = ""
    else:
        ref = standing(leg.executions, report.exec_ref_id)
        if not ref:
            what = "bust_of_no_execution" if is_bust else "correction_of_no_execution"
            return [questioned(now_ns, order.order_id, report, what)]
        if is_bust:
            done = _busted(order, route, number, report, ref, now_ns)
        else:
            done = _corrected(order, route, number, report, ref, report.last_qty, report.last_px, now_ns)
    events.append(done)
    if route.working == OrdStatus.REJECTED and report.exec_type == ExecType.TRADE:
        events.append(questioned(now_ns, order.order_id, report, "execution_after_reject"))
    if not is_bust:
        events += _overfill(order, route, leg, report, report.last_qty, ref, now_ns)
    if kind == LEGS:
        events += _combination_of_legs(order, route, done, report, now_ns)
    return events


def _filled(
    order: Order, route: Route, number: int, report: cmd.VenueReport, qty: int, px: int, now_ns: int
) -> ev.LegFilled:
    assert order.legs is not None
    leg = order.legs[number - 1]
    return ev.LegFilled(
        now_ns,
        order.order_id,
        route.route_id,
        number,
        leg.symbol,
        leg.side,
        report.exec_id,
        Qty(qty),
        Px(px),
        report.transact_time_ns,
    )


def _busted(
    order: Order, route: Route, number: int, report: cmd.VenueReport, ref: str, now_ns: int
) -> ev.LegBusted:
    assert order.legs is not None
    was = order.legs[number - 1].executions[ref]
    return ev.LegBusted(
        now_ns,
        order.order_id,
        route.route_id,
        number,
        report.exec_id,
        ref,
        Qty(was.qty),
        Px(was.px),
        report.transact_time_ns,
        report.text,
    )


def _corrected(
    order: Order, route: Route, number: int, report: cmd.VenueReport, ref: str, qty: int, px: int, now_ns: int
) -> ev.LegCorrected:
    assert order.legs is not None
    was = order.legs[number - 1].executions[ref]
    return ev.LegCorrected(
        now_ns,
        order.order_id,
        route.route_id,
        number,
        report.exec_id,
        ref,
        Qty(qty),
        Px(px),
        Qty(was.qty),
        Px(was.px),
        report.transact_time_ns,
        report.text,
    )


def _overfill(
    order: Order, route: Route, leg: OrderLeg, report: Any, qty: int, ref: str, now_ns: int
) -> Events:
    """More of a leg than its part of the order, the largest quantity asked for: booked, and questioned."""
    asked = max((route.order_qty, *(request.order_qty for request in route.requests)))
    before = leg.executions[ref].qty if ref else 0
    if leg.cum_qty - before + qty <= leg_qty(asked, leg.ratio_qty):
        return []
    return [questioned(now_ns, order.order_id, report, "overfill")]


# -- the combination of its legs -----------------------------------------------------------------------------


def _combination_of_legs(
    order: Order,
    route: Route,
    done: ev.LegFilled | ev.LegBusted | ev.LegCorrected,
    report: cmd.VenueReport,
    now_ns: int,
) -> Events:
    """Executions of the combination, so that it has executed as many as its legs make up, at their net price.

    Their ExecIDs are made of the leg's number and the ExecID of its report, since the venue gives them none.
    """
    target, net = _made_up(order, done)
    # By number: a snapshot does not keep the order in which they came.
    known = sorted(route.executions.items(), key=lambda item: item[1].number)
    stands = [(exec_id, x) for exec_id, x in known if x.stands]
    qty, notional = sum(x.qty for _, x in stands), sum(x.qty * x.px for _, x in stands)
    about = (now_ns, order.order_id, route.route_id)
    own_id = f"{done.leg}:{report.exec_id}"
    at_ns = report.transact_time_ns
    events: Events = []
    while qty > target:
        ref, x = stands.pop()
        qty -= x.qty
        notional -= x.qty * x.px
        bust_id = f"{done.leg}.{len(stands) + 1}:{report.exec_id}"
        events.append(ev.ExecutionBusted(*about, bust_id, ref, Qty(x.qty), Px(x.px), at_ns, report.text))
    if qty < target:
        px = _rounded(net - notional, target - qty)
        events.append(ev.OrderFilled(*about, own_id, Qty(target - qty), Px(px), at_ns))
        asked = max((route.order_qty, *(request.order_qty for request in route.requests)))
        if target > asked:
            events.append(questioned(now_ns, order.order_id, report, "overfill"))
    elif stands:
        ref, x = stands[-1]
        px = _rounded(net - notional + x.qty * x.px, x.qty)
        if px != x.px:
            was = Qty(x.qty), Px(x.px)
            now = Qty(x.qty), Px(px)
            events.append(ev.ExecutionCorrected(*about, own_id, ref, *now, *was, at_ns, report.text))
    return events


def _made_up(order: Order, done: ev.LegFilled | ev.LegBusted | ev.LegCorrected) -> tuple[int, int]:
    """(how many whole combinations the legs make up after an event, their notional at the net price)."""
    assert order.legs is not None
    now = [(leg.cum_qty, leg.cum_notional) for leg in order.legs]
    qty, notional = now[done.leg - 1]
    if not isinstance(done, ev.LegFilled):
        qty, notional = qty - done.qty, notional - done.qty * done.px
    if not isinstance(done, ev.LegBusted):
        qty, notional = qty + done.last_qty, notional + done.last_qty * done.last_px
    now[done.leg - 1] = (qty, notional)
    target = complete_qty((qty, leg.ratio_qty) for (qty, _), leg in zip(now, order.legs, strict=True))
    if not target:
        return 0, 0
    net = 0
    for (qty, notional), leg in zip(now, legs_of(order), strict=True):
        # What its part of them cost, at its average price.
        worth = notional * leg_qty(target, leg.ratio_qty) // qty
        net += worth if leg.side == Side.BUY else -worth
    return target, net


def _rounded(notional: int, qty: int) -> int:
    """A price, rounded half up."""
    return (2 * notional + qty) // (2 * qty)


# -- at the end of the day -----------------------------------------------------------------------------------


def disagreements(state: State, market: str, now_ns: int) -> Events:
    """A question about every multileg order, of a market or all, of which legs and combination do not agree.

    O(orders).
    """
    return [
        ev.ReportQuestioned(
            now_ns,
            order.order_id,
            order.routes[-1].venue,
            "legs_and_combination_differ",
            "",
            _in_words(order),
        )
        for order in state.orders.values()
        if order.legs is not None and market in ("", state.market_of(order)) and not agree(order)
    ]


def _in_words(order: Order) -> str:
    parts = [
        f"{format_scaled(leg.cum_qty)} of {format_scaled(leg_qty(order.cum_qty, leg.ratio_qty))} {leg.symbol}"
        for leg in order.legs or ()
    ]
    return f"{format_scaled(order.cum_qty)} executed, of the legs " + ", ".join(parts)
