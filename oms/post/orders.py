"""What post-trade has to know of an order: who, what, how much, by which venue, and whether it has ended.

The fold of the order events into a working set. An order stays in memory while it is open and is read back
from the database when something late arrives for it, so memory holds the open orders and not the day.

An order has ended when it is filled (its cumulative quantity reaches that of its newest version) or when an
event ended it. Neither is final: a fill may arrive after a cancel, a filled order may be replaced by a larger
one, or have an execution taken back. What was allocated by then stays, and is allocated again; see
allocation.py. An order that outlives the day does not end by being done for the day.

Executions are counted one by one, since each of them may be busted or corrected, on a later day too. They are
told apart as the engine does it, by order, route and ExecID(17); an ExecID that is known of its route, be it
that of a trade, a bust or a correction, is the same report again. A correction stands for the execution that
it corrects: of that one's trade date, and what a later bust or correction refers to. What was is taken back
with the money that was counted then, so the sums end where they would be without it, to the last unit.

A corporate action that restates what an order had executed changes the order's cumulative quantity. The
executions stay in their blocks as they were traded: that is how they settle.

A `Block` is what is allocated together: the executions of one order in one instrument, at one venue, on one
trade date. An allocation is agreed with one broker, and its parts share trade date and settlement date; so an
order that executed at two venues, or on both sides of midnight, is two blocks. *Source:* FIX 5.0 SP2 volume
5, AllocationInstruction(J): combined orders share instrument, side, trade date and settlement date.

Of a multileg order it is the legs that are executed, booked and allocated, each in blocks of its own. What
its combination has executed is nobody's: it says when the order has ended, and nothing else here.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct, field
from sqlalchemy import select
from sqlalchemy.engine import Connection

from oms.core import events as ev
from oms.core.types import GOOD_TILL, ExecType, average_px
from oms.post import store
from oms.post.booking import money

BlockKey = tuple[str, str, str]
"""(venue, trade date, symbol)."""

ExecKey = tuple[int, str, str]
"""(route id, ExecID, symbol), within an order."""

LegEvent = ev.LegFilled | ev.LegBusted | ev.LegCorrected


class Share(Struct, frozen=True):
    """What one account has of a block. Quantity in units of 1e-8, money in units of 1e-16."""

    account: str  # AllocAccount(79)
    weight: int
    qty: int  # AllocQty(80)
    avg_px: int  # AllocAvgPx(153), in quoted prices, units of 1e-8
    money: int
    since: str  # AllocID(70) of the version from which on it has been so


class Block(Struct):
    """Executions that are allocated together, as running sums."""

    venue: str
    trade_date: str
    symbol: str
    side: str
    currency: str
    qty: int = 0
    notional: int = 0  # units of 1e-16, in quoted prices
    money: int = 0  # units of 1e-16 of the currency
    version: int = 0  # of its newest allocation; 0 if there is none
    alloc_id: str = ""
    shares: list[Share] = field(default_factory=list)

    @property
    def avg_px(self) -> int:
        """AvgPx(6), in quoted prices, units of 1e-8, rounded half up; 0 where nothing is left."""
        return average_px(self.notional, self.qty)

    @property
    def is_allocated(self) -> bool:
        """Whether its newest allocation is of what it is now."""
        shares = self.shares
        return (
            self.qty == sum(share.qty for share in shares)
            and self.money == sum(share.money for share in shares)
            and self.avg_px == (shares[0].avg_px if shares else 0)
        )


class Fill(Struct, frozen=True):
    """One execution, as it was said or corrected to be.

    *Source:* ExecutionReport(8), ExecType(150)=F or G.
    """

    venue: str
    exec_id: str
    order_id: int
    symbol: str
    side: str
    last_qty: int
    last_px: int
    currency: str
    money: int
    trade_date: str
    route_id: int


class WorkingOrder(Struct):
    """An order, as far as post-trade follows it."""

    order_id: int
    session_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    time_in_force: str
    order_qty: int
    cum_qty: int = 0
    ended: str = ""  # the event that ended it, in a word of `ENDINGS`
    allocations: int = 0  # how many there have been, over all blocks
    split: bool = False  # whether a corporate action has restated what it had executed
    legs: tuple[str, ...] = ()  # the symbols of a multileg order's legs, in their order
    routes: dict[int, str] = field(default_factory=dict)  # route id -> venue
    replaces: dict[str, int] = field(default_factory=dict)  # the client's ClOrdID -> quantity asked for
    blocks: dict[BlockKey, Block] = field(default_factory=dict)
    executions: dict[ExecKey, Fill | None] = field(default_factory=dict)  # None: known, does not stand

    @property
    def has_ended(self) -> bool:
        """Whether what it has executed can be allocated."""
        return bool(self.ended) or self.cum_qty >= self.order_qty

    @property
    def status(self) -> str:
        """In a word, by FIX's precedence: done for the day, calculated, filled, ended, open."""
        if self.ended in ("done_for_day", "calculated"):
            return self.ended
        if self.cum_qty >= self.order_qty:
            return "filled"
        return self.ended or "open"


ENDINGS: Final[dict[type[ev.OrderEvent], str]] = {
    ev.OrderRejected: "rejected",
    ev.OrderCanceled: "canceled",
    ev.OrderExpired: "expired",
    ev.OrderDoneForDay: "done_for_day",
    ev.OrderCalculated: "calculated",
}


def received(event: ev.OrderReceived) -> WorkingOrder:
    """A new order."""
    return WorkingOrder(
        event.order_id,
        event.session_id,
        event.cl_ord_id,
        event.account,
        event.symbol,
        event.side,
        event.time_in_force,
        event.order_qty,
        legs=tuple(leg.symbol for leg in event.terms.legs) if event.terms is not None else (),
    )


def replaced(order: WorkingOrder, event: ev.OrderReplaced) -> None:
    """A replace became the order's newest version; only its request carried the quantity.

    Below what has executed means: stop there. *Source:* FIX order state matrix C.3.
    """
    order.order_qty = max(order.replaces.get(event.cl_ord_id, order.order_qty), order.cum_qty)


def restated(order: WorkingOrder, event: ev.OrderRestated) -> None:
    """The venue restated the order of its own accord, perhaps what it has executed as well."""
    order.order_qty = event.order_qty
    order.cum_qty += event.cum_qty - event.was_cum_qty
    order.split |= event.cum_qty != event.was_cum_qty


def ended(order: WorkingOrder, event: ev.OrderEvent) -> None:
    """The order came to an end, unless it is only done for the day and lives on.

    Done for the day comes before calculated, which may follow it.
    """
    if type(event) is ev.OrderDoneForDay and order.time_in_force in GOOD_TILL:
        return
    if isinstance(event, ev.OrderCalculated) and (event.for_day or order.ended == "done_for_day"):
        return
    order.ended = ENDINGS[type(event)]


def symbol_of(order: WorkingOrder, event: ev.OrderEvent) -> str:
    """The instrument of an execution, or of what became of it."""
    return order.legs[event.leg - 1] if isinstance(event, LegEvent) else order.symbol


def combination_executed(
    order: WorkingOrder, event: ev.OrderFilled | ev.ExecutionBusted | ev.ExecutionCorrected
) -> None:
    """Count what a multileg order has executed, which is how far it has come and no more."""
    if not isinstance(event, ev.OrderFilled):
        order.cum_qty -= event.qty
    if not isinstance(event, ev.ExecutionBusted):
        order.cum_qty += event.last_qty


def filled(
    order: WorkingOrder,
    event: ev.OrderFilled | ev.LegFilled,
    instrument: ev.InstrumentDefined,
    trade_date: str,
) -> Fill:
    """Count an execution into the order and its block."""
    venue, side = order.routes[event.route_id], order.side
    if isinstance(event, ev.LegFilled):
        side = event.side
    key = (venue, trade_date, instrument.symbol)
    block = order.blocks.get(key)
    if block is None:
        block = order.blocks[key] = Block(*key, side, instrument.currency)
    return _count(order, event, instrument.price_unit, block)


def busted(order: WorkingOrder, event: ev.ExecutionBusted | ev.LegBusted) -> Fill:
    """Take an execution back: what it was.

    Raises ValueError or KeyError if there is none that stands, or another than the event says.
    """
    was = _take_back(order, event)
    order.executions[event.route_id, event.exec_id, was.symbol] = None
    return was


def corrected(
    order: WorkingOrder, event: ev.ExecutionCorrected | ev.LegCorrected, instrument: ev.InstrumentDefined
) -> tuple[Fill, Fill]:
    """Put an execution in the place of another: what it was, what it is. Raises as `busted` does."""
    was = _take_back(order, event)
    block = order.blocks[was.venue, was.trade_date, was.symbol]
    return was, _count(order, event, instrument.price_unit, block)


def _count(
    order: WorkingOrder,
    event: ev.OrderFilled | ev.LegFilled | ev.ExecutionCorrected | ev.LegCorrected,
    price_unit: int,
    block: Block,
) -> Fill:
    qty, px = event.last_qty, event.last_px
    fill = order.executions[event.route_id, event.exec_id, block.symbol] = Fill(
        block.venue,
        event.exec_id,
        order.order_id,
        block.symbol,
        block.side,
        qty,
        px,
        block.currency,
        money(px, qty, price_unit),
        block.trade_date,
        event.route_id,
    )
    if not order.legs:
        order.cum_qty += qty
    block.qty += qty
    block.notional += px * qty
    block.money += fill.money
    return fill


def _take_back(
    order: WorkingOrder, event: ev.ExecutionBusted | ev.ExecutionCorrected | ev.LegBusted | ev.LegCorrected
) -> Fill:
    key = (event.route_id, event.exec_ref_id, symbol_of(order, event))
    was = order.executions[key]
    if was is None:
        raise ValueError(f"execution {event.exec_ref_id} does not stand any more")
    if (was.last_qty, was.last_px) != (event.qty, event.px) and not order.split:
        raise ValueError(f"execution {event.exec_ref_id} was {was.last_qty} at {was.last_px}")
    order.executions[key] = None
    block = order.blocks[was.venue, was.trade_date, was.symbol]
    if not order.legs:
        order.cum_qty -= event.qty
    block.qty -= was.last_qty
    block.notional -= was.last_px * was.last_qty
    block.money -= was.money
    return was


# -- rows ----------------------------------------------------------------------------------------------------


def add_fill(
    batch: store.Batch,
    fill: Fill,
    seq: int,
    transact_time_ns: int,
    *,
    exec_type: str = ExecType.TRADE,
    sign: int = 1,
    exec_id: str = "",
    exec_ref_id: str = "",
) -> None:
    """Write an execution, or that it is taken back, and then by which `exec_id`."""
    batch.add(
        store.fill,
        {
            "order_id": fill.order_id,
            "route_id": fill.route_id,
            "venue": fill.venue,
            "exec_id": exec_id or fill.exec_id,
            "sign": sign,
            "exec_type": exec_type,
            "exec_ref_id": exec_ref_id,
            "seq": seq,
            "symbol": fill.symbol,
            "side": fill.side,
            "last_qty": fill.last_qty,
            "last_px": fill.last_px,
            "currency": fill.currency,
            "money": fill.money,
            "trade_date": fill.trade_date,
            "transact_time_ns": transact_time_ns,
        },
    )


def put(batch: store.Batch, order: WorkingOrder) -> None:
    """Write the order as it is now. Its executions, routes and shares are rows of their own, added once."""
    batch.put(
        store.orders,
        (order.order_id,),
        {
            "order_id": order.order_id,
            "session_id": order.session_id,
            "cl_ord_id": order.cl_ord_id,
            "account": order.account,
            "symbol": order.symbol,
            "side": order.side,
            "time_in_force": order.time_in_force,
            "order_qty": order.order_qty,
            "cum_qty": order.cum_qty,
            "ended": order.ended,
            "status": order.status,
            "allocations": order.allocations,
            "split": int(order.split),
            "legs": msgspec.json.encode(order.legs).decode(),
        },
    )
    for block in order.blocks.values():
        batch.put(
            store.block,
            (order.order_id, block.venue, block.trade_date, block.symbol),
            {
                "order_id": order.order_id,
                "venue": block.venue,
                "trade_date": block.trade_date,
                "symbol": block.symbol,
                "side": block.side,
                "currency": block.currency,
                "qty": block.qty,
                "notional": block.notional,
                "money": block.money,
                "version": block.version,
                "alloc_id": block.alloc_id,
            },
        )


def open_ids(connection: Connection) -> set[int]:
    """The orders that had executed something and had not ended when they were last written. O(orders)."""
    order, block = store.orders, store.block
    executed = select(order.c.order_id).join(block, block.c.order_id == order.c.order_id)
    return set(connection.execute(executed.where(order.c.status == "open")).scalars())


def load(connection: Connection, order_ids: Iterable[int]) -> dict[int, WorkingOrder]:
    """Orders as they were last written. An id that is not known is left out. O(orders asked for)."""
    found: dict[int, WorkingOrder] = {}
    for row in store.select_by(connection, store.orders, "order_id", order_ids):
        found[row.order_id] = WorkingOrder(
            row.order_id,
            row.session_id,
            row.cl_ord_id,
            row.account,
            row.symbol,
            row.side,
            row.time_in_force,
            row.order_qty,
            row.cum_qty,
            row.ended,
            row.allocations,
            bool(row.split),
            msgspec.json.decode(row.legs, type=tuple[str, ...]),
        )
    fills = store.select_by(connection, store.fill, "order_id", found)
    for row in sorted(fills, key=lambda r: (r.seq, r.sign)):  # of a correction, what was comes first
        executions = found[row.order_id].executions
        if row.sign < 0:
            executions[row.route_id, row.exec_ref_id, row.symbol] = None
            executions[row.route_id, row.exec_id, row.symbol] = None
        else:
            executions[row.route_id, row.exec_id, row.symbol] = Fill(
                row.venue,
                row.exec_id,
                row.order_id,
                row.symbol,
                row.side,
                row.last_qty,
                row.last_px,
                row.currency,
                row.money,
                row.trade_date,
                row.route_id,
            )
    by_alloc_id: dict[str, Block] = {}
    for row in store.select_by(connection, store.route, "order_id", found):
        found[row.order_id].routes[row.route_id] = row.venue
    for row in store.select_by(connection, store.replace_request, "order_id", found):
        found[row.order_id].replaces[row.cl_ord_id] = row.order_qty
    for row in store.select_by(connection, store.block, "order_id", found):
        block = Block(
            row.venue,
            row.trade_date,
            row.symbol,
            row.side,
            row.currency,
            row.qty,
            row.notional,
            row.money,
            row.version,
            row.alloc_id,
        )
        found[row.order_id].blocks[row.venue, row.trade_date, row.symbol] = block
        if block.alloc_id:
            by_alloc_id[block.alloc_id] = block
    shares = store.select_by(connection, store.allocation_share, "alloc_id", by_alloc_id)
    for row in sorted(shares, key=lambda r: (r.alloc_id, r.line)):
        by_alloc_id[row.alloc_id].shares.append(
            Share(row.account, row.weight, row.qty, row.avg_px, row.money, row.since)
        )
    return found
