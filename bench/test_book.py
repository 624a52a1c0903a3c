"""The book of resting orders, and matching on it.

One instrument, prices within 200 ticks of the middle, a thousand orders resting.
"""

import random

from bench.conftest import Measure, Scaled
from bench.figures import Counted
from oms.core.matching import MatchingBook
from oms.core.price_book import PriceBook, Resting
from oms.core.types import OrdType, Side

RESTING = 1_000
MIDDLE = 10_000
TICKS = 200


def test_book_add_and_remove(measure: Measure, scaled: Scaled) -> None:
    """Add an order, remove another: the book keeps its size."""
    orders = _orders(RESTING + scaled(100, 20_000))
    entering = orders[RESTING:]

    def setup() -> tuple[PriceBook]:
        return (_book(orders[:RESTING]),)

    def run(book: PriceBook) -> PriceBook:
        for n, (id, side, price, qty) in enumerate(entering):
            book.add(Resting(id, side, price, qty))
            book.remove(n)
        return book

    book = measure(run, Counted("book: add one, remove one", "us", len(entering)), setup=setup)
    book.check()
    assert len(book) == RESTING
    assert book.best(Side.BUY).price == max(
        price for _, side, price, _ in orders[-RESTING:] if side == Side.BUY
    )


def test_book_best(measure: Measure, scaled: Scaled) -> None:
    book = _book(_orders(RESTING))
    looks = range(scaled(100, 50_000))

    def run() -> int:
        best = book.best
        for _ in looks:
            found = best(Side.BUY)
        return found.price if found is not None else 0

    assert measure(run, Counted("book: best", "us", len(looks))) == book.depth(Side.BUY, 1)[0][0]


def test_matching(measure: Measure, scaled: Scaled) -> None:
    """Orders that enter at random prices around the middle: they trade, rest, and trade with later ones."""
    entering = _crossing(scaled(200, 20_000))

    def run(book: MatchingBook) -> tuple[MatchingBook, int]:
        traded = 0
        for id, side, price, qty in entering:
            outcome = book.enter(id, side, OrdType.LIMIT, price, qty)
            traded += sum(trade.qty for trade in outcome.trades)
        return book, traded

    figure = Counted("matching: enter an order", "us", len(entering))
    book, traded = measure(run, figure, setup=lambda: (MatchingBook(),))
    book.book.check()
    resting = sum(order.qty for side in (Side.BUY, Side.SELL) for order in book.book.orders(side))
    assert resting + 2 * traded == sum(qty for *_, qty in entering)
    best_bid, best_ask = book.book.best(Side.BUY), book.book.best(Side.SELL)
    assert best_bid is None or best_ask is None or best_bid.price < best_ask.price


Entry = tuple[int, str, int, int]
"""Id, side, price, quantity."""


def _orders(number: int) -> list[Entry]:
    """Orders that do not cross: buys below the middle, sells above it."""
    rng = random.Random(1)
    sides = [rng.choice((Side.BUY, Side.SELL)) for _ in range(number)]
    return [
        (id, side, MIDDLE + (-1 if side == Side.BUY else 1) * rng.randint(1, TICKS), rng.randint(1, 1_000))
        for id, side in enumerate(sides)
    ]


def _crossing(number: int) -> list[Entry]:
    rng = random.Random(2)
    return [
        (id, rng.choice((Side.BUY, Side.SELL)), MIDDLE + rng.randint(-20, 20), rng.randint(1, 1_000))
        for id in range(number)
    ]


def _book(orders: list[Entry]) -> PriceBook:
    book = PriceBook()
    for id, side, price, qty in orders:
        book.add(Resting(id, side, price, qty))
    return book
