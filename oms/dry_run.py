"""What would become of orders, and why, without sending one: `oms route --dry-run`.

Orders come from a CSV file, one a line, under a header that names the columns (`COLUMNS`). Each is decided by
itself, as the engine decides, against one state: that of the journal, or, if there is none, a day that has
just begun with everybody logged on. So a limit that is used up by the orders before it is not noticed.
Nothing is journaled.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from oms.config import ConfigError
from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.controls import ORD_TYPES, SIDES, TIMES_IN_FORCE, UNKNOWN_INSTRUMENT, Ask, check
from oms.core.engine import decide
from oms.core.rules import facts_of, router_of
from oms.core.state import State
from oms.core.types import OrdType, Px, Qty, Terms, parse_scaled
from oms.reference import changes
from oms.routing_file import word

COLUMNS: Final = {
    "client": "the session that the order comes from",
    "account": "Account(1)",
    "symbol": "Symbol(55)",
    "side": "buy or sell",
    "order_qty": "OrderQty(38)",
    "price": "Price(44); empty for a market order",
    "ord_type": "limit, stop ...; empty says limit if there is a price, else market",
    "time_in_force": "day, ioc ...; empty says day",
    "stop_px": "StopPx(99)",
    "urgency": "TargetStrategyParameters(848)",
    "cl_ord_id": "a name to find the order by; its line's number if there is none",
    "reference_px": "what the instrument is worth from this line on, where the journal does not say",
}
Row = dict[str, Any]

NEEDED: Final = ("client", "account", "symbol", "side", "order_qty")


class Planned(Struct, frozen=True):
    """An order of the file."""

    line: int
    order: cmd.NewOrder
    reference_px: Px


def read_orders(path: Path) -> tuple[list[Planned], list[str]]:
    """The orders of a file, and what is wrong with its other lines: file, line, column, reason.

    Raises ConfigError if it cannot be read, or its header is wrong.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    unknown = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    missing = [name for name in NEEDED if name not in header]
    if unknown:
        raise ConfigError(f"{path}, line 1: column {unknown[0]!r}: each of {', '.join(COLUMNS)} once")
    if missing:
        raise ConfigError(f"{path}, line 1: column {missing[0]!r} is missing")
    orders: list[Planned] = []
    problems: list[str] = []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            problems.append(f"{path}, line {reader.line_num}: not {len(header)} columns")
            continue
        line = _Line(reader.line_num, dict(zip(header, row, strict=True)))
        planned = line.read()
        problems += [f"{path}, line {reader.line_num}, column {text}" for text in line.problems]
        if not line.problems:
            orders.append(planned)
    return orders, problems


class _Line:
    """One line of a file."""

    def __init__(self, number: int, row: dict[str, str]) -> None:
        self.number = number
        self.row = row
        self.problems: list[str] = []

    def read(self) -> Planned:
        """The order; worth something if there is no problem."""
        price = self._number("price")
        kind = self._word("ord_type", ORD_TYPES) or (OrdType.LIMIT if price else OrdType.MARKET)
        terms = Terms(stop_px=Px(self._number("stop_px")), strategy_parameters=self.row.get("urgency", ""))
        order = cmd.NewOrder(
            self._text("client"),
            self.row.get("cl_ord_id") or f"line {self.number}",
            self._text("account"),
            self._text("symbol"),
            self._word("side", SIDES),
            Qty(self._number("order_qty")),
            kind,
            Px(price),
            self._word("time_in_force", TIMES_IN_FORCE) or "0",
            terms=terms if terms != Terms() else None,
        )
        return Planned(self.number, order, Px(self._number("reference_px")))

    def _text(self, column: str) -> str:
        text = self.row.get(column, "")
        if not text and column in NEEDED:
            self.problems.append(f"{column}: is empty")
        return text

    def _word(self, column: str, known: Iterable[str]) -> str:
        text = self._text(column)
        value = word(column, text)
        if text and value not in known:
            self.problems.append(f"{column}: {text!r} is not known")
        return value

    def _number(self, column: str) -> int:
        text = self._text(column)
        if not text:
            return 0
        try:
            number = parse_scaled(text)
        except ValueError as error:
            self.problems.append(f"{column}: {error}")
            return 0
        if number <= 0:
            self.problems.append(f"{column}: must be greater than 0, not {text}")
        return number


# -- what would happen ---------------------------------------------------------------------------------------


def standing(defined: list[ev.Event], venues: Iterable[str], journaled: State | None, at_ns: int) -> State:
    """The state that orders are decided against. `defined`: the reference data, a routing table included."""
    state = journaled or State()
    if journaled is None:
        state.apply(ev.EngineStarted(at_ns, "", 0, "dry"))
    for event in changes(state, defined):
        state.apply(event)
    if journaled is None:
        for name in venues:
            state.apply(ev.SessionLoggedOn(at_ns, name))
    return state


def outcomes(state: State, planned: Iterable[Planned], now_ns: int, every: bool = False) -> list[Row]:
    """A row per order: what would happen, and by which rule. With `every`, also the rules behind that one."""
    rows: list[Row] = []
    for one in planned:
        if one.reference_px:
            changed = ev.ReferencePriceChanged(now_ns, one.order.symbol, one.reference_px, "dry run")
            state.apply(changed)
        rows.append(_row(state, one, now_ns, every))
    return rows


def _row(state: State, one: Planned, now_ns: int, every: bool) -> Row:
    order = one.order
    row: Row = {"line": one.line, "cl_ord_id": order.cl_ord_id, "symbol": order.symbol}
    row |= {"outcome": "", "to": "", "rule": "", "facts": "", "reason": "", "text": ""}
    row |= {"also": []} if every else {}
    row |= _chosen(state, order, now_ns, every)
    for event in decide(state, order, now_ns):
        if isinstance(event, ev.OrderDenied):
            row |= {"outcome": "denied", "reason": event.reason, "text": event.text}
        elif isinstance(event, ev.OrderRouted):
            row |= {"outcome": "routed", "to": event.destination or event.venue}
        elif isinstance(event, ev.OrderEmulated):
            row |= {"outcome": "waits", "to": event.destination or event.venue}
        elif isinstance(event, ev.OrderHeld):
            row |= {"outcome": "held", "to": event.venue}
        elif isinstance(event, ev.OrderPlanned):
            row |= {"outcome": "planned", "to": event.to}
    return row


def _chosen(state: State, order: cmd.NewOrder, now_ns: int, every: bool) -> Row:
    """What the table says of an order, also of one that a control refuses."""
    ask = Ask(
        order.session_id,
        order.cl_ord_id,
        order.account,
        order.symbol,
        order.side,
        order.order_qty,
        order.ord_type,
        order.price,
        order.time_in_force,
        None,
        order.terms,
    )
    check(state, ask)
    if state.routing is None or ask.instrument is UNKNOWN_INSTRUMENT:
        return {}
    router, facts = router_of(state), facts_of(state, ask, now_ns)
    choice = router.choose(facts)
    if choice is None:
        return {}
    found: Row = {"to": choice.to, "rule": choice.rule, "facts": choice.facts}
    if every:
        found["also"] = router.names(router.holding(facts))[1:]
    return found


def sentence(row: Row) -> str:
    """A row for a person: "line 2, A: routed to SIM by rule large: symbol=IBM; order_qty=600"."""
    said = f"line {row['line']}, {row['cl_ord_id']}, {row['symbol']}: {row['outcome']}"
    if row["outcome"] == "denied":
        said += f", {row['reason']}: {row['text']}"
        if row["rule"]:
            said += f"; it would go to {row['to']} by rule {row['rule']!r}"
    else:
        said += f" {'to' if row['outcome'] == 'routed' else 'for'} {row['to']}"
        if row["rule"]:
            said += f" by rule {row['rule']!r}"
    if row["facts"]:
        said += f" ({row['facts']})"
    if row.get("also"):
        said += f"; also for it: {', '.join(map(repr, row['also']))}"
    return said
