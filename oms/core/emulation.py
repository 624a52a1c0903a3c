"""What we do for an order that its venue cannot do. Part of `decide`.

A venue declares what it can do (`VenueDefined`). What it lacks is done here, if it can be done from outside
without changing what the client asked for; all else is refused before it leaves, with the reason. Nothing is
dropped in silence.

- `stop`: the order is held until the reference price reaches its stop price (`held`).
- `trailing_stop`: the same, and the stop price follows the reference price at the distance that
  PegOffsetValue(211) says, whatever its sign: below it for a sell, above it for a buy, rounded away from it
  to a tick, never back. A limit price stays as it is. *Source:* FIX 4.4, ExecInst(18) a, PegOffsetType(836).
- `iceberg`: MaxFloor(111) is sent as one order after another of that quantity.
- `good_till`: the order is sent for the day, on every trading day, while the market takes orders.

The client sees one order. It is ours all along: risk holds what is open of it whether or not a venue has any
of it, a cancel or replace acts on the whole, and its end is the end of it. What is sent of it are routes, and
together they never have more than is left of the order: a new one is made only when no earlier one can
execute any more; if a late execution takes what was sent again, the open route is cut.

Nothing is remembered of what was intended: whenever something has changed (`emulated.Emulated`), the order is
looked at as it is (`work`). So a fill that crosses a cancel, a bust, a crash between two slices need no case
of their own. What cannot go on now waits for the market, the venue or the end of a halt, and says so.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.controls import Ask, Denial, check, is_halted, tick_at
from oms.core.days import takes_orders
from oms.core.decision import Events
from oms.core.emulated import (
    GOOD_TILL,
    ICEBERG,
    NO_DATE,
    NO_PEG,
    RATE,
    STOP,
    TRAILING_STOP,
    excess,
    expires_ns,
    is_unanswered,
    open_routes,
    sent_terms,
    without,
)
from oms.core.held import TURNS_INTO
from oms.core.order import ENDED, Order, Route, RouteRequest
from oms.core.routing import venue_down, venue_lacks
from oms.core.state import State, route_cl_ord_id
from oms.core.strategies import merged, with_terms
from oms.core.types import GOOD_TILL as GOOD_TILLS
from oms.core.types import (
    SCALE,
    CxlRejResponseTo,
    ExecInst,
    OrdType,
    Px,
    Qty,
    Side,
    Terms,
    TimeInForce,
)

MOST_SLICES: Final = 1_000
"""How many slices an order may be cut into: every look at it goes through all of them."""

LASTING: Final = (TimeInForce.DAY, *GOOD_TILLS)

_PRICE, _BASIS_POINTS, _TICKS = "0", "1", "2"  # PegOffsetType(836)
_FIXED: Final = "1"  # PegMoveType(835)
_BPS: Final = 10_000


# -- what is done here ---------------------------------------------------------------------------------------


class Feature(Struct, frozen=True):
    """Something that a venue may lack and that is done here."""

    name: str
    what: str  # in words
    how: str  # in words
    asked: Callable[[Ask], bool]
    lacking: Callable[[ev.VenueDefined, Ask], bool]  # of what is asked
    why_not: Callable[[State, ev.VenueDefined, Ask], str]  # why it cannot be done here; empty if it can
    rest: Callable[[Ask], Ask]  # what is left for the venue


def _terms(ask: Ask) -> Terms:
    return ask.terms or Terms()


def _with(ask: Ask, ord_type: str = "", time_in_force: str = "", **changes: Any) -> Ask:
    terms = msgspec.structs.replace(_terms(ask), **changes)
    return msgspec.structs.replace(
        ask,
        ord_type=ord_type or ask.ord_type,
        time_in_force=time_in_force or ask.time_in_force,
        terms=terms if terms != Terms() else None,
    )


def is_trailing(ord_type: str, terms: Terms | None) -> bool:
    """Whether the order is a trailing stop."""
    kinds = (OrdType.PEGGED, OrdType.STOP, OrdType.STOP_LIMIT)
    return terms is not None and ord_type in kinds and ExecInst.TRAILING_STOP_PEG in terms.exec_inst.split()


def _lacks_trailing(known: ev.VenueDefined, ask: Ask) -> bool:
    codes = known.exec_insts or (ExecInst.TRAILING_STOP_PEG,)
    knows = "exec_inst" in known.terms and ExecInst.TRAILING_STOP_PEG in codes and "peg_offset" in known.terms
    return ask.ord_type not in known.ord_types or not knows


def _no_trailing(state: State, known: ev.VenueDefined, ask: Ask) -> str:
    terms = _terms(ask)
    if ask.time_in_force not in LASTING:
        return "only an order for the day or longer can be held here"
    if not terms.peg_offset:
        return "a trailing stop needs PegOffsetValue"
    if terms.peg_offset_type not in ("", _PRICE, _BASIS_POINTS, _TICKS):
        return f"PegOffsetType {terms.peg_offset_type} is not worked here"
    if terms.peg_move_type == _FIXED:
        return "a stop that does not move does not trail"
    if terms.stop_px < 0 or terms.stop_px % tick_at(ask.instrument, terms.stop_px):
        return "its StopPx is not on a tick"
    if not terms.stop_px and not stop_px_at(ask.instrument, ask.side, terms, _reference(state, ask)):
        return "its stop price would not be above 0"
    return ""


def _reference(state: State, ask: Ask) -> int:
    return state.reference_px.get(ask.symbol, 0)


def _no_stop(state: State, known: ev.VenueDefined, ask: Ask) -> str:
    return "" if ask.time_in_force in LASTING else "only an order for the day or longer can be held here"


def _no_iceberg(state: State, known: ev.VenueDefined, ask: Ask) -> str:
    terms = _terms(ask)
    if ask.time_in_force not in LASTING or ask.ord_type != OrdType.LIMIT:
        return "only a limit order for the day or longer can be sent in slices"
    if terms.min_qty or ExecInst.ALL_OR_NONE in terms.exec_inst.split():
        return "slices cannot keep a minimum of the whole order"
    if ask.order_qty > terms.max_floor * MOST_SLICES:
        return f"it would be more than {MOST_SLICES} slices"
    return ""


def _no_good_till(state: State, known: ev.VenueDefined, ask: Ask) -> str:
    if TimeInForce.DAY not in known.times_in_force:
        return "it takes no orders for the day"
    if ask.instrument.market not in state.calendars:
        return f"no calendar says when market {ask.instrument.market} takes orders"
    return ""


def _lacks_good_till(known: ev.VenueDefined, ask: Ask) -> bool:
    dates = ("expire_date", "expire_time")
    return ask.time_in_force not in known.times_in_force or any(
        getattr(ask.terms, name) and name not in known.terms for name in dates if ask.terms is not None
    )


FEATURES: Final[tuple[Feature, ...]] = (
    Feature(
        TRAILING_STOP,
        "trailing stop: OrdType P, 3 or 4 with ExecInst a",
        "held here, its stop price moved with the reference price",
        lambda ask: is_trailing(ask.ord_type, ask.terms),
        _lacks_trailing,
        _no_trailing,
        lambda ask: _with(
            ask,
            TURNS_INTO[ask.ord_type],
            stop_px=Px(0),
            exec_inst=without(_terms(ask).exec_inst, ExecInst.TRAILING_STOP_PEG),
            **NO_PEG,
        ),
    ),
    Feature(
        STOP,
        "stop, stop limit, if touched: OrdType 3, 4, J",
        "held here until the reference price reaches its stop price",
        lambda ask: ask.ord_type in TURNS_INTO and ask.ord_type != OrdType.PEGGED,
        lambda known, ask: ask.ord_type not in known.ord_types,
        _no_stop,
        lambda ask: _with(ask, TURNS_INTO[ask.ord_type], stop_px=Px(0)),
    ),
    Feature(
        ICEBERG,
        "iceberg: MaxFloor",
        "sent as one order after another of that quantity",
        lambda ask: bool(_terms(ask).max_floor),
        lambda known, ask: "max_floor" not in known.terms,
        _no_iceberg,
        lambda ask: _with(ask, max_floor=Qty(0)),
    ),
    Feature(
        GOOD_TILL,
        "good till canceled, good till date: TimeInForce 1, 6",
        "sent for the day, on every trading day",
        lambda ask: ask.time_in_force in GOOD_TILLS,
        _lacks_good_till,
        _no_good_till,
        lambda ask: _with(ask, time_in_force=TimeInForce.DAY, **NO_DATE),
    ),
)
"""In the order in which they are taken off an order."""


def needed(state: State, venue: str, ask: Ask) -> tuple[str, ...] | Denial:
    """What has to be done here so that the venue can have the order; or why it cannot."""
    known = state.venues.get(venue)
    what: list[str] = []
    # An order with legs is one at its venue as well.
    for feature in FEATURES if known is not None and not _terms(ask).legs else ():
        assert known is not None
        if not feature.asked(ask) or not feature.lacking(known, ask):
            continue
        lacks = venue_lacks(state, venue, ask)
        why_not = feature.why_not(state, known, ask)
        if lacks is not None and why_not:
            return msgspec.structs.replace(lacks, text=f"{lacks.text}: {why_not}")
        ask = feature.rest(ask)
        what.append(feature.name)
    return venue_lacks(state, venue, ask) or tuple(what)


# -- taking an order on --------------------------------------------------------------------------------------


def take_on(
    state: State, ask: Ask, order_id: int, to: str, rule: str, facts: str, now_ns: int
) -> Events | Denial:
    """What becomes of an order that the venue or destination cannot have as it is, after its receipt; or why
    nothing does.

    Fills in the stop price of a trailing stop that has none.
    """
    destination = state.destinations.get(to)
    venue = destination.venue if destination is not None else to
    name = to if destination is not None else ""
    what = needed(state, venue, with_terms(ask, destination))
    if isinstance(what, Denial):
        return what
    if TRAILING_STOP in what:
        ask.terms = _with_stop_px(state, ask)
        # It is held at another price than one that is worked at once.
        denial = check(state, ask)
        if denial is not None:
            return denial
    is_plain = what == (STOP,) and (destination is None or destination.terms is None)
    if is_plain:
        return [ev.OrderHeld(now_ns, order_id, venue, rule, facts)]
    events: Events = [ev.OrderEmulated(now_ns, order_id, venue, what, name, rule, facts)]
    if STOP in what or TRAILING_STOP in what:
        return [*events, ev.OrderHeld(now_ns, order_id, venue)]
    market = ask.instrument.market
    reason = None
    if GOOD_TILL in what and not takes_orders(state, market, now_ns):
        reason = _for_market(market)
    else:
        down = venue_down(state, venue)
        if down is not None and (destination is None or destination.when_down != "park"):
            return down
        reason = _for_venue(state, venue, now_ns)
    if reason is not None:
        waits = ev.OrderWaits(now_ns, order_id, *reason)
        return [*events, ev.OrderAccepted(now_ns, order_id, "N"), waits]
    qty = min(_terms(ask).max_floor, ask.order_qty) if ICEBERG in what else ask.order_qty
    cl_ord_id = route_cl_ord_id(state.epoch, order_id, 1, 1)
    more = destination.terms if destination is not None else None
    terms = merged(ask.terms, more) if more is not None else None
    sent = ev.OrderRouted(now_ns, order_id, 1, venue, cl_ord_id, Qty(qty), ask.price, "", "", "", name, terms)
    return [*events, sent]


def beyond(state: State, order: Order, route: Route | None, ask: Ask) -> Denial | None:
    """Why an order cannot become what is asked: its venue lacks it, and it is not among what we do for it."""
    emulation = order.emulation
    venue = order.held_for or (emulation.venue if emulation is not None else "")
    if not venue:
        assert route is not None
        venue = route.venue
    if emulation is not None:
        ask = with_terms(ask, state.destinations.get(emulation.destination))
    lacks = venue_lacks(state, venue, ask)
    if lacks is None:
        return None
    is_held = order.held_for or (route is not None and route.ord_type)
    done = emulation.what if emulation is not None else (STOP,) if is_held else ()
    what = needed(state, venue, ask)
    if isinstance(what, Denial):
        return what
    return None if set(what) <= set(done) else lacks


# -- the work ------------------------------------------------------------------------------------------------


def work(state: State, command: cmd.Emulate, now_ns: int) -> Events:
    """What has to be done for an order now. [] if nothing has."""
    order = state.orders.get(command.order_id)
    if order is None or order.working in ENDED or is_unanswered(order):
        return []
    ours = order.held_for or order.emulation is not None
    if ours and not order.ended and 0 < expires_ns(order) <= now_ns:
        return _expire(state, order, now_ns)
    if order.emulation is None or order.held_for:
        return []
    if excess(order) > 0:
        return _cut(state, order, now_ns)
    if order.ended or open_routes(order):
        return []
    reason = blocked(state, order, now_ns)
    if reason is not None:
        return [ev.OrderWaits(now_ns, order.order_id, *reason)]
    return [next_route(state, order, now_ns)]


def blocked(state: State, order: Order, now_ns: int) -> tuple[str, str] | None:
    """What the rest of the order has to wait for, and why in words; None if it can be sent."""
    emulation = order.emulation
    assert emulation is not None
    if GOOD_TILL in emulation.what:
        market = state.market_of(order)
        if order.done_for_day or not takes_orders(state, market, now_ns):
            return _for_market(market)
    halted = is_halted(state, order)
    if halted is not None:
        return "halt", halted.text
    return _for_venue(state, emulation.venue, now_ns)


def _for_venue(state: State, venue: str, now_ns: int) -> tuple[str, str] | None:
    down = venue_down(state, venue)
    if down is not None:
        return f"venue:{venue}", down.text
    if not state.waiting.may_send(venue, now_ns):
        return RATE + venue, f"venue {venue} takes no more orders for the moment"
    return None


def _for_market(market: str) -> tuple[str, str]:
    return f"market:{market}", f"market {market} takes no orders for the day now"


def next_route(state: State, order: Order, now_ns: int) -> ev.OrderRouted:
    """The next slice, or all that is left. Nobody has any of it."""
    emulation, terms = order.emulation, order.versions[-1].terms
    assert emulation is not None
    left = order.leaves_qty
    if ICEBERG in emulation.what and terms is not None and terms.max_floor:
        left = min(terms.max_floor, left)
    turned = STOP in emulation.what or TRAILING_STOP in emulation.what
    route_id = len(order.routes) + 1
    destination = state.destinations.get(emulation.destination)
    more = destination.terms if destination is not None else None
    return ev.OrderRouted(
        now_ns,
        order.order_id,
        route_id,
        emulation.venue,
        route_cl_ord_id(state.epoch, order.order_id, route_id, 1),
        Qty(left),
        Px(order.price),
        TURNS_INTO[order.ord_type] if turned else "",
        destination=emulation.destination,
        terms=merged(terms, more) if more is not None else None,
    )


def _cut(state: State, order: Order, now_ns: int) -> Events:
    """A late execution has taken what was sent again: what is open is cut to what is left of the order."""
    emulation = order.emulation
    assert emulation is not None
    if emulation.venue not in state.sessions_up:
        text = f"venue {emulation.venue} is not logged on"
        return [ev.OrderWaits(now_ns, order.order_id, f"venue:{emulation.venue}", text)]
    too_much = excess(order)
    events: Events = []
    for route in reversed(open_routes(order)):
        less = min(too_much, route.leaves_qty)
        too_much -= less
        if less:
            qty = route.order_qty - less
            events.append(_changed(state, order, route, route.cl_ord_id, "", qty, order.price, now_ns))
    return events


def _expire(state: State, order: Order, now_ns: int) -> Events:
    """The order is good till a time of day, and that has come."""
    working = open_routes(order)
    terms = order.versions[-1].terms
    if not working:
        assert terms is not None
        return [ev.OrderExpired(now_ns, order.order_id, f"good until {terms.expire_time}")]
    cancels = [
        _cancel(state, order, r, r.cl_ord_id, "", now_ns) for r in working if r.venue in state.sessions_up
    ]
    venue = working[0].venue
    return cancels or [ev.OrderWaits(now_ns, order.order_id, f"venue:{venue}", "its time has come")]


def next_due(state: State, now_ns: int) -> int:
    """The order that has something to be done now; 0 if there is none."""
    if state.emulated.due:
        return int(state.emulated.due[0])
    full: set[str] = set()
    for order_id in state.emulated.slowed:
        emulation = state.orders[order_id].emulation
        assert emulation is not None
        if emulation.venue in full:
            continue
        if state.waiting.may_send(emulation.venue, now_ns):
            return int(order_id)
        full.add(emulation.venue)
    return 0


def to_expire(state: State, now_ns: int) -> list[int]:
    """The orders of which an expiry has to be seen to now: those that can be reached."""
    found = (state.orders[order_id] for order_id in state.emulated.expired(now_ns))
    return [
        order.order_id
        for order in found
        if not is_unanswered(order) and all(r.venue in state.sessions_up for r in open_routes(order))
    ]


def _cancel(
    state: State, order: Order, route: Route, orig_cl_ord_id: str, request_cl_ord_id: str, now_ns: int
) -> ev.Event:
    return ev.CancelRouted(
        now_ns,
        order.order_id,
        route.route_id,
        route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
        orig_cl_ord_id,
        request_cl_ord_id,
    )


def _changed(
    state: State,
    order: Order,
    route: Route,
    orig_cl_ord_id: str,
    request_cl_ord_id: str,
    qty: int,
    px: int,
    now_ns: int,
) -> ev.Event:
    """Ask for a route to be of that quantity and price; for it to end where it would be of nothing."""
    if qty <= 0:
        return _cancel(state, order, route, orig_cl_ord_id, request_cl_ord_id, now_ns)
    return ev.ReplaceRouted(
        now_ns,
        order.order_id,
        route.route_id,
        route_cl_ord_id(state.epoch, order.order_id, route.route_id, route.sent_ids + 1),
        orig_cl_ord_id,
        request_cl_ord_id,
        Qty(qty),
        Px(px),
    )


# -- what the client asks of the whole -----------------------------------------------------------------------


def replace(
    state: State,
    order: Order,
    asked: ev.ReplaceRequested,
    route: Route | None,
    orig_cl_ord_id: str,
    now_ns: int,
) -> ev.Event:
    """What a replace of the order asks of the route that is open, known to its venue by that id of ours.

    Nobody else has to be asked for the rest. A slice grows no more: the next one has the new size.
    """
    emulation = order.emulation
    assert emulation is not None
    done = ev.OrderReplaced(now_ns, order.order_id, asked.cl_ord_id)
    if route is None:
        return done
    elsewhere = sum(r.leaves_qty for r in order.routes if r is not route)
    left = max(asked.order_qty - order.cum_qty - elsewhere, 0)
    if ICEBERG in emulation.what:
        shown = asked.terms.max_floor if asked.terms is not None else 0
        left = min(left, route.leaves_qty, shown or left)
    before = order.versions[-1].terms
    turned = bool(route.ord_type)
    same_terms = sent_terms(order, before, turned, left) == sent_terms(order, asked.terms, turned, left)
    if left == route.leaves_qty and asked.price == route.price and same_terms and not route.requests:
        return done
    qty = route.cum_qty + left
    return _changed(state, order, route, orig_cl_ord_id, asked.cl_ord_id, qty, asked.price, now_ns)


def answered(order: Order, route: Route, request: RouteRequest, filled: int, now_ns: int) -> ev.Event | None:
    """The answer to a client's request that the venue cannot give: all that is left of the order is ours.

    The route that was asked has executed whole, with `filled` just now, or has ended with its day.
    """
    if order.working in ENDED or order.leaves_qty <= filled:
        return None
    if any(r is not route or not filled for r in open_routes(order)):
        return None
    asked = order.request(request.request_cl_ord_id)
    if asked is None:
        return None
    if asked.response_to == CxlRejResponseTo.CANCEL:
        return ev.OrderCanceled(now_ns, order.order_id, asked.cl_ord_id, "")
    return ev.OrderReplaced(now_ns, order.order_id, asked.cl_ord_id)


def outlives(state: State, order: Order, now_ns: int) -> bool:
    """Whether a route that its venue ends now is one that ends with its day, and the order goes on.

    Some venues call an order canceled that has expired at their close.
    """
    emulation = order.emulation
    if emulation is None or GOOD_TILL not in emulation.what or order.working in ENDED:
        return False
    return not takes_orders(state, state.market_of(order), now_ns)


# -- trailing stops ------------------------------------------------------------------------------------------


def stop_px_at(instrument: ev.InstrumentDefined, side: str, terms: Terms, reference_px: int) -> Px:
    """Where a trailing stop has its stop price at a reference price: on a tick; 0 if that is not above 0."""
    offset = abs(terms.peg_offset)
    if terms.peg_offset_type == _BASIS_POINTS:
        distance = -(-reference_px * offset // (_BPS * SCALE))
    elif terms.peg_offset_type == _TICKS:
        distance = offset * tick_at(instrument, Px(reference_px)) // SCALE
    else:
        distance = offset
    if side == Side.BUY:
        px = reference_px + distance
        tick = tick_at(instrument, Px(px))
        return Px(-(-px // tick) * tick)
    px = reference_px - distance
    return Px(px - px % tick_at(instrument, Px(px))) if px > 0 else Px(0)


def _with_stop_px(state: State, ask: Ask) -> Terms:
    """The terms with a stop price, which is the client's own or follows from the reference price."""
    terms = _terms(ask)
    if terms.stop_px:
        return terms
    return msgspec.structs.replace(
        terms, stop_px=stop_px_at(ask.instrument, ask.side, terms, _reference(state, ask))
    )


def still_trailing(state: State, order: Order, terms: Terms | None) -> Terms | None:
    """The terms of a replace of a trailing stop that is held, with a stop price.

    One that says none keeps it, unless the distance is another.
    """
    before = order.versions[-1].terms
    if terms is None or before is None or terms.stop_px:
        return terms
    pegs = (terms.peg_offset, terms.peg_offset_type), (before.peg_offset, before.peg_offset_type)
    stop_px = before.stop_px
    if pegs[0] != pegs[1]:
        reference = state.reference_px.get(order.symbol, 0)
        stop_px = stop_px_at(state.instruments[order.symbol], order.side, terms, reference)
    return msgspec.structs.replace(terms, stop_px=stop_px)


def trail(state: State, symbol: str, px: Px, now_ns: int) -> Events:
    """Move the stop prices that a reference price moves, by a tick or more, and only the better way."""
    events: Events = []
    for order_id in state.emulated.moved_by(symbol, px):
        order = state.orders[order_id]
        terms = order.versions[-1].terms
        assert terms is not None
        stop_px = stop_px_at(state.instruments[symbol], order.side, terms, px)
        is_better = stop_px < terms.stop_px if order.side == Side.BUY else stop_px > terms.stop_px
        if is_better:
            events.append(ev.StopPxMoved(now_ns, order_id, stop_px))
    return events
