"""The database of books and records: schema, connections, and how a batch of rows is written.

SQLite by default (a path), anything else by SQLAlchemy URL; one schema for both. What makes it portable:

- Quantities and prices are BIGINT in units of 1e-8.
- Money is a notional in units of 1e-16 and exceeds 64 bits. It is kept by `Exact`: a plain decimal text
  where the database has no exact decimal (SQLite), NUMERIC(60, 16) where it has one. In Python it is the
  int of `core.types` either way. SQLite cannot sum such a column exactly, so sums are made in Python, over
  ints; there is no float.
- Dates are ISO 8601 text, which sorts as it should. Times are UTC nanoseconds, BIGINT.

Exactly once: `cursor` holds the journal's epoch and the last sequence applied. It moves in the transaction
that writes the effects, and only from the value that was read, so two runners on one database cannot both
apply a record. It also keeps the checksum of that last record: a journal that lost its tail in a power
failure and grew a different one shows itself.

SQLite runs in WAL mode with synchronous=FULL: a commit is on the disk, and readers (reports,
reconciliation) never wait for the writer. Tables are STRICT: a float or a text cannot slip into an integer
column.

Nothing is deleted, and nothing that was told to anybody is overwritten: fills, allocations, confirmations and
postings are only added, and what turns out to be wrong is reversed by a further row. The tables that are
updated in place (`orders`, `block`, `balance`) are running sums of the ones that are not, or the newest
definition (`instrument`, `allocation_group`).

All of it but the reconciliations can be made again from the journal. So a database of another schema version
is not migrated: it is refused, untouched, and a new one is built.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Engine,
    Index,
    Insert,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

from oms.core.types import format_notional

SCHEMA_VERSION: Final = 4
BUSY_TIMEOUT_S: Final = 30

Row = dict[str, Any]


class StoreError(Exception):
    """The database is not the one that belongs here; the message says what to do."""


class CursorMoved(StoreError):
    """Another process applied the records of this batch first. Nothing was written."""


class Exact(TypeDecorator[int]):
    """An int in units of 1e-16, as a decimal that the database keeps exactly."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Text in SQLite, NUMERIC elsewhere."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(60, 16))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Int -> what the driver takes."""
        if value is None:
            return None
        text = format_notional(value)
        return text if dialect.name == "sqlite" else Decimal(text)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """What the driver gives -> int."""
        return None if value is None else parse_exact(value if isinstance(value, str) else f"{value:f}")


def parse_exact(text: str) -> int:
    """Read a decimal as an int in units of 1e-16: the inverse of `format_notional`. Raises ValueError."""
    whole, _, fraction = text.partition(".")
    if len(fraction) > 16:
        raise ValueError(f"more than 16 decimal places: {text!r}")
    return int(whole + fraction.ljust(16, "0"))


Big = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's INTEGER has 64 bits; STRICT knows no BIGINT.

metadata = MetaData()


def _table(name: str, *columns: Any) -> Table:
    for column in columns:
        if isinstance(column, Column):
            column.nullable = False
    return Table(name, metadata, *columns, sqlite_strict=True)


cursor = _table(
    "cursor",
    Column("id", Integer, primary_key=True),  # always 1
    Column("schema_version", Integer),
    Column("epoch", Text),  # of the journal
    Column("seq", Big),  # the last one applied
    Column("checksum", Big),  # crc32 of its body
)

# -- reference data, as the journal last defined it ----------------------------------------------------------

instrument = _table(
    "instrument",
    Column("symbol", Text, primary_key=True),
    Column("market", Text),
    Column("currency", Text),
    Column("isin", Text),
    Column("lot_size", Big),
    Column("price_unit", Big),
    Column("settlement_days", Integer),
)
allocation_group = _table(
    "allocation_group",
    Column("account", Text, primary_key=True),
    Column("members", Text),  # JSON: [[account, weight], ...] in their order
)

# -- orders and what was executed ----------------------------------------------------------------------------

orders = _table(
    "orders",
    Column("order_id", Big, primary_key=True, autoincrement=False),
    Column("session_id", Text),
    Column("cl_ord_id", Text),  # the client's first; empty if it was not given by message
    Column("account", Text),
    Column("symbol", Text),
    Column("side", Text),
    Column("time_in_force", Text),
    Column("order_qty", Big),
    Column("cum_qty", Big),
    Column("ended", Text),  # why, other than by a full fill; empty if it has not
    Column("status", Text),
    Column("allocations", Integer),
    Column("split", Integer),  # 1 if a corporate action has restated what it had executed
    Column("legs", Text),  # JSON: the symbols of a multileg order's legs; [] of any other
)
route = _table(
    "route",
    Column("cl_ord_id", Text, primary_key=True),  # ours, at the venue: one for each request
    Column("order_id", Big),
    Column("route_id", Integer),
    Column("venue", Text),
)
replace_request = _table(
    "replace_request",
    Column("order_id", Big, primary_key=True),
    Column("cl_ord_id", Text, primary_key=True),  # the client's
    Column("order_qty", Big),
)
fill = _table(
    "fill",  # the sum of sign times what a row says is what stands
    Column("order_id", Big, primary_key=True, autoincrement=False),
    Column("route_id", Integer, primary_key=True, autoincrement=False),
    Column("venue", Text),
    Column("exec_id", Text, primary_key=True),
    Column("sign", Integer, primary_key=True, autoincrement=False),  # 1, or -1: what it says is taken back
    Column("exec_type", Text),  # ExecType(150): F; H, with sign -1; G: two rows, -1 what was, 1 what is
    Column("exec_ref_id", Text),  # the execution that a bust or a correction is about
    Column("seq", Big),
    Column("symbol", Text, primary_key=True),  # one report may execute several legs of an order
    Column("side", Text),
    Column("last_qty", Big),
    Column("last_px", Big),
    Column("currency", Text),
    Column("money", Exact),
    Column("trade_date", Text),
    Column("transact_time_ns", Big),
)

# -- allocation ----------------------------------------------------------------------------------------------

block = _table(
    "block",
    Column("order_id", Big, primary_key=True),
    Column("venue", Text, primary_key=True),
    Column("trade_date", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("side", Text),
    Column("currency", Text),
    Column("qty", Big),
    Column("notional", Exact),  # sum of price times quantity, in quoted prices
    Column("money", Exact),  # the same in the currency
    Column("version", Integer),  # 0: not allocated yet
    Column("alloc_id", Text),  # of that version
)
allocation = _table(
    "allocation",
    Column("alloc_id", Text, primary_key=True),
    Column("ref_alloc_id", Text),  # the version before; empty for the first
    Column("trans_type", Text),  # AllocTransType(71)
    Column("reason", Text),  # AllocCancReplaceReason(796); empty for the first
    Column("seq", Big),
    Column("at_ns", Big),
    Column("order_id", Big),
    Column("venue", Text),
    Column("trade_date", Text),
    Column("version", Integer),
    Column("account", Text),  # the order's
    Column("symbol", Text),
    Column("side", Text),
    Column("currency", Text),
    Column("qty", Big),
    Column("avg_px", Big),
    Column("money", Exact),
)
allocation_share = _table(
    "allocation_share",
    Column("alloc_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("account", Text),
    Column("weight", Big),
    Column("qty", Big),
    Column("avg_px", Big),
    Column("money", Exact),
    Column("since", Text),  # the version from which on the account's part has been so
    Column("qty_change", Big),  # against the version before
    Column("money_change", Exact),
)

# -- books ---------------------------------------------------------------------------------------------------

posting = _table(
    "posting",
    Column("seq", Big, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("kind", Text),  # "fill", "allocation"; "fill_reversal", "allocation_reversal"
    Column("ref", Text),  # ExecID or AllocID that is booked, or whose booking is reversed
    Column("order_id", Big),
    Column("trade_date", Text),
    Column("owner", Text),
    Column("account", Text),
    Column("symbol", Text),
    Column("qty", Big),
    Column("currency", Text),
    Column("money", Exact),
)
balance = _table(
    "balance",
    Column("owner", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("qty", Big),
    Column("money", Exact),
)

# -- confirmation --------------------------------------------------------------------------------------------

confirmation = _table(
    "confirmation",
    Column("confirm_id", Text, primary_key=True),
    Column("ref_confirm_id", Text),
    Column("trans_type", Text),  # ConfirmTransType(666)
    Column("alloc_id", Text),
    Column("seq", Big),
    Column("at_ns", Big),
    Column("account", Text),
    Column("venue", Text),
    Column("symbol", Text),
    Column("isin", Text),
    Column("isin_valid", Integer),
    Column("side", Text),
    Column("qty", Big),
    Column("avg_px", Big),
    Column("currency", Text),
    Column("gross_money", Exact),
    Column("commission", Exact),
    Column("fees", Exact),
    Column("net_money", Exact),
    Column("trade_date", Text),
    Column("settlement_date", Text),
    Column("calendar", Text),
)

# -- reconciliation ------------------------------------------------------------------------------------------

reconciliation = _table(
    "reconciliation",
    Column("run_id", Integer, primary_key=True),
    Column("venue", Text),
    Column("at_ns", Big),
    Column("file", Text),
    Column("seq", Big),  # the journal had been applied up to here
    Column("lines", Big),
    Column("fills", Big),
    Column("matched", Big),
    Column("breaks", Integer),
)
reconciliation_break = _table(
    "reconciliation_break",
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("item", Integer, primary_key=True),
    Column("kind", Text),
    Column("exec_id", Text),
    Column("line_number", Integer),  # in the broker's file; 0 if it is not there
    Column("order_id", Big),  # ours; 0 if it is not known
    Column("here", Text),
    Column("there", Text),
)

Index("route_by_order", route.c.order_id)
Index("fill_by_trade_date", fill.c.trade_date)
Index("allocation_by_order", allocation.c.order_id)
Index("confirmation_by_settlement_date", confirmation.c.settlement_date)


# -- connections ---------------------------------------------------------------------------------------------


def connect(database: str | Path, *, write: bool = False) -> Engine:
    """An engine for a database: a path is a SQLite file, a text with "://" a SQLAlchemy URL.

    `write` creates what is missing; without it, a database that does not exist is an error.
    Raises StoreError if the database is of another schema version, and then leaves it as it is; or not there.
    """
    text = str(database)
    url = make_url(text) if "://" in text else make_url("sqlite://").set(database=text)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and not write and not Path(str(url.database)).exists():
        raise StoreError(f"there is no post-trade database at {url.database}: run post-trade first")
    if is_sqlite and write:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    if is_sqlite:
        _prepare_sqlite(engine, write)
    try:
        tables = inspect(engine).get_table_names()
        if cursor.name in tables:
            _check_schema(engine, str(url.database))
        elif not write:
            raise StoreError(f"{url.database} is not a post-trade database")
        if write:
            metadata.create_all(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_schema(engine: Engine, name: str) -> None:
    """Raise StoreError for a database that another version of the program made."""
    with reading(engine) as connection:
        version = connection.execute(select(cursor.c.schema_version)).scalar()
    if version is None:
        # Made, but never started on a journal: only its columns tell.
        look = inspect(engine)
        same = all(
            {c["name"] for c in look.get_columns(table.name)} == {*table.columns.keys()}
            for table in metadata.sorted_tables
            if look.has_table(table.name)
        )
        version = SCHEMA_VERSION if same else "of another version"
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{name} has schema {version}, this program knows {SCHEMA_VERSION}: move it away,"
            " and a new database is built from the journal"
        )


def reading(engine: Engine) -> Connection:
    """A connection whose transactions see one moment of the database and keep no writer waiting."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_READ_ONLY: True}).connect()
    return engine.execution_options(isolation_level="REPEATABLE READ").connect()


_READ_ONLY: Final = "oms_read_only"


def _prepare_sqlite(engine: Engine, write: bool) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(dbapi_connection: Any, _record: Any) -> None:
        # The driver's own, implicit BEGIN comes too late and takes no lock.
        dbapi_connection.isolation_level = None
        dbapi_connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
        dbapi_connection.execute("PRAGMA synchronous=FULL")
        if write:  # It stays with the file.
            dbapi_connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A writer takes the lock when it begins: a read that turns into a write may have to be given up.
        is_read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if is_read_only else "BEGIN IMMEDIATE")


# -- the cursor ----------------------------------------------------------------------------------------------


def read_cursor(connection: Connection) -> tuple[str, int, int] | None:
    """(epoch, last sequence applied, checksum of its body); None before the first start."""
    found = connection.execute(select(cursor.c.epoch, cursor.c.seq, cursor.c.checksum)).first()
    return None if found is None else (found.epoch, found.seq, found.checksum)


def start_cursor(connection: Connection, epoch: str) -> None:
    """Bind a new database to a journal."""
    connection.execute(
        insert(cursor).values(id=1, schema_version=SCHEMA_VERSION, epoch=epoch, seq=0, checksum=0)
    )


def move_cursor(connection: Connection, before: int, after: int, checksum: int) -> None:
    """Move the cursor, within the transaction of the effects. Raises CursorMoved if another process did."""
    moved = connection.execute(
        update(cursor).where(cursor.c.id == 1, cursor.c.seq == before).values(seq=after, checksum=checksum)
    )
    if moved.rowcount != 1:
        raise CursorMoved(f"another process moved the cursor from {before}")


# -- writing -------------------------------------------------------------------------------------------------


class Batch:
    """Rows to be written in one transaction: additions, and the last state of what is updated in place."""

    __slots__ = ("_added", "_put")

    def __init__(self) -> None:
        self._added: dict[Table, list[Row]] = {}
        self._put: dict[Table, dict[tuple[Any, ...], Row]] = {}

    def add(self, table: Table, row: Row) -> None:
        """A row that is new."""
        rows = self._added.get(table)
        if rows is None:
            rows = self._added[table] = []
        rows.append(row)

    def put(self, table: Table, key: tuple[Any, ...], row: Row) -> None:
        """A row that is new or takes the place of the one with the same primary key. The last one counts."""
        rows = self._put.get(table)
        if rows is None:
            rows = self._put[table] = {}
        rows[key] = row

    def write(self, connection: Connection) -> None:
        """Send everything, one statement for each table. The rows are used up. About 4 us a row."""
        for table, added in self._added.items():
            _send(connection, _add_statement(table, connection.dialect.name), added)
        for table, put in self._put.items():
            _send(connection, _put_statement(table, connection.dialect.name), list(put.values()))


@cache
def _add_statement(table: Table, _dialect_name: str) -> Insert:
    return insert(table)


@cache
def _put_statement(table: Table, dialect_name: str) -> Insert:
    """INSERT ... ON CONFLICT DO UPDATE, which SQLite and PostgreSQL spell alike."""
    statement: Any = (sqlite_insert if dialect_name == "sqlite" else postgresql_insert)(table)
    keys = [c.name for c in table.primary_key]
    updated: Insert = statement.on_conflict_do_update(
        index_elements=keys,
        set_={c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys},
    )
    return updated


def _send(connection: Connection, statement: Insert, rows: list[Row]) -> None:
    """Execute for many rows.

    Where the driver takes parameters by position, they are put in order here: SQLAlchemy's own way from a
    dict to a tuple costs more than the database does.
    """
    dialect = connection.dialect
    if not dialect.positional:
        connection.execute(statement, rows)
        return
    sql, names, converted = _positional(statement, dialect)
    for name, convert in converted:
        for row in rows:
            row[name] = convert(row[name])
    connection.exec_driver_sql(sql, [names(row) for row in rows])


@cache
def _positional(
    statement: Insert, dialect: Dialect
) -> tuple[str, Callable[[Row], tuple[Any, ...]], list[tuple[str, Callable[[Any], Any]]]]:
    """(SQL, dict -> parameters in order, which of them the column's type converts and how)."""
    compiled = statement.compile(
        dialect=dialect, column_keys=list(statement.table.columns.keys()), for_executemany=True
    )
    names = list(compiled.positiontup or ())
    converted: list[tuple[str, Callable[[Any], Any]]] = []
    for column in statement.table.columns:
        convert = column.type.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None:
            converted.append((column.name, convert))
    return str(compiled), itemgetter(*names), converted


_SELECT_AT_ONCE: Final = 5_000  # SQLite allows 32,766 parameters.


def select_by(connection: Connection, table: Table, column: str, values: Iterable[Any]) -> list[Any]:
    """All rows whose column has one of the values."""
    wanted: Sequence[Any] = list(values)
    found: list[Any] = []
    for start in range(0, len(wanted), _SELECT_AT_ONCE):
        part = wanted[start : start + _SELECT_AT_ONCE]
        found += connection.execute(select(table).where(table.c[column].in_(part))).all()
    return found
