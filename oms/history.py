"""What the journal tells a person: the orders as they stand, and one order's whole story.

Everything here only reads; it works beside a running engine as well as on a copy of a journal. An order can
be named by anything that ever stood for it: our OrderID(37) or its bare number, a client's ClOrdID(11) of any
version or request, our ClOrdID at a venue, or the ExecID(17) of any of its executions, ours or the venue's.
The ListID(66) of a list names all of its orders.
"""

import typing
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from oms.core import events as ev
from oms.core.legs import leg_qty
from oms.core.order import Order, OrderLeg, ord_status
from oms.core.router import NO_END
from oms.core.state import State
from oms.core.types import PRICED, ListMember, Px, Qty, average_px, format_notional, format_scaled
from oms.fix.wire import readable, utc_timestamp
from oms.recovery import from_snapshot, records

STATUS_NAMES: dict[str, str] = {
    "0": "new",
    "1": "partially filled",
    "2": "filled",
    "3": "done for day",
    "4": "canceled",
    "6": "pending cancel",
    "7": "stopped",
    "8": "rejected",
    "9": "suspended",
    "A": "pending new",
    "B": "calculated",
    "C": "expired",
    "E": "pending replace",
}
SIDE_NAMES: dict[str, str] = {"1": "buy", "2": "sell", "B": "as defined", "C": "opposite"}


class NoJournal(Exception):
    """There is no journal at the path given."""


def need_journal(directory: Path) -> None:
    """Raises NoJournal if the directory holds no journal."""
    if not any(directory.glob("*.journal")):
        raise NoJournal(f"{directory}: no journal here")


def fold(directory: Path, until: int | None = None) -> State:
    """The state as the journal has it now, or as it was just after record `until`. Raises NoJournal."""
    return replay(directory, until)[0]


def replay(directory: Path, until: int | None = None) -> tuple[State, int]:
    """The state after record `until`, or the last; and the sequence of that record. Raises NoJournal."""
    need_journal(directory)
    state, _, last_seq = from_snapshot(directory, until)
    for seq, record in records(directory, last_seq + 1):
        if until is not None and seq > until:
            break
        state.apply(ev.decode(record))
        last_seq = seq
    return state, last_seq


def order_row(state: State, order: Order) -> dict[str, Any]:
    """One order as it stands, for a table or JSON. Decimals are text: they are exact."""
    return {
        "order_id": order.order_id,
        "session_id": order.session_id,
        "cl_ord_id": order.cl_ord_id,
        "list_id": order.list_id,
        "account": order.account,
        "symbol": order.symbol,
        "side": SIDE_NAMES.get(order.side, order.side),
        "order_qty": format_scaled(order.order_qty),
        "price": format_scaled(order.price) if order.price or _has_net_price(order) else "market",
        "ord_status": STATUS_NAMES.get(ord_status(order), ord_status(order)),
        "cum_qty": format_scaled(order.cum_qty),
        "leaves_qty": format_scaled(order.leaves_qty),
        "avg_px": format_scaled(average_px(order.cum_notional, order.cum_qty)),
        "versions": len(order.versions),
        "venues": [route.venue for route in order.routes],
        "reason": order.reason,
        **({"legs": [_leg_row(order, leg) for leg in order.legs]} if order.legs is not None else {}),
    }


def _has_net_price(order: Order) -> bool:
    """A limit of nothing, between what is bought and what is sold."""
    return order.legs is not None and order.ord_type in PRICED


def _leg_row(order: Order, leg: OrderLeg) -> dict[str, Any]:
    return {
        "symbol": leg.symbol,
        "side": SIDE_NAMES.get(leg.side, leg.side),
        "order_qty": format_scaled(leg_qty(order.order_qty, leg.ratio_qty)),
        "cum_qty": format_scaled(leg.cum_qty),
        "avg_px": format_scaled(average_px(leg.cum_notional, leg.cum_qty)),
    }


def risk_rows(state: State) -> list[dict[str, Any]]:
    """What each account holds and has spent, by currency. Decimals are text: they are exact."""
    return [
        {
            "account": account,
            "currency": currency,
            "held": format_notional(risk.held.get(currency, 0)),
            "spent": format_notional(risk.spent.get(currency, 0)),
        }
        for account, risk in sorted(state.risk.items())
        for currency in sorted(risk.held.keys() | risk.spent.keys())
    ]


BRIEF: tuple[str, ...] = (
    "order_id",
    "cl_ord_id",
    "account",
    "symbol",
    "side",
    "order_qty",
    "price",
    "ord_status",
    "cum_qty",
    "avg_px",
)
"""The columns of `order_row` that fit a terminal."""


def brief(row: dict[str, Any], *more: str) -> dict[str, Any]:
    """The part of an order's row that fits a terminal, under short names; `more` of it, if asked for."""
    return {name.removeprefix("order_").removeprefix("ord_"): row[name] for name in (*BRIEF, *more)}


def event_facts(event: ev.Event) -> dict[str, Any]:
    """An event's fields by name; prices and quantities as decimals, messages with bars between fields."""
    facts: dict[str, Any] = {}
    hints = typing.get_type_hints(type(event))
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name == "at_ns":
            continue
        if hints[name] in (Px, Qty):
            value = format_scaled(value)
        elif name == "ticks":
            value = [f"{format_scaled(low)}: {format_scaled(tick)}" for low, tick in value]
        elif name == "members" and isinstance(event, ev.ListReceived):
            value = [member_text(member) for member in event.members]
        elif name == "rules":
            value = [rule_text(rule) for rule in value]
        elif name == "text" and isinstance(event, ev.MessageIn | ev.MessageOut):
            value = readable(value)
        facts[name] = value
    return facts


def member_text(member: ListMember) -> str:
    """One order of a list: "1 A1 ACC buy 100 IBM at 10.5"."""
    price = f" at {format_scaled(member.price)}" if member.price else ""
    side = SIDE_NAMES.get(member.side, member.side)
    qty = format_scaled(member.order_qty)
    return f"{member.list_seq_no} {member.cl_ord_id} {member.account} {side} {qty} {member.symbol}{price}"


def rule_text(rule: ev.RoutingRule) -> str:
    """A rule of the routing table in a line: "large in London: market=XLON order_qty=10000.. to LSE"."""
    words = [f"{name}={'|'.join(values)}" for name, values in rule.words]
    for name, low, high in rule.ranges:
        shown = [str(bound) if name == "time" else format_scaled(bound) for bound in (low, high)]
        words.append(f"{name}={shown[0]}..{shown[1] if high != NO_END else ''}")
    return f"{rule.name}: {' '.join([*words, 'to', rule.to])}"


class Line(Struct):
    """One record of a story."""

    seq: int
    at: str  # UTC, milliseconds
    kind: str
    facts: dict[str, Any]


def dump(directory: Path, from_seq: int = 1, to_seq: int | None = None) -> Iterator[Line]:
    """Every record in words. Raises NoJournal."""
    need_journal(directory)
    for seq, body in records(directory, from_seq):
        if to_seq is not None and seq > to_seq:
            return
        yield line(seq, ev.decode(body))


def line(seq: int, event: ev.Event) -> Line:
    """A record in words."""
    return Line(seq, utc_timestamp(event.at_ns), type(event).__name__, event_facts(event))


class _OfList(Struct):
    """What the stories of a list's orders have in common."""

    order_ids: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def story(directory: Path, name: str) -> tuple[list[int], list[Line]]:
    """The orders that a name stands for, and everything that the journal has about them, causes and messages
    included.

    Two clients may have used the same ClOrdID: then there are two orders. Reads the journal once. Raises
    NoJournal.
    """
    need_journal(directory)
    wanted: set[int] = set()
    epoch = ""
    lines: dict[int, list[Line]] = {}
    cause: Line | None = None
    causes: dict[int, int] = {}  # journal sequence of an event -> its order
    executions: Counter[tuple[int, int]] = Counter()  # how many each route has had
    of_list: dict[tuple[str, str], _OfList] = defaultdict(_OfList)
    leg_executions: Counter[tuple[int, int]] = Counter()  # and each leg
    for seq, body in records(directory):
        event = ev.decode(body)
        if isinstance(event, ev.EngineStarted):
            epoch = event.epoch
        if isinstance(event, ev.MessageIn | ev.CommandTaken):
            cause = line(seq, event)
        elif isinstance(event, ev.MessageOut):
            order_id = causes.get(event.cause_seq)
            if order_id:
                lines[order_id].append(line(seq, event))
        elif isinstance(event, ev.ListReceived | ev.ListExecuted | ev.ListCanceled):
            told = line(seq, event)
            told.facts.pop("members", None)
            found_list = of_list[event.session_id, event.list_id]
            found_list.lines.append(told)
            for order_id in found_list.order_ids:
                lines[order_id].append(told)
        elif isinstance(event, ev.OrderEvent) and event.order_id:
            of_order = lines.setdefault(event.order_id, [])
            if isinstance(event, ev.OrderReceived | ev.OrderDenied) and event.list_id:
                found_list = of_list[event.session_id, event.list_id]
                found_list.order_ids.append(event.order_id)
                of_order += found_list.lines
            if cause is not None and (not of_order or cause.seq > of_order[-1].seq):
                of_order.append(cause)
            of_order.append(line(seq, event))
            causes[seq] = event.order_id
            own = ""
            if isinstance(event, ev.OrderFilled | ev.ExecutionBusted | ev.ExecutionCorrected):
                executions[event.order_id, event.route_id] += 1
                number = executions[event.order_id, event.route_id]
                own = f"{epoch}-{event.order_id}-{event.route_id}-X{number}"
            elif isinstance(event, ev.LegFilled | ev.LegBusted | ev.LegCorrected):
                leg_executions[event.order_id, event.leg] += 1
                number = leg_executions[event.order_id, event.leg]
                own = f"{epoch}-{event.order_id}-{event.route_id}-L{event.leg}X{number}"
            if name == own or _names(event, seq, epoch, name):
                wanted.add(event.order_id)
    found = sorted(wanted)
    # A message may be journaled after a later event of the same order was decided: show the journal's order.
    unique = {entry.seq: entry for order_id in found for entry in lines[order_id]}
    return found, [unique[seq] for seq in sorted(unique)]


def _names(event: ev.OrderEvent, seq: int, epoch: str, name: str) -> bool:
    """Whether the name stands for the order of this event."""
    if name in (str(event.order_id), f"{epoch}-{event.order_id}", f"{epoch}-E{seq}"):
        return True
    ids = (getattr(event, key, None) for key in ("cl_ord_id", "exec_id", "list_id"))
    return name in ids
