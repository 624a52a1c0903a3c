"""Strategies: what of an order is missing at its destinations, as a function of how the order stands.

- `split`: shares by weight, all at once. What one destination refuses the others share.
- `sequential`: one destination after another, each for so many milliseconds; the last as long as it takes.
- `iceberg`: one slice after another at the first destination that takes it.
- `twap`: equal slices at equal times over a duration. What was not filled of a slice stays open.
- `sweep`: what is displayed within the limit, the best prices first wherever they are, at once or not at all;
  what is left rests at the first destination.
- `participation`: a share of what is traded, as venues publish it, looked at in intervals.

Each looks at the order, adds parts to a `Look`, and says when it wants to look again. None keeps anything
from one look to the next but the step it has come to.

A destination that is down, or whose rate is used up, is waited for, passed over, or a reason to end, as the
destination says (`when_down`).
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct, field

from oms.core import events as ev
from oms.core.controls import Ask, Denial
from oms.core.ledger import available, exposed, share_out
from oms.core.market import against
from oms.core.order import Order, Plan, Route
from oms.core.routing import venue_down, venue_lacks
from oms.core.state import State
from oms.core.types import SCALE, OrdStatus, OrdType, Qty, Side, Terms, TimeInForce
from oms.core.waiting import DOWN, RATE

AT_ONCE: Final = frozenset((TimeInForce.IOC, TimeInForce.FOK))
OLDEST_NS: Final = 5_000_000_000
"""Displayed prices that are older are not swept."""

_MILLISECOND: Final = 1_000_000
_AGAIN_NS: Final = 1_000_000_000  # a cancel of ours that was refused is tried again


class Part(Struct, gc=False):
    """A route to be made."""

    leg: str  # the destination that it was meant for
    destination: str  # the one that takes it
    venue: str
    order_qty: int
    price: int = -1  # where it is not the order's
    time_in_force: str = ""  # where it is not the order's


class Look(Struct, gc=False):
    """What a look at an order has found to be done."""

    parts: list[Part] = field(default_factory=list)
    cancels: list[Route] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    wake_ns: int = 0
    step: int = 0
    refusals: list[str] = field(default_factory=list)  # why destinations took nothing
    away: list[str] = field(default_factory=list)  # what would have to change for those that may yet take it
    idle: bool = False  # nothing is missing: refusals do not matter


# -- which destination takes it ------------------------------------------------------------------------------


class Gate(Struct, gc=False):
    """Whether a destination takes an order now: its venue, or what is to be waited for, or why not."""

    destination: str
    venue: str = ""
    wait: str = ""
    refusal: Denial | None = None
    away: str = ""  # what to wait for if nobody else takes it


def gate(state: State, name: str, ask: Ask, now_ns: int, sent: dict[str, int]) -> Gate:
    """Whether the destination takes the order now. `sent` counts what this look sends already, by venue."""
    tried: set[str] = set()
    while True:
        tried.add(name)
        destination = state.destinations.get(name)
        venue = destination.venue if destination is not None else name
        lacks = venue_lacks(state, venue, with_terms(ask, destination))
        if lacks is not None:
            return Gate(name, refusal=lacks)
        down = venue_down(state, venue)
        if down is None:
            if state.waiting.may_send(venue, now_ns, sent.get(venue, 0)):
                return Gate(name, venue)
            return Gate(name, wait=RATE + venue)
        when_down = destination.when_down if destination is not None else "deny"
        if when_down == "park":
            return Gate(name, wait=DOWN + venue)
        if when_down != "reroute" or destination is None or destination.reroute_to in tried:
            return Gate(name, refusal=down, away=DOWN + venue)
        name = destination.reroute_to


def with_terms(ask: Ask, destination: ev.DestinationDefined | None) -> Ask:
    """The order as the destination will see it."""
    if destination is None or destination.terms is None:
        return ask
    return msgspec.structs.replace(ask, terms=merged(ask.terms, destination.terms))


def merged(terms: Terms | None, more: Terms) -> Terms:
    """Terms with what the others say laid over them."""
    said = {name: value for name in more.__struct_fields__ if (value := getattr(more, name))}
    return msgspec.structs.replace(terms or Terms(), **said)


def ask_of(order: Order) -> Ask:
    """An order in the terms of a question."""
    version = order.versions[-1]
    return Ask(
        order.session_id,
        "",
        order.account,
        order.symbol,
        order.side,
        version.order_qty,
        order.ord_type,
        version.price,
        order.time_in_force,
        order,
        version.terms,
    )


def takes_any(state: State, strategy: ev.StrategyDefined, ask: Ask) -> str:
    """Why no destination of a strategy could ever take such an order; empty if one can."""
    refusals = []
    for name, _ in strategy.legs:
        destination = state.destinations.get(name)
        venue = destination.venue if destination is not None else name
        lacks = venue_lacks(state, venue, with_terms(ask, destination))
        if lacks is None:
            return ""
        refusals.append(lacks.text)
    return "; ".join(dict.fromkeys(refusals))


# -- strategies ----------------------------------------------------------------------------------------------


class Looking:
    """One look at one order."""

    def __init__(self, state: State, order: Order, plan: Plan, now_ns: int) -> None:
        self.state = state
        self.order = order
        self.plan = plan
        self.now_ns = now_ns
        self.ask = ask_of(order)
        self.lot = state.instruments[order.symbol].lot_size if order.legs is None else Qty(SCALE)
        self.sent: dict[str, int] = {}
        self.left = available(order)
        self.look = Look(step=plan.step)

    def take_displayed(self, destination: str, qty: int, price: int) -> None:
        """Route so much at a price that is displayed there, at once or not at all; nobody waits for it."""
        ask = msgspec.structs.replace(self.ask, ord_type=OrdType.LIMIT, time_in_force=TimeInForce.IOC)
        found = gate(self.state, destination, ask, self.now_ns, self.sent)
        if found.venue:
            part = Part(destination, found.destination, found.venue, qty, price, TimeInForce.IOC)
            self.look.parts.append(part)
            self.sent[found.venue] = self.sent.get(found.venue, 0) + 1
            self.left -= qty

    def give(self, destination: str, qty: int) -> bool:
        """Route so much of what is left to a destination, if it takes it. Whether it is taken care of."""
        qty = min(qty, self.left)
        if qty <= 0:
            return True
        found = gate(self.state, destination, self.ask, self.now_ns, self.sent)
        if found.venue:
            self.look.parts.append(Part(destination, found.destination, found.venue, qty))
            self.sent[found.venue] = self.sent.get(found.venue, 0) + 1
            self.left -= qty
            return True
        if found.wait:
            self.look.waits.append(found.wait)
            self.left -= qty
            return True
        if found.refusal is not None:
            self.look.refusals.append(found.refusal.text)
        if found.away:
            self.look.away.append(found.away)
        return False

    def had(self, destination: str) -> list[Route]:
        """The routes that a destination has or had."""
        return [r for r in self.order.routes if r.destination == destination]

    def refused_by(self, destination: str) -> bool:
        """Whether a destination has sent back what it was given."""
        return any(
            (route.working == OrdStatus.REJECTED or route.dropped) and not route.time_in_force
            for route in self.had(destination)
        )


def _split(looking: Looking, strategy: ev.StrategyDefined) -> None:
    order = looking.order
    legs = [(name, weight) for name, weight in strategy.legs if not looking.refused_by(name)]
    while legs:
        names = {name for name, _ in legs}
        elsewhere = sum(exposed(r) for r in order.routes if r.destination not in names)
        shares = share_out(max(order.order_qty - elsewhere, 0), [weight for _, weight in legs], looking.lot)
        before = len(looking.look.refusals)
        for (name, _), share in zip(legs, shares, strict=True):
            has = sum(map(exposed, looking.had(name)))
            if not looking.give(name, share - has):
                legs = [leg for leg in legs if leg[0] != name]
                break
        if len(looking.look.refusals) == before:
            return
        # One of them takes nothing: the others share all of it, from the start.
        looking.left = available(order)
        looking.sent.clear()
        looking.look.parts.clear()
        looking.look.waits.clear()


def _sequential(looking: Looking, strategy: ev.StrategyDefined) -> None:
    look, plan = looking.look, looking.plan
    working = [route for route in looking.order.routes if not route.ended]
    if working:
        milliseconds = strategy.legs[plan.step - 1][1] if plan.step else 0
        if not milliseconds or plan.step == len(strategy.legs):
            look.idle = True
            return
        # After a cancel of ours that was refused: not at once again.
        due_ns = max(plan.since_ns + milliseconds * _MILLISECOND, plan.wake_ns)
        if due_ns > looking.now_ns:
            look.wake_ns = due_ns
            look.idle = True
            return
        look.cancels = [route for route in working if not route.requests]
        look.wake_ns = looking.now_ns + _AGAIN_NS
        look.idle = True
        return
    while look.step < len(strategy.legs):
        name, milliseconds = strategy.legs[look.step]
        if looking.give(name, looking.left):
            if look.parts:
                look.step += 1
                if milliseconds and look.step < len(strategy.legs):
                    look.wake_ns = looking.now_ns + milliseconds * _MILLISECOND
            return
        look.step += 1


def _iceberg(looking: Looking, strategy: ev.StrategyDefined) -> None:
    if any(not route.ended for route in looking.order.routes):
        looking.look.idle = True
        return
    for name, _ in strategy.legs:
        if not looking.refused_by(name) and looking.give(name, strategy.slice_qty or looking.left):
            return


def _twap(looking: Looking, strategy: ev.StrategyDefined) -> None:
    order, plan, look = looking.order, looking.plan, looking.look
    slices = max(strategy.duration_ns // strategy.interval_ns, 1)
    due = min((looking.now_ns - plan.started_ns) // strategy.interval_ns + 1, slices)
    lots = order.order_qty // looking.lot * due // slices
    target = order.order_qty if due == slices else lots * looking.lot
    if due < slices:
        look.wake_ns = plan.started_ns + due * strategy.interval_ns
    missing = target - (order.order_qty - looking.left)
    if missing <= 0:
        look.idle = True
        return
    if strategy.slice_qty and missing > strategy.slice_qty:
        missing = strategy.slice_qty
        look.wake_ns = look.wake_ns or looking.now_ns + strategy.interval_ns
    for name, _ in strategy.legs:
        if not looking.refused_by(name) and looking.give(name, missing):
            return


def _sweep(looking: Looking, strategy: ev.StrategyDefined) -> None:
    look, order = looking.look, looking.order
    if any(not route.ended for route in order.routes):
        look.idle = True
        return
    if not look.step:
        look.step = 1
        for name, (qty, price) in _displayed(looking, strategy).items():
            looking.take_displayed(name, qty, price)
        if look.parts:
            return
    if order.time_in_force in AT_ONCE:
        look.refusals.append("nothing more is displayed")
        return
    for name, _ in strategy.legs:
        if not looking.refused_by(name) and looking.give(name, looking.left):
            return


def _displayed(looking: Looking, strategy: ev.StrategyDefined) -> dict[str, tuple[int, int]]:
    """What an order can have of what is displayed: destination -> (quantity, worst price).

    The best price first, wherever it is; at one price the destinations in the strategy's order.
    """
    state, order = looking.state, looking.order
    buys = order.side == Side.BUY
    levels: list[tuple[int, int, int, str]] = []
    for place, (name, _) in enumerate(strategy.legs):
        destination = state.destinations.get(name)
        depth = state.market.of(order.symbol, destination.venue if destination is not None else name)
        if depth is None or looking.now_ns - depth.at_ns > OLDEST_NS:
            continue
        for px, qty in depth.levels(against(order.side)):
            if order.price and (px > order.price if buys else px < order.price):
                break
            levels.append((px if buys else -px, place, qty, name))
    taken: dict[str, tuple[int, int]] = {}
    left = looking.left
    for key, _, shown, name in sorted(levels):
        qty = min(shown, left) // looking.lot * looking.lot
        if qty:
            taken[name] = (taken.get(name, (0, 0))[0] + qty, abs(key))
            left -= qty
    return taken


def _participation(looking: Looking, strategy: ev.StrategyDefined) -> None:
    order, look = looking.order, looking.look
    look.idle = True
    look.wake_ns = looking.now_ns + strategy.interval_ns
    traded = looking.state.market.volume.get(order.symbol, 0) - looking.plan.volume
    target = traded * strategy.rate_bps // 10_000 // looking.lot * looking.lot
    missing = min(target, order.order_qty) - (order.order_qty - looking.left)
    if strategy.slice_qty:
        missing = min(missing, strategy.slice_qty)
    for name, _ in strategy.legs:
        if missing <= 0 or (not looking.refused_by(name) and looking.give(name, missing)):
            return


STRATEGIES: Final[dict[str, Callable[[Looking, ev.StrategyDefined], None]]] = {
    "split": _split,
    "sequential": _sequential,
    "iceberg": _iceberg,
    "twap": _twap,
    "sweep": _sweep,
    "participation": _participation,
}
"""The kinds of strategy, by the name that the configuration uses."""
