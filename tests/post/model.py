"""A second opinion on the books: from the journal's bytes to positions, in plain dicts and fractions.

It shares no code with oms.post, not even the event types: it reads the records as msgpack lists and takes the
fields by their place. It keeps no running sums: whatever it is asked for it adds up from the executions that
stand. Of allocation it knows when a block is *given*, and that what was given is shared out over the block's
totals of that moment:

    when its order has ended       at that moment and at every event of the order from then on
    when its day is over           DayEnded; for an order that outlives the day also OrderDoneForDay
    when an execution of it is     if it was given before
    busted or corrected

Of a multileg order it is what the legs have executed that is given, in blocks of their instruments; what the
order itself has executed says no more than that it has ended.

The other half reads the database as somebody else's: it replays the confirmations as whoever receives them
would, and adds up the postings of each thing that was ever booked.
"""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, MetaData, select

from oms.journal.reader import scan

Books = dict[tuple[str, str, str, str], tuple[int, int]]
"""(owner, account, symbol, currency) -> (quantity 1e-8, money 1e-16), without those that are nothing."""

BlockId = tuple[int, str, str, str]
"""(order, venue, trade date, symbol)."""

Parts = dict[tuple[int, str, str, str, str], tuple[int, int, int]]
"""(order, venue, trade date, symbol, account) -> (quantity, money, average price), without those that are
nothing."""

PRICE_UNIT = 9  # of an instrument record


def records(directory: Path) -> list[list[Any]]:
    return [msgspec.msgpack.decode(body) for _, bodies in scan(directory) for body in bodies]


def largest_remainder(total: int, weights: list[int], unit: int) -> list[int]:
    if not total:
        return [0 for _ in weights]
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [part // unit * unit for part in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order:
        part = min(unit, total - sum(parts))
        parts[i] += part
    assert sum(parts) == total
    return [int(part) for part in parts]


class Desk:
    """All that happened up to some record."""

    def __init__(self, journal: list[list[Any]]) -> None:
        self.instruments: dict[str, list[Any]] = {}
        self.groups: dict[str, list[Any]] = {}
        self.orders: dict[int, list[Any]] = {}
        self.qty: dict[int, int] = {}
        self.asked: dict[tuple[int, str], int] = {}
        self.ended: set[int] = set()
        self.venues: dict[tuple[int, int], str] = {}
        self.known: set[tuple[int, str, str, str]] = set()
        self.stands: dict[tuple[int, str, str, str], tuple[BlockId, int, int]] = {}
        self.combinations: dict[int, dict[str, int]] = {}
        """Multileg order -> quantity by ExecID of what stands of its own executions."""
        self.legs: dict[int, list[list[Any]]] = {}
        self.given: dict[BlockId, tuple[int, int, int, list[Any]]] = {}
        for record in journal:
            self.take(record)

    def take(self, record: list[Any]) -> None:
        match record:
            case [2, _, symbol, *_]:
                self.instruments[symbol] = record
            case [5, _, account, members]:
                self.groups[account] = members
            case [20, _, order_id, *_]:
                self.orders[order_id] = record
                self.qty[order_id] = record[8]
                if record[13] is not None and record[13][10]:
                    self.legs[order_id] = record[13][10]
                    self.combinations[order_id] = {}
            case [26, _, order_id, _, cl_ord_id, _, order_qty, *_]:
                self.asked[order_id, cl_ord_id] = order_qty
            case [30, _, order_id, cl_ord_id]:
                self.qty[order_id] = max(self.asked[order_id, cl_ord_id], self.executed(order_id))
                self.look_at(order_id)
            case [53, _, order_id, _, _, order_qty, *_]:
                self.qty[order_id] = order_qty
                self.look_at(order_id)
            case [40, _, order_id, route_id, venue, *_]:
                self.venues[order_id, route_id] = venue
            case [24, _, order_id, _, exec_id, qty, *_] if order_id in self.legs:
                self.combinations[order_id][exec_id] = qty
                self.look_at(order_id)
            case [51 | 52, _, order_id, _, exec_id, exec_ref_id, qty, *_] if order_id in self.legs:
                del self.combinations[order_id][exec_ref_id]
                if record[0] == 52:
                    self.combinations[order_id][exec_id] = qty
                self.look_at(order_id)
            case [24, at_ns, order_id, route_id, exec_id, qty, px, transact_time_ns]:
                symbol = self.orders[order_id][6]
                self.execute(order_id, route_id, symbol, exec_id, qty, px, transact_time_ns or at_ns)
            case [80, at_ns, order_id, route_id, leg, symbol, _, exec_id, qty, px, transact_time_ns]:
                assert self.legs[order_id][leg - 1][0] == symbol
                self.execute(order_id, route_id, symbol, exec_id, qty, px, transact_time_ns or at_ns)
            case [51 | 52, _, order_id, route_id, exec_id, exec_ref_id, *rest]:
                self.change(
                    order_id, route_id, self.orders[order_id][6], exec_id, exec_ref_id, rest, record[0] == 51
                )
            case [81 | 82, _, order_id, route_id, leg, exec_id, exec_ref_id, *rest]:
                symbol = self.legs[order_id][leg - 1][0]
                self.change(order_id, route_id, symbol, exec_id, exec_ref_id, rest, record[0] == 81)
            case [23 | 29 | 31 | 57, _, order_id, *_]:
                self.ended.add(order_id)
                self.look_at(order_id)
            case [32, _, order_id, _]:
                if self.orders[order_id][11] in ("1", "6"):
                    self.give_all(order_id)
                else:
                    self.ended.add(order_id)
                    self.look_at(order_id)
            case [59, *_]:
                for order_id in self.orders:
                    self.give_all(order_id)

    def execute(
        self, order_id: int, route_id: int, symbol: str, exec_id: str, qty: int, px: int, at_ns: int
    ) -> None:
        venue = self.venues[order_id, route_id]
        if self.is_new(order_id, venue, exec_id, symbol):
            block = (order_id, venue, f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d}", symbol)
            self.stands[order_id, venue, exec_id, symbol] = (block, qty, px)
            self.look_at(order_id)

    def change(
        self,
        order_id: int,
        route_id: int,
        symbol: str,
        exec_id: str,
        ref: str,
        rest: list[Any],
        is_bust: bool,
    ) -> None:
        venue = self.venues[order_id, route_id]
        if self.is_new(order_id, venue, exec_id, symbol):
            block, was_qty, was_px = self.stands.pop((order_id, venue, ref, symbol))
            was = rest[0:2] if is_bust else rest[2:4]
            assert was == [was_qty, was_px]
            if not is_bust:
                self.stands[order_id, venue, exec_id, symbol] = (block, rest[0], rest[1])
            if block in self.given:
                self.give(block)
            self.look_at(order_id)

    def is_new(self, *key: Any) -> bool:
        is_new = key not in self.known
        self.known.add(key)
        return is_new

    def side(self, order_id: int, symbol: str) -> str:
        """What an order does in an instrument, 1 or 2."""
        if order_id not in self.legs:
            return str(self.orders[order_id][7])
        side = next(leg[1] for leg in self.legs[order_id] if leg[0] == symbol)
        return str(side) if self.orders[order_id][7] in "1B" else str(3 - int(side))

    def executed(self, order_id: int) -> int:
        if order_id in self.legs:
            return sum(self.combinations[order_id].values())
        return sum(qty for (of, *_), qty, _ in self.stands.values() if of == order_id)

    def look_at(self, order_id: int) -> None:
        if order_id in self.ended or self.executed(order_id) >= self.qty[order_id]:
            self.give_all(order_id)

    def give_all(self, order_id: int) -> None:
        for block in {block for block, *_ in self.stands.values() if block[0] == order_id}:
            self.give(block)

    def give(self, block: BlockId) -> None:
        account = self.orders[block[0]][5]
        members = self.given[block][3] if block in self.given else self.groups.get(account, [[account, 1]])
        self.given[block] = (*self.totals(block), members)

    def totals(self, block: BlockId) -> tuple[int, int, int]:
        """(quantity, money, average price in units of 1e-8, rounded half up)."""
        unit = self.instruments[block[3]][PRICE_UNIT]
        found = [(qty, px) for of, qty, px in self.stands.values() if of == block]
        total = sum(qty for qty, _ in found)
        average = Fraction(sum(qty * px for qty, px in found), total or 1)
        return total, sum(qty * px * unit // 10**8 for qty, px in found), int(average + Fraction(1, 2))

    def parts(self) -> Parts:
        """What each account has of each block that was given."""
        result: Parts = {}
        for block, (qty, money, avg_px, members) in self.given.items():
            _, _, _, _, currency, _, _, lot, *_ = self.instruments[block[3]]
            quantities = largest_remainder(qty, [weight for _, weight in members], lot)
            moneys = largest_remainder(money, quantities, 10**16 if currency == "JPY" else 10**14)
            for (member, _), part, worth in zip(members, quantities, moneys, strict=True):
                if part or worth:
                    result[*block, member] = (part, worth, avg_px)
        return result

    def books(self) -> Books:
        result: dict[tuple[str, str, str, str], list[int]] = {}

        def book(owner: str, order_id: int, venue: str, symbol: str, qty: int, money: int) -> None:
            sign = 1 if self.side(order_id, symbol) == "1" else -1
            for account, signed in (("position", sign), (f"broker:{venue}", -sign)):
                key = (owner, account, symbol, self.instruments[symbol][4])
                balance = result.setdefault(key, [0, 0])
                balance[0] += signed * qty
                balance[1] += signed * money

        for (order_id, venue, _, symbol, account), (qty, money, _) in self.parts().items():
            book(account, order_id, venue, symbol, qty, money)
            book("(unallocated)", order_id, venue, symbol, -qty, -money)
        for block in {block for block, *_ in self.stands.values()}:
            book("(unallocated)", *block[:2], block[3], *self.totals(block)[:2])
        return {key: (qty, money) for key, (qty, money) in result.items() if qty or money}


def desk(directory: Path, last_seq: int | None = None) -> Desk:
    """As of a journal sequence, or all of it."""
    return Desk(records(directory)[:last_seq])


def books(directory: Path, last_seq: int | None = None) -> Books:
    return desk(directory, last_seq).books()


# -- somebody else's database --------------------------------------------------------------------------------

Dump = dict[str, list[tuple[Any, ...]]]

ADDED_ONLY = ("fill", "allocation", "allocation_share", "posting", "confirmation", "route")


def _rows(engine: Engine, name: str, *order_by: str) -> list[Any]:
    metadata = MetaData()
    metadata.reflect(engine)
    table = metadata.tables[name]
    with engine.connect() as connection:
        return list(connection.execute(select(table).order_by(*(table.c[c] for c in order_by))))


def _exact(text: str) -> int:
    return int(Fraction(text) * 10**16)


def told(engine: Engine) -> Parts:
    """What each account was told that it has, by its confirmations that hold; their references have to be
    right.
    """
    blocks = {r.alloc_id: _block(r) for r in _rows(engine, "allocation")}
    holds: dict[tuple[int, str, str, str, str], Any] = {}
    ever: set[str] = set()
    for row in _rows(engine, "confirmation", "seq"):
        key = (*blocks[row.alloc_id], row.account)
        before = holds.pop(key, None)
        assert row.confirm_id not in ever
        ever.add(row.confirm_id)
        assert row.ref_confirm_id == (before.confirm_id if before is not None else "")
        assert row.trans_type in ("0" if before is None else "12")
        assert (row.trans_type == "2") == (row.qty == 0)
        assert (row.trade_date, row.symbol) == key[2:4]
        if before is not None:
            assert row.settlement_date == before.settlement_date
        if row.trans_type != "2":
            holds[key] = row
    return {key: (row.qty, _exact(row.gross_money), row.avg_px) for key, row in holds.items()}


def allocated(engine: Engine) -> Parts:
    """What each account has by the newest version of each block; the versions have to follow each other."""
    newest: dict[BlockId, Any] = {}
    for row in _rows(engine, "allocation", "order_id", "version"):
        block = _block(row)
        before = newest.get(block)
        assert row.ref_alloc_id == (before.alloc_id if before is not None else "")
        assert row.version == (before.version + 1 if before is not None else 1)
        is_new = before is None or not before.qty
        assert row.trans_type == ("2" if not row.qty else "0" if is_new else "1")
        newest[block] = row
    block_of = {row.alloc_id: block for block, row in newest.items()}
    return {
        (*block_of[row.alloc_id], row.account): (row.qty, _exact(row.money), row.avg_px)
        for row in _rows(engine, "allocation_share")
        if row.alloc_id in block_of and (row.qty or _exact(row.money))
    }


def _block(row: Any) -> BlockId:
    return row.order_id, row.venue, row.trade_date, row.symbol


def booked(engine: Engine) -> set[tuple[int, str, str, str]]:
    """(order, "fill" or "allocation", ExecID or AllocID, symbol) of all that is booked and not reversed.

    A reversal takes back everything or nothing.
    """
    sums: dict[tuple[int, str, str, str], dict[tuple[str, str], list[int]]] = {}
    for row in _rows(engine, "posting"):
        kind = row.kind.removesuffix("_reversal")
        of = sums.setdefault((row.order_id, kind, row.ref, row.symbol), {})
        balance = of.setdefault((row.owner, row.account), [0, 0])
        balance[0] += row.qty
        balance[1] += _exact(row.money)
    for of in sums.values():
        assert len({any(balance) for balance in of.values()}) == 1
    return {key for key, of in sums.items() if any(any(balance) for balance in of.values())}


def check(engine: Engine, directory: Path, last_seq: int) -> None:
    """The database says of everything what the journal says, up to a sequence."""
    expected = desk(directory, last_seq)
    parts = expected.parts()
    assert allocated(engine) == parts
    assert told(engine) == parts
    alive = booked(engine)
    fills = {(order_id, exec_id, symbol) for order_id, _, exec_id, symbol in expected.stands}
    assert {(order_id, ref, symbol) for order_id, kind, ref, symbol in alive if kind == "fill"} == fills
    shared = {r.alloc_id: _block(r) for r in _rows(engine, "allocation")}
    held = sorted(shared[ref] for _, kind, ref, _ in alive if kind == "allocation")
    assert held == sorted({key[:4] for key in parts})
    balances = {
        (r.owner, r.account, r.symbol, r.currency): (r.qty, _exact(r.money))
        for r in _rows(engine, "balance")
        if r.qty or _exact(r.money)
    }
    assert balances == expected.books()


def dump(engine: Engine) -> Dump:
    """Every row of every table, as the database has it."""
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }
