"""The price book against a list that is sorted by hand."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from oms.core.price_book import PriceBook, Resting
from oms.core.types import Side

BUY, SELL = Side.BUY, Side.SELL


def book_of(*orders: tuple[str, str, int, int]) -> PriceBook:
    book = PriceBook()
    for id, side, price, qty in orders:
        book.add(Resting(id, side, price, qty))
    return book


def ids(book: PriceBook, side: str) -> str:
    return " ".join(str(resting.id) for resting in book.orders(side))


# -- priority ------------------------------------------------------------------------------------------------

SIX = (
    ("a", BUY, 100, 5), ("b", BUY, 101, 7), ("c", BUY, 100, 1),
    ("x", SELL, 103, 5), ("y", SELL, 102, 7), ("z", SELL, 103, 1),
)  # fmt: skip


def test_best_price_first_then_oldest_first() -> None:
    book = book_of(*SIX)
    assert ids(book, BUY) == "b a c"
    assert ids(book, SELL) == "y x z"
    assert [resting.id for side in (BUY, SELL) if (resting := book.best(side))] == ["b", "y"]


def test_prices_below_zero_sort_like_any_other() -> None:
    book = book_of(
        ("a", BUY, -5, 1), ("b", BUY, 0, 1), ("c", BUY, -1, 1), ("x", SELL, 0, 1), ("y", SELL, -2, 1)
    )
    assert ids(book, BUY) == "b c a"
    assert ids(book, SELL) == "y x"


AMENDED = (
    # what changes                price  quantity   priority after
    ("nothing",                   100,   5,         "b a c"),
    ("smaller quantity",          100,   4,         "b a c"),
    ("larger quantity",           100,   6,         "b c a"),
    ("better price",              101,   5,         "b a c"),
    ("best price",                102,   5,         "a b c"),
    ("worse price",               99,    5,         "b c a"),
    ("worse price, smaller",      99,    1,         "b c a"),
    ("quantity 0",                100,   0,         "b c"),
    ("quantity below 0",          100,   -1,        "b c"),
    ("another price, quantity 0", 99,    0,         "b c"),
)  # fmt: skip


@pytest.mark.parametrize(("what", "price", "qty", "after"), AMENDED, ids=[row[0] for row in AMENDED])
def test_an_amended_order_keeps_its_time_only_if_the_price_stays_and_the_quantity_does_not_grow(
    what: str, price: int, qty: int, after: str
) -> None:
    book = book_of(*SIX)
    book.amend("a", price, qty)
    assert ids(book, BUY) == after
    book.check()


def test_reducing_keeps_the_time_and_ends_at_zero() -> None:
    book = book_of(*SIX)
    book.reduce("a", 4)
    assert ids(book, BUY) == "b a c"
    book.reduce("a", 1)
    assert ids(book, BUY) == "b c"
    book.reduce("b", 100)
    assert ids(book, BUY) == "c"
    book.check()


def test_depth_adds_up_the_best_levels() -> None:
    book = book_of(*SIX)
    assert book.depth(BUY, 5) == [(101, 7), (100, 6)]
    assert book.depth(SELL, 1) == [(102, 7)]
    assert book.depth(SELL, 0) == []


def test_an_empty_book_has_nothing() -> None:
    book = PriceBook()
    assert (len(book), book.best(BUY), book.depth(BUY, 3), book.get("a"), book.remove("a")) == (
        0,
        None,
        [],
        None,
        None,
    )
    assert "a" not in book


def test_the_last_order_of_a_level_takes_the_level_with_it() -> None:
    book = book_of(*SIX)
    assert (removed := book.remove("y")) is not None
    assert removed.qty == 7
    assert book.depth(SELL, 5) == [(103, 6)]
    assert book.remove("y") is None


@pytest.mark.parametrize(
    "wrong", [Resting("a", SELL, 1, 1), Resting("n", BUY, 1, 0), Resting("n", BUY, 1, -1)]
)
def test_an_order_that_rests_already_or_has_no_quantity_is_refused_and_changes_nothing(
    wrong: Resting,
) -> None:
    book = book_of(*SIX)
    with pytest.raises(ValueError):
        book.add(wrong)
    assert ids(book, BUY) == "b a c"
    book.check()


def test_amending_what_does_not_rest_is_an_error() -> None:
    with pytest.raises(KeyError):
        PriceBook().amend("a", 1, 1)


def test_check_finds_a_book_that_was_tampered_with() -> None:
    book = book_of(*SIX)
    found = book.get("a")
    assert found is not None
    found.qty = 0
    with pytest.raises(AssertionError):
        book.check()


# -- against a list ------------------------------------------------------------------------------------------


class NaiveBook:
    """The same in a list of [id, side, price, quantity], oldest first: slow and plain."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def find(self, id: int) -> list[Any]:
        return next(row for row in self.rows if row[0] == id)

    def drop_empty(self) -> None:
        self.rows = [row for row in self.rows if row[3] > 0]

    def amend(self, id: int, price: int, qty: int) -> None:
        row = self.find(id)
        moved = price != row[2] or qty > row[3]
        row[2:] = [price, qty]
        if moved:
            self.rows.remove(row)
            self.rows.append(row)
        self.drop_empty()

    def side(self, side: str) -> list[list[Any]]:
        sign = -1 if side == BUY else 1
        return sorted((row for row in self.rows if row[1] == side), key=lambda row: sign * row[2])

    def depth(self, side: str) -> list[tuple[int, int]]:
        levels: dict[int, int] = {}
        for _, _, price, qty in self.side(side):
            levels[price] = levels.get(price, 0) + qty
        return list(levels.items())


prices = st.integers(-3, 3)
quantities = st.integers(1, 5)


class BookMachine(RuleBasedStateMachine):
    """Any sequence of operations leaves both books alike."""

    def __init__(self) -> None:
        super().__init__()
        self.book = PriceBook()
        self.naive = NaiveBook()
        self.next_id = 1

    def any_id(self, data: Any) -> int:
        return data.draw(st.sampled_from([row[0] for row in self.naive.rows]))

    @rule(side=st.sampled_from((BUY, SELL)), price=prices, qty=quantities)
    def add(self, side: str, price: int, qty: int) -> None:
        self.book.add(Resting(self.next_id, side, price, qty))
        self.naive.rows.append([self.next_id, side, price, qty])
        self.next_id += 1

    @precondition(lambda self: self.naive.rows)
    @rule(data=st.data())
    def remove(self, data: Any) -> None:
        id = self.any_id(data)
        removed = self.book.remove(id)
        assert removed is not None
        row = self.naive.find(id)
        assert [removed.id, removed.side, removed.price, removed.qty] == row
        self.naive.rows.remove(row)

    @precondition(lambda self: self.naive.rows)
    @rule(data=st.data(), price=prices, qty=st.integers(-1, 6))
    def amend(self, data: Any, price: int, qty: int) -> None:
        id = self.any_id(data)
        self.book.amend(id, price, qty)
        self.naive.amend(id, price, qty)

    @precondition(lambda self: self.naive.rows)
    @rule(data=st.data(), qty=quantities)
    def reduce(self, data: Any, qty: int) -> None:
        id = self.any_id(data)
        self.book.reduce(id, qty)
        self.naive.find(id)[3] -= qty
        self.naive.drop_empty()

    @invariant()
    def both_books_are_alike(self) -> None:
        self.book.check()
        assert len(self.book) == len(self.naive.rows)
        for side in (BUY, SELL):
            wanted = self.naive.side(side)
            assert [[r.id, r.side, r.price, r.qty] for r in self.book.orders(side)] == wanted
            best = self.book.best(side)
            assert (best.id if best is not None else None) == (wanted[0][0] if wanted else None)
            for levels in (1, 2, 9):
                assert self.book.depth(side, levels) == self.naive.depth(side)[:levels]


TestAgainstAList = BookMachine.TestCase
TestAgainstAList.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@given(st.lists(st.tuples(st.sampled_from((BUY, SELL)), prices, quantities), max_size=12))
def test_removing_everything_leaves_no_level_behind(orders: list[tuple[str, int, int]]) -> None:
    book = PriceBook()
    for id, (side, price, qty) in enumerate(orders):
        book.add(Resting(id, side, price, qty))
    for id in range(len(orders)):
        book.remove(id)
        book.check()
    assert (len(book), book.depth(BUY, 9), book.depth(SELL, 9)) == (0, [], [])
