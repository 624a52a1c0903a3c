"""What the executions of a leg, and what takes them back, do to the state: positions, money, what is held.

The order itself is not touched: see `legs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oms.core import events as ev
from oms.core.order import Execution, Order, OrderLeg
from oms.core.risk import fill, money

if TYPE_CHECKING:
    from oms.core.state import State


def leg_filled(state: State, event: ev.LegFilled) -> None:
    order, leg = _leg(state, event)
    qty, px = event.last_qty, event.last_px
    leg.executions[event.exec_id] = Execution(len(leg.executions) + 1, qty, px, state.day_of(order))
    _leg_executed(state, order, leg, qty, px)
    state.count("leg_fills")


def leg_busted(state: State, event: ev.LegBusted) -> None:
    order, leg = _leg(state, event)
    busted = leg.executions[event.exec_ref_id]
    busted.stands = False
    leg.executions[event.exec_id] = Execution(
        len(leg.executions) + 1, 0, 0, state.day_of(order), stands=False
    )
    _leg_executed(state, order, leg, -busted.qty, busted.px)
    state.count("leg_busts")


def leg_corrected(state: State, event: ev.LegCorrected) -> None:
    order, leg = _leg(state, event)
    before = leg.executions[event.exec_ref_id]
    before.stands = False
    before.successor = event.exec_id
    qty, px = event.last_qty, event.last_px
    leg.executions[event.exec_id] = Execution(len(leg.executions) + 1, qty, px, before.day)
    _leg_executed(state, order, leg, -before.qty, before.px)
    _leg_executed(state, order, leg, qty, px)
    state.count("leg_corrections")


def _leg(state: State, event: ev.LegFilled | ev.LegBusted | ev.LegCorrected) -> tuple[Order, OrderLeg]:
    order = state.orders[event.order_id]
    assert order.legs is not None
    return order, order.legs[event.leg - 1]


def _leg_executed(state: State, order: Order, leg: OrderLeg, qty: int, px: int) -> None:
    """Count an execution of a leg, or take it back where `qty` is negative."""
    leg.cum_qty += qty
    leg.cum_notional += px * qty
    instrument = state.instruments[leg.symbol]
    unit = instrument.price_unit
    worth = money(px, qty, unit) if qty > 0 else -money(px, -qty, unit)
    fill(state.risk[order.account], leg, instrument.currency, qty, worth)
    state.rehold(order)
