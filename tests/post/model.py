"""A second opinion on the books: from the journal's bytes to positions, in plain dicts and fractions.

It shares no code with oms.post, not even the event types: it reads the records as msgpack lists and takes the
fields by their place. It knows only one thing of allocation: when every order has ended, each block is shared
out over its totals.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, MetaData, select

from oms.journal.reader import scan

Books = dict[tuple[str, str, str, str], tuple[int, int]]
"""(owner, account, symbol, currency) -> (quantity 1e-8, money 1e-16), without those that are nothing."""

SYMBOL, PRICE_UNIT = 6, 9  # of an order record, of an instrument record


def records(directory: Path) -> list[list[Any]]:
    return [msgspec.msgpack.decode(body) for _, bodies in scan(directory) for body in bodies]


def largest_remainder(total: int, weights: list[int], unit: int) -> list[int]:
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [part // unit * unit for part in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order:
        part = min(unit, total - sum(parts))
        parts[i] += part
    assert sum(parts) == total
    return [int(part) for part in parts]


def books(directory: Path) -> Books:
    """The books as they have to be when every order of the journal has ended."""
    instruments: dict[str, list[Any]] = {}
    groups: dict[str, list[Any]] = {}
    orders: dict[int, list[Any]] = {}
    venues: dict[tuple[int, int], str] = {}
    seen: set[tuple[str, str]] = set()
    blocks: dict[tuple[int, str], list[int]] = {}
    for record in records(directory):
        match record[0]:
            case 2:
                instruments[record[2]] = record
            case 5:
                groups[record[2]] = record[3]
            case 20:
                orders[record[2]] = record
            case 40:
                venues[record[2], record[3]] = record[4]
            case 24:
                _, _, order_id, route_id, exec_id, qty, px, _ = record
                venue = venues[order_id, route_id]
                if (venue, exec_id) in seen:
                    continue
                seen.add((venue, exec_id))
                block = blocks.setdefault((order_id, venue), [0, 0])
                block[0] += qty
                block[1] += px * qty * instruments[orders[order_id][SYMBOL]][PRICE_UNIT] // 10**8
    result: dict[tuple[str, str, str, str], list[int]] = {}

    def book(owner: str, account: str, symbol: str, currency: str, qty: int, money: int) -> None:
        balance = result.setdefault((owner, account, symbol, currency), [0, 0])
        balance[0] += qty
        balance[1] += money

    for (order_id, venue), (qty, money) in blocks.items():
        account, symbol, side = orders[order_id][5:8]
        instrument = instruments[symbol]
        currency, lot = instrument[4], instrument[7]
        members = groups.get(account, [[account, 1]])
        quantities = largest_remainder(qty, [weight for _, weight in members], lot)
        cent = 10**16 if currency == "JPY" else 10**14
        moneys = largest_remainder(money, quantities, cent)
        sign = 1 if side == "1" else -1
        for (member, _), part, worth in zip(members, quantities, moneys, strict=True):
            book(member, "position", symbol, currency, sign * part, sign * worth)
            book(member, f"broker:{venue}", symbol, currency, -sign * part, -sign * worth)
    return {key: (qty, money) for key, (qty, money) in result.items() if qty or money}


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as the database has it."""
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }
