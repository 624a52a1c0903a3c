"""Tails the journal into the books: one transaction per batch, every journal sequence applied exactly once.

    runner = Runner(Path("var/journal"), Path("var/post.db"), timezones={"XNYS": "America/New_York"})
    runner.run_once()     # a batch; returns how many records it applied, 0 when there is nothing new
    runner.run(stop)      # until the event is set

A batch: read records, decode those that concern post-trade, read back from the database what the folds need
and memory does not hold, fold, then write all rows and the cursor in one transaction. Killed before the
commit, nothing has happened; after it, everything has. So there is nothing to repair at a start, and a
start is the same as going on.

Everything in memory is either of the committed past or dropped: if a batch fails, for whatever reason, the
folds and the reader are thrown away and built again from the database by the next call. An event that
cannot be folded (a fill of an order nobody has heard of, a bust of an execution that does not stand, a tag
from a newer engine) stops the runner with the sequence in the message: the books never go on with a hole in
them.

Most records are messages, which the books do not need. They are skipped by their first bytes: a record is a
msgpack array whose first element is the event's tag, so the tag of an array of up to 15 elements is its
second byte if that byte is below 0x80. Only a tag that is known and has no fold here is skipped on that
evidence; anything else is decoded in full.

Cost, on one core: 3 us for a record that is skipped, about 250 us for an order with one fill from its
reception to its confirmation, in 14 rows. Messages are most of a journal, so that is some 40,000 records a
second.

Two runners on one database are no harm: whoever commits a batch second finds the cursor moved, writes
nothing, and goes on behind the other. So a report may catch up by itself while the worker runs.

The database belongs to one journal: another epoch is refused. So is a journal of the same epoch whose
record at the cursor is not the one that was applied, which is what a power failure at durability level
*process* can leave behind.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Event as StopEvent
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec import Struct
from sqlalchemy import Engine, select
from sqlalchemy.engine import Connection

from oms.core import events as ev
from oms.core.types import ExecType
from oms.journal.reader import JournalReader
from oms.post import allocation, booking, confirmation, orders, store
from oms.post.allocation import Allocation
from oms.post.calendars import TradeDates
from oms.post.orders import Block, Fill, WorkingOrder

DEFAULT_BATCH: Final = 10_000
DEFAULT_IDLE_S: Final = 0.1

Members = tuple[tuple[str, int], ...]

_Filled = ev.OrderFilled | ev.LegFilled
_Busted = ev.ExecutionBusted | ev.LegBusted
_Corrected = ev.ExecutionCorrected | ev.LegCorrected


class JournalMismatch(Exception):
    """The database and the journal do not belong together; the message says what to do."""


class FoldError(Exception):
    """A record that the books cannot take, named by its sequence."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"journal sequence {seq}: {reason}")
        self.seq = seq


class Progress(Struct):
    """How far a runner has come. Counts are since it was made."""

    epoch: str = ""
    last_seq: int = 0  # the last journal sequence that is in the books
    last_event_ns: int = 0  # UTC, of the last event that concerned post-trade; 0 if there was none yet
    is_caught_up: bool = False  # whether the last read found nothing new
    applied: int = 0
    skipped: int = 0  # of the applied: those that do not concern post-trade
    fills: int = 0
    busts: int = 0
    corrections: int = 0
    duplicate_fills: int = 0  # fills, busts and corrections of a known ExecID of the order: not booked again
    allocations: int = 0
    confirmations: int = 0
    batches: int = 0


class Runner:
    """Writes the books."""

    def __init__(
        self,
        journal_dir: Path,
        database: str | Path,
        *,
        batch: int = DEFAULT_BATCH,
        timezones: Mapping[str, str] | None = None,
    ) -> None:
        """Open or create the database; the journal is opened by the first read, and may not exist yet.

        `database` is a path (SQLite) or a SQLAlchemy URL; `timezones` is MIC -> IANA name, for trade dates.
        Raises StoreError, ZoneInfoNotFoundError.
        """
        self._journal_dir = journal_dir
        self._batch = batch
        self._dates = TradeDates(timezones or {})
        self._engine = store.connect(database, write=True)
        self._folds: _Folds | None = None
        self.progress = Progress()

    @property
    def engine(self) -> Engine:
        """The database, for reports from the same process."""
        return self._engine

    def run_once(self) -> int:
        """Apply the next batch and return how many records it had; 0 if there is nothing new. Never waits.

        Raises JournalMismatch, FoldError, and what the journal's reader and the database raise. The next call
        starts from what is in the database.
        """
        while True:
            # Taken out until the commit: after an exception nothing half-folded is left to go on with.
            folds, self._folds = self._folds or self._start(), None
            if folds is None:
                return 0
            try:
                applied = folds.apply_next(self._engine, self._batch, self.progress)
            except store.CursorMoved:
                # Another process did this batch, as when a report catches up while the worker runs.
                folds.reader.close()
                continue
            except BaseException:
                folds.reader.close()
                raise
            self._folds = folds
            return applied

    def run(self, stop: StopEvent, idle_s: float = DEFAULT_IDLE_S) -> None:
        """Apply batches until `stop` is set, sleeping `idle_s` whenever there is nothing new."""
        while not stop.is_set():
            if not self.run_once():
                stop.wait(idle_s)

    def catch_up(self) -> int:
        """Apply all that the journal has now and return how many records that were."""
        total = 0
        while applied := self.run_once():
            total += applied
        return total

    def close(self) -> None:
        """Release the journal and the database."""
        if self._folds is not None:
            self._folds.reader.close()
            self._folds = None
        self._engine.dispose()

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> "_Folds | None":
        """The folds as of the cursor; None as long as there is no journal, or it ends before the cursor."""
        reader = JournalReader(self._journal_dir)
        epoch = reader.epoch
        reader.close()
        if not epoch:
            return None
        with ExitStack() as undo, self._engine.begin() as connection:
            at = store.read_cursor(connection)
            if at is None:
                store.start_cursor(connection, epoch)
            bound_to, seq, checksum = at or (epoch, 0, 0)
            if bound_to != epoch:
                raise JournalMismatch(
                    f"the database belongs to journal {bound_to}, but {self._journal_dir} is journal {epoch}:"
                    " give the new journal a new database"
                )
            # From the cursor's own record on: it has to be the one that was applied.
            reader = JournalReader(self._journal_dir, max(seq, 1))
            undo.callback(reader.close)
            if seq:
                records = reader.read(1)
                if not records:
                    return None
                if crc32(records[0][1]) != checksum:
                    raise JournalMismatch(
                        f"journal {epoch} no longer has the record that was applied as sequence {seq}:"
                        " it lost its end and went on; build a new database from it"
                    )
            folds = _Folds(reader, epoch, seq, self._dates, connection)
            undo.pop_all()
        self.progress.epoch = epoch
        self.progress.last_seq = seq
        return folds


class _Folds:
    """What is in memory between two batches, and how a batch is applied. Dropped whole when one fails."""

    def __init__(
        self, reader: JournalReader, epoch: str, seq: int, dates: TradeDates, connection: Connection
    ) -> None:
        self.reader = reader
        self._seq = seq
        self._epoch = epoch
        self._dates = dates
        self._orders: dict[int, WorkingOrder] = {}
        self._ledger = booking.Ledger.load(connection)
        self._instruments = _load_instruments(connection)
        self._groups = _load_groups(connection)
        # Of the batch being applied:
        self._progress = Progress()
        self._rows = store.Batch()
        self._touched: dict[int, WorkingOrder] = {}

    def apply_next(self, engine: Engine, limit: int, progress: Progress) -> int:
        """Read, fold and commit up to `limit` records."""
        records = self.reader.read(limit)
        progress.is_caught_up = not records
        if not records:
            return 0
        first, last = records[0][0], records[-1][0]
        if first != self._seq + 1 or last != self._seq + len(records):
            raise JournalMismatch(f"the journal continues at sequence {first}, not at {self._seq + 1}")
        events = _decode_wanted(records)
        counts = self._progress = Progress(applied=len(records), skipped=len(records) - len(events))
        self._rows = store.Batch()
        self._touched = {}
        with engine.begin() as connection:
            # First of all: whoever comes second is stopped here, before it folds on a past that is over.
            store.move_cursor(connection, self._seq, last, crc32(records[-1][1]))
            self._fetch(connection, events)
            for seq, event in events:
                self._fold(seq, event)
            for order in self._touched.values():
                orders.put(self._rows, order)
            self._ledger.put(self._rows)
            self._rows.write(connection)
        self._seq = last
        for order_id, order in self._touched.items():
            if order.has_ended:
                self._orders.pop(order_id, None)
        progress.last_seq = last
        if events:
            progress.last_event_ns = events[-1][1].at_ns
        progress.applied += counts.applied
        progress.skipped += counts.skipped
        progress.fills += counts.fills
        progress.busts += counts.busts
        progress.corrections += counts.corrections
        progress.duplicate_fills += counts.duplicate_fills
        progress.allocations += counts.allocations
        progress.confirmations += counts.confirmations
        progress.batches += 1
        return len(records)

    def _fetch(self, connection: Connection, events: list[tuple[int, ev.Event]]) -> None:
        """Read back the orders of a batch that memory does not hold: those of its events, and at the end of a
        day all that are open.
        """
        new = {event.order_id for _, event in events if type(event) is ev.OrderReceived}
        wanted = {event.order_id for _, event in events if isinstance(event, ev.OrderEvent)}
        if any(type(event) is ev.DayEnded for _, event in events):
            wanted |= orders.open_ids(connection)
        self._orders.update(orders.load(connection, wanted - new - self._orders.keys()))

    def _fold(self, seq: int, event: ev.Event) -> None:
        try:
            _FOLDS[type(event)](self, seq, event)
        except (KeyError, ValueError) as error:
            raise FoldError(
                seq, f"{type(event).__name__} does not fit what came before: {error!r}"
            ) from error

    def _order(self, order_id: int) -> WorkingOrder:
        """The order, which is written again with this batch."""
        order = self._touched.get(order_id)
        if order is None:
            order = self._touched[order_id] = self._orders[order_id]
        return order

    # -- one method per event --------------------------------------------------------------------------------

    def _instrument_defined(self, _seq: int, event: ev.InstrumentDefined) -> None:
        self._instruments[event.symbol] = event
        row = {name: getattr(event, name) for name in store.instrument.columns.keys()}  # noqa: SIM118
        self._rows.put(store.instrument, (event.symbol,), row)

    def _allocation_group_defined(self, _seq: int, event: ev.AllocationGroupDefined) -> None:
        self._groups[event.account] = event.members
        members = msgspec.json.encode(event.members).decode()
        self._rows.put(
            store.allocation_group, (event.account,), {"account": event.account, "members": members}
        )

    def _order_received(self, _seq: int, event: ev.OrderReceived) -> None:
        self._orders[event.order_id] = orders.received(event)
        self._order(event.order_id)

    def _routed(self, _seq: int, event: ev.OrderRouted | ev.ReplaceRouted | ev.CancelRouted) -> None:
        order = self._order(event.order_id)
        if isinstance(event, ev.OrderRouted):
            order.routes[event.route_id] = event.venue
        self._rows.add(
            store.route,
            {
                "cl_ord_id": event.cl_ord_id,
                "order_id": event.order_id,
                "route_id": event.route_id,
                "venue": order.routes[event.route_id],
            },
        )

    def _replace_requested(self, _seq: int, event: ev.ReplaceRequested) -> None:
        self._order(event.order_id).replaces[event.cl_ord_id] = event.order_qty
        self._rows.put(
            store.replace_request,
            (event.order_id, event.cl_ord_id),
            {"order_id": event.order_id, "cl_ord_id": event.cl_ord_id, "order_qty": event.order_qty},
        )

    def _order_replaced(self, seq: int, event: ev.OrderReplaced) -> None:
        order = self._order(event.order_id)
        orders.replaced(order, event)
        self._allocate(seq, event.at_ns, order)

    def _order_restated(self, seq: int, event: ev.OrderRestated) -> None:
        order = self._order(event.order_id)
        orders.restated(order, event)
        self._allocate(seq, event.at_ns, order)

    def _combination_executed(
        self, seq: int, event: ev.OrderFilled | ev.ExecutionBusted | ev.ExecutionCorrected
    ) -> None:
        order = self._order(event.order_id)
        orders.combination_executed(order, event)
        self._allocate(seq, event.at_ns, order)

    def _order_filled(self, seq: int, event: _Filled) -> None:
        order = self._order(event.order_id)
        if order.legs and isinstance(event, ev.OrderFilled):
            self._combination_executed(seq, event)
            return
        if self._is_duplicate(order, event):
            return
        instrument = self._instruments[orders.symbol_of(order, event)]
        trade_date = self._dates.trade_date(instrument.market, event.transact_time_ns or event.at_ns)
        fill = orders.filled(order, event, instrument, trade_date)
        self._progress.fills += 1
        orders.add_fill(self._rows, fill, seq, event.transact_time_ns)
        self._post(seq, "fill", fill.exec_id, fill, booking.book_fill(fill))
        self._allocate(seq, event.at_ns, order)

    def _execution_busted(self, seq: int, event: _Busted) -> None:
        order = self._order(event.order_id)
        if order.legs and isinstance(event, ev.ExecutionBusted):
            self._combination_executed(seq, event)
            return
        if self._is_duplicate(order, event):
            return
        was = orders.busted(order, event)
        self._progress.busts += 1
        self._take_back(seq, event, was, ExecType.TRADE_CANCEL)
        self._restate(seq, event.at_ns, order, was)

    def _execution_corrected(self, seq: int, event: _Corrected) -> None:
        order = self._order(event.order_id)
        if order.legs and isinstance(event, ev.ExecutionCorrected):
            self._combination_executed(seq, event)
            return
        if self._is_duplicate(order, event):
            return
        instrument = self._instruments[orders.symbol_of(order, event)]
        was, now = orders.corrected(order, event, instrument)
        self._progress.corrections += 1
        self._take_back(seq, event, was, ExecType.TRADE_CORRECT)
        orders.add_fill(
            self._rows,
            now,
            seq,
            event.transact_time_ns,
            exec_type=ExecType.TRADE_CORRECT,
            exec_ref_id=was.exec_id,
        )
        self._post(seq, "fill", now.exec_id, now, booking.book_fill(now))
        self._restate(seq, event.at_ns, order, was)

    def _is_duplicate(self, order: WorkingOrder, event: _Filled | _Busted | _Corrected) -> bool:
        """Whether the report is in the books already. The engine does not journal one twice."""
        key = (event.route_id, event.exec_id, orders.symbol_of(order, event))
        is_known = key in order.executions
        self._progress.duplicate_fills += is_known
        return is_known

    def _take_back(self, seq: int, event: _Busted | _Corrected, was: Fill, exec_type: str) -> None:
        """Reverse an execution and its booking."""
        orders.add_fill(
            self._rows,
            was,
            seq,
            event.transact_time_ns,
            exec_type=exec_type,
            sign=-1,
            exec_id=event.exec_id,
            exec_ref_id=was.exec_id,
        )
        self._post(seq, "fill_reversal", was.exec_id, was, booking.reverse(booking.book_fill(was)))

    def _post(
        self, seq: int, kind: str, ref: str, of: Fill | Allocation, postings: list[booking.Posting]
    ) -> None:
        self._ledger.post(self._rows, seq, kind, ref, of.order_id, of.trade_date, postings)

    def _order_ended(self, seq: int, event: ev.OrderEvent) -> None:
        order = self._order(event.order_id)
        orders.ended(order, event)
        # What lives on has done for the day: that day's executions are complete.
        self._allocate_blocks(seq, event.at_ns, order, order.blocks.values())

    def _day_ended(self, seq: int, event: ev.DayEnded) -> None:
        """Allocate what open orders have executed: it settles before they end."""
        for order_id in sorted(self._orders):
            of = self._orders[order_id]
            symbol = of.legs[0] if of.legs else of.symbol
            if event.market not in ("", self._instruments[symbol].market):
                continue
            if not all(block.is_allocated for block in self._orders[order_id].blocks.values()):
                order = self._order(order_id)
                self._allocate_blocks(seq, event.at_ns, order, order.blocks.values())

    def _allocate(self, seq: int, at_ns: int, order: WorkingOrder) -> None:
        """Allocate what an order has executed, if it has ended."""
        if order.has_ended:
            self._allocate_blocks(seq, at_ns, order, order.blocks.values())

    def _restate(self, seq: int, at_ns: int, order: WorkingOrder, was: Fill) -> None:
        """An execution is not what it was: what is allocated of its block is restated, ended or not."""
        block = order.blocks[was.venue, was.trade_date, was.symbol]
        if block.version:
            self._allocate_blocks(seq, at_ns, order, (block,), allocation.CHANGED)
        self._allocate(seq, at_ns, order)

    def _allocate_blocks(
        self,
        seq: int,
        at_ns: int,
        order: WorkingOrder,
        blocks: Iterable[Block],
        reason: str = allocation.INCOMPLETE,
    ) -> None:
        """Allocate, book and confirm."""
        members = self._groups.get(order.account) or ((order.account, 1),)
        # Sorted: the same after a restart, whichever way they are read back.
        for block in sorted(blocks, key=lambda b: (b.venue, b.trade_date, b.symbol)):
            instrument = self._instruments[block.symbol]
            allocated = allocation.allocate(order, block, members, instrument.lot_size, self._epoch, reason)
            if allocated is None:
                continue
            self._progress.allocations += 1
            allocation.add(self._rows, allocated, seq, at_ns)
            if allocated.before:
                reversal = booking.reverse(booking.book_shares(allocated, allocated.before))
                self._post(seq, "allocation_reversal", allocated.ref_alloc_id, allocated, reversal)
            booked = booking.book_shares(allocated, allocated.shares)
            self._post(seq, "allocation", allocated.alloc_id, allocated, booked)
            for confirmed in confirmation.confirm(allocated, instrument):
                self._progress.confirmations += 1
                confirmation.add(self._rows, confirmed, seq, at_ns)


_FOLDS: Final[dict[type[ev.Event], Callable[[_Folds, int, Any], None]]] = {
    ev.InstrumentDefined: _Folds._instrument_defined,
    ev.AllocationGroupDefined: _Folds._allocation_group_defined,
    ev.OrderReceived: _Folds._order_received,
    ev.OrderRouted: _Folds._routed,
    ev.ReplaceRouted: _Folds._routed,
    ev.CancelRouted: _Folds._routed,
    ev.ReplaceRequested: _Folds._replace_requested,
    ev.OrderReplaced: _Folds._order_replaced,
    ev.OrderRestated: _Folds._order_restated,
    ev.OrderFilled: _Folds._order_filled,
    ev.ExecutionBusted: _Folds._execution_busted,
    ev.ExecutionCorrected: _Folds._execution_corrected,
    ev.LegFilled: _Folds._order_filled,
    ev.LegBusted: _Folds._execution_busted,
    ev.LegCorrected: _Folds._execution_corrected,
    ev.DayEnded: _Folds._day_ended,
    **dict.fromkeys(orders.ENDINGS, _Folds._order_ended),
}


def _tag(event_type: type[ev.Event]) -> int:
    tag = event_type.__struct_config__.tag
    assert isinstance(tag, int)
    assert tag < 0x80
    return tag


_SKIPPED_TAGS: Final = frozenset(_tag(t) for t in ev.AnyEvent.__args__ if t not in _FOLDS)
"""Tags that are known and concern nobody here."""


def _decode_wanted(records: list[tuple[int, bytes]]) -> list[tuple[int, ev.Event]]:
    """The events that have a fold. Raises FoldError for a record that cannot be read."""
    wanted: list[tuple[int, ev.Event]] = []
    skipped = _SKIPPED_TAGS
    for seq, body in records:
        # 0x9n is a msgpack array of n elements; see the module's docstring.
        if len(body) > 1 and body[0] & 0xF0 == 0x90 and body[1] in skipped:
            continue
        try:
            event = ev.decode(body)
        except msgspec.MsgspecError as error:
            raise FoldError(seq, f"not an event that this program knows: {error}") from error
        if type(event) in _FOLDS:
            wanted.append((seq, event))
    return wanted


def _load_instruments(connection: Connection) -> dict[str, ev.InstrumentDefined]:
    return {
        row.symbol: ev.InstrumentDefined(
            at_ns=0,
            symbol=row.symbol,
            market=row.market,
            currency=row.currency,
            isin=row.isin,
            name="",
            lot_size=row.lot_size,
            ticks=(),
            price_unit=row.price_unit,
            settlement_days=row.settlement_days,
        )
        for row in connection.execute(select(store.instrument))
    }


def _load_groups(connection: Connection) -> dict[str, Members]:
    return {
        row.account: msgspec.json.decode(row.members, type=Members)
        for row in connection.execute(select(store.allocation_group))
    }
