"""Matching: each rule by name, then any sequence of orders against a list that is searched from front to back."""

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
    """What became of an order: "y 7@102, x 1@103; rests 2"."""
    if outcome is None:
        return "does not rest"
    trades = ", ".join(f"{trade.maker_id} {trade.qty}@{trade.price}" for trade in outcome.trades)
    rest = [f"rests {outcome.resting_qty}"] * bool(outcome.resting_qty)
    rest += [f"canceled {outcome.canceled_qty}"] * bool(outcome.canceled_qty)
    return "; ".join(part for part in (trades, *rest) if part)


def left(book: MatchingBook) -> str:
    """What rests: "b 5@101 | y 7@102"."""
    sides = ([f"{r.id} {r.qty}@{r.price}" for r in book.book.orders(side)] for side in (BUY, SELL))
    return " | ".join(", ".join(side) for side in sides)


BOOK = (("x", 103, 5), ("y", 102, 7), ("z", 103, 4), ("w", 105, 9))

INCOMING = (
    # case                               side  type    price  qty  tif   outcome                                   what rests then
    ("no cross rests",                   BUY,  LIMIT,  101,   3,   DAY,  "rests 3",                                "t 3@101 | y 7@102, x 5@103, z 4@103, w 9@105"),
    ("touching the best trades there",   BUY,  LIMIT,  102,   3,   DAY,  "y 3@102",                                " | y 4@102, x 5@103, z 4@103, w 9@105"),
    ("a better limit trades at the ask", BUY,  LIMIT,  110,   3,   DAY,  "y 3@102",                                " | y 4@102, x 5@103, z 4@103, w 9@105"),
    ("exactly one order",                BUY,  LIMIT,  102,   7,   DAY,  "y 7@102",                                " | x 5@103, z 4@103, w 9@105"),
    ("price before time",                BUY,  LIMIT,  103,   8,   DAY,  "y 7@102, x 1@103",                       " | x 4@103, z 4@103, w 9@105"),
    ("time within a price",              BUY,  LIMIT,  103,   14,  DAY,  "y 7@102, x 5@103, z 2@103",              " | z 2@103, w 9@105"),
    ("the remainder rests at its limit", BUY,  LIMIT,  103,   20,  DAY,  "y 7@102, x 5@103, z 4@103; rests 4",     "t 4@103 | w 9@105"),
    ("it takes all there is",            BUY,  LIMIT,  105,   30,  DAY,  "y 7@102, x 5@103, z 4@103, w 9@105; rests 5", "t 5@105 | "),
    ("IOC without a cross",              BUY,  LIMIT,  101,   3,   IOC,  "canceled 3",                             " | y 7@102, x 5@103, z 4@103, w 9@105"),
    ("IOC in part",                      BUY,  LIMIT,  102,   9,   IOC,  "y 7@102; canceled 2",                    " | x 5@103, z 4@103, w 9@105"),
    ("IOC whole",                        BUY,  LIMIT,  103,   9,   IOC,  "y 7@102, x 2@103",                       " | x 3@103, z 4@103, w 9@105"),
    ("FOK exactly what there is",        BUY,  LIMIT,  103,   16,  FOK,  "y 7@102, x 5@103, z 4@103",              " | w 9@105"),
    ("FOK one too many",                 BUY,  LIMIT,  103,   17,  FOK,  "canceled 17",                            " | y 7@102, x 5@103, z 4@103, w 9@105"),
    ("FOK without a cross",              BUY,  LIMIT,  101,   1,   FOK,  "canceled 1",                             " | y 7@102, x 5@103, z 4@103, w 9@105"),
    ("FOK at any price",                 BUY,  MARKET, 0,     25,  FOK,  "y 7@102, x 5@103, z 4@103, w 9@105",     " | "),
    ("FOK at any price, one too many",   BUY,  MARKET, 0,     26,  FOK,  "canceled 26",                            " | y 7@102, x 5@103, z 4@103, w 9@105"),
    ("market",                           BUY,  MARKET, 0,     8,   DAY,  "y 7@102, x 1@103",                       " | x 4@103, z 4@103, w 9@105"),
    ("the rest of a market order",       BUY,  MARKET, 0,     27,  DAY,  "y 7@102, x 5@103, z 4@103, w 9@105; canceled 2", " | "),
    ("market against nothing",           SELL, MARKET, 0,     8,   DAY,  "canceled 8",                             " | y 7@102, x 5@103, z 4@103, w 9@105"),
    ("its own side never trades",        SELL, LIMIT,  101,   3,   DAY,  "rests 3",                                " | t 3@101, y 7@102, x 5@103, z 4@103, w 9@105"),
)  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    ("case", "side", "ord_type", "price", "qty", "tif", "outcome", "rests"), INCOMING, ids=[row[0] for row in INCOMING]
)
def test_an_incoming_order(
    case: str, side: str, ord_type: str, price: int, qty: int, tif: str, outcome: str, rests: str
) -> None:
    book = asks(*BOOK)
    assert told(book.enter("t", side, ord_type, price, qty, tif)) == outcome
    assert left(book) == rests


def test_an_incoming_sell_takes_the_highest_bid_first() -> None:
    book = MatchingBook()
    for id, price in (("a", 100), ("b", 102), ("c", 101), ("d", 102)):
        book.enter(id, BUY, LIMIT, price, 5)
    assert told(book.enter("t", SELL, LIMIT, 101, 18)) == "b 5@102, d 5@102, c 5@101; rests 3"
    assert left(book) == "a 5@100 | t 3@101"
    assert book.last_px == 101


def test_the_last_price_is_that_of_the_last_trade() -> None:
    book = asks(*BOOK)
    assert book.last_px == 0
    book.enter("t", BUY, LIMIT, 104, 8)
    assert book.last_px == 103
    book.enter("u", BUY, LIMIT, 90, 8)
    assert book.last_px == 103


AVAILABLE = (
    # limit   wanted   counted: whole orders, until it is enough
    (101,     5,       0),
    (102,     5,       7),
    (103,     8,       12),
    (103,     99,      16),
    (None,    99,      25),
)  # fmt: skip


@pytest.mark.parametrize(("limit", "wanted", "counted"), AVAILABLE)
def test_what_is_available_within_a_limit(limit: int | None, wanted: int, counted: int) -> None:
    assert asks(*BOOK).available(BUY, limit, wanted) == counted


REPLACED = (
    # case                                 price  open qty  outcome                what rests then
    ("smaller keeps its time",             103,   4,        "rests 4",             "b 2@101 | y 7@102, x 4@103, z 4@103"),
    ("unchanged keeps its time",           103,   5,        "rests 5",             "b 2@101 | y 7@102, x 5@103, z 4@103"),
    ("larger loses its time",              103,   6,        "rests 6",             "b 2@101 | y 7@102, z 4@103, x 6@103"),
    ("a better price goes in front",       102,   5,        "rests 5",             "b 2@101 | y 7@102, x 5@102, z 4@103"),
    ("a price that crosses trades",        101,   5,        "b 2@101; rests 3",    " | x 3@101, y 7@102, z 4@103"),
    ("a price that crosses far",           90,    2,        "b 2@101",             " | y 7@102, z 4@103"),
    ("nothing open leaves the book",       103,   0,        "",                    "b 2@101 | y 7@102, z 4@103"),
    ("less than nothing leaves the book",  103,   -3,       "",                    "b 2@101 | y 7@102, z 4@103"),
    ("nothing open at another price",      104,   0,        "",                    "b 2@101 | y 7@102, z 4@103"),
    ("less than nothing at a crossing one", 101,  -3,       "",                    "b 2@101 | y 7@102, z 4@103"),
)  # fmt: skip


@pytest.mark.parametrize(("case", "price", "qty", "outcome", "rests"), REPLACED, ids=[row[0] for row in REPLACED])
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
    book.enter("t", BUY, LIMIT, 102, 3)
    assert book.cancel("y") == 4
    assert left(book) == " | x 5@103, z 4@103, w 9@105"


# -- against a list --------------------------------------------------------------------------------------------------


class NaiveMatching:
    """Orders in a list of [id, side, price, quantity] in order of arrival; a maker is found by looking at all of them."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def best(self, side: str, limit: int | None) -> list[Any] | None:
        """The maker that an order of `side` meets first: the best price, and the first of the list among equals."""
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
    """Any sequence of orders, replaces and cancels trades alike in both, and quantity is neither made nor lost."""

    def __init__(self) -> None:
        super().__init__()
        self.book = MatchingBook()
        self.naive = NaiveMatching()
        self.next_id = 1

    @rule(side=sides, price=st.none() | prices, qty=quantities, tif=st.sampled_from((DAY, DAY, DAY, IOC, FOK)))
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
