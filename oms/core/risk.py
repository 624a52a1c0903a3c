"""Risk counters: what is held for open orders, what was spent, what is owned. Counters, never scans.

Every account has, per currency, the money its open buys hold and the money its fills have spent (buys less
sells), and per instrument its position and the open quantity on either side. Money is a notional in units of
1e-16 of the currency.

One rule keeps them right. What an order must hold is a function of the order alone (`required_hold`); after
every event that touches an order, `rehold` moves the counters by the difference to what it held before. So
nothing is held twice or released twice, whatever the order of events, and an auditor can recompute every
counter from the orders.

- An open order holds its leaves at its limit price; a market order at the far end of the price collar.
- While a replace is unanswered, the larger of old and new is held. *Source:* FIX order state matrix C.1.
- A fill moves the executed part from held to spent at the price it executed at.
- Sells hold open quantity but no money; their proceeds reduce what is spent.
- A multileg order holds nothing itself. Each of its legs holds what `legs.open_leg_qty` says, by the same
  rules, at the far end of the price collar of its own instrument.
"""

from msgspec import Struct, field

from oms.core.legs import open_leg_qty
from oms.core.order import ENDED, Order, OrderLeg
from oms.core.types import SCALE, CxlRejResponseTo, Side


class AccountRisk(Struct):
    """One account's counters. Money in units of 1e-16 by currency, quantities in units of 1e-8 by symbol."""

    held: dict[str, int] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    position: dict[str, int] = field(default_factory=dict)
    open_buy: dict[str, int] = field(default_factory=dict)
    open_sell: dict[str, int] = field(default_factory=dict)


def money(px: int, qty: int, price_unit: int) -> int:
    """What `qty` at a quoted `px` is worth, in units of 1e-16 of the currency.

    `price_unit` is what a quoted 1 is worth, in units of 1e-8: 1e8, or 1e6 where prices are quoted in
    hundredths.
    """
    if price_unit == SCALE:
        return px * qty
    return px * qty * price_unit // SCALE


def required_hold(order: Order, price_unit: int) -> tuple[int, int]:
    """What the order must hold now, as (quantity, money)."""
    if order.working in ENDED:
        return 0, 0
    version = order.versions[-1]
    cum_qty = order.cum_qty
    qty = version.order_qty - cum_qty
    if qty < 0:
        qty = 0
    held = version.hold_px * qty if price_unit == SCALE else money(version.hold_px, qty, price_unit)
    if order.requests:
        for request in order.requests:
            if request.response_to == CxlRejResponseTo.REPLACE:
                asked = max(request.order_qty - cum_qty, 0)
                qty = max(qty, asked)
                held = max(held, money(request.hold_px, asked, price_unit))
    return qty, held


def required_leg_hold(order: Order, number: int, price_unit: int) -> tuple[int, int]:
    """What a leg, counted from 1, must hold now, as (quantity, money).

    While a replace is unanswered, the larger of old and new.
    """
    assert order.legs is not None
    leg = order.legs[number - 1]
    version = order.versions[-1]
    wanted = [(version.order_qty, version.terms)]
    wanted += [(r.order_qty, r.terms) for r in order.requests if r.response_to == CxlRejResponseTo.REPLACE]
    qty = held = 0
    for order_qty, terms in wanted:
        assert terms is not None
        asked = open_leg_qty(order, leg, order_qty)
        qty = max(qty, asked)
        held = max(held, money(terms.legs[number - 1].hold_px, asked, price_unit))
    return qty, held


def rehold(risk: AccountRisk, of: Order | OrderLeg, currency: str, qty: int, held: int) -> None:
    """Move the counters to what the order, or the leg, must hold now: see the two above."""
    if of.side == Side.BUY:
        more = held - of.held_money
        if more:
            risk.held[currency] = risk.held.get(currency, 0) + more
            of.held_money = held
        open_qty = risk.open_buy
    else:
        open_qty = risk.open_sell
    more = qty - of.held_qty
    if more:
        symbol = of.symbol
        open_qty[symbol] = open_qty.get(symbol, 0) + more
        of.held_qty = qty


def fill(risk: AccountRisk, of: Order | OrderLeg, currency: str, last_qty: int, last_money: int) -> None:
    """Count an execution: position and money spent."""
    signed = 1 if of.side == Side.BUY else -1
    risk.position[of.symbol] = risk.position.get(of.symbol, 0) + signed * last_qty
    risk.spent[currency] = risk.spent.get(currency, 0) + signed * last_money
