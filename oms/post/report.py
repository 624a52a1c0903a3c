"""The day in numbers, as plain structs: to be printed, or encoded as JSON as they are.

Decimals are text, so that no reader of the JSON turns them into floats. Everything is read in one
transaction, so the numbers belong to one journal sequence, which is named.
"""

from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Engine, Select, Table, func, select
from sqlalchemy.engine import Connection

from oms.core.types import ExecType, Side, format_notional, format_scaled
from oms.post import booking, store


class CurrencyTotal(Struct, frozen=True):
    """What was executed in one currency, and stands."""

    currency: str
    fills: int
    qty: str
    bought: str
    sold: str
    notional: str  # bought and sold


class ReconciliationSummary(Struct, frozen=True):
    """A venue's newest reconciliation."""

    venue: str
    at_ns: int
    seq: int  # the journal was applied up to here when it ran
    lines: int
    fills: int
    matched: int
    breaks: dict[str, int]  # kind -> how many; empty: none


class Report(Struct, frozen=True):
    """Counts and sums over the whole database, or over one trade date."""

    epoch: str
    last_seq: int
    trade_date: str  # empty: all. Orders, reconciliations and the trial balance are always over all
    orders: int
    orders_by_status: dict[str, int]
    fills: int  # as they were reported, whatever has become of them
    busts: int
    corrections: int
    executed: list[CurrencyTotal]
    allocations: int
    reallocations: int  # of these: those that follow an earlier version
    confirmations: int
    invalid_isins: int  # confirmations with an ISIN whose check digit is wrong
    reconciliations: list[ReconciliationSummary]
    breaks: int  # of the newest reconciliation of every venue
    postings: int
    trial_balance_ok: bool


def report(engine: Engine, trade_date: str = "") -> Report:
    """The numbers as of now. O(fills + postings).

    `trade_date` (ISO 8601) limits fills, allocations and confirmations to one day.
    """
    fill = store.fill
    with store.reading(engine) as connection:
        at = store.read_cursor(connection)
        by_status = select(store.orders.c.status, func.count()).group_by(store.orders.c.status)
        statuses = _counts(connection, by_status.order_by(store.orders.c.status))
        executed = _executed(connection, trade_date)
        reconciliations = _reconciliations(connection)
        books = booking.read_trial_balance(connection)
        return Report(
            epoch=at[0] if at is not None else "",
            last_seq=at[1] if at is not None else 0,
            trade_date=trade_date,
            orders=sum(statuses.values()),
            orders_by_status=statuses,
            fills=_count(connection, fill, trade_date, fill.c.exec_type == ExecType.TRADE),
            busts=_count(connection, fill, trade_date, fill.c.exec_type == ExecType.TRADE_CANCEL),
            corrections=_count(
                connection, fill, trade_date, fill.c.exec_type == ExecType.TRADE_CORRECT, fill.c.sign == 1
            ),
            executed=executed,
            allocations=_count(connection, store.allocation, trade_date),
            reallocations=_count(connection, store.allocation, trade_date, store.allocation.c.version > 1),
            confirmations=_count(connection, store.confirmation, trade_date),
            invalid_isins=_count(
                connection, store.confirmation, trade_date, store.confirmation.c.isin_valid == 0
            ),
            reconciliations=reconciliations,
            breaks=sum(sum(r.breaks.values()) for r in reconciliations),
            postings=books.postings,
            trial_balance_ok=books.is_ok,
        )


def _count(connection: Connection, table: Table, trade_date: str, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(table).where(*conditions)
    if trade_date:
        query = query.where(table.c.trade_date == trade_date)
    return connection.execute(query).scalar_one()


def _counts(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}


def _executed(connection: Connection, trade_date: str) -> list[CurrencyTotal]:
    """Sums over the fills, in Python: money has more digits than the database can add."""
    fill = store.fill
    query = select(fill.c.currency, fill.c.side, fill.c.sign, fill.c.last_qty, fill.c.money)
    if trade_date:
        query = query.where(fill.c.trade_date == trade_date)
    sums: dict[str, list[int]] = {}
    for currency, side, sign, qty, worth in connection.execute(query):
        total = sums.get(currency)
        if total is None:
            total = sums[currency] = [0, 0, 0, 0]
        total[0] += sign
        total[1] += sign * qty
        total[2 if side == Side.BUY else 3] += sign * worth
    return [
        CurrencyTotal(
            currency,
            count,
            format_scaled(qty),
            format_notional(bought),
            format_notional(sold),
            format_notional(bought + sold),
        )
        for currency, (count, qty, bought, sold) in sorted(sums.items())
    ]


def _reconciliations(connection: Connection) -> list[ReconciliationSummary]:
    run, found = store.reconciliation, store.reconciliation_break
    newest = select(func.max(run.c.run_id)).group_by(run.c.venue)
    summaries: list[ReconciliationSummary] = []
    for row in connection.execute(select(run).where(run.c.run_id.in_(newest)).order_by(run.c.venue)).all():
        kinds = select(found.c.kind, func.count()).where(found.c.run_id == row.run_id).group_by(found.c.kind)
        breaks = _counts(connection, kinds.order_by(found.c.kind))
        summaries.append(
            ReconciliationSummary(row.venue, row.at_ns, row.seq, row.lines, row.fills, row.matched, breaks)
        )
    return summaries
