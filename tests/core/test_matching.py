"""Matching: each rule by name, then any sequence of orders against a list that is searched whole."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from oms.core.matching import MatchingBook, Outcome
from oms.core.types import OrdType, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
DAY, IOC, FOK = TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK
MARKET, LIMIT = OrdType.MARKET, OrdType.LIMIT


def asks(*orders: tuple[str, int, int]) -> MatchingBook:
    """A book of sell orders (id, price, quantity), oldest first."""
    book = MatchingBook()
    for id, price, qty in orders:
        book.enter(id, SELL, LIMIT, price, qty)
    return book


def told(outcome: Outcome | None) -> str:
    """What became of an order: "y7@12 x1@13, rests 2" or "gone 2"."""
    if outcome is None:
        return "does not rest"
    parts = [" ".join(f"{trade.maker_id}{trade.qty}@{trade.price}" for trade in outcome.trades)]
    parts += [f"rests {outcome.resting_qty}"] * bool(outcome.resting_qty)
    parts += [f"gone {outcome.canceled_qty}"] * bool(outcome.canceled_qty)
    return ", ".join(part for part in parts if part)


def left(book: MatchingBook) -> str:
    """What rests, in priority, bids and asks: "b5 | y7 x5"."""
    sides = (" ".join(f"{r.id}{r.qty}" for r in book.book.orders(side)) for side in (BUY, SELL))
    return " | ".join(sides)


BOOK = (("x", 13, 5), ("y", 12, 7), ("z", 13, 4), ("w", 15, 9))

INCOMING = (
    # case                        order              outcome                             rests then
    ("no cross rests",            "buy 3 @ 11",      "rests 3",                          "t3 | y7 x5 z4 w9"),
    ("touching the best trades",  "buy 3 @ 12",      "y3@12",                            " | y4 x5 z4 w9"),
    ("better than the ask",       "buy 3 @ 20",      "y3@12",                            " | y4 x5 z4 w9"),
    ("exactly one order",         "buy 7 @ 12",      "y7@12",                            " | x5 z4 w9"),
    ("price before time",         "buy 8 @ 13",      "y7@12 x1@13",                      " | x4 z4 w9"),
    ("time within a price",       "buy 14 @ 13",     "y7@12 x5@13 z2@13",                " | z2 w9"),
    ("the rest rests",            "buy 20 @ 13",     "y7@12 x5@13 z4@13, rests 4",       "t4 | w9"),
    ("all there is",              "buy 30 @ 15",     "y7@12 x5@13 z4@13 w9@15, rests 5", "t5 | "),
    ("IOC without a cross",       "buy 3 @ 11 IOC",  "gone 3",                           " | y7 x5 z4 w9"),
    ("IOC in part",               "buy 9 @ 12 IOC",  "y7@12, gone 2",                    " | x5 z4 w9"),
    ("IOC whole",                 "buy 9 @ 13 IOC",  "y7@12 x2@13",                      " | x3 z4 w9"),
    ("FOK exactly what there is", "buy 16 @ 13 FOK", "y7@12 x5@13 z4@13",                " | w9"),
    ("FOK one too many",          "buy 17 @ 13 FOK", "gone 17",                          " | y7 x5 z4 w9"),
    ("FOK without a cross",       "buy 1 @ 11 FOK",  "gone 1",                           " | y7 x5 z4 w9"),
    ("FOK at any price",          "buy 25 any FOK",  "y7@12 x5@13 z4@13 w9@15",          " | "),
    ("FOK at any price, too few", "buy 26 any FOK",  "gone 26",                          " | y7 x5 z4 w9"),
    ("market",                    "buy 8 any",       "y7@12 x1@13",                      " | x4 z4 w9"),
    ("the rest of a market one",  "buy 27 any",      "y7@12 x5@13 z4@13 w9@15, gone 2",  " | "),
    ("market against nothing",    "sell 8 any",      "gone 8",                           " | y7 x5 z4 w9"),
    ("its own side never trades", "sell 3 @ 11",     "rests 3",                          " | t3 y7 x5 z4 w9"),
)  # fmt: skip


@pytest.mark.parametrize(("case", "order", "outcome", "rests"), INCOMING, ids=[row[0] for row in INCOMING])
def test_an_incoming_order(case: str, order: str, outcome: str, rests: str) -> None:
    side, qty, px, *tif = order.replace("@", "").split()
    book = asks(*BOOK)
    found = book.enter(
        "t",
        BUY if side == "buy" else SELL,
        MARKET if px == "any" else LIMIT,
        0 if px == "any" else int(px),
        int(qty),
        {"IOC": IOC, "FOK": FOK}[tif[0]] if tif else DAY,
    )
    assert told(found) == outcome
    assert left(book) == rests


def test_an_incoming_sell_takes_the_highest_bid_first() -> None:
    book = MatchingBook()
    for id, price in (("a", 100), ("b", 102), ("c", 101), ("d", 102)):
        book.enter(id, BUY, LIMIT, price, 5)
    assert told(book.enter("t", SELL, LIMIT, 101, 18)) == "b5@102 d5@102 c5@101, rests 3"
    assert left(book) == "a5 | t3"
    assert book.last_px == 101


def test_the_last_price_is_that_of_the_last_trade() -> None:
    book = asks(*BOOK)
    assert book.last_px == 0
    book.enter("t", BUY, LIMIT, 14, 8)
    assert book.last_px == 13
    book.enter("u", BUY, LIMIT, 9, 8)
    assert book.last_px == 13


AVAILABLE = (
    # limit   wanted   counted: whole orders, until it is enough
    (11,     5,       0),
    (12,     5,       7),
    (13,     8,       12),
    (13,     99,      16),
    (None,    99,      25),
)  # fmt: skip


@pytest.mark.parametrize(("limit", "wanted", "counted"), AVAILABLE)
def test_what_is_available_within_a_limit(limit: int | None, wanted: int, counted: int) -> None:
    assert asks(*BOOK).available(BUY, limit, wanted) == counted


REPLACED = (
    # case                                 price  open qty  outcome            rests then
    ("smaller keeps its time",             103,   4,        "rests 4",         "b2 | y7 x4 z4"),
    ("unchanged keeps its time",           103,   5,        "rests 5",         "b2 | y7 x5 z4"),
    ("larger loses its time",              103,   6,        "rests 6",         "b2 | y7 z4 x6"),
    ("a better price goes in front",       102,   5,        "rests 5",         "b2 | y7 x5 z4"),
    ("a price that crosses trades",        101,   5,        "b2@101, rests 3", " | x3 y7 z4"),
    ("a price that crosses far",           90,    2,        "b2@101",          " | y7 z4"),
    ("nothing open leaves the book",       103,   0,        "",                "b2 | y7 z4"),
    ("less than nothing leaves the book",  103,   -3,       "",                "b2 | y7 z4"),
    ("nothing open at another price",      104,   0,        "",                "b2 | y7 z4"),
    ("less than nothing where it crosses", 101,   -3,       "",                "b2 | y7 z4"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("case", "price", "qty", "outcome", "rests"), REPLACED, ids=[row[0] for row in REPLACED]
)
def test_a_replace(case: str, price: int, qty: int, outcome: str, rests: str) -> None:
    book = asks(("x", 103, 5), ("y", 102, 7), ("z", 103, 4))
    book.enter("b", BUY, LIMIT, 101, 2)
    assert told(book.replace("x", price, qty)) == outcome
    assert left(book) == rests


def test_a_replace_keeps_the_owner() -> None:
    book = MatchingBook()
    book.enter("x", SELL, LIMIT, 103, 5, owner="ACC")
    book.replace("x", 104, 5)
    found = book.book.get("x")
    assert found is not None
    assert found.owner == "ACC"


def test_what_does_not_rest_can_be_neither_replaced_nor_canceled() -> None:
    book = asks(*BOOK)
    assert told(book.replace("t", 100, 5)) == "does not rest"
    assert book.cancel("t") == 0


def test_a_cancel_takes_out_what_is_left() -> None:
    book = asks(*BOOK)
    book.enter("t", BUY, LIMIT, 12, 3)
    assert book.cancel("y") == 4
    assert left(book) == " | x5 z4 w9"


# -- against a list ------------------------------------------------------------------------------------------


class NaiveMatching:
    """Orders in a list of [id, side, price, quantity], oldest first; a maker is found by looking at all."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def best(self, side: str, limit: int | None) -> list[Any] | None:
        """The maker that an order of `side` meets first: the best price, and the oldest among equals."""
        sign = 1 if side == BUY else -1
        makers = [r for r in self.rows if r[1] != side and (limit is None or sign * r[2] <= sign * limit)]
        return min(makers, key=lambda r: sign * r[2], default=None)

    def enter(
        self, id: int, side: str, limit: int | None, qty: int, tif: str
    ) -> tuple[list[tuple[int, int, int]], int, int]:
        before = [list(row) for row in self.rows]
        trades = []
        wanted = qty
        while qty and (maker := self.best(side, limit)) is not None:
            traded = min(qty, maker[3])
            trades.append((maker[0], maker[2], traded))
            qty -= traded
            maker[3] -= traded
            self.rows = [row for row in self.rows if row[3]]
        if qty and tif == FOK:
            self.rows = before
            return [], 0, wanted
        if qty and (limit is None or tif == IOC):
            return trades, 0, qty
        if qty:
            self.rows.append([id, side, limit, qty])
        return trades, qty, 0

    def replace(self, id: int, price: int, qty: int) -> tuple[list[tuple[int, int, int]], int, int]:
        row = next(row for row in self.rows if row[0] == id)
        if price == row[2] and qty <= row[3]:
            row[3] = qty
            return [], qty, 0
        self.rows.remove(row)
        return self.enter(id, row[1], price, qty, DAY)


sides = st.sampled_from((BUY, SELL))
prices = st.integers(97, 103)
quantities = st.integers(1, 9)


def seen(outcome: Outcome | None) -> tuple[list[tuple[Any, int, int]], int, int]:
    assert outcome is not None
    trades = [(trade.maker_id, trade.price, trade.qty) for trade in outcome.trades]
    return trades, outcome.resting_qty, outcome.canceled_qty


class MatchingMachine(RuleBasedStateMachine):
    """Whatever comes trades alike in both, and quantity is neither made nor lost."""

    def __init__(self) -> None:
        super().__init__()
        self.book = MatchingBook()
        self.naive = NaiveMatching()
        self.next_id = 1

    @rule(
        side=sides, price=st.none() | prices, qty=quantities, tif=st.sampled_from((DAY, DAY, DAY, IOC, FOK))
    )
    def enter(self, side: str, price: int | None, qty: int, tif: str) -> None:
        id, self.next_id = self.next_id, self.next_id + 1
        open_before = self.open_qty()
        outcome = self.book.enter(id, side, MARKET if price is None else LIMIT, price or 0, qty, tif)
        assert seen(outcome) == self.naive.enter(id, side, price, qty, tif)
        traded = sum(trade.qty for trade in outcome.trades)
        assert traded + outcome.resting_qty + outcome.canceled_qty == qty
        assert self.open_qty() == open_before - traded + outcome.resting_qty
        assert all(trade.taker_id == id and trade.qty > 0 for trade in outcome.trades)
        if outcome.trades:
            assert self.book.last_px == outcome.trades[-1].price

    @precondition(lambda self: self.naive.rows)
    @rule(data=st.data(), price=prices, qty=quantities)
    def replace(self, data: Any, price: int, qty: int) -> None:
        id = data.draw(st.sampled_from([row[0] for row in self.naive.rows]))
        assert seen(self.book.replace(id, price, qty)) == self.naive.replace(id, price, qty)

    @precondition(lambda self: self.naive.rows)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        row = data.draw(st.sampled_from(self.naive.rows))
        assert self.book.cancel(row[0]) == row[3]
        self.naive.rows.remove(row)

    def open_qty(self) -> int:
        return sum(r.qty for side in (BUY, SELL) for r in self.book.book.orders(side))

    @invariant()
    def both_rest_alike_and_no_prices_cross(self) -> None:
        self.book.book.check()
        for side, sign in ((BUY, -1), (SELL, 1)):
            wanted = sorted((r for r in self.naive.rows if r[1] == side), key=lambda r: sign * r[2])
            assert [[r.id, r.side, r.price, r.qty] for r in self.book.book.orders(side)] == wanted
        bid, ask = self.book.book.best(BUY), self.book.book.best(SELL)
        assert bid is None or ask is None or bid.price < ask.price


TestAgainstAList = MatchingMachine.TestCase
TestAgainstAList.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
