"""The pre-trade controls: one ordered list of small pure functions; the first refusal wins.

Each control reads the state and one `Ask` (what a new order, or a replace, would do) and answers None or a
`Denial`. Its function name is its stable name: the reason code that a client finds in Text(58), an auditor in
the journal and a risk officer in the documentation. All are O(1) in the number of orders and accounts.
Cancels never come here: they always pass.

A replace is asked about as the order it would make: what the old version holds is put back before the new one
is measured.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from oms.core import events as ev
from oms.core.order import Order
from oms.core.risk import money
from oms.core.state import State
from oms.core.types import (
    MAX_SCALED,
    PRICED,
    SCALE,
    TRIGGERED,
    OrdType,
    Px,
    Qty,
    Side,
    Terms,
    TimeInForce,
    format_notional,
    format_scaled,
)


class Denial(Struct, frozen=True):
    """A control's no. `ord_rej_reason` is OrdRejReason(103) of FIX 4.4."""

    reason: str
    ord_rej_reason: int
    text: str


UNKNOWN_INSTRUMENT: Final = ev.InstrumentDefined(
    0, "", "", "", "", "", Qty(1), ((Px(0), Px(1)),), Px(SCALE), 0
)
UNKNOWN_ACCOUNT: Final = ev.AccountDefined(0, "", "", (), (), Qty(0))


class Ask(Struct, gc=False):
    """What is asked, in the terms of the order it would make. Quantities and prices in units of 1e-8."""

    session_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    order_qty: Qty
    ord_type: str
    price: Px
    time_in_force: str
    prior: Order | None  # the order a replace would change
    terms: Terms | None = None
    # Filled in by `check`; what is not known is refused before a control reads from it.
    instrument: ev.InstrumentDefined = UNKNOWN_INSTRUMENT
    holder: ev.AccountDefined = UNKNOWN_ACCOUNT
    hold_px: Px = Px(0)
    leaves_qty: int = 0


BPS: Final = 10_000

ORD_TYPES: Final = frozenset(
    (
        OrdType.MARKET,
        OrdType.LIMIT,
        OrdType.STOP,
        OrdType.STOP_LIMIT,
        OrdType.MARKET_IF_TOUCHED,
        OrdType.PEGGED,
    )
)
TIMES_IN_FORCE: Final = frozenset(
    (
        TimeInForce.DAY,
        TimeInForce.GTC,
        TimeInForce.OPG,
        TimeInForce.IOC,
        TimeInForce.FOK,
        TimeInForce.GTX,
        TimeInForce.GTD,
        TimeInForce.AT_CLOSE,
    )
)
SIDES: Final = frozenset((Side.BUY, Side.SELL))


def unpriced_hold_px(state: State, symbol: str, terms: Terms | None) -> Px:
    """The price at which risk holds an order without a limit, as it holds a limit order at its limit: the
    collar's far end, from the reference price or, if that is higher, from where the order will be triggered.
    0 if there is nothing to be measured by.
    """
    reference = state.reference_px.get(symbol, Px(0))
    if terms is not None and terms.stop_px > reference:
        reference = terms.stop_px
    collar = state.firm.price_collar_bps if state.firm is not None else 0
    return Px(reference + (reference * collar + BPS - 1) // BPS)


def unknown_account(state: State, ask: Ask) -> Denial | None:
    """Account(1) is configured."""
    if ask.holder is UNKNOWN_ACCOUNT:
        return Denial("unknown_account", 15, f"account {ask.account!r} is not known")
    return None


def account_not_permitted(state: State, ask: Ask) -> Denial | None:
    """The session may trade the account."""
    if ask.session_id not in ask.holder.sessions:
        return Denial("account_not_permitted", 15, f"{ask.session_id} may not trade account {ask.account}")
    return None


def trading_halted(state: State, ask: Ask) -> Denial | None:
    """No person has halted everything, the session, the account or the symbol."""
    return is_halted(state, ask) if state.halts else None


def is_halted(state: State, of: Ask | Order) -> Denial | None:
    """Who has halted it, in words."""
    scopes = (("all", ""), ("session", of.session_id), ("account", of.account), ("symbol", of.symbol))
    for scope, value in scopes:
        halt = state.halts.get((scope, value))
        if halt is not None:
            return Denial("trading_halted", 99, f"halted by {halt[0]} ({scope} {value}): {halt[1]}")
    return None


def unknown_symbol(state: State, ask: Ask) -> Denial | None:
    """Symbol(55) is configured."""
    if ask.instrument is UNKNOWN_INSTRUMENT:
        return Denial("unknown_symbol", 1, f"symbol {ask.symbol!r} is not known")
    return None


def unsupported_order(state: State, ask: Ask) -> Denial | None:
    """OrdType(40), TimeInForce(59) and Side(54) are ones that are worked here; a venue may do less."""
    if ask.ord_type not in ORD_TYPES:
        known = ", ".join(sorted(ORD_TYPES))
        return Denial("unsupported_order", 11, f"OrdType {ask.ord_type} is not supported: {known}")
    if ask.time_in_force not in TIMES_IN_FORCE:
        known = ", ".join(sorted(TIMES_IN_FORCE))
        return Denial("unsupported_order", 11, f"TimeInForce {ask.time_in_force} is not supported: {known}")
    if ask.side not in SIDES:
        return Denial("unsupported_order", 11, f"Side {ask.side} is not supported: 1 buy, 2 sell")
    return None


def lot_size(state: State, ask: Ask) -> Denial | None:
    """OrderQty(38) is positive and a multiple of the lot."""
    lot = ask.instrument.lot_size
    if ask.order_qty <= 0 or ask.order_qty % lot:
        return Denial(
            "lot_size",
            13,
            f"quantity {format_scaled(ask.order_qty)} is not a positive multiple"
            f" of the lot {format_scaled(lot)}",
        )
    return None


def stop_price(state: State, ask: Ask) -> Denial | None:
    """StopPx(99) of an order that waits for one is positive and on a tick of its price range."""
    if ask.ord_type not in TRIGGERED:
        return None
    stop_px = ask.terms.stop_px if ask.terms is not None else Px(0)
    if stop_px <= 0 or stop_px % tick_at(ask.instrument, stop_px):
        return Denial("stop_price", 99, f"stop price {format_scaled(stop_px)} is not a positive tick")
    return None


def displayed_and_minimum(state: State, ask: Ask) -> Denial | None:
    """MinQty(110) and MaxFloor(111) are whole lots and not more than the order."""
    terms = ask.terms
    if terms is None:
        return None
    for name, qty in (("MinQty", terms.min_qty), ("MaxFloor", terms.max_floor)):
        if qty < 0 or qty > ask.order_qty or qty % ask.instrument.lot_size:
            return Denial(
                "displayed_and_minimum",
                13,
                f"{name} {format_scaled(qty)} is not a number of lots within {format_scaled(ask.order_qty)}",
            )
    return None


def tick_size(state: State, ask: Ask) -> Denial | None:
    """Price(44) of a limit order is positive and on a tick of its price range."""
    price = ask.price
    if ask.ord_type not in PRICED:
        return None
    tick = tick_at(ask.instrument, price)
    if price <= 0 or price % tick:
        return Denial(
            "tick_size",
            99,
            f"price {format_scaled(price)} is not a positive multiple of the tick {format_scaled(tick)}",
        )
    return None


def duplicate_cl_ord_id(state: State, ask: Ask) -> Denial | None:
    """ClOrdID(11) has not been used in this session. *Source:* FIX order state matrix F.1."""
    if (ask.session_id, ask.cl_ord_id) in state.cl_ord_ids:
        return Denial("duplicate_cl_ord_id", 6, f"ClOrdID {ask.cl_ord_id} has been used")
    return None


def max_order_qty(state: State, ask: Ask) -> Denial | None:
    """The firm's greatest quantity of one order."""
    assert state.firm is not None
    limit = state.firm.max_order_qty
    if ask.order_qty > limit:
        return Denial(
            "max_order_qty",
            3,
            f"quantity {format_scaled(ask.order_qty)} exceeds the limit {format_scaled(limit)}",
        )
    return None


def no_reference_price(state: State, ask: Ask) -> Denial | None:
    """A market order needs a reference price to be held at; with a collar, so does a limit order.

    An order that waits for a price has its own.
    """
    assert state.firm is not None
    if ask.symbol in state.reference_px or ask.ord_type in TRIGGERED:
        return None
    if ask.ord_type not in PRICED or state.firm.price_collar_bps:
        return Denial("no_reference_price", 99, f"no reference price for {ask.symbol}")
    return None


def max_order_notional(state: State, ask: Ask) -> Denial | None:
    """The firm's greatest value of one order, by currency; a currency without a limit may not be traded."""
    instrument = ask.instrument
    limit = state.order_notional.get(instrument.currency, 0)
    worth = money(ask.hold_px, ask.order_qty, instrument.price_unit)
    if worth > limit:
        return Denial(
            "max_order_notional",
            3,
            f"value {format_notional(worth)} {instrument.currency} exceeds the limit"
            f" {format_notional(limit)}",
        )
    return None


def price_collar(state: State, ask: Ask) -> Denial | None:
    """A limit is not further from the reference price than the collar, on its aggressive side.

    That of a stop order is measured from its stop price: that is where the market will be.
    """
    assert state.firm is not None
    collar = state.firm.price_collar_bps
    if not collar or ask.ord_type not in PRICED:
        return None
    if ask.ord_type == OrdType.STOP_LIMIT and ask.terms is not None:
        reference = ask.terms.stop_px
    else:
        reference = state.reference_px[ask.symbol]
    beyond = (ask.price - reference) if ask.side == Side.BUY else (reference - ask.price)
    # Compared as products, so that no rounding decides.
    if beyond > 0 and beyond * BPS > reference * collar:
        return Denial(
            "price_collar",
            99,
            f"price {format_scaled(ask.price)} is more than {collar / 100:g} percent through"
            f" the reference {format_scaled(reference)}",
        )
    return None


def buying_power(state: State, ask: Ask) -> Denial | None:
    """What an account's buys have spent and hold stays within its buying power, by currency."""
    if ask.side != Side.BUY:
        return None
    currency = ask.instrument.currency
    risk = state.risk[ask.account]
    limit = state.buying_power[ask.account].get(currency, 0)
    used = risk.held.get(currency, 0) + risk.spent.get(currency, 0)
    asked = money(ask.hold_px, ask.leaves_qty, ask.instrument.price_unit)
    if ask.prior is not None:
        # Larger of old and new is held until the replace is answered: only what goes beyond the old is new.
        asked = max(asked - ask.prior.held_money, 0)
    if used + asked > limit and asked:
        return Denial(
            "buying_power",
            3,
            f"{format_notional(asked)} {currency} exceeds what is left of the buying power,"
            f" {format_notional(max(limit - used, 0))}",
        )
    return None


def position_limit(state: State, ask: Ask) -> Denial | None:
    """The position, were all open orders of the side to fill, stays within the account's limit."""
    risk = state.risk[ask.account]
    symbol = ask.symbol
    position = risk.position.get(symbol, 0)
    if ask.side == Side.BUY:
        reached = position + risk.open_buy.get(symbol, 0)
    else:
        reached = risk.open_sell.get(symbol, 0) - position
    asked = ask.leaves_qty
    if ask.prior is not None:
        asked = max(asked - ask.prior.held_qty, 0)
    limit = ask.holder.position_limit
    if reached + asked > limit and asked:
        return Denial(
            "position_limit",
            3,
            f"{format_scaled(asked)} {symbol} would bring the position"
            f" to {format_scaled(reached + asked)},"
            f" the limit is {format_scaled(limit)}",
        )
    return None


Control = Callable[[State, Ask], Denial | None]

CONTROLS: Final[tuple[Control, ...]] = (
    unknown_account,
    account_not_permitted,
    trading_halted,
    unknown_symbol,
    unsupported_order,
    lot_size,
    tick_size,
    stop_price,
    displayed_and_minimum,
    duplicate_cl_ord_id,
    max_order_qty,
    no_reference_price,
    max_order_notional,
    price_collar,
    buying_power,
    position_limit,
)
"""In the order of the check."""

PLAIN: Final = tuple(c for c in CONTROLS if c not in (stop_price, displayed_and_minimum))
"""Those that have something to say of an order without `Terms`: most orders have none."""


def check(state: State, ask: Ask) -> Denial | None:
    """Run the controls in order. None, or the first refusal. Fills in what the controls share."""
    symbol, qty, prior = ask.symbol, ask.order_qty, ask.prior
    ask.instrument = state.instruments.get(symbol, UNKNOWN_INSTRUMENT)
    ask.holder = state.accounts.get(ask.account, UNKNOWN_ACCOUNT)
    ask.hold_px = ask.price if ask.ord_type in PRICED else unpriced_hold_px(state, symbol, ask.terms)
    ask.leaves_qty = qty if prior is None else max(qty - prior.cum_qty, 0)
    plain = ask.terms is None and ask.ord_type not in TRIGGERED
    for control in PLAIN if plain else CONTROLS:
        denial = control(state, ask)
        if denial is not None:
            return denial
    return None


def tick_at(instrument: ev.InstrumentDefined, price: Px) -> Px:
    """The tick that holds at a price. O(log rows)."""
    ticks = instrument.ticks
    # Rows compare by their first price; the second of the key is beyond every tick.
    row = bisect_right(ticks, (price, MAX_SCALED))
    return ticks[row - 1 if row else 0][1]
