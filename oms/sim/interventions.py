"""What a broker does to an order of its own accord: executions off the book, busts, corrections, suspensions.

Called by macros, by scenarios and by a person at the simulator. Each function looks whether there is still
something to be done, since what was planned may have been overtaken: it does nothing to an order that has
ended meanwhile. All of them take the time last, as the schedule gives it.
"""

from typing import TYPE_CHECKING

from oms.core.types import ExecType, OrdStatus
from oms.sim.reports import ENDED, VenueOrder, status_of

if TYPE_CHECKING:
    from oms.sim.broker import Broker


# -- executions ----------------------------------------------------------------------------------------------


def price_of(broker: "Broker", order: VenueOrder) -> int:
    """What an order is executed at off the book: its limit, or the reference price."""
    return order.limit or broker.exchange.prices.px[order.symbol]


def execute_open(broker: "Broker", order: VenueOrder, qty: int, now_ns: int, px: int = 0) -> None:
    """Execute so much of an order, if so much is open."""
    qty = min(qty, order.leaves_qty)
    if qty <= 0 or order.suspended or order.halted:
        return
    broker.execute(order, qty, px or price_of(broker, order), now_ns)
    if not order.off_book:
        # It rests with what is left.
        broker.exchange.replace(order, now_ns)


def execute_share(broker: "Broker", order: VenueOrder, percent: int, now_ns: int) -> None:
    """Execute a share of what is open, in whole lots; at least one, if it is a share at all."""
    execute_open(broker, order, share(broker, order, percent), now_ns)


def share(broker: "Broker", order: VenueOrder, percent: int) -> int:
    """So many percent of what is open, in whole lots; at least one, unless it is 0."""
    lot = broker.exchange.instruments[order.symbol].lot_size
    qty = order.leaves_qty * percent // 100
    return max(qty - qty % lot, lot) if percent else 0


def pieces(broker: "Broker", order: VenueOrder, percent: int, count: int) -> list[int]:
    """A share of what is open in so many pieces, in whole lots and as alike as they allow; fewer if there are
    fewer lots."""
    lot = broker.exchange.instruments[order.symbol].lot_size
    whole = share(broker, order, percent)
    lots = whole // lot
    count = min(count, lots) or 1
    each, more = divmod(lots, count)
    found = [(each + (n < more)) * lot for n in range(count)]
    found[-1] += whole - sum(found)
    return found


def bust(broker: "Broker", order: VenueOrder, exec_id: str, reopen: bool, now_ns: int) -> None:
    """Take an execution back; what it had executed is open again, or canceled.

    *Source:* ExecutionReport, ExecType trade cancel.
    """
    found = order.executions.pop(exec_id, None)
    if found is None:
        return
    qty, px = found
    order.cum_qty -= qty
    order.cum_notional -= qty * px
    _restore_status(order)
    _report(broker, order, ExecType.TRADE_CANCEL, exec_id, qty, px, now_ns)
    if not reopen and order.leaves_qty:
        broker.end(order, "what was busted is not open again", now_ns)
    elif order.leaves_qty and not order.off_book and not order.suspended:
        broker.exchange.withdraw(order)
        broker.exchange.enter(order, now_ns)


def correct(broker: "Broker", order: VenueOrder, exec_id: str, qty: int, px: int, now_ns: int) -> None:
    """Say that an execution was of another quantity or price. Its new ExecID stands for it from now on.

    *Source:* ExecutionReport, ExecType trade correct.
    """
    found = order.executions.pop(exec_id, None)
    if found is None:
        return
    was, at = found
    order.cum_qty += qty - was
    order.cum_notional += qty * px - was * at
    _restore_status(order)
    new_id = _report(broker, order, ExecType.TRADE_CORRECT, exec_id, qty, px, now_ns)
    order.executions[new_id] = qty, px
    if order.leaves_qty and not order.off_book and not order.suspended:
        broker.exchange.withdraw(order)
        broker.exchange.enter(order, now_ns)


def bust_last(broker: "Broker", order: VenueOrder, reopen: bool, now_ns: int) -> None:
    """Take the last execution back that stands."""
    if order.executions:
        bust(broker, order, next(reversed(order.executions)), reopen, now_ns)


def correct_last(broker: "Broker", order: VenueOrder, to_percent: int, ticks: int, now_ns: int) -> None:
    """Correct the last execution that stands: to a share of its quantity, in whole lots, and its price by so
    many ticks."""
    if not order.executions:
        return
    exec_id = next(reversed(order.executions))
    qty, px = order.executions[exec_id]
    instrument = broker.exchange.instruments[order.symbol]
    part = qty * to_percent // 100
    part = max(part - part % instrument.lot_size, instrument.lot_size)
    correct(broker, order, exec_id, part, instrument.move(px, ticks), now_ns)


def _restore_status(order: VenueOrder) -> None:
    """After its quantities have changed; an order that ended otherwise than by them stays ended."""
    if order.ord_status not in ENDED:
        order.ord_status = status_of(order)


def _report(
    broker: "Broker", order: VenueOrder, exec_type: str, exec_ref_id: str, qty: int, px: int, now_ns: int
) -> str:
    exec_id = broker.report(order, exec_type, now_ns, last_qty=qty, last_px=px, exec_ref_id=exec_ref_id)
    broker.write_execution(order, exec_id, qty, px, now_ns, exec_type=exec_type, exec_ref_id=exec_ref_id)
    return exec_id


# -- the order -----------------------------------------------------------------------------------------------


def cancel_unasked(broker: "Broker", order: VenueOrder, text: str, reason: int | None, now_ns: int) -> None:
    """Cancel what is left of an order."""
    if order.leaves_qty:
        broker.end(order, text, now_ns, restatement_reason=reason)


def suspend(broker: "Broker", order: VenueOrder, now_ns: int) -> None:
    """Take an order off the market for some time."""
    if not order.leaves_qty or order.suspended or order.halted:
        return
    broker.exchange.withdraw(order)
    order.suspended = True
    _restore_status(order)
    broker.report(order, ExecType.SUSPENDED, now_ns)


def go_on(broker: "Broker", order: VenueOrder, now_ns: int) -> None:
    """End a suspension: the order is restated, and comes last at its price."""
    if not order.leaves_qty or not order.suspended:
        return
    order.suspended = False
    _restore_status(order)
    broker.report(order, ExecType.RESTATED, now_ns, restatement_reason=4, text="no longer suspended")
    if not order.off_book:
        broker.exchange.enter(order, now_ns)


def restate(broker: "Broker", order: VenueOrder, percent: int, reason: int, now_ns: int) -> None:
    """Leave so much of an order open, and no more."""
    if not order.leaves_qty:
        return
    lot = broker.exchange.instruments[order.symbol].lot_size
    kept = order.leaves_qty * percent // 100
    order.order_qty = order.cum_qty + kept - kept % lot
    if order.leaves_qty:
        broker.report(order, ExecType.RESTATED, now_ns, restatement_reason=reason)
        if not (order.off_book or order.suspended):
            broker.exchange.replace(order, now_ns)
    else:
        broker.end(order, "nothing of it is left", now_ns, restatement_reason=reason)


def forget(broker: "Broker", order: VenueOrder, now_ns: int) -> None:
    """Know nothing of an order any more: neither its ids nor that it rests."""
    broker.exchange.withdraw(order)
    broker.forget_ids(order)
    order.ord_status = OrdStatus.CANCELED


def repeat(broker: "Broker", order: VenueOrder, now_ns: int) -> None:
    """Send the last report about an order again."""
    broker.repeat_last(order, now_ns)


def disconnect(broker: "Broker", how: str, for_ms: int, now_ns: int) -> None:
    """End the session, and take no logon for so long."""
    broker.cut(how, for_ms)
