"""Compares what we booked with what the broker says was traded, execution by execution.

The broker's trade file is CSV, one line per trade, appended as the trades happen:

    exec_id,cl_ord_id,order_id,symbol,side,last_qty,last_px,transact_time

`exec_id` is ExecID(17), the key within a route of an order, as everywhere here; a broker that counts them by
day may use one of a route again. `cl_ord_id` is our ClOrdID at the venue, which names the route, `order_id`
the broker's OrderID(37), which is not compared. Decimals are text. Columns may stand in another order and
there may be more; without a header line the order is the one above. A last line without its newline is still
being written: it is left for the next run, and counted.

A file with the columns `exec_type` and `exec_ref_id` may have lines of busts and corrections: ExecType(150) F
or nothing is a trade, H a bust, G a correction, which says what the execution is now; ExecRefID(19) is the
execution it is about, or nothing if it names that by its own `exec_id`. A file without them may show the same
by lacking a trade, or by giving it as corrected, under either ExecID. So each side's reports are put together
to what has become of each execution, and that is compared:

    missing_at_broker              we booked it, the file does not have it
    missing_here                   the file has it, we did not book it
    bust_missing_at_broker         busted here, the file has it standing
    bust_missing_here              standing here, busted in the file
    correction_missing_at_broker   corrected here, the file has it as it was before
    correction_missing_here        corrected in the file, here it is as it was before
    quantity, price, side, symbol  both have it, and differ in LastQty(32), LastPx(31), Side(54), Symbol(55)
    order                          both have it, but the broker's ClOrdID is not one of our order's
    duplicate_at_broker            a further line of the same ExecType, route and ExecID; the first counts
    malformed                      a line that cannot be read; if its ExecID can, our fill is named with it

What is busted on both sides, or here and not in the file, agrees: there is nothing left of it. Every line of
the file and every fill of ours belongs to an execution that agrees or to a break, with both sides' values;
nothing is dropped. A run is stored with its breaks and the journal sequence it saw. It looks at all fills of
the venue, so it belongs after the runner has caught up, on a market that is at rest: a report on its way
between the two is a break until it arrives.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.engine import Connection

from oms.core.types import ExecType, Side, format_scaled, parse_scaled
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
BUST_MISSING_AT_BROKER: Final = "bust_missing_at_broker"
BUST_MISSING_HERE: Final = "bust_missing_here"
CORRECTION_MISSING_AT_BROKER: Final = "correction_missing_at_broker"
CORRECTION_MISSING_HERE: Final = "correction_missing_here"
QUANTITY: Final = "quantity"
PRICE: Final = "price"
SIDE: Final = "side"
SYMBOL: Final = "symbol"
ORDER: Final = "order"
DUPLICATE_AT_BROKER: Final = "duplicate_at_broker"
MALFORMED: Final = "malformed"

MOST_DAYS: Final = 1000
"""How often a broker may use an ExecID again for one order."""


class Trade(Struct, frozen=True):
    """One trade as either side has it. Quantity and price in units of 1e-8."""

    exec_id: str
    cl_ord_id: str  # empty on our side: an order has one for every request
    symbol: str
    side: str
    last_qty: int
    last_px: int
    exec_type: str = ExecType.TRADE
    exec_ref_id: str = ""  # of a bust or a correction: the execution it is about

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
    fills: int  # ours that stand
    matched: int  # of these: agree in everything
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
    exec_type = fields.get("exec_type") or ExecType.TRADE
    if exec_type not in (ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
        return Line(number, text, exec_id, None, f"exec_type is {exec_type!r}, not F, G or H")
    trade = Trade(
        exec_id,
        fields["cl_ord_id"],
        fields["symbol"],
        fields["side"],
        last_qty,
        last_px,
        exec_type,
        "" if exec_type == ExecType.TRADE else fields.get("exec_ref_id") or exec_id,
    )
    return Line(number, text, exec_id, trade)


# -- the comparison ------------------------------------------------------------------------------------------


Place = tuple[int, int] | str
"""The order and route of ours that an execution is of; a ClOrdID that is none of ours."""


class Story(Struct, eq=False):
    """What one side says of one execution: the trade, and what it was corrected to or that it was busted."""

    said: list[Trade]  # in the order of the reports: the last one holds, unless it is a bust
    place: Place
    line_number: int = 0  # of the newest report, in the broker's file

    @property
    def order_id(self) -> int:
        """Our order; 0 if it is not known."""
        return self.place[0] if isinstance(self.place, tuple) else 0

    @property
    def exec_id(self) -> str:
        """The ExecID by which it became known."""
        return self.said[0].exec_ref_id or self.said[0].exec_id

    @property
    def exec_ids(self) -> set[str]:
        """All by which it may be named."""
        return {self.exec_id, *(trade.exec_id for trade in self.said)}

    @property
    def stands(self) -> bool:
        """Whether there is anything left of it."""
        return self.said[-1].exec_type != ExecType.TRADE_CANCEL

    def was(self, trade: Trade) -> bool:
        """Whether it was once, before it was corrected, of that quantity and price."""
        return any((t.last_qty, t.last_px) == (trade.last_qty, trade.last_px) for t in self.said[:-1])

    def __str__(self) -> str:
        last = self.said[-1]
        if not last.exec_ref_id:
            return str(last)
        return f"{'corrected' if self.stands else 'busted'} by {last.exec_id}: {last}"


class Stories:
    """One side's executions, by route and ExecID. Those of several legs of an order may share an ExecID."""

    def __init__(self) -> None:
        self.all: list[Story] = []
        self._by_id: dict[tuple[Place, str], list[Story]] = {}

    def find(self, place: Place, exec_id: str, symbol: str) -> Story | None:
        """The execution of a route, by any of its ExecIDs. Where there are several, that of the symbol."""
        found = self._by_id.get((place, exec_id), [])
        return next((s for s in found if s.said[0].symbol == symbol), found[0] if found else None)

    def leg_of(self, place: Place, trade: Trade) -> str:
        """Which leg of an order, by its symbol, where an ExecID stands for executions of several."""
        return trade.symbol if len(self._by_id.get((place, trade.exec_id), ())) > 1 else ""

    def tell(self, place: Place, trade: Trade, line_number: int = 0) -> None:
        """Add a report: of an execution that is known, or of a new one."""
        story = self.find(place, trade.exec_ref_id, trade.symbol) if trade.exec_ref_id else None
        if story is None:
            story = Story([], place)
            self.all.append(story)
        story.said.append(trade)
        story.line_number = line_number
        for exec_id in (trade.exec_ref_id, trade.exec_id):
            known = self._by_id.setdefault((place, exec_id), []) if exec_id else [story]
            if story not in known:
                known.append(story)


def compare(
    booked: Stories, routes_by_cl_ord_id: Mapping[str, tuple[int, int]], lines: Sequence[Line]
) -> tuple[int, list[Break]]:
    """(how many that stand agree in everything, the breaks): those of the file by line, then what it lacks.

    `routes_by_cl_ord_id` is our order and route by our ClOrdID at the venue. O(fills + lines).
    """
    breaks: list[Break] = []
    ours_by_exec_id: dict[str, list[Story]] = {}
    for story in booked.all:
        for exec_id in story.exec_ids:
            ours_by_exec_id.setdefault(exec_id, []).append(story)
    named: set[str] = set()  # ExecIDs of lines that cannot be read
    # (route, ExecID, ExecType, which leg) -> the first line that has it
    first: dict[tuple[Place, str, str, str], int] = {}
    theirs = Stories()

    # A bust may stand before what it is about: trades first.
    for line in sorted(lines, key=lambda ln: ln.trade is not None and bool(ln.trade.exec_ref_id)):
        trade = line.trade
        place: Place = ""
        if trade is not None:
            place = routes_by_cl_ord_id.get(trade.cl_ord_id, trade.cl_ord_id)
            for n in range(2, MOST_DAYS):
                next_id = f"{line.exec_id}~{n}"
                have_come = (place, trade.exec_id, trade.exec_type, booked.leg_of(place, trade)) in first
                if not have_come or booked.find(place, next_id, trade.symbol) is None:
                    break
                trade = structs.replace(trade, exec_id=next_id)  # of a later day: see `_booked`
            line = structs.replace(line, exec_id=trade.exec_id)
        same_id = ours_by_exec_id.get(line.exec_id, ())
        ours = next((o for o in same_id if o.place == place), same_id[0] if same_id else None)
        here, order_id = (str(ours), ours.order_id) if ours is not None else ("", 0)
        if trade is None:
            named.add(line.exec_id)
            there = f"{line.text} ({line.reason})"
            breaks.append(Break(MALFORMED, line.exec_id, line.number, order_id, here, there))
        elif (key := (place, line.exec_id, trade.exec_type, booked.leg_of(place, trade))) in first:
            there = f"{trade} (first on line {first[key]})"
            breaks.append(Break(DUPLICATE_AT_BROKER, line.exec_id, line.number, order_id, here, there))
        else:
            first[key] = line.number
            theirs.tell(place, trade, line.number)

    pairs: dict[Story, Story] = {}  # ours -> theirs
    alone: list[Story] = []
    for story in theirs.all:
        symbol = story.said[-1].symbol
        found = (booked.find(story.place, exec_id, symbol) for exec_id in sorted(story.exec_ids))
        ours = next((o for o in found if o is not None and o not in pairs), None)
        if ours is None:
            alone.append(story)
        else:
            pairs[ours] = story
    for story in alone:
        # Of another order than ours has it, or not ours at all.
        same_id = ours_by_exec_id.get(story.exec_id, ())
        ours = next((o for o in same_id if o not in pairs), None)
        if ours is not None:
            pairs[ours] = story
        else:
            breaks.append(
                Break(MISSING_HERE, story.exec_id, story.line_number, story.order_id, "", str(story))
            )
    matched = 0
    for ours in booked.all:
        pair = pairs.get(ours)
        if pair is not None:
            differences = list(_differences(ours, pair))
            matched += ours.stands and not differences
            breaks += (
                Break(kind, ours.exec_id, pair.line_number, ours.order_id, mine, other)
                for kind, mine, other in differences
            )
        elif ours.stands and not ours.exec_ids & named:
            breaks.append(Break(MISSING_AT_BROKER, ours.exec_id, 0, ours.order_id, str(ours), ""))
    return matched, sorted(breaks, key=lambda found: found.line_number or len(lines) + 2)


def _differences(ours: Story, theirs: Story) -> Iterator[tuple[str, str, str]]:
    """(kind, our value, the broker's value) for everything in which the two differ."""
    mine, other = ours.said[-1], theirs.said[-1]
    if mine.symbol != other.symbol:
        yield SYMBOL, mine.symbol, other.symbol
    if mine.side != other.side:
        yield SIDE, mine.side, other.side
    if not (ours.stands and theirs.stands):
        if theirs.stands:
            yield BUST_MISSING_AT_BROKER, str(ours), str(theirs)
        elif ours.stands:
            yield BUST_MISSING_HERE, str(ours), str(theirs)
    elif (mine.last_qty, mine.last_px) == (other.last_qty, other.last_px):
        pass
    elif ours.was(other):
        yield CORRECTION_MISSING_AT_BROKER, str(ours), str(theirs)
    elif theirs.was(mine):
        yield CORRECTION_MISSING_HERE, str(ours), str(theirs)
    else:
        if mine.last_qty != other.last_qty:
            yield QUANTITY, format_scaled(mine.last_qty), format_scaled(other.last_qty)
        if mine.last_px != other.last_px:
            yield PRICE, format_scaled(mine.last_px), format_scaled(other.last_px)
    if theirs.order_id != ours.order_id:
        yield ORDER, str(ours.order_id), other.cl_ord_id


def reconcile(engine: Engine, venue: str, trade_file: Path, *, now_ns: int) -> Reconciliation:
    """Compare a venue's fills with its broker's file, and store the result.

    Raises OSError if the file cannot be read, ValueError if its header cannot.
    """
    file = read_trade_file(trade_file.read_bytes())
    with store.reading(engine) as connection:
        at = store.read_cursor(connection)
        booked = _booked(connection, venue)
        routes = select(store.route).where(store.route.c.venue == venue)
        known = {row.cl_ord_id: (row.order_id, row.route_id) for row in connection.execute(routes)}
    matched, breaks = compare(booked, known, file.lines)
    with engine.begin() as connection:
        run_id = (connection.execute(select(func.max(store.reconciliation.c.run_id))).scalar() or 0) + 1
        result = Reconciliation(
            run_id,
            venue,
            str(trade_file),
            at[1] if at is not None else 0,
            len(file.lines),
            sum(story.stands for story in booked.all),
            matched,
            file.incomplete_bytes,
            tuple(breaks),
        )
        _store(connection, result, now_ns)
    return result


def _booked(connection: Connection, venue: str) -> Stories:
    """Our fills. One whose ExecID was used on its route on an earlier day is called by how often it was."""
    fill = store.fill
    query = select(fill).where(fill.c.venue == venue).order_by(fill.c.seq, fill.c.sign)
    booked = Stories()
    names: dict[tuple[Place, str], str] = {}
    used: dict[tuple[Place, str], int] = {}
    for row in connection.execute(query):
        if row.sign < 0 and row.exec_type == ExecType.TRADE_CORRECT:
            continue  # what was: it is known already
        place = (row.order_id, row.route_id)
        base, _, day = row.exec_id.rpartition("~")
        if (place, base) in used and day.isdigit():
            used[place, base] += 1
            names[place, row.exec_id] = f"{base}~{used[place, base]}"
        else:
            used[place, row.exec_id] = 1
        trade = Trade(
            names.get((place, row.exec_id), row.exec_id),
            "",
            row.symbol,
            row.side,
            row.last_qty,
            row.last_px,
            row.exec_type,
            names.get((place, row.exec_ref_id), row.exec_ref_id),
        )
        booked.tell(place, trade)
    return booked


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
