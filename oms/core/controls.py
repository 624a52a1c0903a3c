"""The pre-trade controls: one ordered list of small pure functions; the first refusal wins.

Each control reads the state and one `Ask` (what a new order, or a replace, would do) and answers None or a
`Denial`. Its function name is its stable name: the reason code that a client finds in Text(58), an auditor in
the journal and a risk officer in the documentation. All are O(1) in the number of orders and accounts.
Cancels never come here: they always pass.

A replace is asked about as the order it would make: what the old version holds is put back before the new one
is measured.

Of a multileg order it is the legs that are measured, by controls of their own (`OF_LEGS`): each leg's lots,
limits and position are those of its instrument, in the quantity that its ratio gives it, at the far end of
the collar around its instrument's reference price. The combination itself has a price, but no instrument; it
is counted in whole numbers.
"""

from bisect import bisect_right
from collections.abc import Callable
from math import gcd
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from oms.core import events as ev
from oms.core.legs import leg_qty, leg_side, open_leg_qty
from oms.core.order import Order, OrderLeg
from oms.core.risk import money
from oms.core.state import State
from oms.core.types import (
    MAX_SCALED,
    PRICED,
    SCALE,
    TRIGGERED,
    Leg,
    MultiLegRptTypeReq,
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


class AskedLeg(Struct, gc=False):
    """A leg of what is asked, as it is measured. Quantities in units of 1e-8."""

    leg: Leg
    instrument: ev.InstrumentDefined
    side: str  # what it does: 1 or 2
    qty: int  # its part of the whole order
    leaves_qty: int  # and what of that is not executed
    prior: OrderLeg | None  # of the order a replace would change


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
    legs: tuple[AskedLeg, ...] = ()


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
MULTILEG_ORD_TYPES: Final = frozenset((OrdType.MARKET, OrdType.LIMIT))
MULTILEG_SIDES: Final = frozenset((Side.BUY, Side.SELL, Side.AS_DEFINED, Side.OPPOSITE))
RPT_TYPE_REQS: Final = frozenset(
    ("", MultiLegRptTypeReq.MULTILEG_ONLY, MultiLegRptTypeReq.BOTH, MultiLegRptTypeReq.LEGS_ONLY)
)
MOST_LEGS: Final = 16


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


def leg_halted(state: State, ask: Ask) -> Denial | None:
    """No person has halted the symbol of a leg."""
    for asked in ask.legs if state.halts else ():
        symbol = asked.leg.symbol
        halt = state.halts.get(("symbol", symbol))
        if halt is not None:
            return Denial("leg_halted", 99, f"halted by {halt[0]} (symbol {symbol}): {halt[1]}")
    return None


def unknown_leg(state: State, ask: Ask) -> Denial | None:
    """LegSymbol(600) of every leg is configured."""
    for asked in ask.legs:
        if asked.instrument is UNKNOWN_INSTRUMENT:
            return Denial("unknown_leg", 1, f"symbol {asked.leg.symbol!r} of a leg is not known")
    return None


def unsupported_legs(state: State, ask: Ask) -> Denial | None:
    """Two legs or more, not too many, each of another instrument and with another LegRefID(654); each is
    bought or sold; every ratio is positive. OrdType(40) is market or limit.
    """
    legs = [asked.leg for asked in ask.legs]
    why = ""
    if not 2 <= len(legs) <= MOST_LEGS:
        why = f"{len(legs)} legs are not 2 to {MOST_LEGS}"
    elif ask.ord_type not in MULTILEG_ORD_TYPES:
        why = f"OrdType {ask.ord_type} is not supported with legs: 1, 2"
    elif ask.side not in MULTILEG_SIDES:
        why = f"Side {ask.side} is not supported with legs: 1 buy, 2 sell, B as defined, C opposite"
    elif ask.terms is not None and ask.terms.multi_leg_rpt_type_req not in RPT_TYPE_REQS:
        why = f"MultiLegRptTypeReq {ask.terms.multi_leg_rpt_type_req} is not supported: 0, 1, 2"
    elif any(leg.side not in SIDES for leg in legs):
        why = "the LegSide of a leg is neither 1 buy nor 2 sell"
    elif any(leg.ratio_qty <= 0 for leg in legs):
        why = "the LegRatioQty of a leg is not positive"
    elif len({leg.symbol for leg in legs}) < len(legs):
        why = "two legs have the same symbol"
    elif len({leg.leg_ref_id for leg in legs}) < len(legs):
        why = "two legs have the same LegRefID"
    return Denial("unsupported_legs", 11, why) if why else None


def leg_currency(state: State, ask: Ask) -> Denial | None:
    """All legs are of one currency and quoted in one unit of it: else there is no net price."""
    for asked in ask.legs[1:]:
        first, other = ask.legs[0].instrument, asked.instrument
        if (other.currency, other.price_unit) != (first.currency, first.price_unit):
            return Denial(
                "leg_currency",
                11,
                f"{first.symbol} is quoted in {_quoted_in(first)}, {other.symbol} in {_quoted_in(other)}",
            )
    return None


def _quoted_in(instrument: ev.InstrumentDefined) -> str:
    unit = format_scaled(instrument.price_unit)
    return instrument.currency if unit == "1" else f"{unit} {instrument.currency}"


def leg_venue(state: State, ask: Ask) -> Denial | None:
    """Orders in every leg's instrument go to the same venue. A routing table sends all legs to one."""
    if state.routing is not None:
        return None
    assert state.firm is not None
    default = state.firm.default_venue
    venues = [state.venue_of.get(asked.instrument.market, default) for asked in ask.legs]
    if len(set(venues)) > 1:
        where = ", ".join(f"{a.leg.symbol} to {v}" for a, v in zip(ask.legs, venues, strict=True))
        return Denial("leg_venue", 11, f"the legs go to different venues: {where}")
    return None


def unsupported_order(state: State, ask: Ask) -> Denial | None:
    """OrdType(40), TimeInForce(59) and Side(54) are ones that are worked here; a venue may do less."""
    if ask.ord_type not in ORD_TYPES:
        known = ", ".join(sorted(ORD_TYPES))
        return Denial("unsupported_order", 11, f"OrdType {ask.ord_type} is not supported: {known}")
    if ask.time_in_force not in TIMES_IN_FORCE:
        known = ", ".join(sorted(TIMES_IN_FORCE))
        return Denial("unsupported_order", 11, f"TimeInForce {ask.time_in_force} is not supported: {known}")
    if ask.side not in SIDES and not ask.legs:
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


def leg_lot_size(state: State, ask: Ask) -> Denial | None:
    """Ratio times OrderQty(38) is a multiple of the leg's lot."""
    for asked in ask.legs:
        lot = asked.instrument.lot_size
        if asked.qty <= 0 or asked.qty % lot or asked.leg.ratio_qty * ask.order_qty % SCALE:
            return Denial(
                "leg_lot_size",
                13,
                f"quantity {format_scaled(asked.qty)} of {asked.leg.symbol} is not a positive multiple"
                f" of the lot {format_scaled(lot)}",
            )
    return None


def net_price(state: State, ask: Ask) -> Denial | None:
    """Price(44) of a limit order for a combination may be zero or negative. It is a multiple of the greatest
    tick that divides every tick of every leg: what the legs' prices can add up to.
    """
    if ask.ord_type not in PRICED:
        return None
    tick = gcd(*(tick for asked in ask.legs for _, tick in asked.instrument.ticks))
    if ask.price % tick:
        return Denial(
            "net_price",
            99,
            f"net price {format_scaled(ask.price)} is not a multiple of {format_scaled(tick)},"
            " which the legs' ticks have in common",
        )
    return None


def leg_price(state: State, ask: Ask) -> Denial | None:
    """LegPrice(566), where it is given, is a price that the leg's instrument could have: positive and on a
    tick.
    """
    for asked in ask.legs:
        price = asked.leg.price
        if price is not None and (price <= 0 or price % tick_at(asked.instrument, price)):
            return Denial(
                "leg_price",
                99,
                f"price {format_scaled(price)} of {asked.leg.symbol} is not a positive tick",
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


def unread_instruction(state: State, ask: Ask) -> Denial | None:
    """Nothing that makes it another order is left out: what is worked nowhere here is refused."""
    if ask.terms is None or not ask.terms.unread:
        return None
    return Denial("unread_instruction", 11, f"tag {ask.terms.unread} is not supported")


def cash_order_qty(state: State, ask: Ask) -> Denial | None:
    """CashOrderQty(152) is worth a lot at the order's price or, without one, at the reference price."""
    if ask.order_qty or ask.terms is None or not ask.terms.cash_order_qty:
        return None
    amount = format_scaled(ask.terms.cash_order_qty)
    return Denial("cash_order_qty", 13, f"{amount} is worth no lot of {ask.symbol}, or nothing says how many")


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
    """ClOrdID(11) is not in use in this session. *Source:* FIX order state matrix F.1."""
    used = (ask.session_id, ask.cl_ord_id) in state.cl_ord_ids
    if used and not state.is_free(ask.session_id, ask.cl_ord_id):
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


def max_leg_qty(state: State, ask: Ask) -> Denial | None:
    """The firm's greatest quantity of one order holds for each leg."""
    assert state.firm is not None
    limit = state.firm.max_order_qty
    for asked in ask.legs:
        if asked.qty > limit:
            return Denial(
                "max_leg_qty",
                3,
                f"quantity {format_scaled(asked.qty)} of {asked.leg.symbol} exceeds the limit"
                f" {format_scaled(limit)}",
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


def no_leg_reference_price(state: State, ask: Ask) -> Denial | None:
    """Every leg needs a reference price to be held at."""
    for asked in ask.legs:
        if asked.leg.symbol not in state.reference_px:
            return Denial("no_leg_reference_price", 99, f"no reference price for {asked.leg.symbol}")
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


def max_multileg_notional(state: State, ask: Ask) -> Denial | None:
    """The firm's greatest value of one order: that of a multileg order is what its legs are worth together,
    bought or sold.
    """
    currency = ask.instrument.currency
    limit = state.order_notional.get(currency, 0)
    worth = sum(money(a.leg.hold_px, a.qty, a.instrument.price_unit) for a in ask.legs)
    if worth > limit:
        return Denial(
            "max_multileg_notional",
            3,
            f"value {format_notional(worth)} {currency} exceeds the limit {format_notional(limit)}",
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


def net_price_collar(state: State, ask: Ask) -> Denial | None:
    """A net limit is not further from the legs' reference prices, on its aggressive side, than if every leg
    were at the far end of its collar. A percentage of the net price itself would say nothing: it may be zero.
    """
    assert state.firm is not None
    collar = state.firm.price_collar_bps
    if not collar or ask.ord_type not in PRICED:
        return None
    net = gross = 0  # units of 1e-16
    for asked in ask.legs:
        worth = state.reference_px[asked.leg.symbol] * asked.leg.ratio_qty
        gross += worth
        net += worth if asked.leg.side == Side.BUY else -worth
    beyond = ask.price * SCALE - net
    if ask.side in (Side.SELL, Side.OPPOSITE):
        beyond = -beyond
    if beyond > 0 and beyond * BPS > gross * collar:
        return Denial(
            "net_price_collar",
            99,
            f"net price {format_scaled(ask.price)} is further through {format_notional(net)} than"
            f" {collar / 100:g} percent of what the legs are worth, {format_notional(gross)}",
        )
    return None


def leg_price_collar(state: State, ask: Ask) -> Denial | None:
    """LegPrice(566), where it is given, is not further from the leg's reference price than the collar, on its
    aggressive side.
    """
    assert state.firm is not None
    collar = state.firm.price_collar_bps
    for asked in ask.legs if collar else ():
        price = asked.leg.price
        if price is None:
            continue
        reference = state.reference_px[asked.leg.symbol]
        beyond = price - reference if asked.side == Side.BUY else reference - price
        if beyond > 0 and beyond * BPS > reference * collar:
            return Denial(
                "leg_price_collar",
                99,
                f"price {format_scaled(price)} of {asked.leg.symbol} is more than {collar / 100:g} percent"
                f" through the reference {format_scaled(reference)}",
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


def multileg_buying_power(state: State, ask: Ask) -> Denial | None:
    """What the legs that are bought would hold, and the account has spent and holds, is within its buying
    power. What the others would bring in is not counted.
    """
    currency = ask.instrument.currency
    risk = state.risk[ask.account]
    limit = state.buying_power[ask.account].get(currency, 0)
    used = risk.held.get(currency, 0) + risk.spent.get(currency, 0)
    needed = 0
    for asked in ask.legs:
        if asked.side == Side.BUY:
            more = money(asked.leg.hold_px, asked.leaves_qty, asked.instrument.price_unit)
            needed += max(more - asked.prior.held_money, 0) if asked.prior is not None else more
    if used + needed > limit and needed:
        return Denial(
            "multileg_buying_power",
            3,
            f"{format_notional(needed)} {currency} exceeds what is left of the buying power,"
            f" {format_notional(max(limit - used, 0))}",
        )
    return None


def leg_position_limit(state: State, ask: Ask) -> Denial | None:
    """The position in every leg's instrument, were all open orders of the side to fill, stays within the
    account's limit.
    """
    risk = state.risk[ask.account]
    limit = ask.holder.position_limit
    for asked in ask.legs:
        symbol = asked.leg.symbol
        position = risk.position.get(symbol, 0)
        if asked.side == Side.BUY:
            reached = position + risk.open_buy.get(symbol, 0)
        else:
            reached = risk.open_sell.get(symbol, 0) - position
        more = asked.leaves_qty
        if asked.prior is not None:
            more = max(more - asked.prior.held_qty, 0)
        if reached + more > limit and more:
            return Denial(
                "leg_position_limit",
                3,
                f"{format_scaled(more)} {symbol} would bring the position to {format_scaled(reached + more)},"
                f" the limit is {format_scaled(limit)}",
            )
    return None


Control = Callable[[State, Ask], Denial | None]

CONTROLS: Final[tuple[Control, ...]] = (
    unknown_account,
    account_not_permitted,
    trading_halted,
    leg_halted,
    unknown_symbol,
    unknown_leg,
    unsupported_order,
    unread_instruction,
    unsupported_legs,
    leg_currency,
    leg_venue,
    cash_order_qty,
    lot_size,
    leg_lot_size,
    tick_size,
    net_price,
    leg_price,
    stop_price,
    displayed_and_minimum,
    duplicate_cl_ord_id,
    max_order_qty,
    max_leg_qty,
    no_reference_price,
    no_leg_reference_price,
    max_order_notional,
    max_multileg_notional,
    price_collar,
    net_price_collar,
    leg_price_collar,
    buying_power,
    multileg_buying_power,
    position_limit,
    leg_position_limit,
)
"""In the order of the check."""

OF_LEGS: Final = (
    leg_halted,
    unknown_leg,
    unsupported_legs,
    leg_currency,
    leg_venue,
    leg_lot_size,
    net_price,
    leg_price,
    max_leg_qty,
    no_leg_reference_price,
    max_multileg_notional,
    net_price_collar,
    leg_price_collar,
    multileg_buying_power,
    leg_position_limit,
)
"""Those that look at the legs of a multileg order."""

OF_ONE_INSTRUMENT: Final = (
    unknown_symbol,
    cash_order_qty,
    tick_size,
    stop_price,
    no_reference_price,
    max_order_notional,
    price_collar,
    buying_power,
    position_limit,
)
"""Those that a multileg order has counterparts of among `OF_LEGS`, or nothing to do with."""

WITH_TERMS: Final = tuple(c for c in CONTROLS if c not in OF_LEGS)
WITH_LEGS: Final = tuple(c for c in CONTROLS if c not in OF_ONE_INSTRUMENT)

PLAIN: Final = tuple(
    c for c in WITH_TERMS if c not in (unread_instruction, cash_order_qty, stop_price, displayed_and_minimum)
)
"""Those that have something to say of an order without `Terms`: most orders have none."""


def check(state: State, ask: Ask) -> Denial | None:
    """Run the controls in order. None, or the first refusal. Fills in what the controls share."""
    if ask.terms is not None and ask.terms.legs:
        return _first_refusal(state, with_legs(state, ask, ask.terms), WITH_LEGS)
    symbol, qty, prior = ask.symbol, ask.order_qty, ask.prior
    ask.instrument = state.instruments.get(symbol, UNKNOWN_INSTRUMENT)
    ask.holder = state.accounts.get(ask.account, UNKNOWN_ACCOUNT)
    ask.hold_px = ask.price if ask.ord_type in PRICED else unpriced_hold_px(state, symbol, ask.terms)
    ask.leaves_qty = qty if prior is None else max(qty - prior.cum_qty, 0)
    plain = ask.terms is None and ask.ord_type not in TRIGGERED
    for control in PLAIN if plain else WITH_TERMS:
        denial = control(state, ask)
        if denial is not None:
            return denial
    return None


def _first_refusal(state: State, ask: Ask, controls: tuple[Control, ...]) -> Denial | None:
    return next((denial for control in controls if (denial := control(state, ask)) is not None), None)


def with_legs(state: State, ask: Ask, terms: Terms) -> Ask:
    """Fill in what the controls of a multileg order share, and the price at which each of its legs is held.

    The combination is measured as an instrument of its own, in lots of one.
    """
    prior = ask.prior
    legs = [replace(leg, hold_px=unpriced_hold_px(state, leg.symbol, None)) for leg in terms.legs]
    ask.terms = replace(terms, legs=tuple(legs))
    ask.holder = state.accounts.get(ask.account, UNKNOWN_ACCOUNT)
    asked: list[AskedLeg] = []
    for number, leg in enumerate(legs):
        before = prior.legs[number] if prior is not None and prior.legs is not None else None
        qty = leg_qty(ask.order_qty, leg.ratio_qty)
        asked.append(
            AskedLeg(
                leg,
                state.instruments.get(leg.symbol, UNKNOWN_INSTRUMENT),
                leg_side(ask.side, leg) if leg.side in SIDES else leg.side,
                qty,
                open_leg_qty(prior, before, ask.order_qty)
                if prior is not None and before is not None
                else qty,
                before,
            )
        )
    ask.legs = tuple(asked)
    ask.instrument = replace(asked[0].instrument, symbol=ask.symbol, lot_size=Qty(SCALE))
    return ask


def tick_at(instrument: ev.InstrumentDefined, price: Px) -> Px:
    """The tick that holds at a price. O(log rows)."""
    ticks = instrument.ticks
    # Rows compare by their first price; the second of the key is beyond every tick.
    row = bisect_right(ticks, (price, MAX_SCALED))
    return ticks[row - 1 if row else 0][1]
