"""What an order says of how it is to be worked, and whether a broker takes such an order.

Most orders say nothing that a plain book does not know, and cost one look at their tags here. What a broker's
profile does not list is refused, not passed over: an order without its conditions is another order.
"""

from typing import Final

from msgspec import structs

from oms.core.types import (
    PRICED,
    OrdType,
    Px,
    Qty,
    Side,
    Terms,
    TimeInForce,
    format_scaled,
    parse_scaled,
    utc_date,
)
from oms.fix import tags
from oms.fix.wire import parse_utc_timestamp
from oms.sim.instruments import SimInstrument
from oms.sim.profile import BrokerProfile
from oms.sim.reports import VenueOrder

TERM_TAGS: Final = frozenset(
    (tags.STOP_PX, tags.MIN_QTY, tags.MAX_FLOOR, tags.EXPIRE_TIME, tags.EXPIRE_DATE, tags.PEG_OFFSET_VALUE)
)
STOPS: Final = (OrdType.STOP, OrdType.STOP_LIMIT)
AUCTIONS: Final = (TimeInForce.OPG, TimeInForce.AT_CLOSE)

UNKNOWN_SYMBOL: Final = 1  # OrdRejReason(103)
EXCHANGE_CLOSED: Final = 2
TOO_LATE_TO_ENTER: Final = 4
DUPLICATE_ORDER: Final = 6
UNSUPPORTED: Final = 11
INCORRECT_QUANTITY: Final = 13
OTHER: Final = 99

_PLAIN_TIMES: Final = (TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK)
_SIDES: Final = (Side.BUY, Side.SELL)

Wrong = tuple[int, str]
"""(OrdRejReason, text)."""


class Checker:
    """Reads orders as one broker's profile has it."""

    def __init__(self, profile: BrokerProfile) -> None:
        self._ord_types = frozenset(profile.ord_types)
        self._times_in_force = frozenset(profile.times_in_force)
        self._terms = frozenset(profile.terms)
        self._min_order_qty = parse_scaled(profile.min_order_qty)

    def read(
        self, message: dict[str, str], order: VenueOrder, instrument: SimInstrument, now_ns: int
    ) -> Wrong | None:
        """Fill in quantity, price and terms of a new order. Why it cannot be taken, if it cannot."""
        ord_type = order.ord_type
        try:
            order.order_qty = parse_scaled(message["38"])
            if ord_type in PRICED:
                order.price = parse_scaled(message["44"])
            if not message.keys().isdisjoint(TERM_TAGS):
                order.terms = _terms(message)
        except (KeyError, ValueError) as error:
            return INCORRECT_QUANTITY, f"quantity or price: {error}"
        return self.wrong(instrument, order, now_ns)

    def terms_of_replace(self, message: dict[str, str], order: VenueOrder, order_qty: int) -> Terms | None:
        """The terms of an order after a replace: what it does not say stays, as far as the quantity allows.
        Raises ValueError."""
        given, before = _terms(message) or Terms(), order.terms or Terms()
        before = structs.replace(
            before,
            min_qty=Qty(min(before.min_qty, order_qty)),
            max_floor=Qty(min(before.max_floor, order_qty)),
        )
        names = Terms.__struct_fields__
        after = Terms(**{name: getattr(given, name) or getattr(before, name) for name in names})
        return after if after != Terms() else None

    def wrong(self, instrument: SimInstrument, order: VenueOrder, now_ns: int) -> Wrong | None:
        """Why an order is not one of this broker's, if it is not. Marks it if it is an odd one."""
        qty, price, ord_type = order.order_qty, order.price, order.ord_type
        if order.side not in _SIDES:
            return UNSUPPORTED, "Side is not supported"
        if ord_type not in self._ord_types:
            return UNSUPPORTED, "OrdType is not supported"
        if order.time_in_force not in self._times_in_force:
            return UNSUPPORTED, "TimeInForce is not supported"
        if qty <= 0 or qty % instrument.lot_size:
            lot = format_scaled(instrument.lot_size)
            return INCORRECT_QUANTITY, f"quantity is not a positive multiple of {lot}"
        if qty < self._min_order_qty:
            return INCORRECT_QUANTITY, f"quantity is below {format_scaled(self._min_order_qty)}"
        if ord_type in PRICED and (price <= 0 or price % instrument.tick_at(price)):
            return OTHER, "price is not on a tick"
        if order.terms is None and order.time_in_force in _PLAIN_TIMES and ord_type not in STOPS:
            return None
        return self._wrong_terms(instrument, order, now_ns)

    def _wrong_terms(self, instrument: SimInstrument, order: VenueOrder, now_ns: int) -> Wrong | None:
        terms = order.terms or Terms()
        tif = order.time_in_force
        stop = order.ord_type in STOPS
        # A stop order's price and a date that limits an order come with its type: they need no listing.
        for name in Terms.__struct_fields__:
            implied = (name == "stop_px" and stop) or (
                name in ("expire_date", "expire_time") and tif == TimeInForce.GTD
            )
            if getattr(terms, name) and not implied and name not in self._terms:
                return UNSUPPORTED, f"{name} is not supported"
        if stop and not (terms.stop_px > 0 and instrument.on_tick(terms.stop_px)):
            return OTHER, "StopPx is not on a tick"
        if terms.max_floor and not (
            0 < terms.max_floor <= order.order_qty and not terms.max_floor % instrument.lot_size
        ):
            return INCORRECT_QUANTITY, "MaxFloor is not a part of the quantity in whole lots"
        if terms.max_floor and (order.limit is None or tif in (TimeInForce.IOC, TimeInForce.FOK)):
            return UNSUPPORTED, "MaxFloor is for orders that rest"
        if terms.min_qty and not 0 < terms.min_qty <= order.order_qty:
            return INCORRECT_QUANTITY, "MinQty is not a part of the quantity"
        if terms.min_qty and (stop or tif in AUCTIONS):
            return UNSUPPORTED, "MinQty is for orders that meet the book as they come"
        if stop and tif in AUCTIONS:
            return UNSUPPORTED, "a stop order is not for an auction"
        if tif == TimeInForce.GTD and (ended := _ended(terms, now_ns)):
            return OTHER, ended
        order.odd = bool(stop or tif in AUCTIONS or terms.max_floor or terms.min_qty)
        return None


def expires_by(order: VenueOrder, date: str) -> bool:
    """Whether an order ends with the day of that date, YYYYMMDD."""
    if order.time_in_force == TimeInForce.GTC:
        return False
    if order.time_in_force != TimeInForce.GTD:
        return True
    terms = order.terms or Terms()
    return bool(terms.expire_date) and terms.expire_date <= date


def _ended(terms: Terms, now_ns: int) -> str:
    """Why an order cannot be good till then; empty if it can."""
    if terms.expire_time:
        return "ExpireTime has passed" if parse_utc_timestamp(terms.expire_time) <= now_ns else ""
    if not terms.expire_date:
        return "good till which date?"
    return "ExpireDate has passed" if terms.expire_date < utc_date(now_ns) else ""


def _terms(message: dict[str, str]) -> Terms | None:
    """Raises ValueError."""
    if expire_time := message.get(tags.EXPIRE_TIME, ""):
        parse_utc_timestamp(expire_time)
    found = Terms(
        stop_px=Px(parse_scaled(message.get(tags.STOP_PX, "0"))),
        min_qty=Qty(parse_scaled(message.get(tags.MIN_QTY, "0"))),
        max_floor=Qty(parse_scaled(message.get(tags.MAX_FLOOR, "0"))),
        expire_time=expire_time,
        expire_date=message.get(tags.EXPIRE_DATE, ""),
        peg_offset=Px(parse_scaled(message.get(tags.PEG_OFFSET_VALUE, "0"))),
    )
    return found if found != Terms() else None
