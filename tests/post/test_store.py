"""The schema: exact, strict, portable, and refused where it does not belong."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Integer, Text, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from oms.core.types import format_notional
from oms.post import store

FIRST_SCHEMA = """
CREATE TABLE cursor (
    id INTEGER NOT NULL, schema_version INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    checksum INTEGER NOT NULL, PRIMARY KEY (id)
) STRICT;
CREATE TABLE fill (
    venue TEXT NOT NULL, exec_id TEXT NOT NULL, seq INTEGER NOT NULL, order_id INTEGER NOT NULL,
    symbol TEXT NOT NULL, side TEXT NOT NULL, last_qty INTEGER NOT NULL, last_px INTEGER NOT NULL,
    currency TEXT NOT NULL, money TEXT NOT NULL, trade_date TEXT NOT NULL,
    transact_time_ns INTEGER NOT NULL, PRIMARY KEY (venue, exec_id)
) STRICT;
"""
"""Two tables of it."""

BALANCE = {"owner": "A", "account": "position", "symbol": "IBM", "currency": "USD"}


@given(st.integers(-(10**40), 10**40))
def test_exact_decimals_come_back_as_they_went(value: int) -> None:
    assert store.parse_exact(format_notional(value)) == value


@pytest.mark.parametrize("value", [0, 1, -1, 10**16, -(10**16) - 1, 2**63 * 10**16, -(10**40)])
def test_exact_through_the_database(tmp_path: Path, value: int) -> None:
    engine = store.connect(tmp_path / "post.db", write=True)
    row = {**BALANCE, "qty": 1, "money": value}
    with engine.begin() as connection:
        connection.execute(insert(store.balance), [row])
        assert connection.execute(select(store.balance.c.money)).scalar_one() == value
    engine.dispose()


def test_a_decimal_finer_than_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 16"):
        store.parse_exact("0.00000000000000001")


def test_sqlite_is_strict_durable_and_in_wal_mode(tmp_path: Path) -> None:
    engine = store.connect(tmp_path / "post.db", write=True)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        strict = connection.exec_driver_sql("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
        tables = {name: bool(is_strict) for name, is_strict in strict if not name.startswith("sqlite_")}
    assert tables == dict.fromkeys(store.metadata.tables, True)
    with pytest.raises(IntegrityError, match="cannot store"), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO cursor VALUES (1, 1, 'e', 'not a number', 0)")
    engine.dispose()


def test_there_is_no_float_and_no_null_in_the_schema() -> None:
    for table in store.metadata.sorted_tables:
        for column in table.columns:
            assert isinstance(column.type, BigInteger | Integer | Text | store.Exact), column
            assert not column.nullable, column


def test_postgresql_takes_the_same_schema() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    ddl = "".join(str(CreateTable(table).compile(dialect=dialect)) for table in store.metadata.sorted_tables)
    assert "money NUMERIC(60, 16) NOT NULL" in ddl
    assert "last_qty BIGINT NOT NULL" in ddl
    assert "STRICT" not in ddl


def test_a_database_of_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "post.db"
    engine = store.connect(path, write=True)
    with engine.begin() as connection:
        store.start_cursor(connection, "epoch")
        connection.execute(update(store.cursor).values(schema_version=99))
    engine.dispose()
    with pytest.raises(store.StoreError, match="has schema 99, this program knows 4: move it away"):
        store.connect(path)


@pytest.mark.parametrize("is_started", [True, False])
@pytest.mark.parametrize("write", [True, False])
def test_a_database_of_the_first_schema_is_refused_and_left_alone(
    tmp_path: Path, is_started: bool, write: bool
) -> None:
    path = tmp_path / "post.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST_SCHEMA)
        if is_started:
            connection.execute("INSERT INTO cursor VALUES (1, 1, 'epoch', 17, 0)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(store.StoreError, match=r"has schema .*, this program knows 4: move it away"):
        store.connect(path, write=write)
    with sqlite3.connect(path) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    connection.close()
    assert tables == {"cursor", "fill"}
    assert write or path.read_bytes() == before, "to write is to switch to WAL mode, no more"


def test_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(store.StoreError, match="run post-trade first"):
        store.connect(tmp_path / "post.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(store.StoreError, match="not a post-trade database"):
        store.connect(path)


def test_a_reader_keeps_no_writer_waiting(tmp_path: Path) -> None:
    engine = store.connect(tmp_path / "post.db", write=True)
    with store.reading(engine) as reader:
        assert store.read_cursor(reader) is None
        with engine.begin() as writer:
            store.start_cursor(writer, "epoch")
        assert store.read_cursor(reader) is None, "a reader sees one moment"
    with store.reading(engine) as reader:
        assert store.read_cursor(reader) == ("epoch", 0, 0)
    engine.dispose()


def test_only_one_moves_the_cursor(tmp_path: Path) -> None:
    engine = store.connect(tmp_path / "post.db", write=True)
    with engine.begin() as connection:
        store.start_cursor(connection, "epoch")
        store.move_cursor(connection, 0, 10, 1)
        with pytest.raises(store.CursorMoved, match="another process moved the cursor from 0"):
            store.move_cursor(connection, 0, 10, 1)
    engine.dispose()


def test_the_last_state_of_a_row_counts(tmp_path: Path) -> None:
    engine = store.connect(tmp_path / "post.db", write=True)
    for qty in (1, 2):
        batch = store.Batch()
        batch.put(store.balance, ("A",), {**BALANCE, "qty": 0, "money": 0})
        batch.put(store.balance, ("A",), {**BALANCE, "qty": qty, "money": qty})
        with engine.begin() as connection:
            batch.write(connection)
    with store.reading(engine) as connection:
        assert [(r.qty, r.money) for r in connection.execute(select(store.balance))] == [(2, 2)]
    engine.dispose()
