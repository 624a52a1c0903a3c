"""Compares what we booked with what the broker says was traded, execution by execution.

The broker's trade file is CSV, one line per trade, appended as the trades happen:

    exec_id,cl_ord_id,order_id,symbol,side,last_qty,last_px,transact_time

`exec_id` is ExecID(17) and the key. `cl_ord_id` is our ClOrdID at the venue, `order_id` the broker's
OrderID(37), which is not compared. Decimals are text. Columns may stand in another order and there may be
more; without a header line the order is the one above. A last line without its newline is still being
written: it is left for the next run, and counted.

    missing_at_broker    we booked it, the file does not have it
    missing_here         the file has it, we did not book it
    quantity, price,     both have it, and differ in LastQty(32), LastPx(31),
    side, symbol         Side(54), Symbol(55)
    order                both have it, but the broker's ClOrdID is not one of the order we booked it to
    duplicate_at_broker  a further line with the same ExecID; the first is the one that is compared
    malformed            a line that cannot be read; if its ExecID can, our fill is named with it

Every line of the file and every fill of ours ends as matched or in a break, with both sides' values;
nothing is dropped. A run is stored with its breaks and the journal sequence it saw. It looks at all fills
of the venue, so it belongs after the runner has caught up, on a market that is at rest: a trade on its way
between the two is a break until it arrives.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.engine import Connection

from oms.core.types import Side, format_scaled, parse_scaled
from oms.post import store

COLUMNS: Final = (
    "exec_id",
    "cl_ord_id",
    "order_id",
    "symbol",
    "side",
    "last_qty",
    "last_px",
    "transact_time",
)
_REQUIRED: Final = ("exec_id", "cl_ord_id", "symbol", "side", "last_qty", "last_px")

MISSING_AT_BROKER: Final = "missing_at_broker"
MISSING_HERE: Final = "missing_here"
QUANTITY: Final = "quantity"
PRICE: Final = "price"
SIDE: Final = "side"
SYMBOL: Final = "symbol"
ORDER: Final = "order"
DUPLICATE_AT_BROKER: Final = "duplicate_at_broker"
MALFORMED: Final = "malformed"


class Trade(Struct, frozen=True):
    """One trade as either side has it. Quantity and price in units of 1e-8."""

    exec_id: str
    cl_ord_id: str  # empty on our side: an order has one for every request
    symbol: str
    side: str
    last_qty: int
    last_px: int

    def __str__(self) -> str:
        words = {Side.BUY: "buy", Side.SELL: "sell"}
        text = f"{words.get(self.side, self.side)} {format_scaled(self.last_qty)} {self.symbol}"
        text += f" at {format_scaled(self.last_px)}"
        return f"{text} for {self.cl_ord_id}" if self.cl_ord_id else text


class Break(Struct, frozen=True):
    """A difference, with both sides' values; a side that has nothing is empty."""

    kind: str
    exec_id: str  # empty if the line has none that can be read
    line_number: int  # of the broker's file, from 1; 0 if it is not there
    order_id: int  # ours; 0 if we have no such fill
    here: str
    there: str


class Reconciliation(Struct, frozen=True):
    """The result of one run."""

    run_id: int
    venue: str
    file: str
    seq: int  # the journal was applied up to here
    lines: int  # of trades, complete ones, whether they could be read or not
    fills: int  # ours
    matched: int  # agree in everything
    incomplete_bytes: int  # of a last line without its newline
    breaks: tuple[Break, ...]

    @property
    def summary(self) -> str:
        """ "none", or how many breaks of each kind there are."""
        return ", ".join(f"{kind} {n}" for kind, n in sorted(count_kinds(self.breaks).items())) or "none"


def count_kinds(breaks: Sequence[Break]) -> dict[str, int]:
    """How many breaks there are of each kind."""
    counts: dict[str, int] = {}
    for found in breaks:
        counts[found.kind] = counts.get(found.kind, 0) + 1
    return counts


class Line(Struct, frozen=True):
    """A line of the broker's file: a trade, or why it is none."""

    number: int
    text: str
    exec_id: str
    trade: Trade | None
    reason: str = ""


class TradeFile(Struct, frozen=True):
    """A broker's file, read."""

    lines: tuple[Line, ...]
    incomplete_bytes: int


# -- the broker's side ---------------------------------------------------------------------------------------


def read_trade_file(data: bytes) -> TradeFile:
    """Read a trade file. A line that is none is kept as such; a last one without a newline is left out.

    Raises ValueError for a header line that lacks a column: then no line can be read.
    """
    complete, _, incomplete = data.rpartition(b"\n")
    raw_lines = complete.split(b"\n") if complete or incomplete != data else []
    columns: Sequence[str] = COLUMNS
    lines: list[Line] = []
    for number, raw in enumerate(raw_lines, start=1):
        text = raw.rstrip(b"\r").decode("utf-8", errors="backslashreplace").removeprefix("\ufeff")
        if number == 1 and "exec_id" in (header := [c.strip() for c in text.split(",")]):
            absent = [c for c in _REQUIRED if c not in header]
            if absent:
                raise ValueError(f"line 1 of the trade file has no column {', '.join(absent)}")
            columns = header
        else:
            lines.append(_read_line(number, text, columns))
    return TradeFile(tuple(lines), len(incomplete))


def _read_line(number: int, text: str, columns: Sequence[str]) -> Line:
    try:
        values = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        return Line(number, text, "", None, str(error))
    fields = dict(zip(columns, (value.strip() for value in values), strict=False))
    exec_id = fields.get("exec_id", "")
    if len(values) != len(columns):
        return Line(number, text, exec_id, None, f"{len(values)} fields instead of {len(columns)}")
    empty = [name for name in _REQUIRED if not fields[name]]
    if empty:
        return Line(number, text, exec_id, None, f"{', '.join(empty)} is empty")
    if fields["side"] not in (Side.BUY, Side.SELL):
        return Line(number, text, exec_id, None, f"side is {fields['side']!r}, not 1 or 2")
    try:
        last_qty, last_px = parse_scaled(fields["last_qty"]), parse_scaled(fields["last_px"])
    except ValueError as error:
        return Line(number, text, exec_id, None, str(error))
    trade = Trade(exec_id, fields["cl_ord_id"], fields["symbol"], fields["side"], last_qty, last_px)
    return Line(number, text, exec_id, trade)


# -- the comparison ------------------------------------------------------------------------------------------


class Booked(Struct, frozen=True):
    """A fill of ours."""

    trade: Trade
    order_id: int


def compare(
    booked: Mapping[str, Booked], orders_by_cl_ord_id: Mapping[str, int], lines: Sequence[Line]
) -> tuple[int, list[Break]]:
    """(how many agree in everything, the breaks): those of the file by line, then what it does not have.

    `booked` is by ExecID, `orders_by_cl_ord_id` our order by our ClOrdID at the venue. O(fills + lines).
    """
    breaks: list[Break] = []
    seen: dict[str, int] = {}  # ExecID -> the first line that has it and can be read
    named: set[str] = set()  # ExecIDs of lines that cannot
    matched = 0

    def add(kind: str, line: Line, there: str) -> None:
        ours = booked.get(line.exec_id)
        here, order_id = (str(ours.trade), ours.order_id) if ours is not None else ("", 0)
        breaks.append(Break(kind, line.exec_id, line.number, order_id, here, there))

    for line in lines:
        if line.trade is None:
            add(MALFORMED, line, f"{line.text} ({line.reason})")
            named.add(line.exec_id)
            continue
        if line.exec_id in seen:
            add(DUPLICATE_AT_BROKER, line, f"{line.trade} (first on line {seen[line.exec_id]})")
            continue
        seen[line.exec_id] = line.number
        ours = booked.get(line.exec_id)
        if ours is None:
            order_id = orders_by_cl_ord_id.get(line.trade.cl_ord_id, 0)
            breaks.append(Break(MISSING_HERE, line.exec_id, line.number, order_id, "", str(line.trade)))
            continue
        differences = list(_differences(ours, line.trade, orders_by_cl_ord_id))
        if not differences:
            matched += 1
        breaks += (
            Break(kind, line.exec_id, line.number, ours.order_id, mine, theirs)
            for kind, mine, theirs in differences
        )
    for exec_id, ours in booked.items():
        if exec_id not in seen and exec_id not in named:
            breaks.append(Break(MISSING_AT_BROKER, exec_id, 0, ours.order_id, str(ours.trade), ""))
    return matched, breaks


def _differences(ours: Booked, trade: Trade, orders: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """(kind, our value, the broker's value) for everything in which the two differ."""
    mine = ours.trade
    if mine.symbol != trade.symbol:
        yield SYMBOL, mine.symbol, trade.symbol
    if mine.side != trade.side:
        yield SIDE, mine.side, trade.side
    if mine.last_qty != trade.last_qty:
        yield QUANTITY, format_scaled(mine.last_qty), format_scaled(trade.last_qty)
    if mine.last_px != trade.last_px:
        yield PRICE, format_scaled(mine.last_px), format_scaled(trade.last_px)
    if orders.get(trade.cl_ord_id) != ours.order_id:
        yield ORDER, str(ours.order_id), trade.cl_ord_id


def reconcile(engine: Engine, venue: str, trade_file: Path, *, now_ns: int) -> Reconciliation:
    """Compare a venue's fills with its broker's file, and store the result.

    Raises OSError if the file cannot be read, ValueError if its header cannot.
    """
    file = read_trade_file(trade_file.read_bytes())
    with store.reading(engine) as connection:
        at = store.read_cursor(connection)
        booked = _booked(connection, venue)
        routes = select(store.route.c.cl_ord_id, store.route.c.order_id).where(store.route.c.venue == venue)
        known = {row.cl_ord_id: row.order_id for row in connection.execute(routes)}
    matched, breaks = compare(booked, known, file.lines)
    with engine.begin() as connection:
        run_id = (connection.execute(select(func.max(store.reconciliation.c.run_id))).scalar() or 0) + 1
        result = Reconciliation(
            run_id,
            venue,
            str(trade_file),
            at[1] if at is not None else 0,
            len(file.lines),
            len(booked),
            matched,
            file.incomplete_bytes,
            tuple(breaks),
        )
        _store(connection, result, now_ns)
    return result


def _booked(connection: Connection, venue: str) -> dict[str, Booked]:
    fill = store.fill
    query = select(fill).where(fill.c.venue == venue).order_by(fill.c.seq)
    return {
        row.exec_id: Booked(
            Trade(row.exec_id, "", row.symbol, row.side, row.last_qty, row.last_px), row.order_id
        )
        for row in connection.execute(query)
    }


def _store(connection: Connection, result: Reconciliation, now_ns: int) -> None:
    connection.execute(
        insert(store.reconciliation).values(
            run_id=result.run_id,
            venue=result.venue,
            at_ns=now_ns,
            file=result.file,
            seq=result.seq,
            lines=result.lines,
            fills=result.fills,
            matched=result.matched,
            breaks=len(result.breaks),
        )
    )
    rows: list[dict[str, Any]] = [
        {
            "run_id": result.run_id,
            "item": item,
            "kind": found.kind,
            "exec_id": found.exec_id,
            "line_number": found.line_number,
            "order_id": found.order_id,
            "here": found.here,
            "there": found.there,
        }
        for item, found in enumerate(result.breaks, start=1)
    ]
    if rows:
        connection.execute(insert(store.reconciliation_break), rows)
