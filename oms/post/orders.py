"""What post-trade has to know of an order: who, what, how much, by which venue, and whether it has ended.

The fold of the order events into a working set. An order stays in memory while it is open and is read back
from the database when something late arrives for it, so memory holds the open orders and not the day.

An order has ended when it is filled (its cumulative quantity reaches that of its newest version) or when an
event ended it. Neither is final: a fill may arrive after a cancel, and a filled order may be replaced by a
larger one. What was allocated by then stays, and is adjusted when the order has ended again; see
allocation.py.

A `Block` is what is allocated together: the executions of one order, at one venue, on one trade date. An
allocation is agreed with one broker, and its parts share trade date and settlement date; so an order that
executed at two venues, or on both sides of midnight, is two blocks. *Source:* FIX 5.0 SP2 volume 5,
AllocationInstruction(J): combined orders share instrument, side, trade date and settlement date.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field
from sqlalchemy.engine import Connection

from oms.core import events as ev
from oms.post import store
from oms.post.booking import money

BlockKey = tuple[str, str]
"""(venue, trade date)."""


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
    currency: str
    qty: int = 0
    notional: int = 0  # units of 1e-16, in quoted prices
    money: int = 0  # units of 1e-16 of the currency
    version: int = 0  # of its newest allocation; 0 if there is none
    alloc_id: str = ""
    shares: list[Share] = field(default_factory=list)

    @property
    def allocated_qty(self) -> int:
        """How much of it the newest allocation covers."""
        return sum(share.qty for share in self.shares)


class WorkingOrder(Struct):
    """An order, as far as post-trade follows it."""

    order_id: int
    session_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    order_qty: int
    cum_qty: int = 0
    ended: str = ""  # the event that ended it: "canceled", "expired", "rejected", "done_for_day"
    allocations: int = 0  # how many there have been, over all blocks
    routes: dict[int, str] = field(default_factory=dict)  # route id -> venue
    replaces: dict[str, int] = field(default_factory=dict)  # the client's ClOrdID -> quantity asked for
    blocks: dict[BlockKey, Block] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether what it has executed can be allocated."""
        return bool(self.ended) or self.cum_qty >= self.order_qty

    @property
    def status(self) -> str:
        """In a word, by FIX's precedence: done for the day, filled, ended, open."""
        if self.ended == "done_for_day":
            return self.ended
        if self.cum_qty >= self.order_qty:
            return "filled"
        return self.ended or "open"


class Fill(Struct, frozen=True):
    """One execution. *Source:* ExecutionReport(8), ExecType(150)=F."""

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


ENDINGS: Final[dict[type[ev.OrderEvent], str]] = {
    ev.OrderRejected: "rejected",
    ev.OrderCanceled: "canceled",
    ev.OrderExpired: "expired",
    ev.OrderDoneForDay: "done_for_day",
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
        event.order_qty,
    )


def replaced(order: WorkingOrder, event: ev.OrderReplaced) -> None:
    """A replace became the order's newest version; only its request carried the quantity."""
    order.order_qty = order.replaces.pop(event.cl_ord_id, order.order_qty)


def filled(
    order: WorkingOrder, event: ev.OrderFilled, instrument: ev.InstrumentDefined, trade_date: str
) -> Fill:
    """Count an execution into the order and its block."""
    venue = order.routes[event.route_id]
    worth = money(event.last_px, event.last_qty, instrument.price_unit)
    block = order.blocks.get((venue, trade_date))
    if block is None:
        block = order.blocks[venue, trade_date] = Block(venue, trade_date, instrument.currency)
    order.cum_qty += event.last_qty
    block.qty += event.last_qty
    block.notional += event.last_px * event.last_qty
    block.money += worth
    return Fill(
        venue,
        event.exec_id,
        order.order_id,
        order.symbol,
        order.side,
        event.last_qty,
        event.last_px,
        block.currency,
        worth,
        trade_date,
    )


# -- rows ----------------------------------------------------------------------------------------------------


def put(batch: store.Batch, order: WorkingOrder) -> None:
    """Write the order as it is now. Routes, replace requests and shares are rows of their own, added once."""
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
            "order_qty": order.order_qty,
            "cum_qty": order.cum_qty,
            "ended": order.ended,
            "status": order.status,
            "allocations": order.allocations,
        },
    )
    for block in order.blocks.values():
        batch.put(
            store.block,
            (order.order_id, block.venue, block.trade_date),
            {
                "order_id": order.order_id,
                "venue": block.venue,
                "trade_date": block.trade_date,
                "currency": block.currency,
                "qty": block.qty,
                "notional": block.notional,
                "money": block.money,
                "version": block.version,
                "alloc_id": block.alloc_id,
            },
        )


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
            row.order_qty,
            row.cum_qty,
            row.ended,
            row.allocations,
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
            row.currency,
            row.qty,
            row.notional,
            row.money,
            row.version,
            row.alloc_id,
        )
        found[row.order_id].blocks[row.venue, row.trade_date] = block
        if block.alloc_id:
            by_alloc_id[block.alloc_id] = block
    shares = store.select_by(connection, store.allocation_share, "alloc_id", by_alloc_id)
    for row in sorted(shares, key=lambda r: (r.alloc_id, r.line)):
        by_alloc_id[row.alloc_id].shares.append(
            Share(row.account, row.weight, row.qty, row.avg_px, row.money, row.since)
        )
    return found
